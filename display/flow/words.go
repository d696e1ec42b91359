package flow

import (
	"fmt"

	"quhao/drivers/led"
)

// What a counter display says, at most eight full-width cells each, so that nothing has to scroll.
const (
	textRate     = "请您评价"
	textThanks   = "谢谢评价"    // the same for every score
	textNoRating = "评价暂不可用"  // the journal cannot be written, so a score would be lost
	textCard     = "刷卡成功"    // an officer's presence is journaled
	textPaused   = "暂停服务"    //
	textClosed   = "停止办公"    //
	textStale    = "信号中断请稍候" // never an old number as new
	textRefused  = "本机未被接受"  // the controller has rejected this unit: another one may use its name
)

func textCall(num string) string  { return "请" + num + "号办理" }
func textServe(num string) string { return "正在办理" + num }

// WindowName is how a counter is called: 3号窗口.
func WindowName(number int) string { return fmt.Sprintf("%d号窗口", number) }

// Lost is the picture of a counter of which nothing is heard. number is the last one that was shown, for displays that
// mark a number; it may be empty.
func Lost(number string) led.Show {
	return led.Show{Mode: led.Stale, Text: textStale, Number: number}
}

// Pictures are the pictures that a counter's display will have to show, with number as an example of a ticket's number.
// A display that cannot show one of them is to be reported when the unit starts.
func (c Config) Pictures(counter Counter, number string) []led.Show {
	shows := []led.Show{
		{Mode: led.Calling, Text: textCall(number), Number: number},
		{Mode: led.Serving, Text: textServe(number), Number: number},
		{Mode: led.Rating, Text: textRate},
		{Mode: led.Idle, Text: textThanks},
		{Mode: led.Idle, Text: textNoRating},
		{Mode: led.Idle, Text: textCard},
		{Mode: led.Paused, Text: textPaused},
		{Mode: led.Closed, Text: textClosed},
		Lost(""),
		{Mode: led.Stale, Text: textRefused},
		{Mode: led.Idle, Text: counter.name()},
	}
	for _, id := range counter.Depts {
		shows = append(shows, led.Show{Mode: led.Idle, Text: c.dept(id)})
	}
	return shows
}

// dept is a department's name for displays; one that the unit was told nothing about goes by its id.
func (c Config) dept(id string) string {
	if name := c.Names[id]; name != "" {
		return name
	}
	return id
}

func (c Counter) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
