package web

import (
	"fmt"
	"strings"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/config"
)

// text is a text of the pages in both languages. Every page shows both at once, Chinese first: a wall has no switch
// for the language, and a page that was opened from a ticket should not need one.
type text = config.Text

// deskWords names what a counter is doing; the words are those of its display.
func deskWords(s queue.DeskState) text {
	switch s {
	case queue.DeskIdle:
		return text{ZH: "等候叫号", EN: "Ready"}
	case queue.DeskCalling:
		return text{ZH: "正在叫号", EN: "Calling"}
	case queue.DeskServing:
		return text{ZH: "正在办理", EN: "Serving"}
	case queue.DeskPaused:
		return text{ZH: "暂停服务", EN: "Paused"}
	}
	return text{ZH: "停止办公", EN: "Closed"}
}

// partWords names the state of a device's part.
func partWords(state string) text {
	words := map[string]text{
		"low": {ZH: "纸将尽", EN: "low"}, "out": {ZH: "缺纸", EN: "out of paper"}, "open": {ZH: "未合盖", EN: "cover open"},
		"error": {ZH: "故障", EN: "error"}, "gone": {ZH: "未连接", EN: "not connected"},
		"mute": {ZH: "不应答（照常出票）", EN: "answers nothing, prints"},
	}
	if t, ok := words[state]; ok {
		return t
	}
	return text{ZH: state, EN: state}
}

// kindWords names a kind of device.
func kindWords(kind string) text {
	if kind == config.Kiosk {
		return text{ZH: "取号机", EN: "Kiosk"}
	}
	return text{ZH: "窗口叫号器", EN: "Counter unit"}
}

// floorWords names a floor: 2楼, or 地下1层 for -1.
func floorWords(floor int) text {
	if floor < 0 {
		return text{ZH: fmt.Sprintf("地下%d层", -floor), EN: fmt.Sprintf("Basement %d", -floor)}
	}
	return text{ZH: fmt.Sprintf("%d楼", floor), EN: fmt.Sprintf("Floor %d", floor)}
}

// dateWords names a day: 11月23日 星期一.
func dateWords(t time.Time) text {
	week := []rune("日一二三四五六")
	return text{
		ZH: fmt.Sprintf("%d月%d日 星期%c", t.Month(), t.Day(), week[t.Weekday()]),
		EN: t.Format("Mon 2 Jan"),
	}
}

// peopleWords counts those who wait in front of somebody.
func peopleWords(n int) text {
	en := "people ahead of you"
	if n == 1 {
		en = "person ahead of you"
	}
	return text{ZH: fmt.Sprintf("前面还有 %d 人", n), EN: fmt.Sprintf("%d %s", n, en)}
}

// missedWords is the 过号 rule of a department in one line: the centre's own words, or made from the numbers.
func missedWords(c *config.Centre, d *config.Department) text {
	if c.Ticket.Missed.ZH != "" {
		return c.Ticket.Missed
	}
	minutes := int(d.Missed.Within.Minutes())
	return text{
		ZH: fmt.Sprintf("过号 %d 分钟内返回，排在 %d 人之后", minutes, d.Missed.After),
		EN: fmt.Sprintf("Back within %d min: served after %d others", minutes, d.Missed.After),
	}
}

// join puts names behind one another, each language with its own comma.
func join(names []text) text {
	var zh, en []string
	for _, n := range names {
		zh, en = append(zh, n.ZH), append(en, n.EN)
	}
	return text{ZH: strings.Join(zh, "、"), EN: strings.Join(en, ", ")}
}
