package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// sameAsLog checks that what is in memory is what a start would find.
func (b *bench) sameAsLog() {
	b.t.Helper()
	s := queue.New()
	for _, e := range b.store.events {
		if _, err := s.Apply(e); err != nil {
			b.t.Fatal(err)
		}
	}
	if s.Seq != b.c.state.Seq || s.Epoch != b.c.state.Epoch || b.c.epoch != s.Epoch {
		b.t.Errorf("memory is at event %d of epoch %d and says %d, the log at %d of %d", b.c.state.Seq, b.c.state.Epoch, b.c.epoch, s.Seq, s.Epoch)
	}
	open := cmp.AllowUnexported(queue.Ticket{})
	if d := cmp.Diff(s.Tickets, b.c.state.Tickets, open); d != "" {
		b.t.Error("tickets of the log and of memory differ:", d)
	}
	if d := cmp.Diff(s.Visits, b.c.state.Visits); d != "" {
		b.t.Error("visits of the log and of memory differ:", d)
	}
}

// A commit that fails did not happen: nothing is published, everybody is told, and memory is what the log holds.
func TestCommitFails(t *testing.T) {
	for name, half := range map[string]bool{"nothing written": false, "written all the same": true} {
		t.Run(name, func(t *testing.T) { commitFails(t, half) })
	}
}

func commitFails(t *testing.T, half bool) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.take("t1")
	epoch := b.c.state.Epoch
	b.store.half, b.store.fail = half, func(int) error { return errDisk }
	var consoleErr error
	views := 0
	cmd := queue.Command{Request: "console", Actor: "test", Do: queue.Take{Dept: "finance"}}
	mark, events := len(b.out.msgs), len(b.store.events)
	ticket := k.cmd(proto.Cmd{ID: "t2", Op: proto.OpTicket, Q: "finance"})
	refused := k.cmd(proto.Cmd{ID: "t3", Op: proto.OpTicket, Q: "study"})
	b.handle(ticket, refused, ticket, Input{Do: &cmd, Reply: func(_ Result, err error) { consoleErr = err }},
		Input{View: func(v View) { views++ }})
	for _, res := range since[proto.Res](b, mark, k.down(proto.DownRes)) {
		if res.S != proto.ResError || res.Sess != k.sess {
			t.Errorf("answered %+v", res)
		}
	}
	if n := len(since[proto.Res](b, mark, k.down(proto.DownRes))); n != 3 || !errors.Is(consoleErr, ErrFaulted) || views != 1 {
		t.Errorf("%d answers, the console got %v, %d views", n, consoleErr, views)
	}
	said := slices.DeleteFunc(b.topics(mark), func(s string) bool { return s == "dev/kiosk-1/down/res" })
	if len(said) != 1 || said[0] != "state/ctl" {
		t.Errorf("published besides the answers: %v", said)
	}
	if ctl := one[proto.Ctl](b, mark, b.top.Ctl()); ctl.S != "faulted" || uint64(ctl.Epoch) != epoch {
		t.Errorf("state/ctl %+v", ctl)
	}
	if (View{b.c}).Faulted() == nil || (len(b.store.events) != events) != half {
		t.Errorf("faulted %v, %d new events", (View{b.c}).Faulted(), len(b.store.events)-events)
	}
	b.sameAsLog()
	b.whileFaulted(k)
	b.recovers(k, epoch)
}

// whileFaulted: commands are answered with the error at once, nothing else is said, the database is probed once a second.
func (b *bench) whileFaulted(k *gadget) {
	t := b.t
	t.Helper()
	b.store.half = false
	appends, events := b.store.appends, len(b.store.events)
	mark := len(b.out.msgs)
	if res := k.take("t4"); res.S != proto.ResError {
		t.Errorf("a command is answered with %+v", res)
	}
	if _, err := b.do(queue.OpenDay{}); !errors.Is(err, ErrFaulted) {
		t.Errorf("the console gets %v", err)
	}
	old := k.mark()
	old.Sess = "old"
	b.handle(k.hello("x"), k.facts(), k.say(k.id, proto.UpBeat, proto.Beat{V: 1, Mark: k.mark()}),
		k.say(k.id, proto.UpCmd, proto.Cmd{V: 1, ID: "t5", Mark: old, Op: proto.OpTicket}))
	b.handle(k.say(k.id, proto.UpHealth, proto.Health{V: 1, FW: "new"}))
	if said := b.topics(mark); len(said) != 1 || b.view(k.id).Health.FW != "new" {
		t.Errorf("said %v while faulted, want one answer; health %+v", said, b.view(k.id).Health)
	}
	if b.store.appends != appends {
		t.Errorf("%d attempts to write within a second", b.store.appends-appends)
	}
	for range 20 {
		b.pass(100 * time.Millisecond)
	}
	if n := b.store.appends - appends; n != 2 || len(b.store.events) != events {
		t.Errorf("%d attempts to write in two seconds", n)
	}
	for _, ctl := range since[proto.Ctl](b, mark, b.top.Ctl()) {
		if ctl.S != "faulted" {
			t.Errorf("state/ctl %+v", ctl)
		}
	}
}

