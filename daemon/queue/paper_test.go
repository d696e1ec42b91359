package queue

import (
	"testing"
	"time"
)

func TestANumberOnAPaperOfAnotherDepartmentIsSkipped(t *testing.T) {
	h := openHall(t)
	w := started("lost1", "A002", 1)
	w.Dept = fin
	h.fact(w)
	h.want("number", h.take(Take{Dept: edu}).Number, "A001")
	h.want("number", h.take(Take{Dept: edu}).Number, "A003")
}

func TestPapersBeforeCountsThoseThatMayExist(t *testing.T) {
	x := &Ticket{Papers: map[RequestID]Paper{"a": PaperSent, "b": PaperNone, "c": PaperOpen, "d": PaperAbandoned, "e": PaperUnknown}}
	for answer, want := range map[RequestID]int{"a": 2, "b": 3, "c": 2, "f": 3} {
		if n := x.PapersBefore(answer); n != want {
			t.Errorf("apart from %s: %d, want %d", answer, n, want)
		}
	}
}

// news is one fact about a paper: of the tap that made the ticket, or of the n-th tap after it.
type news struct {
	tap   int
	paper Paper
}

func TestWhatNewsOfItsPapersMakesOfATicket(t *testing.T) {
	for _, c := range []struct {
		name string
		taps int // taps of the same card after the first
		news []news
		want TicketState
	}{
		{"nothing heard", 0, nil, Printing},
		{"started", 0, []news{{0, PaperStarted}}, Printing},
		{"confirmed", 0, []news{{0, PaperStarted}, {0, PaperConfirmed}}, Waiting},
		{"asked", 0, []news{{0, PaperStarted}, {0, PaperAsked}}, Waiting},
		{"sent", 0, []news{{0, PaperStarted}, {0, PaperSent}}, Waiting},
		{"power cut", 0, []news{{0, PaperStarted}, {0, PaperUnknown}}, Waiting},
		{"no paper moved", 0, []news{{0, PaperStarted}, {0, PaperNone}}, Void},
		{"abandoned", 0, []news{{0, PaperAbandoned}}, Void},
		{"abandoned, the second tap is open", 1, []news{{0, PaperAbandoned}}, Printing},
		{"no paper, the second tap is open", 1, []news{{0, PaperNone}}, Waiting},
		{"neither tap has a paper", 1, []news{{0, PaperNone}, {1, PaperAbandoned}}, Void},
		{"neither of three", 2, []news{{2, PaperAbandoned}, {0, PaperNone}, {1, PaperNone}}, Void},
		{"only the second tap has one", 1, []news{{0, PaperNone}, {1, PaperStarted}, {1, PaperSent}}, Waiting},
		{"the first has one, the second not", 1, []news{{0, PaperSent}, {1, PaperAbandoned}}, Waiting},
		{"unknown is not none", 1, []news{{0, PaperUnknown}, {1, PaperNone}}, Waiting},
		{"void, and then a paper turns up", 0, []news{{0, PaperNone}, {0, PaperUnknown}}, Waiting},
		{"void, revived, void again", 0, []news{{0, PaperNone}, {0, PaperUnknown}, {0, PaperNone}}, Void},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHall(t)
			taken := h.do(Take{Dept: edu, Holder: "card7"})
			ids := []RequestID{taken.Request}
			for range c.taps {
				ids = append(ids, h.do(Take{Dept: edu, Holder: "card7"}).Request)
			}
			x := h.s.Tickets[TicketID(taken.Request)]
			for _, n := range c.news {
				h.fact(ReportPaper{Ticket: x.ID, Answer: ids[n.tap], Paper: n.paper})
			}
			h.state(x, c.want)
			want := ""
			if c.want.inLine() {
				want = "A001"
			}
			h.want("line", h.line(edu), want)
		})
	}
}

func TestATicketAtACounterIsNotVoided(t *testing.T) {
	h := openHall(t, "1")
	x := h.take(Take{Dept: edu})
	h.paper(x, PaperUnknown)
	h.do(Next{Counter: "1"})
	h.paper(x, PaperNone)
	h.state(x, Calling)
}

func TestAVoidTicketFreesItsCardAndNotItsNumber(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: edu, Holder: "card7"})
	h.paper(x, PaperNone)
	h.want("the next tap", h.take(Take{Dept: edu, Holder: "card7"}).Number, "A002")
}

func TestRevivedATicketHasItsOldPlace(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: edu})
	h.wait(edu, "", "")
	h.paper(x, PaperNone)
	h.want("line", h.line(edu), "A002 A003")
	h.paper(x, PaperConfirmed)
	h.want("line", h.line(edu), "A001 A002 A003")
}

