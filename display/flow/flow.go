// Package flow is what a counter unit does, pure: events and their time in, actions out.
//
// It shows the state of its counters, makes commands of key presses, and takes ratings and the officers' presence into
// the journal. It knows no clock, starts nothing and waits for nothing; only the journal's disk is written directly,
// because nothing may follow what is not durable. Without the controller it goes on showing, marked as stale.
package flow

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"quhao/drivers/led"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// The times of a counter unit.
const (
	freshFor   = 15 * time.Second // a call younger than this is announced, and blinks until it is as old
	turnEvery  = 3 * time.Second  // texts of an idle counter in turn
	noticeFor  = 2 * time.Second  // thanks for a rating
	resendAt   = time.Second      // a command without an answer is sent once more
	darkFor    = 2 * time.Second  // then the keys are lit again whatever came
	cardWaits  = 10 * time.Second // for the key that says at which counter the card was
	flash      = 150 * time.Millisecond
	flashes    = 6           // half of them the other way than the lamp is
	redoAfter  = time.Second // a display or lamp that failed is tried again
	ratingMost = time.Hour   // whatever the controller says: an invitation ends
)

// allSegments is what a display shows when it is tested from afar.
const allSegments = "８８８８８８８８"

// Config says what a unit serves.
type Config struct {
	Dev      string
	Topics   proto.Topics
	Counters []Counter
	Zone     *time.Location    // of the centre; nil is UTC
	Names    map[string]string // of departments by their ids, short enough for the displays; a missing one is shown by its id
}

// Counter is one counter of a unit.
type Counter struct {
	ID       string
	Name     string         // 3号窗口; empty: the id is shown
	Depts    []string       // shown in turn while idle, if the state does not name any
	Transfer map[int]string // department for each number of the transfer key; a number without one is refused
	LED      bool           // it has a display; without one nothing is reported as shown
	Effects  Effects        // of the display
	// Scroll is how a picture moves on the display, see led.Scroller; nil if nothing does.
	Scroll func(led.Show) (in, past int)
}

// Unit is one counter unit. Its methods are for one goroutine.
type Unit struct {
	cfg      Config
	s        *device.Session
	newID    func() proto.ID
	counters []*counter
	parts    map[string]string

	now       device.Now // of the last event
	card      string     // hash of a card that waits for the key of its counter
	cardUntil time.Duration
	fault     error // the last fault of the journal
	bad       uint64
	badErr    error
	out       []Action
}

// New returns the unit with its session, which it owns from now on. newID makes the id of each command.
func New(cfg Config, s *device.Session, newID func() proto.ID) *Unit {
	u := &Unit{cfg: cfg, s: s, newID: newID, parts: map[string]string{}}
	for _, c := range cfg.Counters {
		u.counters = append(u.counters, &counter{Counter: c})
	}
	return u
}

// Handle takes an event and returns what is to be done, in this order; after one that fails the rest is left,
// and Failed comes back. Pictures and lamps come before messages, so that a lost connection never holds them up.
func (u *Unit) Handle(now device.Now, ev Event) []Action {
	u.now = now
	switch ev := ev.(type) {
	case Press:
		if c := u.counter(ev.Counter); c != nil {
			u.press(c, ev.Press)
		}
	case Card:
		u.carded(ev)
	case PipeUp:
		u.s.Up(now)
	case PipeDown:
		u.s.Down(now)
	case Message:
		if err := u.message(ev.Message); err != nil {
			u.bad, u.badErr = u.bad+1, err
		}
	case Displayed:
		u.displayed(ev)
	case Part:
		u.part(ev.Name, ev.State)
	case Failed:
		u.failed(ev)
	}
	u.s.Tick(now)
	for _, c := range u.counters {
		u.settle(c)
	}
	return u.take()
}

// take hands out what has gathered: first what people see, then messages.
func (u *Unit) take() []Action {
	out, drop, err := u.s.Take()
	if err != nil {
		u.broken(err)
		more, again, _ := u.s.Take()
		out, drop = append(out, more...), drop || again
	}
	for _, m := range out {
		u.out = append(u.out, Publish{m})
	}
	if drop {
		u.out = append(u.out, Drop{Rest: max(0, u.s.Rejected()-u.now.Up), Why: u.s.Refused()})
	}
	acts := u.out
	u.out = nil
	return acts
}

