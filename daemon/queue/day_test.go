package queue

import (
	"testing"
	"time"
)

// endDay closes issuing everywhere and then the day.
func (h *hall) endDay() Event {
	h.Helper()
	for _, d := range []DeptID{edu, fin, sci} {
		h.do(SetIssuing{Dept: d})
	}
	return h.do(CloseDay{})
}

func TestNothingHappensBeforeTheDayIsOpen(t *testing.T) {
	h := newHall(t)
	h.refused(Take{Dept: edu}, Closed)
	h.refused(SignOn{Counter: "1", Officer: "zhao"}, Closed)
	h.refused(Next{Counter: "1"}, Closed)
	h.refused(CloseDay{}, Conflict)
	h.do(OpenDay{})
	h.refused(OpenDay{}, Conflict)
	h.take(Take{Dept: edu})
	h.replays()
}

func TestADayClosesOnlyWhenItIsOver(t *testing.T) {
	h := openHall(t, "1")
	x := h.take(Take{Dept: edu})
	h.refused(CloseDay{}, Conflict) // departments still give out tickets
	for _, d := range []DeptID{edu, fin, sci} {
		h.do(SetIssuing{Dept: d})
	}
	h.refused(CloseDay{}, Conflict) // printing
	h.paper(x, PaperSent)
	h.do(Next{Counter: "1"})
	h.refused(CloseDay{}, Conflict) // called
	h.do(Complete{Counter: "1", Outcome: Direct})
	h.do(CloseDay{})
	h.refused(Take{Dept: edu}, Closed)
	h.refused(Next{Counter: "1"}, Closed)
}

func TestAForcedCloseLeavesNothingOpen(t *testing.T) {
	h := openHall(t, "1", "2", "3")
	w := h.wait(edu, "", "", "", "")
	h.do(Next{Counter: "1"})
	h.do(Start{Counter: "1"})
	h.do(Next{Counter: "2"})
	h.do(Park{Counter: "2"})
	printing := h.take(Take{Dept: fin})
	visit := h.s.Visits[h.s.Desk("1").Visit]
	e := h.do(CloseDay{Force: true})
	for x, want := range map[*Ticket]TicketState{w[0]: Done, w[1]: Expired, w[2]: Expired, w[3]: Expired, printing: Expired} {
		h.state(x, want)
	}
	if visit.Outcome != Lost || !visit.Ended.Equal(h.now) {
		t.Errorf("the open visit ended as %q at %s", visit.Outcome, visit.Ended)
	}
	for _, c := range []CounterID{"1", "2", "3"} {
		if d := h.s.Desk(c); d.State != DeskClosed || d.Officer != "" || d.CV != e.Seq {
			t.Errorf("counter %s: %+v", c, d)
		}
	}
	if a, ok := h.s.Answer(e.Request); !ok || a != (Answer{Code: OK, Seq: e.Seq}) {
		t.Errorf("the answer is %+v", a)
	}
	if !h.last.Day || len(h.last.Tickets) != 5 || len(h.last.Visits) != 1 || len(h.last.Desks) != 3 {
		t.Errorf("changed: %+v", h.last)
	}
}

func TestASecondDayBeginsAnew(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	h.do(Next{Counter: "1"})
	h.do(Complete{Counter: "1", Outcome: Direct})
	cv := h.s.Desk("1").CV
	h.endDay()
	h.pass(20 * time.Hour)
	e := h.do(OpenDay{})
	if e.Day != 2 || h.s.Day != 2 {
		t.Fatalf("day %d, want 2", h.s.Day)
	}
	if d := h.s.Desk("1"); d.State != DeskClosed || d.CV <= cv {
		t.Errorf("counter 1: %+v, its version was %d", d, cv)
	}
	h.want("nobody waits any more", h.line(edu), "")
	h.want("numbers begin again", h.take(Take{Dept: edu}).Number, "A001")
	h.refused(Undo{Counter: "1"}, Conflict)
	if in := h.s.Installs["k1"]; in == nil || in.Ack != 2 || h.s.Boot != "boot1" {
		t.Errorf("installation %+v, boot %q: what outlives a day is gone", in, h.s.Boot)
	}
}

func TestAMissedTicketOfYesterdayDoesNotComeBack(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	x := h.missed("1")
	h.endDay()
	h.refused(Reinstate{Ticket: x.ID}, Closed)
	h.do(OpenDay{})
	h.refused(Reinstate{Ticket: x.ID}, Fault)
}