func TestTheTimeOfPrintingBeginsAgainAtARestart(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: edu})
	h.pass(19 * time.Second)
	h.do(RaiseEpoch{Boot: "boot2", Why: "start"})
	h.pass(19 * time.Second)
	h.refused(Tick{}, Nothing)
	if due, ok := h.s.Due(h.r); !ok || !due.Equal(h.now.Add(time.Second)) {
		t.Errorf("due at %s, %v; want in a second", due, ok)
	}
	h.pass(time.Second)
	h.do(Tick{})
	h.state(x, Waiting)
	if due, ok := h.s.Due(h.r); ok {
		t.Errorf("due at %s although nothing is printing", due)
	}
}

// started is the fact of a paper that the controller may not know.
func started(id TicketID, number string, day Day) ReportPaper {
	return ReportPaper{Ticket: id, Answer: RequestID(id), Paper: PaperStarted, Dept: edu, Number: number, Day: day, Holder: "card7", Lang: "en"}
}

func TestATicketKnownOnlyFromItsPaperGetsAPlace(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	h.fact(started("lost1", "A005", 1))
	x := h.s.Tickets["lost1"]
	if x == nil || x.Number != "A005" || x.Num != 5 || x.Twin != 0 || x.Odd == "" || x.Holder != "card7" || x.State != Waiting {
		t.Fatalf("the paper made %+v", x)
	}
	h.want("numbers go on above it", h.take(Take{Dept: edu}).Number, "A006")
	h.want("calls", h.calls("1", 2), "A001 A005")
	h.fact(ReportPaper{Ticket: "lost1", Answer: "lost1", Paper: PaperConfirmed})
	c := h.command(Take{Dept: edu})
	c.Request = "lost1"
	if _, no := h.ask(c); no == nil || no.Code != Nothing {
		t.Errorf("a late copy of its request: %v, want nothing", no)
	}
}

func TestAPaperWithoutAnAnswerIsNamedByItsRequest(t *testing.T) {
	h := openHall(t)
	w := started("", "AX07", 1)
	w.Answer = "r-off"
	h.fact(w)
	if x := h.s.Tickets["r-off"]; x == nil || x.Number != "AX07" || x.Num != 0 {
		t.Fatalf("the paper made %+v", x)
	}
	h.want("the series does not move", h.take(Take{Dept: edu}).Number, "A001")
}

func TestANumberThatIsTakenGetsATwin(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "")
	h.fact(started("lost1", "A001", 1))
	h.fact(started("lost2", "A001", 1))
	for id, twin := range map[TicketID]int{"lost1": 1, "lost2": 2} {
		if x := h.s.Tickets[id]; x.Twin != twin || x.Odd == "" {
			t.Errorf("%s: %+v, want twin %d, marked", id, x, twin)
		}
	}
	h.want("each paper is called once", h.calls("1", 3), "A001 A001 A001")
}

func TestAnIssuedNumberSkipsThoseOfPapers(t *testing.T) {
	h := openHall(t)
	h.fact(started("lost1", "A002", 1))
	h.want("above the highest known", h.take(Take{Dept: edu}).Number, "A003")
	h.fact(started("lost2", "A99999", 1))
	h.want("a number out of the series does not end it", h.take(Take{Dept: edu}).Number, "A004")
}

func TestPapersThatFitNowhereAreKept(t *testing.T) {
	for name, w := range map[string]ReportPaper{
		"no number":          started("x2", "", 1),
		"unknown department": {Ticket: "x3", Answer: "x3", Paper: PaperStarted, Dept: "law", Number: "A001", Day: 1},
		"unknown ticket":     {Ticket: "x4", Answer: "x4", Paper: PaperConfirmed},
		"no name at all":     {Paper: PaperStarted, Dept: edu, Number: "A001", Day: 1},
	} {
		h := openHall(t)
		e := h.fact(w)
		if b, ok := e.Body.(FactKept); !ok || b.Odd == "" || b.Raw != "{}" || b.Closes != "" {
			t.Errorf("%s: %+v, want it kept and marked", name, e.Body)
		}
		if n := len(h.s.Tickets); n != 0 {
			t.Errorf("%s: it made %d tickets", name, n)
		}
	}
}

func TestAnAbandonedRequestMakesNoTicketLater(t *testing.T) {
	h := openHall(t)
	c := h.command(Take{Dept: edu})
	e := h.fact(ReportPaper{Answer: c.Request, Paper: PaperAbandoned})
	if b, ok := e.Body.(FactKept); !ok || b.Closes != c.Request || b.Odd != "" {
		t.Fatalf("it made %+v", e.Body)
	}
	if _, no := h.ask(c); no == nil || no.Code != Nothing {
		t.Errorf("the late copy: %v, want nothing", no)
	}
	if a, ok := h.s.Answer(c.Request); !ok || a.Code != Fault {
		t.Errorf("its answer is %+v", a)
	}
}