func (b *bench) recovers(k *gadget, epoch uint64) {
	t := b.t
	t.Helper()
	b.store.fail = nil
	mark := len(b.out.msgs)
	b.pass(probeEvery)
	if (View{b.c}).Faulted() != nil {
		t.Fatal("still faulted")
	}
	if ctl := one[proto.Ctl](b, mark, b.top.Ctl()); ctl.S != "on" || uint64(ctl.Epoch) <= epoch {
		t.Errorf("state/ctl %+v, the epoch was %d", ctl, epoch)
	}
	if s := one[proto.CounterState](b, mark, b.top.Counter("c1")); uint64(s.Epoch) != b.c.epoch {
		t.Errorf("the counter is said with epoch %d", s.Epoch)
	}
	if w := one[proto.Welcome](b, mark, k.down(proto.DownHello)); w.S != proto.Again || w.Sess != k.sess {
		t.Errorf("the device hears %+v", w)
	}
	b.sameAsLog()
	k.greet("after the fault")
	if res := k.take("t2"); res.S != proto.ResOK || res.Ticket.Num != "B002" {
		t.Errorf("the request that failed is answered with %+v %+v", res, res.Ticket)
	}
	if res := k.take("t1"); res.Ticket.Num != "B001" {
		t.Errorf("the request before gets %+v", res.Ticket)
	}
	b.sameAsLog()
}

// A database that cannot even be read leaves the last good state on the pages, and is tried again.
func TestCannotReadEither(t *testing.T) {
	b := newBench(t)
	b.open()
	b.store.fail, b.store.loadErr = func(int) error { return errDisk }, errDisk
	if _, err := b.do(queue.Take{Dept: "finance"}); !errors.Is(err, ErrFaulted) {
		t.Fatal(err)
	}
	b.pass(probeEvery)
	b.store.fail = nil
	b.pass(probeEvery)
	if (View{b.c}).Faulted() == nil || b.c.state.Seq == 0 {
		t.Errorf("recovered without reading, or forgot the state: event %d", b.c.state.Seq)
	}
	b.store.loadErr = nil
	b.pass(probeEvery)
	if (View{b.c}).Faulted() != nil {
		t.Error("still faulted")
	}
	b.sameAsLog()
}

func TestCannotStart(t *testing.T) {
	b := newBench(t)
	o := b.c.o
	o.Store = &memStore{loadErr: errDisk}
	if _, err := New(o, b.now); !errors.Is(err, errDisk) {
		t.Errorf("a log that cannot be read: %v", err)
	}
	o.Store = &memStore{fail: func(int) error { return errDisk }}
	mark := len(b.out.msgs)
	if _, err := New(o, b.now); !errors.Is(err, errDisk) {
		t.Errorf("a log that cannot be written: %v", err)
	}
	b.silent(mark)
	if len(b.out.msgs) != mark {
		t.Error("something was published before the epoch was committed")
	}
}

// What is lost on the way to the broker is counted and said again; it is no fault.
func TestPublishFails(t *testing.T) {
	b := newBench(t)
	b.open()
	b.out.err = errors.New("no broker")
	b.must(queue.SetIssuing{Dept: "finance"})
	if b.c.count["publish_failed"] == 0 || (View{b.c}).Faulted() != nil {
		t.Errorf("counted %d, faulted %v", b.c.count["publish_failed"], (View{b.c}).Faulted())
	}
	b.out.err = nil
	mark := len(b.out.msgs)
	b.pass(stateEvery)
	if d := dept(t, one[proto.HallState](b, mark, b.top.Hall("hall")), "finance"); d.Open || d.Why != "issuing_closed" {
		t.Errorf("the hall says %+v", d)
	}
}

// An id of days ago is unknown to the state: the log's constraint refuses it, once; from then on such an id is looked up
// and refused alone, without harm to whoever asks in the same moment.
func TestRequestOfDaysAgo(t *testing.T) {
	b := newBench(t)
	b.open()
	b.connect("kiosk-1").take("old")
	for range 3 {
		b.must(queue.CloseDay{Force: true})
		b.now = b.now.Add(24 * time.Hour)
		b.open()
	}
	b.c.Handle(b.now, nil)
	if res := b.connect("kiosk-1").take("old"); res.S != proto.ResError || res.Ticket != nil {
		t.Fatalf("the old id was answered with %+v", res)
	}
	b.pass(probeEvery)
	g := b.connect("kiosk-1")
	mark := len(b.out.msgs)
	again, other := proto.Cmd{ID: "old", Op: proto.OpTicket, Q: "finance"}, proto.Cmd{ID: "new", Op: proto.OpTicket, Q: "finance"}
	b.handle(g.cmd(again), g.cmd(other))
	res := since[proto.Res](b, mark, g.down(proto.DownRes))
	if len(res) != 2 || res[0].S != proto.ResError || !strings.Contains(res[0].Why, "used on day 1") || res[1].S != proto.ResOK {
		t.Fatalf("answered with %+v", res)
	}
	if n := b.c.count["commit_failed"]; n != 1 {
		t.Errorf("%d commits failed", n)
	}
}
