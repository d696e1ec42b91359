package controller

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

func TestFactsOnceInOrder(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.take("t1")
	start := k.fact(proto.Fact{K: proto.FactStart, ID: "t1", TID: "t1", Num: "B001", Day: 1, Q: "finance"})
	end := k.fact(proto.Fact{K: proto.FactEnd, ID: "t1", TID: "t1", How: proto.HowConfirmed})
	odd := k.fact(proto.Fact{K: "poem"})
	n := len(b.store.events)
	for _, step := range []struct {
		name  string
		facts []json.RawMessage
		ack   uint64
		kinds string
	}{
		{"none", nil, 0, ""},
		{"the second first", []json.RawMessage{end}, 0, ""},
		{"the first", []json.RawMessage{start}, 1, "papered"},
		{"both", []json.RawMessage{start, end}, 2, "papered papered"},
		{"again", []json.RawMessage{start, end, end}, 2, "papered papered"},
		{"one of an unknown kind", []json.RawMessage{odd}, 3, "papered papered fact_kept"},
	} {
		ack := k.send(step.facts...)
		if got := strings.Join(b.kinds(n), " "); ack.Ack != step.ack || got != step.kinds || ack.Sess != k.sess {
			t.Errorf("%s: ack %d, want %d; events %q", step.name, ack.Ack, step.ack, got)
		}
	}
	if ack := k.send(); ack.Sum != proto.Sum(odd) {
		t.Errorf("the checksum of the last fact is %s, said %s", proto.Sum(odd), ack.Sum)
	}
	if w := k.greet("anew"); w.Ack != 3 || w.AckSum != proto.Sum(odd) {
		t.Errorf("welcome %+v", w)
	}
	b.start()
	if w := k.greet("after a restart"); w.Ack != 3 || w.AckSum != proto.Sum(odd) {
		t.Errorf("welcome after a restart %+v", w)
	}
	if got := b.c.state.Tickets["t1"].Papers["t1"]; got != queue.PaperConfirmed {
		t.Errorf("the paper is %q", got)
	}
}

// Facts that cannot be read do no harm; a fact that is too long or has no number is none.
func TestBadFacts(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	for _, raw := range []string{`{}`, `{"seq":0,"k":"end"}`, `7`, `{"seq":1,"k":"` + strings.Repeat("x", proto.MaxFact) + `"}`} {
		bad := b.c.count["messages_bad"]
		if ack := k.send(json.RawMessage(raw)); ack.Ack != 0 || b.c.count["messages_bad"] != bad+1 {
			t.Errorf("%.30s: ack %d", raw, ack.Ack)
		}
	}
	if ack := k.send(json.RawMessage(`{"seq":1,"k":7}`)); ack.Ack != 1 || b.c.count["facts_odd"] != 1 {
		t.Errorf("a numbered fact of a strange form: ack %d, %d odd", ack.Ack, b.c.count["facts_odd"])
	}
}

// A journal that holds nothing older leaves a gap, which is counted.
func TestFactGap(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.seq, k.first = 4, 5
	if ack := k.send(k.fact(proto.Fact{K: proto.FactAbandoned, ID: "x"})); ack.Ack != 5 {
		t.Errorf("ack %d", ack.Ack)
	}
	if got := b.c.count["facts_missing"]; got != 4 {
		t.Errorf("%d missing, want 4", got)
	}
}

// A recovery must not wait for papers whose facts no journal holds any more: they count by what the device says of them, also
// where nothing at all is left to hand in. A late message, which does not begin with the oldest fact, skips nothing.
func TestRecoveryEndsOverAGap(t *testing.T) {
	b := newBench(t)
	b.open()
	b.must(queue.BeginRecovery{Why: "restore"})
	for _, id := range []string{"kiosk-1", "kiosk-2"} {
		if b.c.devices[id] == nil {
			continue
		}
		k := b.connect(id)
		k.seq, k.first = 8, 6
		m := proto.Facts{V: 1, Mark: k.mark(), Facts: []json.RawMessage{k.fact(proto.Fact{K: proto.FactAbandoned, ID: "late"})}}
		m.HWSeq, m.HWFirst = 3, 2
		b.handle(b.say(id, proto.UpFact, m))
		if in := b.c.state.Installs[queue.InstallID(k.install)]; in.Ack != 0 {
			t.Fatalf("%s: a message without the oldest fact moved the acknowledgement to %d", id, in.Ack)
		}
		m.First, m.HWFirst, m.Facts = 10, 3, []json.RawMessage{}
		b.handle(b.say(id, proto.UpFact, m))
		if in := b.c.state.Installs[queue.InstallID(k.install)]; in.Ack != 9 || in.HW != 3 {
			t.Errorf("%s: acknowledged up to %d, %d papers, want 9 and 3", id, in.Ack, in.HW)
		}
	}
	if b.c.state.Recovering {
		t.Errorf("the recovery does not end: %v are missing", View{b.c}.Missing())
	}
}

// An acknowledgement is a promise: without the commit there is none.
func TestAckAfterCommitOnly(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.take("t1")
	f := k.fact(proto.Fact{K: proto.FactStart, ID: "t1", TID: "t1", Num: "B001", Day: 1, Q: "finance"})
	b.store.fail = func(int) error { return errDisk }
	mark := len(b.out.msgs)
	b.handle(k.facts(f))
	b.silent(mark)
	b.store.fail = nil
	b.pass(probeEvery)
	if w := k.greet("anew"); w.Ack != 0 {
		t.Errorf("acknowledged up to %d", w.Ack)
	}
	if ack := k.send(f); ack.Ack != 1 {
		t.Errorf("then up to %d", ack.Ack)
	}
}

