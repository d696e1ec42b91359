package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quhao/drivers/led"
	"quhao/drivers/port"
)

// pictures are what every display is tried with: all segments, nothing, text, and a call. Some displays of digits keep
// 8888 for "the controller is not heard", so it is tried in both ways.
func pictures() []led.Show {
	return []led.Show{
		{Mode: led.Stale, Text: "８８８８８８８８"},
		{Mode: led.Serving, Text: "８８８８８８８８", Number: "8888"},
		{Mode: led.Idle},
		{Mode: led.Paused, Text: "暂停服务"},
		{Mode: led.Calling, Text: "请A012号办理", Number: "A012", Blink: true},
		{Mode: led.Calling, Text: "请A012号办理", Number: "A012"},
	}
}

// LED tries a display on an open line: every segment, dark, text, a blinking and a steady call, and then the pictures that
// the program will show. What the display cannot show by its driver is said and left out. The error wraps ErrFailed.
func LED(ctx context.Context, b Bench, l *port.Line, d led.Driver, own []led.Show) error {
	c := b.begin()
	answers, _ := d.(led.Answerer)
	shown := 0
	for _, s := range append(pictures(), own...) {
		if ctx.Err() != nil {
			break
		}
		what := picture(s)
		if err := d.Fits(s); err != nil {
			c.note(what, Unknown, Text{"该屏不能显示：" + err.Error(), "this display cannot show it: " + err.Error()})
			continue
		}
		if !c.put(l, d, answers, s, what) {
			return c.end(ctx)
		}
		shown++
		c.stand(ctx, what)
	}
	if shown == 0 {
		c.fail(Text{"窗口屏", "display"}, Text{"没有一幅画面可以显示", "there is no picture that it can show"})
	}
	return c.end(ctx)
}

// picture is what a picture is called.
func picture(s led.Show) Text {
	blink := Text{}
	if s.Blink {
		blink = Text{"，闪烁", ", blinking"}
	}
	if s.Text == "" && s.Number == "" {
		return Text{"黑屏", "dark"}
	}
	number := ""
	if s.Number != "" {
		number = " [" + s.Number + "]"
	}
	return Text{s.Text + number + blink.ZH, s.Text + number + blink.EN}
}

// put writes a picture and waits for the answer of a display that answers.
func (c *course) put(l *port.Line, d led.Driver, a led.Answerer, s led.Show, what Text) bool {
	if a != nil {
		if err := hush(l); err != nil {
			c.fail(what, same("%v", err))
			return false
		}
	}
	b := d.Encode(s)
	_, err := l.Write(b)
	if err == nil {
		err = l.Drain(drainFor)
	}
	if err != nil {
		c.fail(what, same("%v", err))
		return false
	}
	if a == nil {
		return true
	}
	heard, ok, err := answered(l, a)
	switch {
	case err != nil:
		c.fail(what, same("%v", err))
		return false
	case !ok && len(heard) > 0:
		c.fail(what, Text{
			fmt.Sprintf("收到 % x，不是该屏的应答：请检查波特率、地址和 A、B 线", heard),
			fmt.Sprintf("it said % x, which is no answer of this display: check baud, address, and the wires A and B", heard),
		})
	case !ok:
		c.fail(what, Text{"没有应答：请检查电源、A 与 B 是否接反、地址", "no answer: check power, whether A and B are swapped, and the address"})
	}
	return ok
}

// answered waits for the answer of a display.
func answered(l *port.Line, a led.Answerer) (heard []byte, ok bool, err error) {
	var buf []byte
	chunk := make([]byte, 64)
	for until := time.Now().Add(answerFor); time.Now().Before(until) && len(heard) < 256; {
		n, err := l.Read(chunk)
		if errors.Is(err, port.ErrTimeout) {
			continue
		} else if err != nil {
			return heard, false, err
		}
		heard, buf = append(heard, chunk[:n]...), append(buf, chunk[:n]...)
		for len(buf) > 0 {
			used, ok := a.Answer(buf)
			if ok {
				return heard, true, nil
			}
			if used == 0 {
				break
			}
			buf = buf[used:]
		}
	}
	return heard, false, nil
}

// stand asks whether the picture is there, or lets it stand for a while.
func (c *course) stand(ctx context.Context, what Text) {
	if c.Ask != nil {
		c.ask(ctx, Text{"屏上是否为：" + what.ZH, "Does the display show: " + what.EN + "?"},
			Text{"请检查驱动的选项、接线和亮度", "check the driver's options, the wiring and the brightness"})
		return
	}
	c.note(what, Unknown, Text{"已发出，请人工查看", "it was sent; look for yourself"})
	pause(ctx, c.Stand)
}
