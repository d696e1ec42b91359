package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// memStore is a log in memory. An Append that fails leaves nothing, unless half is set: then it was written all the same,
// as a database may do when the commit itself fails.
type memStore struct {
	events  []queue.Event
	tickets map[queue.TicketID]queue.Ticket
	appends int
	fail    func(n int) error // of the n-th Append, from 1
	half    bool
	loadErr error

	requests map[queue.RequestID]bool
}

var (
	errDisk  = errors.New("input/output error")
	errTwice = errors.New("UNIQUE constraint failed: events.request")
)

func (s *memStore) Load(apply func(queue.Event) error) error {
	if s.loadErr != nil {
		return s.loadErr
	}
	for _, e := range s.events {
		if err := apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *memStore) ByRequest(_ context.Context, id queue.RequestID) (queue.Event, bool, error) {
	for _, e := range s.events {
		if e.Request == id {
			return e, true, nil
		}
	}
	return queue.Event{}, false, nil
}

func (s *memStore) Append(events []queue.Event, tickets []queue.Ticket, _ []queue.Visit) error {
	s.appends++
	var err error
	if s.fail != nil {
		err = s.fail(s.appends)
	}
	if err != nil && !s.half {
		return err
	}
	if refused := s.once(events); refused != nil {
		return refused
	}
	if s.tickets == nil {
		s.tickets = map[queue.TicketID]queue.Ticket{}
	}
	s.events = append(s.events, events...)
	for _, t := range tickets {
		s.tickets[t.ID] = t
	}
	return err
}

// once is the constraint of the log: it holds each request once.
func (s *memStore) once(events []queue.Event) error {
	for _, e := range events {
		if s.requests[e.Request] && e.Request != "" {
			return errTwice
		}
	}
	if s.requests == nil {
		s.requests = map[queue.RequestID]bool{}
	}
	for _, e := range events {
		s.requests[e.Request] = true
	}
	return nil
}

// sheet keeps what was published, in order.
type sheet struct {
	msgs []proto.Message
	err  error
}

func (p *sheet) Publish(m proto.Message) error {
	if p.err != nil {
		return p.err
	}
	p.msgs = append(p.msgs, m)
	return nil
}

// memKeys keeps the day's key.
type memKeys struct {
	day    queue.Day
	forgot int
	err    error
}

func (k *memKeys) Key(day queue.Day) ([]byte, error) {
	k.day = day
	return fmt.Appendf(nil, "key of day %d", day), k.err
}

func (k *memKeys) Forget() error { k.forgot++; return nil }

// bench is a controller of the sample hall with everything around it played by the test.
type bench struct {
	t     testing.TB
	c     *Controller
	store *memStore
	out   *sheet
	keys  *memKeys
	now   time.Time
	n     int
	conf  *config.Config
	top   proto.Topics
}

func hallConfig(t testing.TB) *config.Config {
	t.Helper()
	conf, mistakes := config.Load("../../configs/hall")
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return conf
}

func newBench(t testing.TB) *bench { return newBenchOf(t, hallConfig(t)) }

func newBenchOf(t testing.TB, conf *config.Config) *bench {
	b := &bench{
		t: t, store: &memStore{}, out: &sheet{}, keys: &memKeys{}, conf: conf,
		now: time.UnixMilli(1_700_000_000_000).UTC(), top: proto.NewTopics(""),
	}
	b.start()
	return b
}

// start starts the controller anew on the same log.
func (b *bench) start() {
	b.t.Helper()
	c, err := New(Options{
		Config: b.conf, Store: b.store, Publisher: b.out, Keys: b.keys, Random: b.random, Log: slog.New(slog.DiscardHandler),
	}, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
}

func (b *bench) random() string { b.n++; return fmt.Sprintf("random-%d", b.n) }

// open opens a day and signs an officer on at each counter.
func (b *bench) open() {
	b.t.Helper()
	b.must(queue.OpenDay{})
	for i := range 4 {
		b.must(queue.SignOn{Counter: queue.CounterID(fmt.Sprintf("c%d", i+1)), Officer: queue.OfficerID(fmt.Sprintf("officer-%d", i+1))})
	}
}

// do carries out a command of the console.
func (b *bench) do(w queue.Wish) (r Result, err error) {
	b.t.Helper()
	answered := 0
	cmd := queue.Command{Request: queue.RequestID(b.random()), Actor: "test", Do: w}
	b.c.Handle(b.now, []Input{{Do: &cmd, Reply: func(got Result, no error) { r, err, answered = got, no, answered+1 }}})
	if answered != 1 {
		b.t.Fatalf("%T was answered %d times", w, answered)
	}
	return r, err
}

func (b *bench) must(w queue.Wish) Result {
	b.t.Helper()
	r, err := b.do(w)
	if err != nil {
		b.t.Fatalf("%T: %v", w, err)
	}
	return r
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.c.Handle(b.now, nil)
}

// say is a message of a device.
func (b *bench) say(dev, what string, v any) Input {
	b.t.Helper()
	p, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return Input{Dev: dev, Message: &proto.Message{Topic: b.top.Up(dev, what), Payload: p, QoS: 1}}
}

func (b *bench) handle(in ...Input) { b.c.Handle(b.now, in) }

// since returns what was published on a topic since a mark, decoded.
func since[T any](b *bench, mark int, topic string) (out []T) {
	b.t.Helper()
	for _, m := range b.out.msgs[mark:] {
		if m.Topic != topic {
			continue
		}
		v, err := proto.Decode[T](m.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// one returns the only message on a topic since a mark.
func one[T any](b *bench, mark int, topic string) (v T) {
	b.t.Helper()
	all := since[T](b, mark, topic)
	if len(all) != 1 {
		b.t.Fatalf("%d messages on %s, want 1; published were %v", len(all), topic, b.topics(mark))
	}
	return all[0]
}

func (b *bench) topics(mark int) (out []string) {
	for _, m := range b.out.msgs[mark:] {
		out = append(out, strings.TrimPrefix(m.Topic, "quhao/1/"))
	}
	return out
}

// silent checks that nothing was published since a mark but the controller's own state.
func (b *bench) silent(mark int) {
	b.t.Helper()
	said := slices.DeleteFunc(b.topics(mark), func(s string) bool { return s == "state/ctl" })
	if len(said) > 0 {
		b.t.Fatalf("published %v, want nothing", said)
	}
}

// gadget is a device as the controller sees it.
type gadget struct {
	*bench
	id      string
	kind    proto.Kind
	install proto.Install
	sess    proto.Session
	welcome proto.Welcome
	first   uint64
	seq     uint64
	seen    proto.Seen
}

func (b *bench) gadget(id string) *gadget {
	kind := proto.KindCounter
	if strings.HasPrefix(id, "kiosk") {
		kind = proto.KindKiosk
	}
	return &gadget{bench: b, id: id, kind: kind, install: proto.Install("install of " + id), first: 1}
}

func (g *gadget) hello(nonce string) Input {
	return g.say(g.id, proto.UpHello, proto.Hello{
		V: 1, Nonce: nonce, Kind: g.kind, Proto: 1, Install: g.install, Boot: "device boot", First: g.first, Seen: g.seen,
		Clock: proto.Clock{T: g.now.UnixMilli(), OK: true},
	})
}

// greet says hello and returns the welcome.
func (g *gadget) greet(nonce string) proto.Welcome {
	g.t.Helper()
	mark := len(g.out.msgs)
	g.handle(g.hello(nonce))
	g.welcome = one[proto.Welcome](g.bench, mark, g.down(proto.DownHello))
	g.sess = g.welcome.Sess
	return g.welcome
}

// connect brings the device into session.
func (b *bench) connect(id string) *gadget {
	b.t.Helper()
	g := b.gadget(id)
	if w := g.greet(b.random()); w.S != proto.Accepted || w.Sess == "" {
		b.t.Fatalf("%s is welcomed with %+v", id, w)
	}
	return g
}

func (g *gadget) down(what string) string { return g.top.Down(g.id, what) }

func (g *gadget) mark() proto.Mark {
	return proto.Mark{Sess: g.sess, First: g.first, Seen: g.seen}
}

func (g *gadget) cmd(c proto.Cmd) Input {
	c.V, c.Mark = 1, g.mark()
	return g.say(g.id, proto.UpCmd, c)
}

// ask sends a command and returns its answer.
func (g *gadget) ask(c proto.Cmd) proto.Res {
	g.t.Helper()
	mark := len(g.out.msgs)
	g.handle(g.cmd(c))
	res := one[proto.Res](g.bench, mark, g.down(proto.DownRes))
	if res.ID != c.ID || res.Sess != g.sess {
		g.t.Fatalf("the answer to %s in %s is to %s in %s", c.ID, g.sess, res.ID, res.Sess)
	}
	return res
}

func (g *gadget) take(id proto.ID) proto.Res {
	g.t.Helper()
	return g.ask(proto.Cmd{ID: id, Op: proto.OpTicket, Q: "finance"})
}

// fact numbers a fact as the journal does.
func (g *gadget) fact(f proto.Fact) json.RawMessage {
	g.t.Helper()
	g.seq++
	f.Seq = g.seq
	raw, err := json.Marshal(f)
	if err != nil {
		g.t.Fatal(err)
	}
	return raw
}

// send hands facts in and returns the acknowledgement.
func (g *gadget) send(facts ...json.RawMessage) proto.Ack {
	g.t.Helper()
	mark := len(g.out.msgs)
	g.handle(g.facts(facts...))
	return one[proto.Ack](g.bench, mark, g.down(proto.DownAck))
}

func (g *gadget) facts(facts ...json.RawMessage) Input {
	return g.say(g.id, proto.UpFact, proto.Facts{V: 1, Mark: g.mark(), Facts: facts})
}

// desk is the version that a counter's commands have to name.
func (b *bench) desk(id queue.CounterID) *proto.At {
	d := b.c.state.Desk(id)
	return &proto.At{Epoch: proto.Epoch(b.c.state.Epoch), Ver: proto.Ver(d.CV)}
}

// kinds are the kinds of the events since the n-th.
func (b *bench) kinds(n int) (out []string) {
	for _, e := range b.store.events[n:] {
		out = append(out, e.Body.Kind())
	}
	return out
}
