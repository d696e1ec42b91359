package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"quhao/internal/device"
	"quhao/internal/link"
	"quhao/internal/proto"
)

const (
	answerWithin = time.Minute // a command, restarts of the daemon included
	againAfter   = time.Second // an unanswered command is sent again, with the same id
)

// client is a device without hardware: a session over real MQTT, commands and facts. It sends a command until it is
// answered, however often the daemon dies in between.
type client struct {
	t      *testing.T
	dev    string
	topics proto.Topics
	start  time.Time
	link   *link.Link
	sess   *device.Session
	asks   chan question
	facts  chan fact

	mu     sync.Mutex
	states map[string]proto.CounterState
	change chan struct{} // closed at each change of states
}

// question is a command that waits for its answer.
type question struct {
	cmd    proto.Cmd
	answer chan proto.Res
}

// fact is a fact that waits to be journaled.
type fact struct {
	fact proto.Fact
	kept chan error
}

// memory is a disk that forgets with the test.
type memory struct{ b []byte }

func (m *memory) Load() ([]byte, error)  { return m.b, nil }
func (m *memory) Append(b []byte) error  { m.b = append(m.b, b...); return nil }
func (m *memory) Replace(b []byte) error { m.b = append([]byte(nil), b...); return nil }
func random() string                     { b := make([]byte, 16); rand.Read(b); return hex.EncodeToString(b) }
func (c *client) now() device.Now {
	w := time.Now()
	return device.Now{Up: w.Sub(c.start), Wall: w, Set: true}
}

// newID makes the id of a command.
func newID() proto.ID {
	var r [10]byte
	rand.Read(r[:])
	return proto.NewID(time.Now().UnixMilli(), r)
}

// connect makes a device and runs it until the test ends.
func connect(t *testing.T, d *daemon, dev string, kind proto.Kind, subscribe ...string) *client {
	t.Helper()
	c, stop := dial(t, d.mqtt, dev, d.enrol(dev), kind, subscribe...)
	t.Cleanup(stop)
	return c
}

// dial makes a device and runs it until stop is called.
func dial(t *testing.T, addr, dev, secret string, kind proto.Kind, subscribe ...string) (c *client, stop func()) {
	t.Helper()
	topics := proto.NewTopics("")
	j, err := device.OpenJournal(new(memory), func() proto.Install { return proto.Install(random()) })
	if err != nil {
		t.Fatal(err)
	}
	c = &client{
		t: t, dev: dev, topics: topics, start: time.Now(), asks: make(chan question), facts: make(chan fact),
		states: map[string]proto.CounterState{}, change: make(chan struct{}),
	}
	c.sess = device.NewSession(device.Options{
		Dev: dev, Kind: kind, FW: "e2e", Topics: topics, Boot: proto.Boot(random()), Random: random,
	}, j)
	c.link = link.New(link.Options{
		Addr: addr, ClientID: dev, User: dev, Password: secret, MinWait: 20 * time.Millisecond, MaxWait: 200 * time.Millisecond,
		Will:      proto.Message{Topic: topics.Up(dev, proto.UpAvail), Payload: []byte(`{"s":"lost"}`), Retain: true, QoS: 1},
		Subscribe: append([]string{topics.AllDown(dev), topics.Ctl()}, subscribe...),
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.link.Run(ctx); err != nil {
			t.Errorf("%s: %v", dev, err)
		}
	})
	wg.Go(func() { c.run(ctx) })
	return c, func() { cancel(); wg.Wait() }
}

// run is the device's one goroutine.
func (c *client) run(ctx context.Context) {
	open := map[proto.ID]question{}
	sent := map[proto.ID]time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-c.link.Events():
			switch {
			case e.Up:
				c.sess.Up(c.now())
			case e.Down:
				c.sess.Down(c.now())
			default:
				c.message(*e.Msg, open)
			}
		case q := <-c.asks:
			open[q.cmd.ID] = q
		case f := <-c.facts:
			_, err := c.sess.Journal().AddFact(c.sess.Stamp(c.now(), f.fact))
			c.sess.FactAdded(c.now())
			f.kept <- err
		case <-timer.C:
		}
		c.sess.Tick(c.now())
		c.resend(open, sent)
		c.flush()
		wait := 100 * time.Millisecond
		if at, ok := c.sess.Due(); ok {
			wait = min(wait, max(at-c.now().Up, time.Millisecond))
		}
		timer.Reset(wait)
	}
}

