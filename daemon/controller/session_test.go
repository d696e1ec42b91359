package controller

import (
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

func TestHello(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.gadget("kiosk-1")
	first := k.greet("nonce 1")
	if first.S != proto.Accepted || first.Nonce != "nonce 1" || first.Boot != b.c.boot || uint64(first.Epoch) != b.c.state.Epoch ||
		string(first.DayKey) != "key of day 1" || first.T != b.now.UnixMilli() || first.Ack != 0 {
		t.Fatalf("welcome %+v", first)
	}
	if again := k.greet("nonce 1"); again.Sess != first.Sess {
		t.Errorf("the same hello opened another session: %s, then %s", first.Sess, again.Sess)
	}
	if other := k.greet("nonce 2"); other.Sess == first.Sess || other.S != proto.Accepted {
		t.Errorf("a new nonce got %+v", other)
	}
	if got := b.c.state.Devices["kiosk-1"]; got != queue.InstallID(k.install) {
		t.Errorf("bound to %q", got)
	}
}

func TestHelloOfAnotherInstallation(t *testing.T) {
	b := newBench(t)
	old := b.connect("kiosk-1")
	spare := b.gadget("kiosk-1")
	spare.install = "spare"
	if w := spare.greet("nonce"); w.S != proto.Pending || w.Sess != "" {
		t.Fatalf("another installation is welcomed with %+v", w)
	}
	if d := b.view("kiosk-1"); len(d.Pending) != 1 || d.Pending[0] != "spare" {
		t.Errorf("waiting: %v", d.Pending)
	}
	mark := len(b.out.msgs)
	b.must(queue.Bind{Device: "kiosk-1", Install: "spare", Replace: true})
	if w := one[proto.Welcome](b, mark, old.down(proto.DownHello)); w.S != proto.Again || w.Sess != old.sess {
		t.Errorf("the replaced installation hears %+v", w)
	}
	if w := spare.greet("nonce"); w.S != proto.Accepted {
		t.Errorf("after it replaced the old one: %+v", w)
	}
	if d := b.view("kiosk-1"); len(d.Pending) != 0 || d.Install != "spare" || !d.Session {
		t.Errorf("after the replacement: %+v", d)
	}
	if w := old.greet("nonce"); w.S != proto.Pending {
		t.Errorf("the replaced one: %+v", w)
	}
}

func (b *bench) view(dev string) Device {
	b.t.Helper()
	for _, d := range (View{b.c}).Devices() {
		if d.ID == dev {
			return d
		}
	}
	b.t.Fatalf("no device %s", dev)
	return Device{}
}

// An installation belongs to one device: an SD card put into another one is sent away.
func TestHelloOfAnotherDevicesInstallation(t *testing.T) {
	b := newBench(t)
	b.connect("kiosk-1")
	thief := b.gadget("kiosk-2")
	thief.install = "install of kiosk-1"
	if w := thief.greet("nonce"); w.S != proto.Rejected {
		t.Errorf("welcomed with %+v", w)
	}
}

func TestBadMessages(t *testing.T) {
	b := newBench(t)
	k := b.connect("kiosk-1")
	stranger := b.gadget("kiosk-9")
	liar := b.gadget("unit-1")
	liar.kind = proto.KindKiosk
	bad := []Input{
		stranger.hello("nonce"), liar.hello("nonce"), k.hello(""),
		{Dev: "unit-1", Message: &proto.Message{Topic: b.top.Up("kiosk-1", proto.UpHello), Payload: []byte("{}")}}, // in another's name
		{Dev: "kiosk-1", Message: &proto.Message{Topic: b.top.Up("kiosk-1", proto.UpHello), Payload: []byte("{")}},
		{Dev: "kiosk-1", Message: &proto.Message{Topic: b.top.Up("kiosk-1", "gossip"), Payload: []byte("{}")}},
		{Dev: "kiosk-1", Message: &proto.Message{Topic: "elsewhere", Payload: []byte("{}")}},
	}
	for i, in := range bad {
		mark, events := len(b.out.msgs), len(b.store.events)
		b.handle(in)
		b.silent(mark)
		if got := b.c.count["messages_bad"]; got != uint64(i+1) || len(b.store.events) != events {
			t.Errorf("message %d: %d counted as bad, %d new events", i, got, len(b.store.events)-events)
		}
	}
}

func TestOutOfSession(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.sess = "an old one"
	for what, in := range map[string]Input{
		"cmd":  k.cmd(proto.Cmd{ID: "id", Op: proto.OpTicket, Q: "finance"}),
		"fact": k.facts(k.fact(proto.Fact{K: proto.FactAbandoned, ID: "id"})),
		"hb":   k.say(k.id, proto.UpBeat, proto.Beat{V: 1, Mark: k.mark()}),
	} {
		mark, events := len(b.out.msgs), len(b.store.events)
		b.handle(in)
		if w := one[proto.Welcome](b, mark, k.down(proto.DownHello)); w.S != proto.Again || w.Sess != "an old one" {
			t.Errorf("%s: answered with %+v", what, w)
		}
		if len(b.store.events) != events {
			t.Errorf("%s: taken out of session: %v", what, b.kinds(events))
		}
	}
}

func TestLiveness(t *testing.T) {
	b := newBench(t)
	b.handle(b.say("unit-1", proto.UpAvail, proto.Avail{S: "on"}),
		b.say("unit-1", proto.UpHealth, proto.Health{V: 1, Parts: map[string]string{"led": "gone"}, FW: "1.2"}))
	if d := b.view("unit-1"); d.Avail != "on" || d.Health.Parts["led"] != "gone" || !d.Heard.Equal(b.now) || d.Session {
		t.Errorf("%+v", d)
	}
	b.handle(b.say("unit-1", proto.UpAvail, proto.Avail{S: "lost"}))
	if d := b.view("unit-1"); d.Avail != "lost" {
		t.Errorf("%+v", d)
	}
}

// What a device has heard of decides whether another controller has spoken since.
func TestSeen(t *testing.T) {
	b := newBench(t)
	k := b.gadget("kiosk-1")
	own := b.c.state.Epoch
	for _, step := range []struct {
		name string
		seen proto.Seen
		want uint64
	}{
		{"nothing", proto.Seen{}, own},
		{"us", proto.Seen{Epoch: proto.Epoch(own), Boot: b.c.boot}, own},
		{"an earlier one", proto.Seen{Epoch: proto.Epoch(own) - 1, Boot: "other"}, own},
		{"our epoch by another", proto.Seen{Epoch: proto.Epoch(own), Boot: "other"}, own + 1},
		{"a later one", proto.Seen{Epoch: 100, Boot: "other"}, 101},
		{"one far above", proto.Seen{Epoch: 1 << 30, Boot: "other"}, 1<<30 + 1},
		{"one that cannot be", proto.Seen{Epoch: 1<<64 - 1, Boot: "other"}, 1<<30 + 1},
	} {
		mark := len(b.out.msgs)
		k.seen = step.seen
		w := k.greet(b.random())
		if b.c.state.Epoch != step.want || uint64(w.Epoch) != step.want {
			t.Errorf("seen %s: epoch %d, said %d, want %d", step.name, b.c.state.Epoch, w.Epoch, step.want)
		}
		if step.want > own {
			own = step.want
			if states := since[proto.CounterState](b, mark, b.top.Counter("c1")); step.name != "one that cannot be" &&
				(len(states) == 0 || uint64(states[len(states)-1].Epoch) != own) {
				t.Errorf("seen %s: the states were not said again: %v", step.name, states)
			}
		}
	}
	if got := b.c.count["epoch_alarm"]; got != 2 {
		t.Errorf("%d alarms, want 2", got)
	}
	b.start()
	if b.c.state.Epoch != own+1 {
		t.Errorf("the next start has epoch %d, want %d", b.c.state.Epoch, own+1)
	}
}

func TestNewDay(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	for _, d := range b.conf.Centre.Departments {
		b.must(queue.SetIssuing{Dept: queue.DeptID(d.ID)})
	}
	mark := len(b.out.msgs)
	b.must(queue.CloseDay{})
	if w := one[proto.Welcome](b, mark, k.down(proto.DownHello)); w.S != proto.Again || w.Sess != k.sess {
		t.Errorf("at the close: %+v", w)
	}
	if b.keys.forgot != 1 {
		t.Errorf("the key was deleted %d times", b.keys.forgot)
	}
	if w := k.greet("evening"); len(w.DayKey) != 0 || w.S != proto.Accepted {
		t.Errorf("in the evening: %+v", w)
	}
	mark = len(b.out.msgs)
	b.must(queue.OpenDay{})
	if w := one[proto.Welcome](b, mark, k.down(proto.DownHello)); w.S != proto.Again {
		t.Errorf("at the opening: %+v", w)
	}
	if h := since[proto.HallState](b, mark, b.top.Hall("hall")); len(h) == 0 || !h[len(h)-1].Depts[0].Open {
		t.Errorf("the hall says %+v", h)
	}
	if w := k.greet("morning"); string(w.DayKey) != "key of day 2" {
		t.Errorf("in the morning: %+v", w)
	}
}

func TestByTheClock(t *testing.T) {
	b := newBench(t)
	b.open()
	b.pass(0)
	mark := len(b.out.msgs)
	for range 60 {
		b.pass(time.Second)
	}
	if n := len(since[proto.Ctl](b, mark, b.top.Ctl())); n != 12 {
		t.Errorf("%d times state/ctl in a minute, want 12", n)
	}
	if n := len(since[proto.CounterState](b, mark, b.top.Counter("c1"))); n != 1 {
		t.Errorf("%d times the state of a counter in a minute, want 1", n)
	}
	if n := len(since[proto.HallState](b, mark, b.top.Hall("hall"))); n != 1 {
		t.Errorf("%d times the state of the hall in a minute, want 1", n)
	}
	for _, m := range b.out.msgs[mark:] {
		if !m.Retain || m.QoS != 1 {
			t.Errorf("%s: retained %t, QoS %d", m.Topic, m.Retain, m.QoS)
		}
	}
}

// A clock that jumps is told of, and neither stops the states nor leaves a ticket printing.
func TestClockJumps(t *testing.T) {
	for name, d := range map[string]time.Duration{"forth": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.open()
			k := b.connect("kiosk-1")
			k.take("t1")
			mark := len(b.out.msgs)
			b.pass(d)
			if b.c.count["clock_jumped"] != 1 {
				t.Error("not noticed")
			}
			if ctl := one[proto.Ctl](b, mark, b.top.Ctl()); ctl.T != b.now.UnixMilli() {
				t.Errorf("the time said is %d", ctl.T)
			}
			if got := b.c.state.Tickets["t1"].State; got != queue.Waiting {
				t.Errorf("the ticket is %s", got)
			}
			if due := b.c.Due(b.now); due.After(b.now.Add(ctlEvery)) || due.Before(b.now) {
				t.Errorf("due at %s, it is %s", due, b.now)
			}
			b.pass(ctlEvery)
			if n := len(since[proto.Ctl](b, mark, b.top.Ctl())); n != 2 {
				t.Errorf("%d times state/ctl, want 2", n)
			}
			if b.c.count["clock_jumped"] != 1 {
				t.Error("noticed again")
			}
		})
	}
}

func TestDue(t *testing.T) {
	b := newBench(t)
	b.open()
	b.pass(0)
	b.pass(4 * time.Second)
	if due := b.c.Due(b.now); due.Sub(b.now) != time.Second {
		t.Errorf("state/ctl is due in %s", due.Sub(b.now))
	}
	b.connect("kiosk-1").take("t1")
	b.pass(time.Second)
	b.now = b.now.Add(18500 * time.Millisecond)
	b.c.ctlAt = b.now
	if due := b.c.Due(b.now); due.Sub(b.now) != 500*time.Millisecond {
		t.Errorf("the end of printing is due in %s", due.Sub(b.now))
	}
	b.pass(499 * time.Millisecond)
	if got := b.c.state.Tickets["t1"].State; got != queue.Printing {
		t.Errorf("too early: %s", got)
	}
	b.pass(time.Millisecond)
	if got := b.c.state.Tickets["t1"].State; got != queue.Waiting {
		t.Errorf("too late: %s", got)
	}
}