func TestAPaperOfYesterdayDoesNotReviveItsTicketToday(t *testing.T) {
	h := openHall(t)
	x, y := h.take(Take{Dept: edu}), h.take(Take{Dept: edu})
	h.paper(x, PaperNone)
	h.paper(y, PaperNone)
	h.endDay()
	h.paper(x, PaperUnknown) // the day is closed
	h.do(OpenDay{})
	h.paper(y, PaperUnknown)
	h.state(x, Expired)
	h.state(y, Expired)
	h.want("line", h.line(edu), "")
}

func TestARatingOfYesterdayCountsUntilTheNextDayEnds(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	h.do(Next{Counter: "1"})
	first := h.s.Desk("1").Visit
	h.do(Next{Counter: "1"})
	second := h.s.Desk("1").Visit
	h.do(Complete{Counter: "1", Outcome: Promised})
	h.endDay()
	h.do(OpenDay{})
	if _, ok := h.fact(Rate{Visit: first, Score: 4}).Body.(Rated); !ok || h.s.Visits[first].Score != 4 {
		t.Errorf("a rating of yesterday's visit was not taken")
	}
	h.endDay()
	h.do(OpenDay{})
	if b, ok := h.fact(Rate{Visit: second, Score: 4}).Body.(FactKept); !ok || b.Odd == "" {
		t.Errorf("a rating of the day before yesterday: %+v", b)
	}
	// The day before yesterday is gone from the state; the log that begins with yesterday must be enough all the same.
	h.do(SignOn{Counter: "1", Officer: "zhao"})
}

func TestAnAnswerOfYesterdayIsStillKnown(t *testing.T) {
	h := openHall(t)
	c := h.command(Take{Dept: edu})
	if _, no := h.ask(c); no != nil {
		t.Fatal(no)
	}
	h.paper(h.s.Tickets[TicketID(c.Request)], PaperSent)
	first, _ := h.s.Answer(c.Request)
	h.endDay()
	h.do(OpenDay{})
	if _, no := h.ask(c); no == nil || no.Code != Nothing {
		t.Errorf("yesterday's request: %v, want nothing", no)
	}
	if again, ok := h.s.Answer(c.Request); !ok || again != first {
		t.Errorf("answer %+v became %+v", first, again)
	}
	h.endDay()
	h.do(OpenDay{})
	if _, ok := h.s.Answer(c.Request); ok {
		t.Errorf("the state keeps answers for more than two days")
	}
}

func TestWhoIsBoundToADevice(t *testing.T) {
	h := openHall(t)
	h.refused(Bind{Device: "kiosk-1", Install: "k1"}, Nothing)
	h.refused(Bind{Device: "kiosk-1", Install: "k2"}, Conflict)
	h.refused(Bind{Device: "kiosk-2", Install: "k1", Replace: true}, Conflict)
	h.refused(Bind{Device: "kiosk-2"}, Fault)
	h.fact(Unknown{Why: "?"})
	h.do(Bind{Device: "kiosk-1", Install: "k2", Replace: true})
	h.do(Bind{Device: "kiosk-1", Install: "k1", Replace: true})
	if ack := h.s.Installs["k1"].Ack; ack != 1 {
		t.Errorf("bound again, the installation is acknowledged up to %d, want 1", ack)
	}
}

func TestTheEpochOnlyRises(t *testing.T) {
	h := openHall(t)
	for _, c := range []struct{ to, want uint64 }{{0, 2}, {10, 10}, {3, 11}} {
		h.do(RaiseEpoch{To: c.to, Boot: "boot2"})
		if h.s.Epoch != c.want {
			t.Errorf("asked for %d: epoch %d, want %d", c.to, h.s.Epoch, c.want)
		}
	}
}

func TestABrokenLogIsAnError(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	next := h.s.Seq + 1
	for name, e := range map[string]Event{
		"a gap":                {Seq: next + 1, Body: SignedOff{Counter: "1"}},
		"the same event again": {Seq: next - 1, Body: SignedOff{Counter: "1"}},
		"no such ticket":       {Seq: next, Body: Called{Counter: "1", Ticket: "no such", Visit: "v"}},
		"no such paper":        {Seq: next, Body: Papered{Ticket: "no such"}},
		"no such visit":        {Seq: next, Body: Rated{Visit: "no such", Score: 1}},
		"nothing to undo":      {Seq: next, Body: Undid{Counter: "1", Of: 1}},
		"ends no visit":        {Seq: next, Body: Ended{Counter: "1", Visit: "no such", Outcome: Direct}},
		"nobody's fact":        {Seq: next, Install: "stranger", FactSeq: 1, Body: FactKept{}},
		"no body":              {Seq: next},
		"begins in the middle": {Seq: 7, Body: SignedOff{Counter: "1"}},
	} {
		s := h.copied()
		if name == "begins in the middle" {
			s = New()
		}
		if _, err := s.Apply(e); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
