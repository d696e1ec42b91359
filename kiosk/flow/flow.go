// Package flow is what a kiosk does, pure: it collects a department and a card in any order, asks the controller for a
// number, and has it printed once. Events and time in, actions out; its only effect of its own is the journal.
//
// One request is settled by exactly one of two facts: start, synced before the first byte goes to the printer, or
// abandoned. Whatever is answered after that is ignored.
package flow

import (
	"errors"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// The times of a kiosk.
const (
	collectFor  = 15 * time.Second        // a half collected choice is dropped after this
	resendAfter = 1500 * time.Millisecond // an unanswered request is sent again, with the same id
	giveUpAfter = 3 * time.Second         // and is abandoned after this
	showFor     = 8 * time.Second         // how long a result stays on the screen, if nobody comes
	printFor    = 60 * time.Second        // the longest ticket takes half of it; then nobody knows how the paper came out
)

// Kiosk is a kiosk's whole behaviour. Make it with New; all methods are for one goroutine.
type Kiosk struct {
	c     Config
	s     *device.Session
	j     *device.Journal
	newID func() proto.ID

	fault   bool          // the journal cannot be written: nothing is issued until a restart
	printer printer.State // as last heard; gone before that
	parts   map[string]string
	hall    *proto.HallState

	digest  string  // of a card that waits for a department
	choice  *Choice // that waits for a card
	collect time.Duration

	open   *request
	paper  *paper
	errand *errand
	result *Screen
	until  time.Duration // of result

	shown *Screen // as last emitted
	lamps map[int]bool
	out   []Action
}

// request is a number that has been asked for and is not settled.
type request struct {
	intent device.Intent
	sess   proto.Session // in which it was sent last
	resend time.Duration // when it is sent once more
	again  bool          // it was
	giveUp time.Duration
}

// paper is a ticket that is being printed.
type paper struct {
	start proto.Fact
	res   Screen // shown when it has come out
	until time.Duration

	ordered bool // by an administrator, who waits for a word
}

// New returns a kiosk that is not connected, and settles what a power cut has left open: a request becomes abandoned,
// a paper that was begun becomes unknown and is never printed again by itself. newID makes ids of commands.
func New(now device.Now, c Config, s *device.Session, newID func() proto.ID) *Kiosk {
	k := &Kiosk{c: c, s: s, j: s.Journal(), newID: newID, printer: printer.Gone, lamps: map[int]bool{}}
	intents, started := k.j.Open()
	for _, in := range intents {
		k.note(now, proto.Fact{K: proto.FactAbandoned, ID: in.ID, Q: in.Q})
	}
	for _, f := range started {
		k.note(now, proto.Fact{K: proto.FactEnd, ID: f.ID, TID: f.TID, How: proto.HowUnknown})
	}
	return k
}

// Handle deals with one event and returns what is to be done, in order. If one action fails, the rest is not to be done
// and the failure comes back as Failed.
func (k *Kiosk) Handle(now device.Now, ev Event) []Action {
	k.expire(now)
	switch e := ev.(type) {
	case Tap:
		k.tap(now, e.Digest)
	case Nobody:
		k.nobody(now)
	case Key:
		k.key(now, e.N)
	case Cancel:
		k.forget()
	case PipeUp:
		k.s.Up(now)
	case PipeDown:
		k.s.Down(now)
	case Message:
		k.message(now, e.M)
	case PrinterState:
		k.printer = e.State
	case Parts:
		k.parts = e.Health.Parts
		k.s.Health(e.Health)
	case Printed:
		k.printed(now, e)
	case Failed:
		k.failed(now, e)
	case Tick:
	}
	k.s.Tick(now)
	k.overdue(now)
	return k.finish(now)
}

// Due is when a Tick must come at the latest, as a time of device.Now.Up.
func (k *Kiosk) Due() (at time.Duration, ok bool) {
	at, ok = k.s.Due()
	soonest := func(set bool, t time.Duration) {
		if set && (!ok || t < at) {
			at, ok = t, true
		}
	}
	soonest(k.collecting(), k.collect)
	soonest(k.result != nil, k.until)
	if k.open != nil {
		soonest(!k.open.again, k.open.resend)
		soonest(true, k.open.giveUp)
	}
	if k.paper != nil {
		soonest(true, k.paper.until)
	}
	if k.errand != nil {
		soonest(true, k.errand.until)
	}
	return at, ok
}

// finish says what has changed: the paper first, for which everything else can wait.
func (k *Kiosk) finish(now device.Now) []Action {
	messages, drop, err := k.s.Take()
	if err != nil {
		k.broke(err)
	}
	if k.collecting() && k.blocked(now) != "" {
		k.forget()
	}
	out := k.out
	k.out = nil
	if s := k.screen(now); k.shown == nil || !k.shown.equal(s) {
		k.shown = &s
		out = append(out, s)
	}
	for _, c := range k.c.Choices {
		if on := k.lit(now, c); on != k.lamps[c.Key] {
			k.lamps[c.Key] = on
			out = append(out, Lamp{Key: c.Key, On: on})
		}
	}
	if drop {
		return append(out, Drop{Rest: max(0, k.s.Rejected()-now.Up), Why: k.s.Refused()})
	}
	for _, m := range messages {
		out = append(out, Publish{M: m})
	}
	return out
}

// note journals a fact and hands it in. It is false if that was not possible: then the fact must not become true.
func (k *Kiosk) note(now device.Now, f proto.Fact) bool {
	if _, err := k.j.AddFact(k.s.Stamp(now, f)); err != nil {
		k.broke(err)
		return false
	}
	k.s.FactAdded(now)
	return true
}

// broke takes note of an error of the journal. One that refuses a single record leaves it whole.
func (k *Kiosk) broke(err error) {
	if errors.Is(err, device.ErrJournal) {
		k.fault = true
	}
}

// expire drops what nobody waits for any more.
func (k *Kiosk) expire(now device.Now) {
	if k.collecting() && now.Up >= k.collect {
		k.forget()
	}
	if k.result != nil && now.Up >= k.until {
		k.result = nil
	}
}

func (k *Kiosk) collecting() bool { return k.digest != "" || k.choice != nil }

func (k *Kiosk) forget() { k.digest, k.choice = "", nil }

func (k *Kiosk) busy() bool { return k.open != nil || k.paper != nil || k.errand != nil }

// message takes what the controller says: first what belongs to the session, then states and answers.
// What cannot be read is passed over: it is as if it had been lost.
func (k *Kiosk) message(now device.Now, m proto.Message) {
	if mine, _ := k.s.Receive(now, m); mine {
		return
	}
	if kind, name, ok := k.c.Topics.ReadState(m.Topic); ok && kind == "hall" && name == k.c.Hall {
		if h, err := proto.Decode[proto.HallState](m.Payload); err == nil {
			k.heard(h)
		}
		return
	}
	dev, what, ok := k.c.Topics.ReadDown(m.Topic)
	switch {
	case !ok || dev != k.c.Dev:
	case what == proto.DownRes:
		if r, err := proto.Decode[proto.Res](m.Payload); err == nil {
			k.answered(now, r)
		}
	case what == proto.DownDo:
		if o, err := proto.Decode[proto.Order](m.Payload); err == nil {
			k.order(now, o)
		}
	}
}

func (k *Kiosk) heard(h proto.HallState) {
	if k.hall != nil && !h.At().After(k.hall.At()) {
		return
	}
	k.hall = &h
	for _, d := range h.Depts {
		k.s.Issued(d.ID, d.Issued)
	}
}

func (k *Kiosk) failed(now device.Now, e Failed) {
	switch a := e.Action.(type) {
	case Print:
		// Nothing was handed over, so nothing has been printed.
		k.printed(now, Printed{ID: a.Job.ID, How: proto.HowNone})
		k.shown, k.lamps = nil, map[int]bool{}
	case Screen, Lamp:
		k.shown, k.lamps = nil, map[int]bool{}
	case Publish, Drop, Restart:
		// Lost like a message on its way; all that matters is sent again by time.
	}
}