// message takes what has arrived. An error says that it could not be read; nothing has changed then.
func (u *Unit) message(m proto.Message) error {
	if mine, err := u.s.Receive(u.now, m); mine || err != nil {
		return err
	}
	if kind, name, ok := u.cfg.Topics.ReadState(m.Topic); ok {
		c := u.counter(name)
		if kind != "counter" || c == nil {
			return nil
		}
		st, err := proto.Decode[proto.CounterState](m.Payload)
		if err != nil {
			return fmt.Errorf("state of counter %s: %w", name, err)
		}
		u.hear(c, st)
		return nil
	}
	dev, what, ok := u.cfg.Topics.ReadDown(m.Topic)
	if !ok || dev != u.cfg.Dev {
		return nil
	}
	switch what {
	case proto.DownRes:
		res, err := proto.Decode[proto.Res](m.Payload)
		if err != nil {
			return fmt.Errorf("result: %w", err)
		}
		u.result(res)
	case proto.DownDo:
		o, err := proto.Decode[proto.Order](m.Payload)
		if err != nil {
			return fmt.Errorf("order: %w", err)
		}
		u.order(o)
	}
	return nil
}

// order does what the controller asks for once: the fact comes first, and is looked for when the order is repeated.
func (u *Unit) order(o proto.Order) {
	if o.Sess != u.s.Sess() || o.Sess == "" || o.ID == "" {
		return
	}
	if !slices.Contains([]string{proto.DoIdentify, proto.DoRestart, proto.DoTest}, o.Op) {
		return
	}
	done := func(f proto.Fact) bool { return f.K == proto.FactDone && f.ID == o.ID }
	if u.journaled(done) || !u.add(proto.Fact{K: proto.FactDone, ID: o.ID}) {
		return
	}
	if o.Op == proto.DoRestart {
		u.out = append(u.out, Restart{})
		return
	}
	for _, c := range u.counters {
		text := c.name()
		if o.Op == proto.DoTest {
			text = allSegments
		}
		c.notify(u.now.Up, text)
		c.signal(u.now.Up)
	}
}

// add journals a fact and hands it in. It reports whether the fact is durable: only then may anything follow from it.
func (u *Unit) add(f proto.Fact) bool {
	if _, err := u.s.Journal().AddFact(u.s.Stamp(u.now, f)); err != nil {
		u.broken(err)
		return false
	}
	u.s.FactAdded(u.now)
	return true
}

// journaled looks for a fact in the journal.
func (u *Unit) journaled(is func(proto.Fact) bool) bool {
	for f := range u.s.Journal().Facts() {
		if is(f) {
			return true
		}
	}
	return false
}

// broken notes a fault of the journal, and says so to the controller.
func (u *Unit) broken(err error) {
	u.fault = err
	u.part("journal", "error")
}

// part notes the state of a peripheral, and says so if it is another.
func (u *Unit) part(name, state string) {
	if u.parts[name] != state {
		u.parts[name] = state
		u.s.Health(proto.Health{Parts: maps.Clone(u.parts)})
	}
}

// displayed notes what stands on a display. A picture that shows no state, or comes late, changes nothing.
func (u *Unit) displayed(ev Displayed) {
	c := u.counter(ev.Counter)
	if c == nil || !ev.At.After(c.shown) {
		return
	}
	c.shown = ev.At
	u.s.Shown(u.now, c.ID, ev.At)
}

// failed has pictures and lamps made again. A message that was not taken is sent again by the timers of session and command.
func (u *Unit) failed(ev Failed) {
	switch a := ev.Action.(type) {
	case Display:
		u.redo(a.Counter)
	case Lamp:
		u.redo(a.Counter)
	case Announce:
		u.redo(a.Counter)
	}
}

// redo draws all counters from the failed one on again a little later: their actions may have been left.
func (u *Unit) redo(id string) {
	from := slices.IndexFunc(u.counters, func(c *counter) bool { return c.ID == id })
	for _, c := range u.counters[max(0, from):] {
		c.redoAt = u.now.Up + redoAfter
	}
}

// counter returns the counter with that id, or nil.
func (u *Unit) counter(id string) *counter {
	for _, c := range u.counters {
		if c.ID == id {
			return c
		}
	}
	return nil
}
