package queue

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// tb is what testing.T and rapid.T have in common here.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// hall is a small centre with a clock of its own: what happens in it goes through Decide and Apply and is written down.
type hall struct {
	tb
	r    *Rules
	s    *State
	now  time.Time
	n    int // requests so far
	log  []Event
	last Changed

	asked    int // commands so far
	lookEach int // whether Decide changes the state is looked at each so many commands, for it costs more than all the rest
}

// The departments of the hall: edu calls by place, fin by class, sci by shares.
const (
	edu DeptID = "edu"
	fin DeptID = "fin"
	sci DeptID = "sci"
)

func hallRules() *Rules {
	missed := Missed{Recalls: 1, Every: 20 * time.Second, Within: 30 * time.Minute, After: 3, Times: 1}
	return &Rules{
		Classes: []string{"urgent", "booked", "ordinary"},
		Departments: map[DeptID]Department{
			edu: {ID: edu, Series: Series{Prefix: "A", Width: 3}, Policy: FIFO, Missed: missed, Items: []string{"card", "degree"}},
			fin: {ID: fin, Series: Series{Prefix: "B", Width: 2, First: 11, Limit: 30}, Policy: Strict, MaxPassed: 2, Missed: missed},
			sci: {
				ID: sci, Series: Series{Prefix: "C", Width: 1, Limit: 8, Over: Widen}, Policy: Ratio,
				Shares: map[string]int{"urgent": 2, "booked": 1, "ordinary": 1}, MaxPassed: 4, Missed: missed,
			},
		},
		Counters: map[CounterID]Counter{
			"1": {ID: "1", Depts: []DeptID{edu}},
			"2": {ID: "2", Depts: []DeptID{edu, fin}, Provides: []string{"low"}},
			"3": {ID: "3", Depts: []DeptID{fin}},
			"4": {ID: "4", Depts: []DeptID{sci, edu}, Provides: []string{"low", "en"}},
		},
		Officers: map[OfficerID]bool{"zhao": true, "qian": true, "sun": true, "li": true},
	}
}

