package queue

import (
	"testing"
	"time"
)

func TestACounterFromSignOnToSignOff(t *testing.T) {
	h := openHall(t)
	h.wait(edu, "")
	for _, step := range []struct {
		do    Wish
		state DeskState
		num   string
	}{
		{SignOn{Counter: "1", Officer: "zhao"}, DeskIdle, ""},
		{Pause{Counter: "1", Reason: "tea"}, DeskPaused, ""},
		{Unpause{Counter: "1"}, DeskIdle, ""},
		{Next{Counter: "1"}, DeskCalling, "A001"},
		{Start{Counter: "1"}, DeskServing, "A001"},
		{Park{Counter: "1"}, DeskIdle, ""},
		{Unpark{Counter: "1"}, DeskCalling, "A001"},
		{Start{Counter: "1"}, DeskServing, "A001"},
		{Complete{Counter: "1", Outcome: Promised}, DeskIdle, ""},
		{SignOff{Counter: "1"}, DeskClosed, ""},
	} {
		before := h.s.Desk("1").CV
		e := h.do(step.do)
		d := h.s.Desk("1")
		if d.State != step.state || h.shown("1") != step.num {
			t.Fatalf("after %#v: %s with %q, want %s with %q", step.do, d.State, h.shown("1"), step.state, step.num)
		}
		if d.CV != e.Seq || d.Ver != e.Seq || d.CV <= before {
			t.Fatalf("after %#v: versions %d and %d, want %d", step.do, d.Ver, d.CV, e.Seq)
		}
	}
}

func TestWhatACounterDoesNotDo(t *testing.T) {
	h := openHall(t, "1", "2")
	h.refused(Next{Counter: "3"}, Closed)
	h.refused(Next{Counter: "9"}, Fault)
	h.refused(Next{Counter: "1"}, Empty)
	h.refused(Unpark{Counter: "1"}, Empty)
	for _, w := range []Wish{Start{"1"}, Recall{"1"}, Miss{"1"}, Park{"1"}, Unpause{"1"}, Undo{"1"}, Complete{"1", Direct}, Transfer{Counter: "1", To: fin}} {
		h.refused(w, Conflict)
	}
	h.wait(edu, "")
	h.do(Next{Counter: "1"})
	for _, w := range []Wish{Pause{"1", "tea"}, SignOff{"1"}, Unpark{Counter: "1"}} {
		h.refused(w, Conflict)
	}
	for _, w := range []Wish{Complete{"1", "well"}, Complete{"1", NoShow}, Transfer{Counter: "1", To: "law"}, Transfer{Counter: "1", ToCounter: "9"}, Transfer{Counter: "1", To: fin, ToCounter: "1"}} {
		h.refused(w, Fault)
	}
	h.refused(ReportPaper{}, Fault) // a fact that does not come as one
	h.refused(nil, Fault)
}

func TestWhoSitsAtACounter(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	h.refused(SignOn{Counter: "1", Officer: "zhao"}, Conflict)
	h.refused(SignOn{Counter: "1", Officer: "nobody"}, Fault)
	h.refused(SignOn{Counter: "9", Officer: "zhao"}, Fault)

	h.do(SignOn{Counter: "2", Officer: "zhao"}) // moves over
	if d := h.s.Desk("1"); d.State != DeskClosed || d.Officer != "" {
		t.Errorf("the counter left behind is %s with %q", d.State, d.Officer)
	}
	h.do(Next{Counter: "2"})
	h.refused(SignOn{Counter: "1", Officer: "zhao"}, Conflict) // an open visit is not left behind

	h.do(SignOn{Counter: "2", Officer: "qian"}) // B relieves A, the open visit included
	h.want("the visitor stays", h.shown("2"), "A001")
	if d := h.s.Desk("2"); d.State != DeskCalling || d.Officer != "qian" {
		t.Errorf("after the relief: %s with %s", d.State, d.Officer)
	}
	h.do(Next{Counter: "2"})
	if v := h.s.Visits[h.s.Desk("2").Visit]; v.Officer != "qian" {
		t.Errorf("the next visit is of %s", v.Officer)
	}
}

func TestNextCompletesAndCalls(t *testing.T) {
	h := openHall(t, "1")
	w := h.wait(edu, "", "")
	h.do(Next{Counter: "1"})
	first := h.s.Visits[h.s.Desk("1").Visit]
	h.pass(time.Minute)
	h.do(Next{Counter: "1"})
	if first.Outcome != Direct || !first.Ended.Equal(h.now) {
		t.Errorf("the first visit ended as %q at %s", first.Outcome, first.Ended)
	}
	h.state(w[0], Done)
	h.state(w[1], Calling)
	if d := h.s.Desk("1"); d.RatingOf != first.ID || !d.RatingUntil.Equal(h.now.Add(2*time.Minute)) {
		t.Errorf("to be rated: %s until %s", d.RatingOf, d.RatingUntil)
	}
	e := h.do(Next{Counter: "1"}) // nobody waits: what was open is completed all the same
	if b, ok := e.Body.(Ended); !ok || !b.Empty || b.Outcome != Direct {
		t.Errorf("next with nobody waiting made %+v", e.Body)
	}
	if a, _ := h.s.Answer(e.Request); a.Code != Empty {
		t.Errorf("answer %s, want empty", a.Code)
	}
	h.state(w[1], Done)
}

