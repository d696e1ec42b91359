package main

import (
	"testing"
)

// TestHappened: each thing that changes is told once, in both languages; what has not changed is not told.
func TestHappened(t *testing.T) {
	still := func() scene {
		return scene{
			Kiosks: []kioskScene{{
				Place: words{"入口", "At the entrance"}, Up: true, Screen: screenScene{State: "idle"}, Cables: []cableScene{{Name: "p", Part: "printer", In: true}},
			}},
			Counters: []counterScene{{Name: words{"3号窗口", "Counter 3"}, S: "idle", Mode: "idle", Cables: []cableScene{{Name: "l", Part: "led", In: true}}}},
			Programs: []programScene{{Name: "quhaod", Label: words{"控制器", "Controller"}, PID: 10, Starts: 1}},
			Papers:   []paperScene{{ID: 0, Number: "A001", Slot: true}},
		}
	}
	for name, c := range map[string]struct {
		before, after func(*scene)
		zh, en        []string
	}{
		"nothing": {},
		"the paper is pulled out": {after: func(s *scene) {
			s.Kiosks[0].Out = true
			s.Kiosks[0].Screen = screenScene{State: "printer_out", Title: words{"暂时不能取号", "No numbers at the moment"}}
		}, zh: []string{"入口取号机：打印纸已取出", "入口取号机：暂时不能取号"}, en: []string{"Kiosk at the entrance: the paper was pulled out", "Kiosk at the entrance: No numbers at the moment"}},
		"paper is put in": {before: func(s *scene) { s.Kiosks[0].Out = true }, zh: []string{"入口取号机：已装入打印纸"}, en: []string{"Kiosk at the entrance: paper was put in"}},
		"the cover is shut": {before: func(s *scene) { s.Kiosks[0].Open = true },
			zh: []string{"入口取号机：打印机盖已合上"}, en: []string{"Kiosk at the entrance: the printer was closed"}},
		"a cable is cut": {after: func(s *scene) { s.Kiosks[0].Cables[0].In, s.Counters[0].Cables[0].In = false, false },
			zh: []string{"入口取号机：打印机线被拔掉", "3号窗口：窗口屏线被拔掉"}, en: []string{"Kiosk at the entrance: the printer was unplugged", "Counter 3: the display was unplugged"}},
		"a network cable is cut": {after: func(s *scene) { s.Kiosks[0].Cables = append(s.Kiosks[0].Cables, cableScene{Part: network}) },
			before: func(s *scene) { s.Kiosks[0].Cables = append(s.Kiosks[0].Cables, cableScene{Part: network, In: true}) },
			zh:     []string{"入口取号机：网线被拔掉"}, en: []string{"Kiosk at the entrance: the network cable was unplugged"}},
		"it is plugged in": {before: func(s *scene) { s.Kiosks[0].Cables[0].In = false },
			zh: []string{"入口取号机：打印机线已插好"}, en: []string{"Kiosk at the entrance: the printer is plugged in again"}},
		"a paper, and its reprint": {after: func(s *scene) {
			s.Papers = append(s.Papers, paperScene{ID: 1, Number: "A002", Slot: true}, paperScene{ID: 2, Number: "A002", Again: 1, Slot: true})
		}, zh: []string{"打印号票 A002", "补打号票 A002"}, en: []string{"Ticket A002 was printed", "A002 was printed again"}},
		"it is taken":               {after: func(s *scene) { s.Papers[0].Slot = false }, zh: []string{"号票 A001 已取走"}, en: []string{"Ticket A001 was taken"}},
		"old papers leave the list": {after: func(s *scene) { s.Papers = nil }},
		"a call": {after: func(s *scene) { s.Counters[0].S, s.Counters[0].Num = "calling", "B007" },
			zh: []string{"3号窗口：叫号 B007"}, en: []string{"Counter 3: calls B007"}},
		"a visit that ends": {before: func(s *scene) { s.Counters[0].S, s.Counters[0].Num = "serving", "B007" }, after: func(s *scene) { s.Counters[0].Rating = true },
			zh: []string{"3号窗口：请您评价"}, en: []string{"Counter 3: please rate"}},
		"a rating": {before: func(s *scene) { s.Counters[0].Rating = true }, after: func(s *scene) { s.Counters[0].Thanks = true },
			zh: []string{"3号窗口：收到评价"}, en: []string{"Counter 3: a rating was given"}},
		"a kill": {after: func(s *scene) { s.Programs[0].PID, s.Hall.Away = 0, true },
			zh: []string{"控制器：quhaod 被终止", "综合屏信号中断"}, en: []string{"Controller: quhaod was killed", "The hall board has lost its signal"}},
		"a restart": {before: func(s *scene) { s.Programs[0].PID, s.Hall.Away = 0, true }, after: func(s *scene) { s.Programs[0].Starts = 2 },
			zh: []string{"控制器：quhaod 已重新启动", "综合屏恢复"}, en: []string{"Controller: quhaod was started again", "The hall board is back"}},
		"a program is switched off": {after: func(s *scene) { s.Programs[0].PID, s.Programs[0].Off = 0, true },
			zh: []string{"控制器：quhaod 已关闭"}, en: []string{"Controller: quhaod was switched off"}},
		"and on": {before: func(s *scene) { s.Programs[0].PID, s.Programs[0].Off = 0, true }, after: func(s *scene) { s.Programs[0].Starts = 2 },
			zh: []string{"控制器：quhaod 已启动"}, en: []string{"Controller: quhaod was switched on"}},
		"both between two looks": {after: func(s *scene) {
			s.Programs[0] = programScene{Name: "quhaod", Label: words{"控制器", "Controller"}, PID: 11, Starts: 2}
		},
			zh: []string{"控制器：quhaod 被终止", "控制器：quhaod 已重新启动"}, en: []string{"Controller: quhaod was killed", "Controller: quhaod was started again"}},
		"a display goes stale": {after: func(s *scene) { s.Counters[0].Mode = "stale" }, zh: []string{"3号窗口：信号中断"}, en: []string{"Counter 3: signal lost"}},
		"and comes back":       {before: func(s *scene) { s.Counters[0].Mode = "stale" }, zh: []string{"3号窗口：信号恢复"}, en: []string{"Counter 3: signal back"}},
	} {
		was, is := still(), still()
		if c.before != nil {
			c.before(&was)
		}
		if c.after != nil {
			c.after(&is)
		}
		got := happened(was, is)
		if len(got) != len(c.zh) {
			t.Errorf("%s: told %+v, want %q", name, got, c.zh)
			continue
		}
		for i, w := range got {
			if w.ZH != c.zh[i] || w.EN != c.en[i] {
				t.Errorf("%s: told %+v, want %q, %q", name, w, c.zh[i], c.en[i])
			}
		}
	}
}