// A request that was given up makes no ticket, however late its copy comes.
func TestAbandonedBeforeTheRequest(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.send(k.fact(proto.Fact{K: proto.FactAbandoned, ID: "t1", Q: "finance"}))
	if res := k.take("t1"); res.S == proto.ResOK || res.Ticket != nil {
		t.Errorf("the late copy gets %+v", res)
	}
	if n := len(b.c.state.Tickets); n != 0 {
		t.Errorf("%d tickets", n)
	}
}

// visit brings a visitor to counter c3 and ends the visit: it may be rated then.
func (b *bench) visit(k *gadget, u *gadget, id proto.ID) queue.VisitID {
	b.t.Helper()
	k.take(id)
	b.pass(21e9)
	for _, c := range []proto.Cmd{{Op: proto.OpNext}, {Op: proto.OpStart}, {Op: proto.OpComplete, Outcome: queue.Direct}} {
		c.ID, c.Counter, c.IfVer = proto.ID(b.random()), "c3", b.desk("c3")
		if res := u.ask(c); res.S != proto.ResOK {
			b.t.Fatalf("%s: %+v", c.Op, res)
		}
	}
	return b.c.state.Desk("c3").RatingOf
}

func TestRating(t *testing.T) {
	b := newBench(t)
	b.open()
	k, u, other := b.connect("kiosk-1"), b.connect("unit-3"), b.connect("unit-1")
	v := b.visit(k, u, "t1")
	if s := (View{b.c}).Counter(b.now, "c3"); s.Rating == nil || s.Rating.Tok != string(v) || s.Rating.For != 120 {
		t.Fatalf("the counter invites to %+v", s.Rating)
	}
	rate := func(g *gadget, score int) proto.Ack {
		return g.send(g.fact(proto.Fact{K: proto.FactRating, Tok: string(v), V: score, Counter: "c3"}))
	}
	score := func() int { return b.c.state.Visits[v].Score }
	if ack := rate(other, 1); ack.Ack != 1 || score() != 0 {
		t.Errorf("another unit's rating: ack %d, score %d", ack.Ack, score())
	}
	if ack := rate(u, 6); ack.Ack != 1 || score() != 0 {
		t.Errorf("a score of 6: ack %d, score %d", ack.Ack, score())
	}
	mark := len(b.out.msgs)
	if ack := rate(u, 5); ack.Ack != 2 || score() != 5 {
		t.Errorf("a rating: ack %d, score %d", ack.Ack, score())
	}
	if s := one[proto.CounterState](b, mark, b.top.Counter("c3")); s.Rating != nil {
		t.Errorf("the counter still invites to %+v", s.Rating)
	}
	if ack := rate(u, 1); ack.Ack != 3 || score() != 5 {
		t.Errorf("a second rating: ack %d, score %d", ack.Ack, score())
	}
	b.start()
	if score() != 5 {
		t.Errorf("after a restart the score is %d", score())
	}
}

func TestRatingRunsOut(t *testing.T) {
	b := newBench(t)
	b.open()
	b.visit(b.connect("kiosk-1"), b.connect("unit-3"), "t1")
	rating := func() *proto.RatingState { return (View{b.c}).Counter(b.now, "c3").Rating }
	b.pass(119e9)
	if r := rating(); r == nil || r.For != 1 {
		t.Errorf("after 119 s: %+v", r)
	}
	b.pass(1e9)
	if r := rating(); r != nil {
		t.Errorf("after 120 s: %+v", r)
	}
	b.pass(-3600e9) // the clock is set back: never longer than it was meant to be
	if r := rating(); r == nil || r.For != 120 {
		t.Errorf("an hour before: %+v", r)
	}
}

func TestPresence(t *testing.T) {
	b := newBench(t)
	b.must(queue.OpenDay{})
	u := b.connect("unit-1")
	key, err := b.keys.Key(1)
	if err != nil {
		t.Fatal(err)
	}
	card := func(officer int) string { return proto.CardHash(key, b.conf.Centre.Officers[officer].Card) }
	present := func(counter, hash string, on bool) queue.Desk {
		t.Helper()
		u.send(u.fact(proto.Fact{K: proto.FactPresence, Counter: counter, Officer: hash, On: on}))
		return b.c.state.Desk(queue.CounterID(counter))
	}
	if d := present("c1", card(0), true); d.State != queue.DeskIdle || d.Officer != "officer-1" {
		t.Errorf("signed on: %+v", d)
	}
	if d := present("c2", card(1), true); d.State != queue.DeskClosed {
		t.Errorf("at a counter of another unit: %+v", d)
	}
	if d := present("c1", "not a card", false); d.State != queue.DeskIdle {
		t.Errorf("an unknown card signed off: %+v", d)
	}
	if d := present("c1", card(1), true); d.Officer != "officer-2" {
		t.Errorf("relieved: %+v", d)
	}
	if d := present("c1", card(1), false); d.State != queue.DeskClosed {
		t.Errorf("signed off: %+v", d)
	}
	b.keys.err = errors.New("no key")
	if d := present("c1", card(0), true); d.State != queue.DeskClosed {
		t.Errorf("without the key: %+v", d)
	}
	if got := b.c.count["facts_odd"]; got != 3 {
		t.Errorf("%d odd facts, want 3", got)
	}
}