func TestPauseCompletesWhatIsServed(t *testing.T) {
	h := openHall(t, "1")
	w := h.wait(edu, "")
	h.do(Next{Counter: "1"})
	h.do(Start{Counter: "1"})
	h.do(Pause{Counter: "1", Reason: "tea"})
	h.state(w[0], Done)
	h.refused(Next{Counter: "1"}, Conflict)
	h.do(SignOff{Counter: "1"})
}

func TestRecallAndNoShowKeepToThePolicy(t *testing.T) {
	h := openHall(t, "1")
	w := h.wait(edu, "")
	h.do(Next{Counter: "1"})
	h.refused(Recall{Counter: "1"}, Early)
	h.refused(Miss{Counter: "1"}, Early)
	h.pass(20 * time.Second)
	h.refused(Miss{Counter: "1"}, Early) // one recall comes first
	h.do(Recall{Counter: "1"})
	h.refused(Recall{Counter: "1"}, Early)
	h.refused(Miss{Counter: "1"}, Early)
	h.refused(Undo{Counter: "1"}, Conflict) // a recall was heard by all
	h.pass(20 * time.Second)
	h.do(Miss{Counter: "1"})
	h.state(w[0], Gone)
}

// missed calls the next number at a counter and marks it a no-show.
func (h *hall) missed(c CounterID) *Ticket {
	h.Helper()
	h.do(Next{Counter: c})
	t := h.s.Tickets[h.s.Visits[h.s.Desk(c).Visit].Ticket]
	h.pass(20 * time.Second)
	h.do(Recall{Counter: c})
	h.pass(20 * time.Second)
	h.do(Miss{Counter: c})
	return t
}

func TestReinstateStandsBehindThree(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "", "", "", "", "", "")
	a, b := h.missed("1"), h.missed("1")
	h.do(Reinstate{Ticket: a.ID})
	h.want("line", h.line(edu), "A003 A004 A005 A001 A006 A007")
	h.do(Reinstate{Ticket: b.ID})
	h.want("who came back first is first", h.line(edu), "A003 A004 A005 A001 A002 A006 A007")
	h.want("calls", h.calls("1", 5), "A003 A004 A005 A001 A002")
}

func TestReinstateBehindFewerThanThree(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	a := h.missed("1")
	h.do(Reinstate{Ticket: a.ID})
	h.wait(edu, "")
	h.want("line", h.line(edu), "A002 A001 A003")
}

func TestReinstateInFrontOfAll(t *testing.T) {
	h := openHall(t, "1")
	d := h.r.Departments[edu]
	d.Missed.After = 0
	h.r.Departments[edu] = d
	h.wait(edu, "", "", "")
	a, b := h.missed("1"), h.missed("1")
	h.do(Reinstate{Ticket: a.ID})
	h.do(Reinstate{Ticket: b.ID})
	h.want("line", h.line(edu), "A001 A002 A003")
}

func TestReinstateIsRefused(t *testing.T) {
	h := openHall(t, "1")
	w := h.wait(edu, "", "", "")
	h.refused(Reinstate{Ticket: "no such"}, Fault)
	h.refused(Reinstate{Ticket: w[2].ID}, Conflict) // waits
	a := h.missed("1")
	h.do(Reinstate{Ticket: a.ID})
	h.want("calls", h.next("1"), "A002")
	h.want("calls", h.next("1"), "A003")
	h.do(Complete{Counter: "1", Outcome: Direct})
	if again := h.missed("1"); again != a {
		t.Fatalf("%s was called, want %s", again.Number, a.Number)
	}
	h.refused(Reinstate{Ticket: a.ID}, Closed) // once only

	late := h.wait(edu, "")[0]
	h.missed("1")
	h.pass(30*time.Minute + time.Second)
	h.refused(Reinstate{Ticket: late.ID}, Closed)
}

func TestWhoHasTakenANewNumberIsNotReinstated(t *testing.T) {
	h := openHall(t, "1")
	h.take(Take{Dept: edu, Holder: "card7"})
	h.pass(20 * time.Second)
	h.do(Tick{})
	old := h.missed("1")
	h.want("new number", h.take(Take{Dept: edu, Holder: "card7"}).Number, "A002")
	h.refused(Reinstate{Ticket: old.ID}, Conflict)
}

