package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowd drives a hall with whatever people and devices may do, and keeps its own account of who was overtaken.
type crowd struct {
	*hall
	rt       *rapid.T
	requests []Command                       // all that were ever sent: any may come again
	passed   map[TicketID]int                // how often a ticket was overtaken where it stands
	by       map[uint64]map[TicketID]Place   // which call overtook whom, and where they stood, for the undo of that call
	where    map[TicketID]Place              // the place for which passed counts
	facts    map[InstallID]map[uint64]string // the facts that were taken
}

func newCrowd(rt *rapid.T) *crowd {
	c := &crowd{
		hall: newHall(rt), rt: rt, passed: map[TicketID]int{}, by: map[uint64]map[TicketID]Place{},
		where: map[TicketID]Place{}, facts: map[InstallID]map[uint64]string{},
	}
	c.lookEach = 5
	for id, d := range c.r.Departments { // rules that let a lot happen in a short time
		d.Missed = Missed{After: 2, Times: 2, Within: 30 * time.Minute}
		c.r.Departments[id] = d
	}
	c.do(RaiseEpoch{Boot: "boot1"})
	c.do(Bind{Device: "kiosk-1", Install: "k1"})
	c.do(Bind{Device: "kiosk-2", Install: "k2"})
	c.do(OpenDay{})
	for i, o := range []OfficerID{"zhao", "qian", "sun", "li"} {
		c.do(SignOn{Counter: CounterID(fmt.Sprint(i + 1)), Officer: o})
	}
	for _, class := range []string{"", "urgent", "", "urgent", "urgent", "booked", "", "urgent", "urgent"} {
		for _, d := range []DeptID{fin, sci, edu} {
			c.do(Take{Dept: d, Class: class})
		}
	}
	c.pass(20 * time.Second)
	c.do(Tick{})
	return c
}

func draw[T any](c *crowd, name string, of ...T) T { return rapid.SampledFrom(of).Draw(c.rt, name) }

func (c *crowd) counter() CounterID { return draw(c, "counter", CounterID("1"), "2", "3", "4") }

func (c *crowd) dept() DeptID { return draw(c, "department", edu, fin, sci) }

