package queue

import (
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// undone compares all that an undo brings back: everything but versions, the answers, and the visit it marks as undone.
func undone(t *testing.T, before, after *State) {
	t.Helper()
	d := gocmp.Diff(before, after,
		gocmp.AllowUnexported(State{}, Ticket{}, Desk{}, slip{}, overtaken{}, round{}),
		cmpopts.IgnoreFields(State{}, "Seq", "answers"),
		cmpopts.IgnoreFields(Ticket{}, "Touched", "moved"),
		cmpopts.IgnoreFields(Visit{}, "Touched"),
		cmpopts.IgnoreFields(Desk{}, "Ver", "CV", "last"),
		cmpopts.IgnoreMapEntries(func(_ VisitID, v *Visit) bool { return v.Outcome == Undone }),
		cmpopts.IgnoreMapEntries(func(_ DeptID, line []*Ticket) bool { return len(line) == 0 }),
	)
	if d != "" {
		t.Fatalf("undo did not bring it back (-before +after):\n%s", d)
	}
}

// copied is the state of the same log.
func (h *hall) copied() *State {
	h.Helper()
	s := New()
	for _, e := range h.log {
		if _, err := s.Apply(e); err != nil {
			h.Fatalf("copy: %v", err)
		}
	}
	return s
}

func TestUndoBringsEachOperationBackExactly(t *testing.T) {
	serving := []Wish{Next{"4"}, Start{"4"}}
	for _, c := range []struct {
		name  string
		setup []Wish
		op    Wish
	}{
		{"the first call", nil, Next{"4"}},
		{"a call that completes", serving, Next{"4"}},
		{"a call that begins a round", []Wish{Next{"4"}, Next{"4"}, Next{"4"}, Next{"4"}}, Next{"4"}},
		{"next with nobody left", []Wish{Next{"4"}, Next{"4"}, Next{"4"}, Next{"4"}, Next{"4"}, Next{"4"}}, Next{"4"}},
		{"a call back from hold", append(slices.Clone(serving), Park{"4"}), Unpark{Counter: "4"}},
		{"start", []Wish{Next{"4"}}, Start{"4"}},
		{"start that shortens a rating", []Wish{Next{"4"}, Next{"4"}}, Start{"4"}},
		{"complete", serving, Complete{"4", Refused}},
		{"complete without a start", []Wish{Next{"4"}}, Complete{"4", Direct}},
		{"park", serving, Park{"4"}},
		{"no-show", []Wish{Next{"4"}, Recall{"4"}}, Miss{"4"}},
		{"transfer to a department", serving, Transfer{Counter: "4", To: edu}},
		{"transfer to a counter", serving, Transfer{Counter: "4", ToCounter: "2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHall(t, "4", "2")
			h.wait(sci, "", "urgent", "urgent", "booked", "urgent", "")
			for _, w := range c.setup {
				h.pass(20 * time.Second)
				h.do(w)
			}
			h.pass(20 * time.Second)
			before := h.copied()
			h.do(c.op)
			h.pass(time.Minute)
			h.do(Undo{Counter: "4"})
			undone(t, before, h.s)
			h.refused(Undo{Counter: "4"}, Conflict) // once
			h.do(c.op)
		})
	}
}

func TestUndoIsRefused(t *testing.T) {
	open := func(t *testing.T) *hall {
		h := openHall(t, "1", "2")
		h.wait(edu, "", "", "")
		h.do(Next{Counter: "1"})
		return h
	}
	for name, then := range map[string]func(h *hall){
		"too late":               func(h *hall) { h.pass(time.Minute + time.Millisecond) },
		"after a pause":          func(h *hall) { h.do(Complete{"1", Direct}); h.do(Pause{"1", "tea"}) },
		"after a change of seat": func(h *hall) { h.do(SignOn{"1", "sun"}) },
		"after the rating": func(h *hall) {
			v := h.s.Desk("1").Visit
			h.do(Complete{"1", Direct})
			h.fact(Rate{Visit: v, Score: 5})
		},
		"after another counter called it": func(h *hall) {
			h.do(Transfer{Counter: "1", ToCounter: "2"})
			h.next("2")
		},
		"after another counter called it from hold": func(h *hall) {
			h.do(Park{Counter: "1"})
			h.do(Unpark{Counter: "2", Ticket: h.s.held["card7"][0].ID})
		},
		"after it was brought back": func(h *hall) {
			h.pass(20 * time.Second)
			h.do(Recall{"1"})
			h.pass(20 * time.Second)
			h.do(Miss{"1"})
			h.do(Reinstate{Ticket: h.s.held["card7"][0].ID})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var h *hall
			if name == "after another counter called it from hold" || name == "after it was brought back" {
				h = openHall(t, "1", "2")
				h.paper(h.take(Take{Dept: edu, Holder: "card7"}), PaperAsked)
				h.do(Next{Counter: "1"})
			} else {
				h = open(t)
			}
			then(h)
			h.refused(Undo{Counter: "1"}, Conflict)
		})
	}
}

