package sim

import (
	"fmt"
	"strings"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// books are the simulator's own account of what happened; they know the rules and nothing of the code that keeps them.
type books struct {
	number   map[slip]queue.TicketID // given out
	issued   map[queue.TicketID]bool
	requests map[queue.RequestID]bool // that have changed something
	calls    map[queue.TicketID]int
	again    map[queue.TicketID]int // calls that an officer asked for: by transfer, reinstate, undo
	facts    map[string]bool        // installation and number
	skipped  map[string]bool        // the same; given up by an event, for the journal had dropped them
	rated    map[queue.VisitID]int
	undone   map[queue.VisitID]bool // visits that an undo opened again or took back
	presses  map[queue.RequestID]proto.Cmd

	prints []flow.Job
	begun  map[proto.ID]string // the number begun for each request
	holder map[slip]holder     // of each number on paper
	papers []sheet
	offline
}

// sheet is a paper in somebody's hand.
type sheet struct {
	slip
	id, tid proto.ID
	off     int
}

// holder is who holds a number, and since when.
type holder struct {
	who string
	at  time.Duration
}

// slip is what stands on a paper and makes it one of its day.
type slip struct {
	day proto.Day
	num string
}

func newBooks() books {
	return books{
		number: map[slip]queue.TicketID{}, issued: map[queue.TicketID]bool{}, requests: map[queue.RequestID]bool{},
		calls: map[queue.TicketID]int{}, again: map[queue.TicketID]int{}, facts: map[string]bool{}, skipped: map[string]bool{}, rated: map[queue.VisitID]int{},
		undone: map[queue.VisitID]bool{}, presses: map[queue.RequestID]proto.Cmd{}, begun: map[proto.ID]string{},
		holder: map[slip]holder{}, offline: newOffline(),
	}
}

// event checks an event that is committed; s is the state before it.
func (b *books) event(w *world, s *queue.State, e queue.Event) {
	if _, recovery := e.Body.(queue.RecoveryBegun); w.centre.silent && !recovery {
		w.fail("the controller has heard a later one and still decides %s %+v", e.Body.Kind(), e.Body)
	}
	if e.Request != "" {
		if b.requests[e.Request] {
			w.fail("request %s has changed something twice", e.Request)
		}
		b.requests[e.Request] = true
		b.fenced(w, s, e)
	}
	if e.FactSeq > 0 {
		name := fmt.Sprint(e.Install, " ", e.FactSeq)
		if b.facts[name] {
			w.fail("fact %s was taken twice", name)
		}
		b.facts[name] = true
	}
	switch body := e.Body.(type) {
	case queue.Issued:
		b.gave(w, s, e, body)
	case queue.Called:
		b.called(w, s, body)
	case queue.Reinstated:
		b.again[body.Ticket]++
		b.sent[body.Ticket] = true
	case queue.RecoveryBegun:
		b.lose(w, s)
	case queue.RecoveryEnded:
		b.recovered(w, e)
	case queue.GapSkipped:
		for seq := s.Installs[e.Install].Ack + 1; seq < body.First; seq++ {
			b.skipped[fmt.Sprint(e.Install, " ", seq)] = true
			w.stats.skipped++
		}
	case queue.Rated:
		if b.rated[body.Visit]++; b.rated[body.Visit] > 1 {
			w.fail("visit %s is rated twice", body.Visit)
		}
		w.stats.ratings++
	default:
		b.officers(s, e)
	}
}

// officers notes what an officer has asked for.
func (b *books) officers(s *queue.State, e queue.Event) {
	switch body := e.Body.(type) {
	case queue.Ended:
		if body.Outcome == queue.Transferred {
			b.again[s.Visits[body.Visit].Ticket]++
			b.sent[s.Visits[body.Visit].Ticket] = true
		}
	case queue.Undid:
		if v := s.Visits[s.Desk(body.Counter).Visit]; v != nil {
			b.again[v.Ticket]++
			b.undone[v.ID] = true
		}
		for id, v := range s.Visits {
			if v.Counter == body.Counter && v.Touched == body.Of {
				b.undone[id] = true
			}
		}
	}
}

// called checks a call: of a ticket that waits, once unless an officer asked for more.
func (b *books) called(w *world, s *queue.State, body queue.Called) {
	t := s.Tickets[body.Ticket]
	want := queue.Waiting
	if body.Parked {
		want = queue.OnHold
	} else {
		b.calls[t.ID]++
	}
	if t.State != want {
		w.fail("%s is called and was %s", t.Number, t.State)
	}
	if b.calls[t.ID] > 1+b.again[t.ID] {
		w.fail("%s is called %d times", t.Number, b.calls[t.ID])
	}
	for _, o := range s.Tickets {
		if o.ID != t.ID && o.Number == t.Number && o.Day == t.Day && o.State.Live() {
			w.fail("two live tickets have the number %s", t.Number)
		}
	}
	if !body.Parked {
		b.order(w, s, t)
	}
	w.stats.calls++
}

// press notes a command of a unit as it goes out.
func (b *books) press(w *world, payload []byte) {
	cmd, err := proto.Decode[proto.Cmd](payload)
	if err != nil {
		w.fail("a unit sends %s: %v", payload, err)
		return
	}
	if was, repeated := b.presses[queue.RequestID(cmd.ID)]; repeated && (was.Op != cmd.Op || *was.IfVer != *cmd.IfVer) {
		w.fail("the press %s goes out as another: %+v, then %+v", cmd.ID, was, cmd)
	}
	b.presses[queue.RequestID(cmd.ID)] = cmd
}

// fenced checks that a key press changed the counter only as the officer saw it.
func (b *books) fenced(w *world, s *queue.State, e queue.Event) {
	cmd, ok := b.presses[e.Request]
	if !ok {
		return
	}
	if now := (proto.At{Epoch: proto.Epoch(s.Epoch), Ver: proto.Ver(s.Desk(queue.CounterID(cmd.Counter)).CV)}); *cmd.IfVer != now {
		w.fail("%s was pressed at counter %s at %v and done at %v", cmd.Op, cmd.Counter, *cmd.IfVer, now)
	}
}

// said checks what the controller says: nothing that the log does not hold.
func (b *books) said(w *world, s *queue.State, m proto.Message) {
	if dev, what, ok := w.topics.ReadDown(m.Topic); ok {
		switch what {
		case proto.DownAck:
			ack, err := proto.Decode[proto.Ack](m.Payload)
			held := false // by the log, for one of the device's installations: one that waits for approval hands in as well
			for _, in := range s.Installs {
				held = held || in.Device == dev && (in.Ack > ack.Ack || in.Ack == ack.Ack && in.Sum == ack.Sum)
			}
			if err != nil || !held {
				w.fail("%s is told that its facts are taken, and the log does not hold them: %s", dev, m.Payload)
			}
		case proto.DownRes:
			b.answered(w, s, m)
		}
		return
	}
	switch kind, name, _ := w.topics.ReadState(m.Topic); kind {
	case "ctl":
		// While the database cannot be written, nobody can know what of it has been written all the same.
		c, err := proto.Decode[proto.Ctl](m.Payload)
		if err != nil || uint64(c.Epoch) > s.Epoch || c.S != "faulted" && uint64(c.Epoch) != s.Epoch {
			w.fail("the controller is %s and says it is of epoch %d, the log says %d (%v)", c.S, c.Epoch, s.Epoch, err)
		}
	case "counter":
		c, err := proto.Decode[proto.CounterState](m.Payload)
		if desk := s.Desk(queue.CounterID(name)); err != nil || uint64(c.Epoch) != s.Epoch || uint64(c.Ver) != desk.Ver || c.S != string(desk.State) {
			w.fail("counter %s is said to be %s, the log says %+v (%v)", name, m.Payload, desk, err)
		}
	}
}

func (b *books) answered(w *world, s *queue.State, m proto.Message) {
	res, err := proto.Decode[proto.Res](m.Payload)
	if err != nil || res.Ticket == nil {
		return
	}
	w.stats.answers++
	a, kept := s.Answer(queue.RequestID(res.ID))
	if t := s.Tickets[a.Ticket]; !kept || t == nil || t.Number != res.Ticket.Num || string(t.ID) != string(res.Ticket.TID) {
		w.stats.missing++
		w.fail("%s is answered with a ticket that the log does not hold: %s", res.ID, m.Payload)
	}
}

// print checks that a print may begin: once for a request, and recorded on the disk before.
func (b *books) print(w *world, k *kiosk, job flow.Job) {
	b.prints = append(b.prints, job)
	if num, twice := b.begun[job.ID]; twice {
		w.fail("%s is printed again: %s, then %s", job.ID, num, job.Ticket.Num)
	}
	b.begun[job.ID] = job.Ticket.Num
	// Where the clock jumps or a week passes, what has been printing for too long is not known; a second paper may well come after the call.
	if t := w.centre.shadow.Tickets[queue.TicketID(job.Ticket.TID)]; t != nil && b.calls[t.ID] > 0 && len(t.Papers) == 1 && w.centre.skew == 0 && w.passed == 0 {
		w.fail("%s was called and its paper is only now begun", t.Number)
	}
	if f, ok := k.started(job.ID); !ok || f.Num != job.Ticket.Num || f.TID != job.Ticket.TID {
		w.fail("%s is printed without its record on the disk of %s", job.Ticket.Num, k.dev)
	}
}

// paper notes a paper in somebody's hand. Without a card each request is a visitor of his own.
func (b *books) paper(w *world, where string, id proto.ID, t proto.TicketRes, f proto.Fact) {
	who := f.Card
	if who == "" {
		who = "whoever made " + string(id)
	}
	w.stats.papers++
	w.say("%s: the paper %s comes out for %s", where, t.Num, who)
	s := slip{t.Day, t.Num}
	if f.Off > 0 {
		s.day = 0 // in such a short time the kiosks' own series must not come round
		w.stats.offline++
	}
	if was, ok := b.holder[s]; ok && was.who != who && was.at >= w.weekAt {
		w.stats.doubles++
		w.fail("two visitors hold the number %s: %s and %s", t.Num, was.who, who)
	}
	if t.Num == "" || !strings.ContainsAny(t.Num[:1], "AB") {
		w.fail("a paper with the number %q", t.Num)
	}
	b.holder[s] = holder{who, w.now}
	b.papers = append(b.papers, sheet{slip: slip{t.Day, t.Num}, id: id, tid: t.TID, off: f.Off})
}
