package main

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// told is a line of the story: what has happened in the hall, in words.
type told struct {
	T int64 `json:"t"` // ms since 1970
	words
}

// tale collects what has happened between two scenes.
type tale []words

func (t *tale) add(zh, en string, args ...any) {
	*t = append(*t, words{ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)})
}

// happened says in words what is different in the second scene, in the order of the way of a visitor.
func happened(was, is scene) []words {
	var t tale
	for i, p := range is.Programs {
		if i < len(was.Programs) {
			t.program(was.Programs[i], p)
		}
	}
	if was.Hall.Away && !is.Hall.Away {
		t.add("综合屏恢复", "The hall board is back")
	}
	for i, k := range is.Kiosks {
		if i < len(was.Kiosks) {
			t.kiosk(was.Kiosks[i], k)
		}
	}
	t.papers(was, is)
	for i, c := range is.Counters {
		if i < len(was.Counters) {
			t.counter(was.Counters[i], c)
		}
	}
	if !was.Hall.Away && is.Hall.Away {
		t.add("综合屏信号中断", "The hall board has lost its signal")
	}
	return t
}

func (t *tale) program(was, is programScene) {
	switch {
	case !was.Off && is.Off:
		t.both(is.Label, is.Name+" 已关闭", is.Name+" was switched off")
	case was.Off && !is.Off:
		t.both(is.Label, is.Name+" 已启动", is.Name+" was switched on")
	}
	if was.Off || is.Off {
		return
	}
	if was.PID != 0 && is.PID != was.PID {
		t.both(is.Label, is.Name+" 被终止", is.Name+" was killed")
	}
	if is.PID != 0 && is.Starts > was.Starts {
		t.both(is.Label, is.Name+" 已重新启动", is.Name+" was started again")
	}
}

// kioskName is what people call a kiosk: 入口取号机.
func kioskName(place words) words {
	en := place.EN
	if r, n := utf8.DecodeRuneInString(en); n > 0 {
		en = string(unicode.ToLower(r)) + en[n:]
	}
	return words{ZH: place.ZH + "取号机", EN: "Kiosk " + en}
}

func (t *tale) kiosk(was, is kioskScene) {
	name := kioskName(is.Place)
	t.cables(name, was.Cables, is.Cables)
	switch {
	case !was.Out && is.Out:
		t.both(name, "打印纸已取出", "the paper was pulled out")
	case was.Out && !is.Out:
		t.both(name, "已装入打印纸", "paper was put in")
	}
	switch {
	case !was.Open && is.Open:
		t.both(name, "打印机盖已打开", "the printer was opened")
	case was.Open && !is.Open:
		t.both(name, "打印机盖已合上", "the printer was closed")
	}
	quick := map[string]bool{"": true, "asking": true, "printing": true, "idle": true} // nobody has to be told
	if is.Screen.State != was.Screen.State && !quick[is.Screen.State] {
		t.both(name, is.Screen.Title.ZH, is.Screen.Title.EN)
	}
}

// both adds a line that begins with the name of a thing.
func (t *tale) both(name words, zh, en string) {
	*t = append(*t, words{ZH: name.ZH + "：" + zh, EN: name.EN + ": " + en})
}

// partNames are the parts that hang on cables.
func partName(part string) words {
	switch part {
	case "printer":
		return words{"打印机", "printer"}
	case "card":
		return words{"读卡器", "card reader"}
	case "keypad":
		return words{"按键", "keypad"}
	case network:
		return words{"网", "network cable"}
	}
	return words{"窗口屏", "display"}
}

func (t *tale) cables(name words, was, is []cableScene) {
	for i, c := range is {
		if i >= len(was) || was[i].In == c.In {
			continue
		}
		part := partName(c.Part)
		if c.In {
			t.both(name, part.ZH+"线已插好", "the "+part.EN+" is plugged in again")
		} else {
			t.both(name, part.ZH+"线被拔掉", "the "+part.EN+" was unplugged")
		}
	}
}

func (t *tale) papers(was, is scene) {
	before := map[int]paperScene{}
	for _, p := range was.Papers {
		before[p.ID] = p
	}
	for _, p := range is.Papers {
		old, known := before[p.ID]
		switch {
		case !known && p.Number == "":
			t.add("打印机吐出一张没有号码的纸", "A paper without a number came out")
		case !known && p.Again > 0:
			t.add("补打号票 %s", "%s was printed again", p.Number)
		case !known:
			t.add("打印号票 %s", "Ticket %s was printed", p.Number)
		case old.Slot && !p.Slot && p.Number != "":
			t.add("号票 %s 已取走", "Ticket %s was taken", p.Number)
		}
	}
}

func (t *tale) counter(was, is counterScene) {
	t.cables(is.Name, was.Cables, is.Cables)
	if was.S != is.S || was.Num != is.Num {
		switch is.S {
		case "calling":
			t.both(is.Name, "叫号 "+is.Num, "calls "+is.Num)
		case "serving":
			t.both(is.Name, "开始办理 "+is.Num, "serves "+is.Num)
		case "paused":
			t.both(is.Name, "暂停服务", "paused")
		case "closed":
			t.both(is.Name, "停止办公", "closed")
		case "idle":
			if was.S == "closed" || was.S == "paused" {
				t.both(is.Name, "开始服务", "open")
			}
		}
	}
	switch {
	case !was.Rating && is.Rating:
		t.both(is.Name, "请您评价", "please rate")
	case !was.Thanks && is.Thanks:
		t.both(is.Name, "收到评价", "a rating was given")
	}
	switch {
	case was.Mode != "stale" && is.Mode == "stale":
		t.both(is.Name, "信号中断", "signal lost")
	case was.Mode == "stale" && is.Mode != "stale" && is.Mode != "":
		t.both(is.Name, "信号恢复", "signal back")
	}
}
