package queue

import (
	"fmt"
	"maps"
	"slices"
)

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
	ReasonShare        Reason = "share"         // tickets of other classes, by the shares of the ratio policy
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
		ReasonShare: "按比例前面还有%d位其他类别的服务对象",
		ReasonBound: "已被越过%d次,下一个就叫", ReasonNoCounter: "该部门目前没有开放的窗口", ReasonNext: "下一个就叫", ReasonState: "当前状态:%s",
	}
	en := map[Reason]string{
		ReasonPrinting: "its paper is still being printed", ReasonOtherCounter: "it was transferred to counter %s",
		ReasonNeeds: "no open counter provides what it needs", ReasonBusy: "its holder is at another counter",
		ReasonAhead: "%d earlier tickets stand before it", ReasonClass: "%d tickets with priority stand before it",
		ReasonShare: "%d tickets of other classes have their share before it",
		ReasonBound: "it has been passed over %d times and is next", ReasonNoCounter: "no counter of the department is open",
		ReasonNext: "it is next", ReasonState: "it is %s",
	}
	words := zh
	if lang == "en" {
		words = en
	}
	switch b.Reason {
	case ReasonState:
		return fmt.Sprintf(words[b.Reason], TicketState(b.Name).words(lang))
	case ReasonOtherCounter:
		return fmt.Sprintf(words[b.Reason], b.Name)
	case ReasonAhead, ReasonClass, ReasonShare, ReasonBound:
		return fmt.Sprintf(words[b.Reason], b.N)
	}
	return words[b.Reason]
}

// words says the state to a person; lang is zh or en.
func (t TicketState) words(lang string) string {
	zh := map[TicketState]string{
		Printing: "打印中", Waiting: "等候中", Calling: "已叫号", Serving: "办理中", OnHold: "挂起", Gone: "过号",
		Done: "已办结", Void: "作废", Expired: "已过期",
	}
	if lang == "en" || zh[t] == "" {
		return string(t)
	}
	return zh[t]
}

// Why gives the reasons of a ticket's place, the weightiest first: what keeps it from being called at all, then who stands
// before it. An unknown ticket has none.
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
	n := d.ahead(t)
	policy := r.Departments[t.Dept].Policy
	for _, b := range []Because{{Reason: ReasonClass, N: n.higher}, {Reason: ReasonShare, N: n.share}, {Reason: ReasonAhead, N: n.earlier}} {
		if b.N > 0 {
			out = append(out, b)
		}
	}
	if n.total() == 0 && (policy == Strict || policy == Ratio) && t.Passed >= d.maxPassed(t.Dept) {
		out = append(out, Because{Reason: ReasonBound, N: t.Passed})
	}
	if len(out) == 0 {
		out = append(out, Because{Reason: ReasonNext})
	}
	return out
}

// whyBlocked gives the reason that no open counter can call the ticket now, if none can. Of several counters that one
// speaks which comes nearest to calling it.
func (d *decider) whyBlocked(t *Ticket) []Because {
	nearest := []Reason{ReasonPrinting, ReasonBusy, ReasonNeeds, ReasonOtherCounter, ReasonNoCounter}
	best := Because{Reason: ReasonNoCounter}
	var open []Counter
	for _, id := range slices.Sorted(maps.Keys(d.r.Counters)) {
		c := d.r.Counters[id]
		if desk := d.s.Desk(id); desk.State == DeskClosed || desk.State == DeskPaused || !slices.Contains(c.Depts, t.Dept) {
			continue
		}
		open = append(open, c)
		b := Because{Reason: d.blocked(t, id, "")}
		switch b.Reason {
		case "":
			return nil
		case ReasonOtherCounter:
			b.Name = string(t.OnlyAt)
		case ReasonNeeds:
			b.Name = missingIn(open, t.Needs)
		}
		if slices.Index(nearest, b.Reason) <= slices.Index(nearest, best.Reason) {
			best = b
		}
	}
	return []Because{best}
}

// missingIn is the first need that none of the counters provides; if there is none such, the first that the last one lacks.
func missingIn(counters []Counter, needs []string) string {
	for _, n := range needs {
		if !slices.ContainsFunc(counters, func(c Counter) bool { return slices.Contains(c.Provides, n) }) {
			return n
		}
	}
	return missing(counters[len(counters)-1], needs)
}

// missing is the first need that a counter does not provide.
func missing(c Counter, needs []string) string {
	for _, n := range needs {
		if !slices.Contains(c.Provides, n) {
			return n
		}
	}
	return ""
}
