package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// centre is the controller's program with its broker, and what survives it: the log and the day's key.
type centre struct {
	w        *world
	ctl      *controller.Controller // nil while the program is down
	life     int                    // which start of the program
	inbox    []controller.Input
	pumping  bool
	wake     int
	skew     time.Duration // of its clock
	retained map[string]proto.Message
	kept     []string // topics of retained, in the order they came
	log      []queue.Event
	backup   []queue.Event // of the log, a while ago
	shadow   *queue.State  // what the log says
	silent   bool          // this start of the program has heard a later controller

	refusedAt int // the commits refused before it did
}

var errDatabase = errors.New("database: input/output error")

func (c *centre) time() time.Time { return began.Add(c.w.now + c.w.passed + c.skew) }

// Load, Append, Publish, Key and Forget are the world as the controller knows it.
func (c *centre) Load(apply func(queue.Event) error) error {
	for _, e := range c.log {
		if err := apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *centre) ByRequest(_ context.Context, id queue.RequestID) (queue.Event, bool, error) {
	for _, e := range c.log {
		if e.Request == id {
			return e, true, nil
		}
	}
	return queue.Event{}, false, nil
}

func (c *centre) Append(events []queue.Event, _ []queue.Ticket, _ []queue.Visit) error {
	w := c.w
	if w.chance(w.faults.before) {
		panic(crash{"the controller, before a commit,"})
	}
	if w.chance(w.faults.refuse) {
		w.stats.refused++
		half := w.chance(0.2)
		w.say("a commit of %d events fails; written all the same: %t", len(events), half)
		if half {
			c.commit(events)
		}
		return errDatabase
	}
	c.commit(events)
	if w.chance(w.faults.after) {
		panic(crash{"the controller, after a commit,"})
	}
	return nil
}

// commit keeps events, each of which must keep the rules.
func (c *centre) commit(events []queue.Event) {
	for _, e := range events {
		if c.w.traced {
			c.w.say("event %d %s %+v (%s)", e.Seq, e.Body.Kind(), e.Body, e.Request)
		}
		c.w.books.event(c.w, c.shadow, e)
		if _, err := c.shadow.Apply(e); err != nil {
			c.w.fail("the log is broken: %v", err)
			return
		}
	}
	c.log = append(c.log, events...)
}

func (c *centre) Key(day queue.Day) ([]byte, error) {
	return fmt.Appendf(nil, "the key of day %d", day), nil
}
func (c *centre) Forget() error { return nil }

func (c *centre) Publish(m proto.Message) error {
	w := c.w
	if w.chance(w.faults.mute) {
		panic(crash{"the controller, before it has said all,"})
	}
	if c.silent {
		w.fail("the controller has heard a later one and still says %s %s", m.Topic, m.Payload)
	}
	if c.w.restoring {
		return nil // the command that restores has no broker
	}
	w.books.said(w, c.shadow, m)
	if m.Retain {
		if _, known := c.retained[m.Topic]; !known {
			c.kept = append(c.kept, m.Topic)
		}
		c.retained[m.Topic] = m
	}
	for _, l := range w.links {
		if l.connected && l.want(m.Topic) {
			l.deliver(m, false)
		}
	}
	return nil
}

// start starts the program.
func (c *centre) start() {
	c.life++
	c.silent = false
	c.retained, c.kept, c.inbox = map[string]proto.Message{}, nil, nil
	c.w.step(func() {
		ctl, err := c.load()
		if err != nil {
			c.w.say("the controller cannot start: %v", err)
			c.w.after(time.Second, c.start)
			return
		}
		c.w.say("the controller has started")
		c.ctl = ctl
	}, c.died)
	c.pump()
}

func (c *centre) load() (*controller.Controller, error) {
	return controller.New(controller.Options{
		Config: c.w.conf, Store: c, Publisher: c, Keys: c, Random: c.w.random, Log: slog.New(slog.DiscardHandler),
	}, c.time())
}

func (c *centre) died() {
	c.ctl = nil
	c.life++
	for _, l := range c.w.links {
		l.cut()
	}
	c.w.after(c.w.some(200*time.Millisecond, 5*time.Second), c.start)
}

func (c *centre) hear(dev string, m proto.Message) {
	c.put(controller.Input{Dev: dev, Message: &m})
}

// put hands something to the program; what comes within a moment is one batch.
func (c *centre) put(in controller.Input) {
	if c.ctl == nil {
		return
	}
	c.inbox = append(c.inbox, in)
	if !c.pumping {
		c.pumping = true
		c.w.after(c.w.some(0, 15*time.Millisecond), c.pump)
	}
}

// pump is one turn of the program's loop.
func (c *centre) pump() {
	c.pumping = false
	if c.ctl == nil {
		return
	}
	batch := c.inbox
	c.inbox = nil
	c.w.books.prove(c, batch)
	refused := c.w.stats.refused
	c.w.step(func() { c.ctl.Handle(c.time(), batch) }, c.died)
	if c.ctl == nil {
		return
	}
	if !c.silent && c.w.stats.refused == refused && c.later(batch) {
		c.silent, c.refusedAt = true, c.w.stats.refused
	}
	c.wake++
	wake := c.wake
	c.w.after(c.ctl.Due(c.time()).Sub(c.time()), func() {
		if c.wake == wake {
			c.pump()
		}
	})
}

// console carries out a command from the console or the command line, which knows no version.
func (c *centre) console(wish queue.Wish) {
	c.ask(wish, func(queue.RequestID, controller.Result) {})
}

func (c *centre) ask(wish queue.Wish, done func(queue.RequestID, controller.Result)) {
	cmd := queue.Command{Request: queue.RequestID(c.w.newID()), Actor: "console", Do: wish}
	c.put(controller.Input{Do: &cmd, Reply: func(r controller.Result, err error) {
		if err == nil {
			done(cmd.Request, r)
		}
		c.w.say("console: %#v: %+v %v", wish, r.Answer, err)
		if _, kept := c.shadow.Answer(cmd.Request); err == nil && !kept {
			c.w.fail("the console is told that %#v was done, and the log does not say so", wish)
		}
	}})
}

// view looks at the running controller.
func (c *centre) view(f func(controller.View)) {
	c.ctl.Handle(c.time(), []controller.Input{{View: f}})
}

// hallConfig is a small hall: two departments, two counters, two kiosks, and one or two counter units.
// own is how many numbers of its own a kiosk may give while it is cut off; 0 is none.
func hallConfig(oneUnit bool, own int) *config.Config {
	dept := func(id, prefix, card string) config.Department {
		return config.Department{
			ID: id, Prefix: prefix, Card: card, Series: config.Series{Width: 3, First: 1, AtLimit: config.AtLimitRefuse},
			Order: config.Order{Policy: config.PolicyStrict, MaxPassed: 10}, Missed: config.Missed{Within: time.Hour, After: 1, Times: 2},
		}
	}
	officer := func(id string) config.Officer { return config.Officer{ID: id, Card: proto.CardDigest(id)} }
	c := &config.Config{Centre: &config.Centre{
		Prefix: "quhao", Departments: []config.Department{dept("law", "A", config.CardOptional), dept("tax", "B", config.CardRequired)},
		Classes:  []config.Class{{ID: "priority"}, {ID: "normal"}},
		Halls:    []config.Hall{{ID: "hall"}},
		Counters: []config.Counter{{ID: "c1", Number: 1, Hall: "hall", Departments: []string{"law"}}, {ID: "c2", Number: 2, Hall: "hall", Departments: []string{"tax", "law"}}},
		Officers: []config.Officer{officer("li"), officer("wu"), officer("he")},
		Rating:   config.Rating{Minimum: 10 * time.Second, For: 20 * time.Second},
		Offline:  config.Offline{Cap: own},
	}}
	for i, id := range []string{"kiosk-1", "kiosk-2"} {
		c.Devices = append(c.Devices, &config.Device{ID: id, Kind: config.Kiosk, Hall: "hall", Letter: []string{"X", "Y"}[i]})
	}
	units := [][]string{{"c1"}, {"c2"}}
	if oneUnit {
		units = [][]string{{"c1", "c2"}}
	}
	for i, counters := range units {
		c.Devices = append(c.Devices, &config.Device{ID: "unit-" + strings.Repeat("i", i+1), Kind: config.CounterUnit, Counters: counters})
	}
	return c
}
