package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/internal/ticket"
	"quhao/kiosk/flow"
)

func small() *config.Centre {
	name := func(s string) config.Text { return config.Text{ZH: s, EN: s} }
	return &config.Centre{
		Name: config.Text{ZH: "中心", EN: "Centre"}, Zone: "Asia/Shanghai",
		Departments: []config.Department{{
			ID: "finance", Name: config.Text{ZH: "财务", EN: "Finance"}, Card: flow.CardRequired,
			Missed: config.Missed{Within: 30 * time.Minute, Times: 1},
			Items:  []config.Item{{ID: "refund", Name: config.Text{ZH: "报销", EN: "Refunds"}}},
		}},
		Halls: []config.Hall{{ID: "low", Name: name("low"), Floor: -1}, {ID: "high", Name: name("high"), Floor: 2}},
		Counters: []config.Counter{
			{Number: 9, Hall: "high", Departments: []string{"finance"}},
			{Number: 7, Hall: "high", Departments: []string{"finance", "other"}},
			{Number: 8, Hall: "high", Departments: []string{"finance"}},
			{Number: 3, Hall: "high", Departments: []string{"other", "finance"}},
			{Number: 1, Hall: "low", Departments: []string{"finance"}},
			{Number: 2, Hall: "low", Departments: []string{"other"}},
		},
		Ticket: config.Ticket{QR: "https://queue.example.org/t/"},
	}
}

func TestWhere(t *testing.T) {
	c := small()
	for _, one := range []struct{ dept, lang, want string }{
		{"finance", "zh", "地下一层 1 号窗口；二楼 3、7至9 号窗口"},
		{"finance", "en", "counter 1, floor -1; counters 3, 7-9, floor 2"},
		{"other", "zh", "地下一层 2 号窗口；二楼 3、7 号窗口"},
		{"nobody", "zh", ""},
	} {
		if got := where(c, one.dept, one.lang); got != one.want {
			t.Errorf("%s in %s: %q, want %q", one.dept, one.lang, got, one.want)
		}
	}
	for n, want := range map[int]string{1: "一楼", 10: "十楼", 12: "十二楼", 25: "25楼", -2: "地下二层", 0: "零楼"} {
		if got := floorName(n); got != want {
			t.Errorf("floor %d is %s, want %s", n, got, want)
		}
	}
}

func TestPaperOf(t *testing.T) {
	c := small()
	k := flow.Job{
		ID: "I", Department: flow.Text{ZH: "财务", EN: "Finance"}, Item: flow.Text{ZH: "报销", EN: "Refunds"}, Lang: "zh", Reprint: 2,
		Ticket: proto.TicketRes{TID: "T1", Num: "B012", Q: "finance", Ahead: 4, Wait: &proto.Wait{Lo: 5, Hi: 9}, T: 1_800_000_000_000},
	}
	got := paperOf(k, c)
	if _, offset := got.Time.Zone(); offset != 8*3600 || got.Time.UnixMilli() != k.Ticket.T {
		t.Errorf("time %v", got.Time)
	}
	got.Time = time.Time{}
	want := ticket.Ticket{
		Centre: "中心", Department: "财务", Item: "报销", Number: "B012", Ahead: 4, Wait: ticket.Wait{Lo: 5, Hi: 9},
		Where: "地下一层 1 号窗口；二楼 3、7至9 号窗口", MissedRule: "过号 30 分钟内请到窗口恢复排队",
		QR: "https://queue.example.org/t/T1", Reprint: 2, Lang: "zh",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	k.Lang, k.Offline, k.Ticket.Wait = "en", true, nil
	if got = paperOf(k, c); got.Ahead != ticket.Unknown || got.Department != "Finance" || got.Wait.Hi != 0 || !got.Offline {
		t.Errorf("offline in English: %+v", got)
	}
	c.Ticket.Missed = config.Text{ZH: "自定", EN: "Our own rule"}
	if got = paperOf(k, c); got.MissedRule != "Our own rule" {
		t.Errorf("rule %q", got.MissedRule)
	}
	if got = paperOf(k, nil); got.Number != "B012" || got.Centre != "" || got.QR != "" {
		t.Errorf("without the centre: %+v", got)
	}
}

func TestMissedRule(t *testing.T) {
	back, gone := &config.Department{Missed: config.Missed{Within: 20 * time.Minute, Times: 1}}, &config.Department{}
	for _, one := range []struct {
		d          *config.Department
		lang, want string
	}{
		{back, "zh", "过号 20 分钟内请到窗口恢复排队"},
		{back, "en", "If you miss your call, come to the counter within 20 minutes."},
		{gone, "zh", "过号请重新取号"},
		{gone, "en", "If you miss your call, please take a new number."},
		{nil, "zh", ""},
	} {
		if got := missedRule(one.d, one.lang); got != one.want {
			t.Errorf("%q, want %q", got, one.want)
		}
	}
}

func TestSetup(t *testing.T) {
	d := &config.Device{ID: "kiosk-1", Hall: "high", Lang: "en", Card: flow.CardOptional, Keys: []config.Key{
		{Key: 1, Department: "finance", Item: "refund"}, {Key: 2, Department: "unknown", Item: "thing"},
	}}
	topics := proto.NewTopics("")
	want := flow.Config{
		Dev: "kiosk-1", Hall: "high", Topics: topics, Lang: "en", Card: flow.CardOptional,
		Choices: []flow.Choice{{Key: 1, Q: "finance", Item: "refund"}, {Key: 2, Q: "unknown", Item: "thing"}},
		Departments: map[string]flow.Department{
			"finance": {Name: flow.Text{ZH: "财务", EN: "Finance"}, Card: flow.CardRequired, Items: map[string]flow.Text{"refund": {ZH: "报销", EN: "Refunds"}}},
			"unknown": {Name: flow.Text{ZH: "unknown", EN: "unknown"}, Card: flow.CardOptional, Items: map[string]flow.Text{"thing": {ZH: "thing", EN: "thing"}}},
		},
	}
	if diff := cmp.Diff(want, setup(d, small(), topics), cmp.Comparer(func(a, b proto.Topics) bool { return a == b })); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
}
