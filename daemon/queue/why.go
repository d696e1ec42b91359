package queue

import "fmt"

// Reason is one reason for a ticket's place.
type Reason string

// The reasons.
const (
	ReasonPrinting     Reason = "printing"      // its paper is not out yet
	ReasonOtherCounter Reason = "other_counter" // it is meant for another counter
	ReasonNeeds        Reason = "needs"         // no open counter provides what it needs
	ReasonBusy         Reason = "busy"          // its holder is at another counter
	ReasonAhead        Reason = "ahead"         // earlier tickets
	ReasonClass        Reason = "class"         // tickets of a higher class
	ReasonBound        Reason = "bound"         // it has been passed over as often as allowed: it is next
	ReasonNoCounter    Reason = "no_counter"    // no counter of the department is open
	ReasonNext         Reason = "next"          // nothing stands before it
	ReasonState        Reason = "state"         // it is not waiting
)

// Because is one reason with its figures. N is a count; Name is a counter, a state or a need.
type Because struct {
	Reason Reason
	N      int
	Name   string
}

// Words says the reason to a person; lang is zh or en.
func (b Because) Words(lang string) string {
	zh := map[Reason]string{
		ReasonPrinting: "号票正在打印", ReasonOtherCounter: "已转到%s号窗口", ReasonNeeds: "没有已开放的窗口能满足其特殊需求",
		ReasonBusy: "正在其他窗口办理", ReasonAhead: "前面还有%d位先取号", ReasonClass: "前面还有%d位优先服务对象",
		ReasonBound: "已被越过%d次,下一个就叫", ReasonNoCounter: "该部门目前没有开放的窗口", ReasonNext: "下一个就叫", ReasonState: "当前状态:%s",
	}
	en := map[Reason]string{
		ReasonPrinting: "its paper is still being printed", ReasonOtherCounter: "it was transferred to counter %s",
		ReasonNeeds: "no open counter provides what it needs", ReasonBusy: "its holder is at another counter",
		ReasonAhead: "%d earlier tickets stand before it", ReasonClass: "%d tickets with priority stand before it",
		ReasonBound: "it has been passed over %d times and is next", ReasonNoCounter: "no counter of the department is open",
		ReasonNext: "it is next", ReasonState: "it is %s",
	}
	words := zh
	if lang == "en" {
		words = en
	}
	switch b.Reason {
	case ReasonOtherCounter, ReasonState:
		return fmt.Sprintf(words[b.Reason], b.Name)
	case ReasonAhead, ReasonClass, ReasonBound:
		return fmt.Sprintf(words[b.Reason], b.N)
	}
	return words[b.Reason]
}

// Why gives the reasons of a ticket's place, the weightiest first. An unknown ticket has none.
func Why(r *Rules, s *State, id TicketID) []Because {
	t := s.Tickets[id]
	if t == nil {
		return nil
	}
	if !t.State.inLine() {
		return []Because{{Reason: ReasonState, Name: string(t.State)}}
	}
	d := &decider{r: r, s: s}
	out := d.whyBlocked(t)
	if t.Passed > 0 && t.Passed >= d.maxPassed(t.Dept) {
		return append(out, Because{Reason: ReasonBound, N: t.Passed})
	}
	earlier, higher := 0, 0
	for _, o := range d.ahead(t) {
		if r.rank(o.Class) < r.rank(t.Class) && r.Departments[t.Dept].Policy != FIFO {
			higher++
		} else {
			earlier++
		}
	}
	if higher > 0 {
		out = append(out, Because{Reason: ReasonClass, N: higher})
	}
	if earlier > 0 {
		out = append(out, Because{Reason: ReasonAhead, N: earlier})
	}
	if len(out) == 0 {
		out = append(out, Because{Reason: ReasonNext})
	}
	return out
}

// whyBlocked gives the reasons that no open counter can call the ticket now, if none can.
func (d *decider) whyBlocked(t *Ticket) []Because {
	var why Reason
	open := 0
	for id, c := range d.r.Counters {
		if desk := d.s.Desk(id); desk.State == DeskClosed || desk.State == DeskPaused || !serves(c, t.Dept) {
			continue
		}
		open++
		b := d.blocked(t, id, "")
		if b == "" {
			return nil
		}
		if why == "" || why == ReasonOtherCounter {
			why = b
		}
	}
	if open == 0 {
		return []Because{{Reason: ReasonNoCounter}}
	}
	return []Because{{Reason: why, Name: string(t.OnlyAt)}}
}

func serves(c Counter, dept DeptID) bool {
	for _, d := range c.Depts {
		if d == dept {
			return true
		}
	}
	return false
}