// newHall is a hall before its first event: no day, no device.
func newHall(t tb) *hall {
	return &hall{tb: t, r: hallRules(), s: New(), now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}

// openHall is a hall with its first day open, one kiosk, and officers at the counters named.
func openHall(t *testing.T, counters ...CounterID) *hall {
	t.Helper()
	h := newHall(t)
	h.do(RaiseEpoch{Boot: "boot1"})
	h.do(Bind{Device: "kiosk-1", Install: "k1"})
	h.do(OpenDay{})
	officers := []OfficerID{"zhao", "qian", "sun", "li"}
	for i, c := range counters {
		h.do(SignOn{Counter: c, Officer: officers[i]})
	}
	t.Cleanup(h.replays)
	return h
}

func (h *hall) pass(d time.Duration) { h.now = h.now.Add(d) }

// ask decides and applies one command, and checks all that must hold after it.
func (h *hall) ask(c Command) (Event, *Refusal) {
	h.Helper()
	var before string
	h.asked++
	look := h.asked%max(h.lookEach, 1) == 0
	if look {
		before = dump(h.s)
	}
	e, no := Decide(h.r, h.s, c, h.now)
	if look && dump(h.s) != before {
		h.Fatalf("Decide(%#v) changed the state", c.Do)
	}
	if no != nil {
		h.last = Changed{}
		return e, no
	}
	var err error
	if h.last, err = h.s.Apply(e); err != nil {
		h.Fatalf("Apply refuses what Decide made of %#v: %v", c.Do, err)
	}
	h.log = append(h.log, e)
	h.holds()
	return e, nil
}

// command gives a wish a request id of its own.
func (h *hall) command(w Wish) Command {
	h.n++
	return Command{Request: RequestID(fmt.Sprintf("r%04d", h.n)), Actor: "test", Device: "kiosk-1", Do: w}
}

func (h *hall) do(w Wish) Event {
	h.Helper()
	e, no := h.ask(h.command(w))
	if no != nil {
		h.Fatalf("%#v is refused: %v", w, no)
	}
	return e
}

func (h *hall) refused(w Wish, code Code) {
	h.Helper()
	if e, no := h.ask(h.command(w)); no == nil || no.Code != code {
		h.Fatalf("%#v: got event %#v, refusal %v; want %s", w, e.Body, no, code)
	}
}

// fact is the next fact of the first kiosk.
func (h *hall) fact(w Wish) Event {
	h.Helper()
	e, no := h.ask(h.factOf("k1", w))
	if no != nil {
		h.Fatalf("fact %#v is refused: %v", w, no)
	}
	return e
}

func (h *hall) factOf(install InstallID, w Wish) Command {
	seq := h.s.Installs[install].Ack + 1
	return Command{Actor: "dev", Device: "kiosk-1", Do: w, Fact: &Fact{
		Install: install, Seq: seq, Sum: fmt.Sprintf("sum%d", seq), What: "fact", Raw: "{}",
	}}
}

// take takes a number; its paper is not yet out.
func (h *hall) take(w Take) *Ticket {
	h.Helper()
	b, ok := h.do(w).Body.(Issued)
	if !ok {
		h.Fatalf("%#v made no ticket", w)
	}
	return h.s.Tickets[b.Ticket]
}

// paper is news of the first paper of a ticket.
func (h *hall) paper(t *Ticket, p Paper) Event {
	h.Helper()
	return h.fact(ReportPaper{Ticket: t.ID, Answer: RequestID(t.ID), Paper: p})
}

// wait takes numbers, each with its paper in hand: one for each class.
func (h *hall) wait(dept DeptID, classes ...string) (out []*Ticket) {
	h.Helper()
	for _, class := range classes {
		t := h.take(Take{Dept: dept, Class: class})
		h.paper(t, PaperAsked)
		out = append(out, t)
	}
	return out
}

// next presses next and returns the number on the display; empty if nobody came.
func (h *hall) next(c CounterID) string {
	h.Helper()
	_, no := h.ask(h.command(Next{Counter: c}))
	if no != nil && no.Code != Empty {
		h.Fatalf("next at %s is refused: %v", c, no)
	}
	return h.shown(c)
}

// shown is the number at a counter.
func (h *hall) shown(c CounterID) string {
	if v := h.s.Visits[h.s.Desk(c).Visit]; v != nil {
		return h.s.Tickets[v.Ticket].Number
	}
	return ""
}

// calls presses next n times and returns all numbers.
func (h *hall) calls(c CounterID, n int) string {
	h.Helper()
	var out []string
	for range n {
		out = append(out, h.next(c))
	}
	return strings.Join(out, " ")
}

// line is the numbers of those who wait in a department, by place.
func (h *hall) line(d DeptID) string {
	var out []string
	for _, t := range h.s.Line(d) {
		out = append(out, t.Number)
	}
	return strings.Join(out, " ")
}

func (h *hall) want(what, got, want string) {
	h.Helper()
	if got != want {
		h.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

func (h *hall) state(t *Ticket, want TicketState) {
	h.Helper()
	if t.State != want {
		h.Fatalf("%s is %s, want %s", t.Number, t.State, want)
	}
}

// holds checks the invariants of the state.
func (h *hall) holds() {
	h.Helper()
	type name struct {
		number string
		twin   int
	}
	names, places := map[name]TicketID{}, map[Place]TicketID{}
	lined, busy := map[TicketID]int{}, map[string]int{}
	for d, line := range h.s.lines {
		for i, t := range line {
			lined[t.ID]++
			if t.Dept != d || !t.State.inLine() || i > 0 && !line[i-1].Place.Before(t.Place) {
				h.Fatalf("%s, %s of %s, stands wrong in the line of %s: %s", t.Number, t.State, t.Dept, d, h.line(d))
			}
		}
	}
	seated := map[TicketID]CounterID{}
	for c, d := range h.s.Desks {
		v := h.s.Visits[d.Visit]
		open := d.State == DeskCalling || d.State == DeskServing
		if open != (v != nil) || v != nil && (!v.Ended.IsZero() || v.Counter != c || seated[v.Ticket] != "") {
			h.Fatalf("counter %s is %s with visit %+v", c, d.State, v)
		}
		if v != nil {
			seated[v.Ticket] = c
		}
	}
	for _, v := range h.s.Visits {
		if v.Ended.IsZero() && h.s.Desk(v.Counter).Visit != v.ID {
			h.Fatalf("visit %s is open, but not at counter %s", v.ID, v.Counter)
		}
	}
	for id, t := range h.s.Tickets {
		if t.Day != h.s.Day {
			if t.State.Live() {
				h.Fatalf("%s of day %d is %s on day %d", t.Number, t.Day, t.State, h.s.Day)
			}
			continue
		}
		if other, twice := names[name{t.Number, t.Twin}]; twice {
			h.Fatalf("%s and %s both are %s/%d", id, other, t.Number, t.Twin)
		}
		if other, twice := places[t.Place]; twice {
			h.Fatalf("%s and %s both stand at %v", id, other, t.Place)
		}
		names[name{t.Number, t.Twin}], places[t.Place] = id, id
		if t.State.inLine() != (lined[id] == 1) || t.State.atDesk() != (seated[id] != "") || t.Passed < 0 {
			h.Fatalf("%+v: %d times in line, at counter %q", t, lined[id], seated[id])
		}
		if t.State.atDesk() && t.Holder != "" {
			if busy[t.Holder]++; busy[t.Holder] > 1 {
				h.Fatalf("holder %s is at two counters", t.Holder)
			}
		}
	}
	if !maps.Equal(busy, h.s.busy) {
		h.Fatalf("busy are %v, the index says %v", busy, h.s.busy)
	}
	h.holdsAtPrinter()
}

func (h *hall) holdsAtPrinter() {
	h.Helper()
	n := 0
	for _, t := range h.s.Tickets {
		if t.State == Printing {
			n++
		}
	}
	sorted := slices.IsSortedFunc(h.s.atPrinter, func(a, b *Ticket) int { return byPlace(a, b.Place) })
	printing := !slices.ContainsFunc(h.s.atPrinter, func(t *Ticket) bool { return t.State != Printing })
	if n != len(h.s.atPrinter) || !sorted || !printing {
		h.Fatalf("%d tickets are printing, the index has %d, sorted %v", n, len(h.s.atPrinter), sorted)
	}
}

// replays checks that the log gives the same state again: from its beginning, and from the last day but one.
func (h *hall) replays() {
	h.Helper()
	var opened []int
	for i, e := range h.log {
		if _, ok := e.Body.(DayOpened); ok {
			opened = append(opened, i)
		}
	}
	from := []int{0}
	if len(opened) > 1 {
		from = append(from, opened[len(opened)-2])
	}
	for _, i := range from {
		again := New()
		for _, e := range h.log[i:] {
			if _, err := again.Apply(e); err != nil {
				h.Fatalf("replay from event %d: %v", h.log[i].Seq, err)
			}
		}
		if !reflect.DeepEqual(h.s, again) {
			h.Fatalf("replay from event %d is not as it was live:\n%s", h.log[i].Seq, diff(h.s, again))
		}
	}
}

func diff(a, b *State) string {
	return gocmp.Diff(a, b, gocmp.AllowUnexported(State{}, Ticket{}, Desk{}, slip{}, overtaken{}, round{}))
}

// dump is the whole state in words, the same for the same state: what Decide must not change.
func dump(s *State) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Seq, s.Epoch, s.Boot, s.Day, s.Open, s.Issuing, s.LastNum, s.Devices, s.dayVer, s.answers, s.busy, s.numbers, s.partial)
	for _, id := range slices.Sorted(maps.Keys(s.Tickets)) {
		fmt.Fprintf(&b, "%+v\n", *s.Tickets[id])
	}
	for _, id := range slices.Sorted(maps.Keys(s.Visits)) {
		fmt.Fprintf(&b, "%+v\n", *s.Visits[id])
	}
	for _, id := range slices.Sorted(maps.Keys(s.Desks)) {
		d := *s.Desks[id]
		if d.last != nil {
			fmt.Fprintf(&b, "%+v\n", *d.last)
		}
		fmt.Fprintf(&b, "%+v\n", d)
	}
	for _, id := range slices.Sorted(maps.Keys(s.Installs)) {
		fmt.Fprintf(&b, "%+v\n", *s.Installs[id])
	}
	ids := func(line []*Ticket) (out []TicketID) {
		for _, t := range line {
			out = append(out, t.ID)
		}
		return out
	}
	for _, d := range slices.Sorted(maps.Keys(s.lines)) {
		fmt.Fprintln(&b, d, ids(s.lines[d]))
	}
	for _, d := range slices.Sorted(maps.Keys(s.rounds)) {
		fmt.Fprintf(&b, "%s %+v\n", d, *s.rounds[d])
	}
	for _, h := range slices.Sorted(maps.Keys(s.held)) {
		fmt.Fprintln(&b, h, ids(s.held[h]))
	}
	fmt.Fprintln(&b, ids(s.atPrinter))
	return b.String()
}