func TestNewsOfThePaperDoesNotStopAnUndo(t *testing.T) {
	h := openHall(t, "1")
	a := h.take(Take{Dept: edu})
	h.paper(a, PaperUnknown)
	h.do(Next{Counter: "1"})
	h.paper(a, PaperConfirmed)
	h.do(Undo{Counter: "1"})
	h.state(a, Waiting)
	if p := a.Papers[RequestID(a.ID)]; p != PaperConfirmed {
		t.Errorf("the undo made the paper %q", p)
	}
}

func TestAHolderWhoWentOnIsNotPulledBack(t *testing.T) {
	h := openHall(t, "1", "3")
	for _, d := range []DeptID{edu, fin} {
		h.paper(h.take(Take{Dept: d, Holder: "card7"}), PaperAsked)
	}
	h.do(Next{Counter: "1"})
	h.do(Complete{Counter: "1", Outcome: Direct})
	h.want("called", h.next("3"), "B11")
	h.refused(Undo{Counter: "1"}, Conflict)
}

func TestUndoOfACallOfTheSameHolderAtOneCounter(t *testing.T) {
	h := openHall(t, "2")
	for _, d := range []DeptID{edu, fin} {
		h.paper(h.take(Take{Dept: d, Holder: "card7"}), PaperAsked)
	}
	h.want("calls", h.calls("2", 2), "A001 B11")
	h.do(Undo{Counter: "2"})
	h.want("back at the first", h.shown("2"), "A001")
}

// Two counters call, and take it back in either order: what each has counted goes, and no more.
func TestUndoOfTwoCountersDoesNotMixUp(t *testing.T) {
	for _, order := range [][]CounterID{{"4", "2"}, {"2", "4"}} {
		h := openHall(t, "4", "2")
		c := h.r.Counters["2"]
		c.Depts = []DeptID{sci}
		h.r.Counters["2"] = c
		h.wait(sci, "", "booked", "urgent", "urgent", "urgent")
		before := h.copied()
		h.want("calls", h.next("4")+" "+h.next("2"), "C3 C4")
		for _, id := range order {
			h.do(Undo{Counter: id})
		}
		undone(t, before, h.s)
	}
}

func TestUndoOfACallDoesNotReviveACountOfBefore(t *testing.T) {
	h := openHall(t, "3", "2")
	poor := h.wait(fin, "", "urgent", "urgent")[0]
	h.want("called", h.next("3"), "B12")
	h.want("called", h.next("2"), "B13")
	h.do(Complete{Counter: "2", Outcome: Direct})
	h.want("called", h.next("2"), "B11") // it has been passed over twice
	h.do(Undo{Counter: "3"})
	if poor.Passed != 1 {
		t.Errorf("passed over %d times, want 1", poor.Passed)
	}
	h.do(Undo{Counter: "2"})
	if poor.Passed != 1 || poor.State != Waiting {
		t.Errorf("%s and passed over %d times, want waiting and 1", poor.State, poor.Passed)
	}
}

// A ticket that came back has a new place and a new count: a call of before is taken back from the old one.
func TestUndoOfACallLeavesANewPlaceAlone(t *testing.T) {
	h := openHall(t, "3", "2")
	d := h.r.Departments[fin]
	d.Missed = Missed{After: 3}
	h.r.Departments[fin] = d
	poor := h.wait(fin, "", "urgent", "urgent", "urgent")[0]
	h.want("calls", h.calls("3", 2), "B12 B13")
	h.want("it has been passed over twice", h.next("2"), "B11")
	h.do(Miss{Counter: "2"})
	h.do(Reinstate{Ticket: poor.ID})
	if poor.Passed != 0 {
		t.Errorf("passed over %d times at its new place", poor.Passed)
	}
	h.want("it does not come first again", h.next("2"), "B14")
	h.do(Undo{Counter: "3"})
	if poor.Passed != 0 {
		t.Errorf("passed over %d times after the undo", poor.Passed)
	}
}

func TestARatingGivenIsNotAskedForAgainAfterAnUndo(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	h.do(Next{Counter: "1"})
	v := h.s.Desk("1").Visit
	h.do(Complete{Counter: "1", Outcome: Direct})
	h.do(Next{Counter: "1"})
	h.fact(Rate{Visit: v, Score: 3})
	h.do(Undo{Counter: "1"})
	if d := h.s.Desk("1"); d.RatingOf != "" {
		t.Errorf("the counter asks for a rating of %s once more", d.RatingOf)
	}
}