// resend sends every open command that was not sent in this session, or not lately.
func (c *client) resend(open map[proto.ID]question, sent map[proto.ID]time.Time) {
	if c.sess.Sess() == "" {
		clear(sent)
		return
	}
	maps.DeleteFunc(sent, func(id proto.ID, _ time.Time) bool { _, waits := open[id]; return !waits })
	for id, q := range open {
		if at, ok := sent[id]; ok && time.Since(at) < againAfter {
			continue
		}
		sent[id] = time.Now()
		q.cmd.V, q.cmd.Mark = proto.Version, c.sess.Mark()
		if err := c.sess.Send(proto.UpCmd, q.cmd); err != nil {
			c.t.Errorf("%s: %v", c.dev, err)
		}
	}
}

func (c *client) flush() {
	out, drop, err := c.sess.Take()
	if err != nil {
		c.t.Errorf("%s: %v", c.dev, err)
	}
	for _, m := range out {
		_ = c.link.Publish(m) // lost like any message on its way
	}
	if drop {
		c.link.Drop()
	}
}

// message takes what arrives: the session's own, answers, and states of counters.
func (c *client) message(m proto.Message, open map[proto.ID]question) {
	if mine, err := c.sess.Receive(c.now(), m); mine || err != nil {
		if err != nil {
			c.t.Errorf("%s: %v", c.dev, err)
		}
		return
	}
	if kind, name, ok := c.topics.ReadState(m.Topic); ok && kind == "counter" {
		st, err := proto.Decode[proto.CounterState](m.Payload)
		if err != nil {
			c.t.Errorf("%s: %v", c.dev, err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if st.At().After(c.states[name].At()) {
			c.states[name] = st
			close(c.change)
			c.change = make(chan struct{})
		}
		return
	}
	if _, what, ok := c.topics.ReadDown(m.Topic); !ok || what != proto.DownRes {
		return
	}
	res, err := proto.Decode[proto.Res](m.Payload)
	if err != nil {
		c.t.Errorf("%s: %v", c.dev, err)
		return
	}
	if q, ok := open[res.ID]; ok && res.Sess == c.sess.Sess() {
		delete(open, res.ID)
		q.answer <- res
	}
}

// do sends a command until it is answered.
func (c *client) do(cmd proto.Cmd) (proto.Res, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	return c.ask(ctx, cmd)
}

// ask sends a command until it is answered or ctx ends.
func (c *client) ask(ctx context.Context, cmd proto.Cmd) (proto.Res, error) {
	q := question{cmd: cmd, answer: make(chan proto.Res, 1)}
	select {
	case c.asks <- q:
	case <-ctx.Done():
		return proto.Res{}, fmt.Errorf("%s: the device does not take the command: %w", c.dev, ctx.Err())
	}
	select {
	case res := <-q.answer:
		return res, nil
	case <-ctx.Done():
		return proto.Res{}, fmt.Errorf("%s: %s %s was not answered: %w", c.dev, cmd.Op, cmd.ID, ctx.Err())
	}
}

// take asks for a number with that id.
func (c *client) take(id proto.ID) (proto.Res, error) {
	return c.do(proto.Cmd{ID: id, Op: proto.OpTicket, Q: "office"})
}

// print journals that the ticket was printed, as a kiosk does.
func (c *client) print(id proto.ID, t *proto.TicketRes) error {
	for _, f := range []proto.Fact{
		{K: proto.FactStart, ID: id, TID: t.TID, Num: t.Num, Day: t.Day, Q: t.Q},
		{K: proto.FactEnd, ID: id, TID: t.TID, How: proto.HowSent},
	} {
		if err := c.keep(f); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) keep(f proto.Fact) error {
	w := fact{fact: f, kept: make(chan error, 1)}
	select {
	case c.facts <- w:
		return <-w.kept
	case <-time.After(answerWithin):
		return fmt.Errorf("%s: the device does not take the fact", c.dev)
	}
}

// await waits for a counter to be as wanted.
func (c *client) await(counter string, want func(proto.CounterState) bool) (proto.CounterState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	return c.watch(ctx, counter, want)
}

// watch waits for a counter to be as wanted until ctx ends.
func (c *client) watch(ctx context.Context, counter string, want func(proto.CounterState) bool) (proto.CounterState, error) {
	for {
		c.mu.Lock()
		st, changed := c.states[counter], c.change
		c.mu.Unlock()
		if want(st) {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return st, fmt.Errorf("%s: counter %s is still %+v: %w", c.dev, counter, st, ctx.Err())
		}
	}
}