func TestAnAbandonedAnswerFindsItsTicketByTheRequest(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: edu})
	h.fact(ReportPaper{Answer: RequestID(x.ID), Paper: PaperAbandoned})
	h.state(x, Void)
}

func TestAnAnswerOnceGivenIsNotClosedByAFact(t *testing.T) {
	h := openHall(t, "1")
	e := h.do(Pause{Counter: "1", Reason: "tea"})
	before, _ := h.s.Answer(e.Request)
	h.fact(ReportPaper{Answer: e.Request, Paper: PaperAbandoned})
	h.fact(ReportPaper{Ticket: "no such", Answer: e.Request, Paper: PaperAbandoned})
	if after, _ := h.s.Answer(e.Request); after != before {
		t.Errorf("answer %+v became %+v", before, after)
	}
}

func TestFactsAreTakenInOrderAndOnce(t *testing.T) {
	h := openHall(t)
	for _, c := range []struct {
		seq   uint64
		taken bool
		ack   uint64
	}{
		{2, false, 0}, // comes before fact 1
		{1, true, 1},
		{1, false, 1}, // again
		{2, true, 2},
		{9, false, 2},
		{0, false, 2},
	} {
		cmd := h.factOf("k1", Unknown{Why: "of a later version"})
		cmd.Fact.Seq = c.seq
		_, no := h.ask(cmd)
		if (no == nil) != c.taken || no != nil && no.Code != Nothing {
			t.Errorf("fact %d: %v, want taken %v", c.seq, no, c.taken)
		}
		if ack := h.s.Installs["k1"].Ack; ack != c.ack {
			t.Errorf("after fact %d: acknowledged up to %d, want %d", c.seq, ack, c.ack)
		}
	}
	if _, no := h.ask(Command{Do: Unknown{}, Fact: &Fact{Install: "stranger", Seq: 1}}); no == nil || no.Code != Fault {
		t.Errorf("a fact of an installation nobody knows: %v", no)
	}
}

// A restore has lost a ticket, and the first to tell of it is the kiosk that showed it once more and failed to print it: the
// paper of the first request may exist all the same.
func TestASecondPaperDoesNotVoidALostTicket(t *testing.T) {
	h := openHall(t)
	h.fact(ReportPaper{Ticket: "first", Answer: "again", Paper: PaperStarted, Dept: edu, Number: "A077", Day: h.s.Day})
	h.fact(ReportPaper{Ticket: "first", Answer: "again", Paper: PaperNone})
	x := h.s.Tickets["first"]
	h.state(x, Waiting)
	h.fact(ReportPaper{Ticket: "first", Answer: "first", Paper: PaperStarted, Dept: edu, Number: "A077", Day: h.s.Day})
	h.fact(ReportPaper{Ticket: "first", Answer: "first", Paper: PaperNone})
	h.state(x, Void)
}

// During a recovery the journal of an installation that nobody has approved is heard: its papers get their places. But it may
// be an old copy, so its word that a request was given up counts for nothing but that nobody knows.
func TestAWaitingInstallationHandsIn(t *testing.T) {
	h := openHall(t)
	x := h.take(Take{Dept: edu})
	let := Command{Do: LetHandIn{Device: "kiosk-1", Install: "spare"}}
	if _, no := h.ask(let); no == nil || no.Code != Conflict {
		t.Errorf("without a recovery: %v", no)
	}
	h.do(BeginRecovery{Why: "restore"})
	bound := h.s.Devices["kiosk-1"]
	if _, no := h.ask(let); no != nil {
		t.Fatal(no)
	}
	if _, no := h.ask(let); no == nil || no.Code != Nothing {
		t.Errorf("once more: %v", no)
	}
	if h.s.Devices["kiosk-1"] != bound {
		t.Error("it took the place of the old one")
	}
	say := func(w ReportPaper) {
		t.Helper()
		if _, no := h.ask(h.factOf("spare", w)); no != nil {
			t.Fatal(no)
		}
	}
	say(ReportPaper{Answer: RequestID(x.ID), Paper: PaperAbandoned})
	say(ReportPaper{Answer: "another request", Paper: PaperAbandoned})
	if h.state(x, Waiting); x.Papers[RequestID(x.ID)] != PaperUnknown {
		t.Errorf("its paper is %q", x.Papers[RequestID(x.ID)])
	}
	if _, closed := h.s.Answer("another request"); closed {
		t.Error("it closed a request of somebody else")
	}
	say(ReportPaper{Ticket: "lost", Answer: "lost", Paper: PaperStarted, Dept: edu, Number: "A077", Day: h.s.Day})
	if lost := h.s.Tickets["lost"]; lost == nil || lost.Number != "A077" {
		t.Errorf("its paper has no place: %+v", lost)
	}
}