// ticket is any ticket there is, the latest more often.
func (c *crowd) ticket() *Ticket {
	var ids []TicketID
	for _, e := range c.log {
		if b, ok := e.Body.(Issued); ok && c.s.Tickets[b.Ticket] != nil {
			ids = append(ids, b.Ticket)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	i := rapid.IntRange(0, len(ids)-1).Draw(c.rt, "ticket from the end")
	return c.s.Tickets[ids[len(ids)-1-i]]
}

// send sends a command and keeps the account; a refusal is an answer like any other, but must say why.
func (c *crowd) send(cmd Command) {
	c.Helper()
	lines := c.couldBeCalled(cmd.Do)
	known, answered := c.s.Answer(cmd.Request)
	e, no := c.ask(cmd)
	switch {
	case no != nil && (no.Why == "" || no.Code == OK):
		c.Fatalf("%#v is refused without a reason: %+v", cmd.Do, no)
	case answered && (no == nil || no.Code != Nothing):
		c.Fatalf("request %s was answered before and now again: %+v", cmd.Request, e)
	case cmd.Fact != nil && no != nil && no.Code != Nothing:
		c.Fatalf("fact %#v is refused: %v", cmd.Do, no)
	}
	if again, still := c.s.Answer(cmd.Request); answered && (!still || again != known) {
		c.Fatalf("request %s: answer %+v became %+v", cmd.Request, known, again)
	}
	if no != nil {
		return
	}
	if _, ok := c.s.Answer(cmd.Request); cmd.Request != "" && !ok {
		c.Fatalf("%#v was done and has no answer", cmd.Do)
	}
	c.once(e)
	c.account(e, lines)
}

// once checks that no fact is taken twice.
func (c *crowd) once(e Event) {
	c.Helper()
	if e.FactSeq == 0 {
		return
	}
	seen := c.facts[e.Install]
	if seen == nil {
		seen = map[uint64]string{}
		c.facts[e.Install] = seen
	}
	if _, twice := seen[e.FactSeq]; twice {
		c.Fatalf("fact %d of %s was taken twice", e.FactSeq, e.Install)
	}
	seen[e.FactSeq] = e.FactSum
}

// couldBeCalled is, before a press of next, who waits in each department and could be called by that counter:
// written down anew from what the documentation says, without a look at the code that chooses.
func (c *crowd) couldBeCalled(w Wish) map[DeptID][]*Ticket {
	next, ok := w.(Next)
	counter := c.r.Counters[next.Counter]
	if !ok {
		return nil
	}
	out := map[DeptID][]*Ticket{}
	for _, t := range c.s.Tickets {
		if t.State != Waiting || t.OnlyAt != "" && t.OnlyAt != next.Counter || !slices.Contains(counter.Depts, t.Dept) {
			continue
		}
		able := true
		for _, n := range t.Needs {
			able = able && slices.Contains(counter.Provides, n)
		}
		for _, o := range c.s.Tickets {
			elsewhere := (o.State == Calling || o.State == Serving) && o.At != next.Counter
			able = able && (t.Holder == "" || o.Holder != t.Holder || !elsewhere)
		}
		if able {
			out[t.Dept] = append(out[t.Dept], t)
		}
	}
	return out
}

// account counts overtaking: the bound says that nobody who could have been called is overtaken more often than that.
func (c *crowd) account(e Event, lines map[DeptID][]*Ticket) {
	c.Helper()
	switch b := e.Body.(type) {
	case Called:
		if b.Parked {
			return
		}
		t := c.s.Tickets[b.Ticket]
		if !slices.Contains(lines[t.Dept], t) {
			c.Fatalf("counter %s called %+v, whom it could not serve", b.Counter, t)
		}
		c.by[e.Seq] = map[TicketID]Place{}
		for _, o := range lines[t.Dept] {
			if !o.Place.Before(t.Place) {
				continue
			}
			c.overtake(o, e.Seq)
		}
	case Undid:
		for id, place := range c.by[b.Of] {
			if c.where[id] == place {
				c.passed[id]--
			}
		}
	}
}

func (c *crowd) overtake(o *Ticket, call uint64) {
	c.Helper()
	if c.where[o.ID] != o.Place {
		c.where[o.ID], c.passed[o.ID] = o.Place, 0
	}
	c.passed[o.ID]++
	c.by[call][o.ID] = o.Place
	d := c.r.Departments[o.Dept]
	if d.Policy == FIFO {
		c.Fatalf("%s was overtaken in fifo", o.Number)
	}
	if n := c.passed[o.ID]; n > d.MaxPassed {
		c.Fatalf("%s was overtaken %d times in %s, %d are allowed", o.Number, n, o.Dept, d.MaxPassed)
	}
}

func (c *crowd) wish(w Wish) {
	cmd := c.command(w)
	if counter := counterOf(w); counter != "" && rapid.IntRange(0, 3).Draw(c.rt, "fenced") == 0 {
		cmd.IfVer = &Version{Epoch: c.s.Epoch, CV: c.s.Desk(counter).CV - uint64(rapid.IntRange(0, 1).Draw(c.rt, "stale"))}
	}
	c.requests = append(c.requests, cmd)
	c.send(cmd)
}

func (c *crowd) take(*rapid.T) {
	w := Take{
		Dept: c.dept(), Class: draw(c, "class", "", "", "urgent", "booked"),
		Holder: draw(c, "card", "", "", "card1", "card2", "card3"),
	}
	if need := draw(c, "need", "", "", "", "low", "en"); need != "" {
		w.Needs = []string{need}
	}
	c.wish(w)
}

// press presses a key that means something at that counter now, mostly.
func (c *crowd) press(*rapid.T) {
	n := c.counter()
	if rapid.IntRange(0, 4).Draw(c.rt, "any key") > 0 {
		keys := map[DeskState][]Wish{
			DeskClosed:  {SignOn{n, "zhao"}, SignOn{n, "qian"}, SignOn{n, "sun"}},
			DeskIdle:    {Next{n}, Next{n}, Next{n}, Next{n}, Unpark{Counter: n}, Undo{n}, Pause{n, "tea"}},
			DeskPaused:  {Unpause{n}},
			DeskCalling: {Start{n}, Next{n}, Next{n}, Recall{n}, Miss{n}, Miss{n}, Park{n}, Transfer{Counter: n, To: c.dept()}, Undo{n}},
			DeskServing: {Next{n}, Next{n}, Complete{n, Promised}, Park{n}, Transfer{Counter: n, ToCounter: c.counter()}, Undo{n}, Pause{n, "tea"}},
		}
		c.wish(draw(c, "key", keys[c.s.Desk(n).State]...))
		return
	}
	c.wish(draw[Wish](c, "key",
		Next{n}, Next{n}, Next{n}, Next{n}, Start{n}, Recall{n}, Miss{n}, Park{n}, Unpark{Counter: n}, Undo{n}, Undo{n},
		Complete{n, draw(c, "outcome", Direct, Promised, Refused)}, Transfer{Counter: n, To: c.dept()},
		Transfer{Counter: n, ToCounter: c.counter()}, Pause{n, "tea"}, Unpause{n}))
}

func (c *crowd) seat(*rapid.T) {
	n, o := c.counter(), draw(c, "officer", OfficerID("zhao"), "qian", "sun", "li")
	if rapid.Bool().Draw(c.rt, "as a fact") {
		c.send(c.factOf(draw(c, "installation", InstallID("k1"), "k2"), Presence{Counter: n, Officer: o, On: rapid.Bool().Draw(c.rt, "on")}))
		return
	}
	c.wish(draw[Wish](c, "seat", SignOn{n, o}, SignOn{n, o}, SignOff{n}))
}

func (c *crowd) office(*rapid.T) {
	if t := c.ticket(); t != nil {
		c.wish(draw[Wish](c, "request", Reinstate{t.ID}, Unpark{c.counter(), t.ID}))
	}
}

// back reinstates one of those who missed their call.
func (c *crowd) back(*rapid.T) {
	var gone []string
	for id, t := range c.s.Tickets {
		if t.State == Gone {
			gone = append(gone, string(id))
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		c.wish(Reinstate{TicketID(draw(c, "missed", gone...))})
	}
}

// busyHour is many presses and a few taps on end.
func (c *crowd) busyHour(rt *rapid.T) {
	for range 8 {
		draw(c, "what", c.press, c.press, c.press, c.take, c.back)(rt)
	}
}

// news is a fact of a paper: of a ticket that exists, mostly; in order, mostly.
func (c *crowd) news(*rapid.T) {
	w := ReportPaper{Paper: draw(c, "paper", PaperStarted, PaperConfirmed, PaperAsked, PaperSent, PaperUnknown, PaperNone, PaperAbandoned)}
	if t := c.ticket(); t != nil && rapid.IntRange(0, 7).Draw(c.rt, "known") > 0 {
		w.Ticket = t.ID
		var ids []string
		for id := range t.Papers {
			ids = append(ids, string(id))
		}
		slices.Sort(ids)
		w.Answer = RequestID(draw(c, "answer", ids...))
	} else {
		c.n++
		w.Ticket = TicketID(fmt.Sprintf("lost%04d", c.n))
		w.Answer, w.Dept, w.Day, w.Holder = RequestID(w.Ticket), c.dept(), c.s.Day, draw(c, "card", "", "card1")
		w.Number = c.r.Departments[w.Dept].Series.Label(rapid.IntRange(1, 40).Draw(c.rt, "number"))
		if rapid.Bool().Draw(c.rt, "offline") {
			c.alone(&w)
		}
	}
	cmd := c.factOf(draw(c, "installation", InstallID("k1"), "k2"), w)
	switch rapid.IntRange(0, 9).Draw(c.rt, "order") {
	case 0:
		cmd.Fact.Seq++ // too early
	case 1:
		cmd.Fact.Seq-- // again
	case 2:
		c.send(Command{Do: SkipGap{Install: cmd.Fact.Install, First: cmd.Fact.Seq + 3, Papers: uint64(rapid.IntRange(0, 9).Draw(c.rt, "papers in the gap"))}})
		return
	}
	c.send(cmd)
}

// alone makes the paper one of a kiosk that was cut off: for a request that was answered unheard, or for one that never came.
func (c *crowd) alone(w *ReportPaper) {
	w.Off = rapid.IntRange(1, 99).Draw(c.rt, "place in the series")
	w.Number = fmt.Sprintf("%sX%02d", c.r.Departments[w.Dept].Series.Prefix, w.Off)
	w.Claimed = c.now.Add(time.Duration(rapid.IntRange(-90, 5).Draw(c.rt, "minutes ago")) * time.Minute)
	w.ClockOK = rapid.Bool().Draw(c.rt, "clock")
	w.NotAfter = c.s.Seq
	if t := c.ticket(); t != nil && rapid.Bool().Draw(c.rt, "unheard") {
		w.Answer = RequestID(t.ID)
	}
}

// permit lets the kiosks give numbers of their own.
func (c *crowd) permit(*rapid.T) {
	c.wish(Permit{Device: "kiosk-1", Install: draw(c, "installation", InstallID("k1"), "k2"), Letters: "X", Cap: 20})
}

// restore is what follows a restored backup.
func (c *crowd) restore(*rapid.T) {
	if !c.s.Recovering && rapid.IntRange(0, 3).Draw(c.rt, "restored") > 0 {
		return
	}
	if c.s.Recovering {
		c.wish(EndRecovery{Heard: map[DeptID]int{edu: rapid.IntRange(0, 300).Draw(c.rt, "heard")}})
		return
	}
	c.wish(BeginRecovery{Why: "test"})
}

func (c *crowd) score(*rapid.T) {
	var ids []string
	for id := range c.s.Visits {
		ids = append(ids, string(id))
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		c.send(c.factOf("k1", Rate{Visit: VisitID(draw(c, "visit", ids...)), Score: rapid.IntRange(0, 6).Draw(c.rt, "score")}))
	}
}

// again sends a request once more.
func (c *crowd) again(*rapid.T) {
	if n := len(c.requests); n > 0 {
		cmd := c.requests[rapid.IntRange(max(0, n-30), n-1).Draw(c.rt, "request")]
		if _, still := c.s.Answer(cmd.Request); still {
			c.send(cmd)
		}
	}
}

// clock goes on, now and then by much, now and then back by an hour; the timer does what is due.
func (c *crowd) clock(*rapid.T) {
	c.pass(draw(c, "time", time.Second, 5*time.Second, 20*time.Second, 21*time.Second, 10*time.Minute, -time.Hour, -time.Second))
	c.send(Command{Actor: "timer", Do: Tick{}})
}

func (c *crowd) restart(*rapid.T) {
	c.wish(RaiseEpoch{Boot: fmt.Sprintf("boot%d", c.s.Epoch+1), Why: "start"})
}

// day ends the day and, mostly, begins the next one.
func (c *crowd) day(*rapid.T) {
	if rapid.IntRange(0, 2).Draw(c.rt, "really") > 0 {
		c.wish(SetIssuing{Dept: c.dept(), Open: rapid.IntRange(0, 3).Draw(c.rt, "open") > 0})
		return
	}
	c.wish(CloseDay{Force: rapid.Bool().Draw(c.rt, "by force")})
	if rapid.IntRange(0, 4).Draw(c.rt, "stays closed") > 0 {
		c.wish(OpenDay{})
		for i, o := range []OfficerID{"zhao", "qian", "sun", "li"} {
			c.wish(SignOn{Counter: CounterID(fmt.Sprint(i + 1)), Officer: o})
		}
	}
}

// nothingStuck checks that everybody who waits is called, if the officers only keep on: a bound that holds is of no use
// if nobody is called any more.
func (c *crowd) nothingStuck() {
	c.Helper()
	if !c.s.Open {
		c.do(OpenDay{})
	}
	c.pass(2 * time.Hour)
	c.send(Command{Actor: "timer", Do: Tick{}})
	c.reopen()
	for _, n := range []CounterID{"1", "2", "3", "4", "1", "2", "3", "4"} {
		for c.next(n) != "" {
			c.do(Complete{Counter: n, Outcome: Direct})
		}
	}
	for d := range c.r.Departments {
		for _, t := range c.s.Line(d) {
			for n, counter := range c.r.Counters {
				serves := slices.Contains(counter.Depts, d) && (t.OnlyAt == "" || t.OnlyAt == n)
				if serves && missing(counter, t.Needs) == "" {
					c.Fatalf("%s of %s is never called by %s: %+v", t.Number, d, n, Why(c.r, c.s, t.ID))
				}
			}
		}
	}
}

// reopen ends all visits, and seats an officer at each counter.
func (c *crowd) reopen() {
	c.Helper()
	for _, n := range []CounterID{"1", "2", "3", "4"} {
		if c.s.Desk(n).Visit != "" {
			c.do(Complete{Counter: n, Outcome: Direct})
		}
		if c.s.Desk(n).State != DeskClosed {
			c.do(SignOff{n})
		}
	}
	for i, o := range []OfficerID{"zhao", "qian", "sun", "li"} {
		c.do(SignOn{Counter: CounterID(fmt.Sprint(i + 1)), Officer: o})
	}
}

func TestWhateverPeopleDo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrowd(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"take": c.take, "take2": c.take, "take3": c.take, "press": c.press, "press2": c.press, "press3": c.press,
			"press4": c.press, "seat": c.seat, "office": c.office, "news": c.news, "news2": c.news, "score": c.score,
			"back": c.back, "hour": c.busyHour, "hour2": c.busyHour, "hour3": c.busyHour, "again": c.again, "clock": c.clock, "restart": c.restart, "permit": c.permit, "restore": c.restore, "day": c.day,
		})
		c.replays()
		c.nothingStuck()
		c.replays()
	})
}
