package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestWhyATicketStandsWhereItDoes(t *testing.T) {
	type hands = func(h *hall) *Ticket // the ticket in question
	take := func(h *hall, w Take) *Ticket {
		x := h.take(w)
		h.paper(x, PaperAsked)
		return x
	}
	for _, c := range []struct {
		name string
		make hands
		want []Because
		en   string
		zh   string
	}{
		{"next", func(h *hall) *Ticket { return h.wait(edu, "")[0] },
			[]Because{{Reason: ReasonNext}}, "it is next", "下一个就叫"},
		{"printing", func(h *hall) *Ticket { return h.take(Take{Dept: edu}) },
			[]Because{{Reason: ReasonPrinting}}, "its paper is still being printed", "号票正在打印"},
		{"two before it", func(h *hall) *Ticket { return h.wait(edu, "", "", "")[2] },
			[]Because{{Reason: ReasonAhead, N: 2}}, "2 earlier tickets stand before it", "前面还有2位先取号"},
		{"priority before it", func(h *hall) *Ticket { return h.wait(fin, "booked", "booked", "urgent")[1] },
			[]Because{{Reason: ReasonClass, N: 1}, {Reason: ReasonAhead, N: 1}},
			"1 tickets with priority stand before it; 1 earlier tickets stand before it", "前面还有1位优先服务对象; 前面还有1位先取号"},
		{"shares", func(h *hall) *Ticket { return h.wait(sci, "", "urgent", "urgent", "urgent")[3] },
			[]Because{{Reason: ReasonShare, N: 1}, {Reason: ReasonAhead, N: 2}},
			"1 tickets of other classes have their share before it; 2 earlier tickets stand before it",
			"按比例前面还有1位其他类别的服务对象; 前面还有2位先取号"},
		{"the bound", func(h *hall) *Ticket {
			x := h.wait(fin, "", "urgent", "urgent", "urgent")[0]
			h.calls("2", 2)
			return x
		},
			[]Because{{Reason: ReasonBound, N: 2}}, "it has been passed over 2 times and is next", "已被越过2次,下一个就叫"},
		{"another counter", func(h *hall) *Ticket {
			x := h.wait(edu, "")[0]
			h.next("1")
			h.do(Transfer{Counter: "1", ToCounter: "4"})
			return x
		}, []Because{{Reason: ReasonOtherCounter, Name: "4"}}, "it was transferred to counter 4", "已转到4号窗口"},
		{"needs", func(h *hall) *Ticket { return take(h, Take{Dept: edu, Needs: []string{"low", "en"}}) },
			[]Because{{Reason: ReasonNeeds, Name: "en"}}, "no open counter provides what it needs", "没有已开放的窗口能满足其特殊需求"},
		{"busy", func(h *hall) *Ticket {
			take(h, Take{Dept: edu, Holder: "card7"})
			x := take(h, Take{Dept: fin, Holder: "card7", Needs: []string{"low"}})
			h.next("1")
			return x
		}, []Because{{Reason: ReasonBusy}}, "its holder is at another counter", "正在其他窗口办理"},
		{"no counter open", func(h *hall) *Ticket { return h.wait(sci, "")[0] },
			[]Because{{Reason: ReasonNoCounter}}, "no counter of the department is open", "该部门目前没有开放的窗口"},
		{"called", func(h *hall) *Ticket { x := h.wait(edu, "")[0]; h.next("1"); return x },
			[]Because{{Reason: ReasonState, Name: "called"}}, "it is called", "当前状态:已叫号"},
		{"on hold", func(h *hall) *Ticket { x := h.wait(edu, "")[0]; h.next("1"); h.do(Park{Counter: "1"}); return x },
			[]Because{{Reason: ReasonState, Name: "parked"}}, "it is parked", "当前状态:挂起"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHall(t, "1", "2", "3")
			if c.name == "shares" {
				h.do(SignOn{Counter: "4", Officer: "li"})
			}
			why := Why(h.r, h.s, c.make(h).ID)
			if !slices.Equal(why, c.want) {
				t.Errorf("because %+v, want %+v", why, c.want)
			}
			for lang, want := range map[string]string{"en": c.en, "zh": c.zh} {
				var words []string
				for _, b := range why {
					words = append(words, b.Words(lang))
				}
				if got := strings.Join(words, "; "); got != want {
					t.Errorf("in %s: %q, want %q", lang, got, want)
				}
			}
		})
	}
	h := openHall(t)
	if why := Why(h.r, h.s, "no such"); why != nil {
		t.Errorf("an unknown ticket: %+v", why)
	}
}

// Whoever is said to be next is the one that is called.
func TestTheNextOneIsCalledNext(t *testing.T) {
	h := openHall(t, "3")
	h.wait(fin, "", "urgent", "booked", "", "urgent", "booked", "urgent")
	for range 7 {
		var next []string
		for _, x := range h.s.Line(fin) {
			if r := Why(h.r, h.s, x.ID)[0].Reason; r == ReasonNext || r == ReasonBound {
				next = append(next, x.Number)
			}
		}
		h.want("next", fmt.Sprint(next), "["+h.next("3")+"]")
	}
}