// What a journal has dropped is given up: the facts behind it are taken, and the papers in it are counted, but no more of them
// than there are facts.
func TestAGapIsSkippedAndItsPapersCount(t *testing.T) {
	h := openHall(t)
	h.fact(Unknown{Why: "the first"})
	in := h.s.Installs["k1"]
	was := *in
	for _, c := range []struct {
		first, papers uint64
		code          Code
		ack, hw       uint64
	}{
		{was.Ack + 1, 9, Nothing, was.Ack, was.HW},
		{was.Ack + 5, 3, "", was.Ack + 4, 3},
		{was.Ack + 5, 3, Nothing, was.Ack + 4, 3},
		{was.Ack + 7, 1000, "", was.Ack + 6, 5},
		{was.Ack + 9, 0, "", was.Ack + 8, 5},
	} {
		e, no := h.ask(Command{Do: SkipGap{Install: "k1", First: c.first, Papers: c.papers}})
		if c.code == "" && (no != nil || e.Install != "k1" || e.FactSeq != 0 || e.FactGap == 0) || c.code != "" && (no == nil || no.Code != c.code) {
			t.Errorf("a journal from fact %d: %+v, %v", c.first, e, no)
		}
		if in.Ack != c.ack || in.HW != c.hw {
			t.Errorf("a journal from fact %d: ack %d, %d papers, want %d and %d", c.first, in.Ack, in.HW, c.ack, c.hw)
		}
	}
	if _, no := h.ask(Command{Do: SkipGap{Install: "stranger", First: 4}}); no == nil || no.Code != Fault {
		t.Errorf("an installation nobody knows: %v", no)
	}
}

func TestFactsAreNeverRefusedForWhatTheySay(t *testing.T) {
	h := openHall(t, "1")
	for _, w := range []Wish{
		Unknown{Why: "?"}, Rate{Visit: "no such", Score: 3}, Take{Dept: edu}, nil, ReportPaper{},
		Presence{Counter: "9", Officer: "zhao", On: true}, Presence{Counter: "1", Officer: "nobody", On: true},
		Presence{Counter: "1", Officer: "qian"}, Presence{Counter: "3", Officer: "qian"},
	} {
		if e := h.fact(w); e.Body.(FactKept).Odd == "" && w != (ReportPaper{}) {
			t.Errorf("%#v is not marked", w)
		}
	}
	if d := h.s.Desk("1"); d.Officer != "zhao" || d.State != DeskIdle {
		t.Errorf("another officer's leaving left counter 1 %s with %q", d.State, d.Officer)
	}
}

func TestPresenceIsAFactToo(t *testing.T) {
	h := openHall(t)
	h.fact(Presence{Counter: "1", Officer: "zhao", On: true})
	if d := h.s.Desk("1"); d.State != DeskIdle || d.Officer != "zhao" {
		t.Errorf("counter 1 is %s with %q", d.State, d.Officer)
	}
	h.fact(Presence{Counter: "1", Officer: "zhao"})
	if d := h.s.Desk("1"); d.State != DeskClosed {
		t.Errorf("counter 1 is %s", d.State)
	}
}

func TestARatingCountsOnceAndOnlyForAServedVisit(t *testing.T) {
	h := openHall(t, "1")
	h.wait(edu, "", "")
	h.do(Next{Counter: "1"})
	v := h.s.Visits[h.s.Desk("1").Visit]
	kept := func(what string, w Rate) {
		t.Helper()
		if b, ok := h.fact(w).Body.(FactKept); !ok || b.Odd == "" {
			t.Errorf("%s: it was not kept apart", what)
		}
	}
	kept("still open", Rate{Visit: v.ID, Score: 5})
	h.do(Next{Counter: "1"})
	kept("no such score", Rate{Visit: v.ID, Score: 6})
	kept("no such score", Rate{Visit: v.ID, Score: 0})
	h.fact(Rate{Visit: v.ID, Score: 2})
	kept("a second one", Rate{Visit: v.ID, Score: 5})
	if v.Score != 2 {
		t.Errorf("the score is %d", v.Score)
	}
	parked := h.s.Desk("1").Visit
	h.do(Park{Counter: "1"})
	kept("on hold", Rate{Visit: parked, Score: 5})
}