func TestUnparkTheLongestOnHoldOrTheOneNamed(t *testing.T) {
	h := openHall(t, "1", "2")
	w := h.wait(edu, "", "", "")
	for range 3 {
		h.do(Next{Counter: "1"})
		h.do(Park{Counter: "1"})
	}
	h.paper(w[0], PaperConfirmed) // news of its paper does not make the wait shorter
	h.refused(Unpark{Counter: "2"}, Empty)
	h.do(Unpark{Counter: "2", Ticket: w[1].ID})
	h.want("the named one, at another counter", h.shown("2"), "A002")
	h.do(Unpark{Counter: "1"})
	h.want("the longest on hold", h.shown("1"), "A001")
	h.refused(Unpark{Counter: "2", Ticket: w[2].ID}, Conflict) // counter 2 is busy
	h.do(Complete{Counter: "2", Outcome: Direct})
	h.refused(Unpark{Counter: "2", Ticket: w[0].ID}, Conflict) // not on hold any more
}

func TestTransferKeepsThePlace(t *testing.T) {
	h := openHall(t, "1", "2", "3")
	h.wait(edu, "")
	h.wait(fin, "", "")
	h.wait(edu, "")
	h.want("called", h.next("1"), "A001")
	h.do(Transfer{Counter: "1", To: fin})
	h.want("line", h.line(fin), "A001 B11 B12")
	h.want("called", h.next("3"), "A001")
}

func TestTransferToOneCounter(t *testing.T) {
	h := openHall(t, "1", "2")
	w := h.wait(edu, "", "")
	h.want("called", h.next("1"), "A001")
	h.do(Transfer{Counter: "1", ToCounter: "2"})
	if w[0].Dept != edu {
		t.Errorf("a counter of its own department changed it to %s", w[0].Dept)
	}
	h.want("others pass it over", h.next("1"), "A002")
	h.want("it waits for counter 2", h.next("2"), "A001")
	h.do(Transfer{Counter: "2", ToCounter: "4"})
	h.state(w[0], Waiting)
	h.do(SignOn{Counter: "3", Officer: "li"})
	x := h.wait(fin, "")[0]
	h.want("called", h.next("3"), "B11")
	h.do(Transfer{Counter: "3", ToCounter: "1"})
	if x.Dept != edu || x.OnlyAt != "1" {
		t.Errorf("it went to %s at %q", x.Dept, x.OnlyAt)
	}
}

func TestTheFenceLetsOneOfTwoThrough(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	seen := Version{Epoch: h.s.Epoch, CV: h.s.Desk("1").CV}
	press := func(v Version) *Refusal {
		c := h.command(Next{Counter: "1"})
		c.IfVer = &v
		_, no := h.ask(c)
		return no
	}
	if no := press(seen); no != nil {
		t.Fatal(no)
	}
	if no := press(seen); no == nil || no.Code != Conflict {
		t.Errorf("the second press: %v, want conflict", no)
	}
	h.want("one call", h.shown("1"), "A001")
	now := Version{Epoch: h.s.Epoch, CV: h.s.Desk("1").CV}
	h.do(RaiseEpoch{Boot: "boot2"})
	if no := press(now); no == nil || no.Code != Conflict {
		t.Errorf("a press of before the restart: %v, want conflict", no)
	}
}

func TestARatingDoesNotMoveTheFence(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	h.do(Next{Counter: "1"})
	v := h.s.Desk("1").Visit
	h.do(Complete{Counter: "1", Outcome: Direct})
	before := h.s.Desk("1")
	e := h.fact(Rate{Visit: v, Score: 4})
	after := h.s.Desk("1")
	if after.CV != before.CV || after.Ver != e.Seq || after.RatingOf != "" {
		t.Errorf("after the rating: %+v, before: %+v", after, before)
	}
}

func TestTheRatingLastsTenSecondsAtLeast(t *testing.T) {
	for _, c := range []struct{ after, left time.Duration }{
		{3 * time.Second, 7 * time.Second}, {10 * time.Second, 0}, {time.Minute, 0}, {-time.Hour, 10 * time.Second},
	} {
		h := openHall(t, "1")
		h.wait(edu, "", "")
		h.calls("1", 2)
		h.pass(c.after)
		h.do(Start{Counter: "1"})
		if until := h.s.Desk("1").RatingUntil; !until.Equal(h.now.Add(c.left)) {
			t.Errorf("started %s after: %s are left, want %s", c.after, until.Sub(h.now), c.left)
		}
	}
}

func TestAClockSetBackAnHourHoldsNothingUp(t *testing.T) {
	h := openHall(t, "1")
	a := h.take(Take{Dept: edu})
	h.pass(-time.Hour)
	h.do(Tick{})
	h.want("called", h.next("1"), "A001")
	h.pass(-time.Hour)
	h.do(Recall{Counter: "1"})
	h.pass(-time.Hour)
	h.do(Miss{Counter: "1"})
	h.pass(-time.Hour)
	h.do(Undo{Counter: "1"})
	h.pass(-time.Hour)
	h.do(Miss{Counter: "1"})
	h.pass(-time.Hour)
	h.do(Reinstate{Ticket: a.ID})
	h.want("called", h.next("1"), "A001")
}
