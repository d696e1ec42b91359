package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// helloOf is what a start of a device says when it connects; the nonce is new each time.
func (g *gadget) helloOf(boot proto.Boot) proto.Welcome {
	g.t.Helper()
	mark, nonce := len(g.out.msgs), g.random()
	g.handle(g.say(g.id, proto.UpHello, proto.Hello{
		V: 1, Nonce: nonce, Kind: g.kind, Proto: 1, Install: g.install, Boot: boot, First: g.first,
	}))
	w := one[proto.Welcome](g.bench, mark, g.down(proto.DownHello))
	if w.Nonce != nonce {
		g.t.Fatalf("welcome %+v", w)
	}
	g.sess = w.Sess
	return w
}

// whereabouts lets each boot come from another address: the device that speaks is asked for.
func (b *bench) whereabouts(addr *string) {
	b.c.o.Where = func(string) string { return *addr }
}

// Late copies of what an earlier start has said are no second device.
func TestLateHellosAreNoRival(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.gadget("kiosk-1")
	hello := func(boot proto.Boot, nonce string) proto.Welcome {
		b.pass(time.Second)
		mark := len(b.out.msgs)
		b.handle(k.say(k.id, proto.UpHello, proto.Hello{V: 1, Nonce: nonce, Kind: k.kind, Proto: 1, Install: k.install, Boot: boot, First: k.first}))
		return one[proto.Welcome](b, mark, k.down(proto.DownHello))
	}
	hello("before", "n1")
	for i := range 3 * rivalSwaps {
		if w := hello("now", fmt.Sprint("n", 2+i)); w.S != proto.Accepted {
			t.Fatalf("after %d late copies it is answered %+v", i, w)
		}
		hello("before", "n1")
	}
}

// Two devices with one name take turns; soon the one that was there first stays, and the other is told why it has to go,
// again when it comes back after 5 minutes, until the first has gone.
func TestRivals(t *testing.T) {
	b := newBench(t)
	b.open()
	var from string
	b.whereabouts(&from)
	first, copied := b.gadget("kiosk-1"), b.gadget("kiosk-1") // a copied card: the same installation
	says := func(g *gadget, boot proto.Boot) proto.Welcome {
		from = map[proto.Boot]string{"one": "10.0.0.1:1000", "two": "10.0.0.2:2000"}[boot]
		b.pass(time.Second)
		return g.helloOf(boot)
	}
	rounds := 0
	for says(first, "one"); says(copied, "two").S == proto.Accepted; rounds++ {
		if w := says(first, "one"); w.S != proto.Accepted {
			t.Fatalf("the first is answered %+v", w)
		}
		if rounds > rivalSwaps {
			t.Fatal("they go on for ever")
		}
	}
	if w := says(first, "one"); w.S != proto.Accepted {
		t.Fatalf("the first is answered %+v", w)
	}
	d := b.view("kiosk-1")
	if !strings.Contains(d.Rivals, "the one at 10.0.0.1:1000 stays") || !strings.Contains(d.Rivals, "the one at 10.0.0.2:2000 is sent away") {
		t.Errorf("the administrator reads %q", d.Rivals)
	}
	for range 3 { // it comes back
		for range 30 {
			b.pass(10 * time.Second)
			b.handle(first.say(first.id, proto.UpBeat, proto.Beat{V: 1, Mark: first.mark()}))
		}
		if w := says(copied, "two"); w.S != proto.Rejected || !strings.Contains(w.Why, "10.0.0.1:1000") {
			t.Errorf("the second is answered %+v", w)
		}
		if w := says(first, "one"); w.S != proto.Accepted {
			t.Errorf("the first is answered %+v", w)
		}
	}
	for i := range 2 * maxBoots { // somebody starts it again and again
		b.pass(time.Second)
		b.handle(first.say(first.id, proto.UpBeat, proto.Beat{V: 1, Mark: first.mark()}))
		if w := says(copied, proto.Boot(fmt.Sprintf("two again %d", i))); w.S != proto.Rejected {
			t.Errorf("started again, the second is answered %+v", w)
		}
	}
	if w := says(first, "one"); w.S != proto.Accepted {
		t.Errorf("the first is answered %+v", w)
	}
	if n := b.c.count["rivals"]; n != 1 {
		t.Errorf("%d alarms, want 1", n)
	}
	b.pass(rivalQuiet + time.Second) // the first is switched off
	if w := says(copied, "two"); w.S != proto.Accepted {
		t.Errorf("alone, the second is answered %+v", w)
	}
	if d := b.view("kiosk-1"); d.Rivals != "" {
		t.Errorf("and the alarm stays: %s", d.Rivals)
	}
}

// A spare that was started beside the device it is to replace has another installation: it is kept away, and let in at
// once when an administrator gives it the name; then the old one has to go.
func TestRivalsReplaced(t *testing.T) {
	b := newBench(t)
	old, spare := b.gadget("kiosk-1"), b.gadget("kiosk-1")
	spare.install = "spare"
	var answers []string
	for range 2 * rivalSwaps {
		b.pass(time.Second)
		old.helloOf("old")
		b.pass(time.Second)
		answers = append(answers, spare.helloOf("spare").S)
	}
	if answers[0] != proto.Pending || answers[len(answers)-1] != proto.Rejected {
		t.Fatalf("the spare is answered %v", answers)
	}
	if d := b.view("kiosk-1"); len(d.Pending) != 1 || d.Rivals == "" {
		t.Errorf("the administrator sees %+v", d)
	}
	b.must(queue.Bind{Device: "kiosk-1", Install: "spare", Replace: true})
	if w := spare.helloOf("spare"); w.S != proto.Accepted {
		t.Errorf("after it was given the name: %+v", w)
	}
	for range 2 * rivalSwaps {
		b.pass(time.Second)
		answers = append(answers, old.helloOf("old").S)
		b.pass(time.Second)
		if w := spare.helloOf("spare"); w.S != proto.Accepted {
			t.Errorf("the spare is answered %+v", w)
		}
	}
	if last := answers[len(answers)-1]; last != proto.Rejected {
		t.Errorf("the old one is answered %s", last)
	}
}

// A device that is started again and again, or loses its connection, is never taken for two.
func TestNoRivals(t *testing.T) {
	b := newBench(t)
	g := b.gadget("kiosk-1")
	for i := range 100 {
		for range 3 {
			b.pass(500 * time.Millisecond)
			if w := g.helloOf(proto.Boot(fmt.Sprintf("boot %d", i))); w.S != proto.Accepted {
				t.Fatalf("start %d is answered %+v", i, w)
			}
		}
	}
	if d := b.view("kiosk-1"); d.Rivals != "" {
		t.Error(d.Rivals)
	}
}
