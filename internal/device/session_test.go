package device

import (
	"testing"
	"time"

	"quhao/internal/proto"
)

func TestHandshake(t *testing.T) {
	k := newTalk(t)
	h := k.connect()
	if h.Install != "install-1" || h.Boot != "own-boot" || h.Kind != proto.KindKiosk || h.First != 1 || h.Clock.OK || h.FW != "1.2" {
		t.Fatalf("hello %+v", h)
	}
	if on := said[proto.Avail](k, proto.UpAvail); len(on) != 1 || on[0].S != "on" || !k.sent[0].Retain {
		t.Fatalf("availability %+v", on)
	}
	k.to(2*time.Second - 1)
	k.quiet()
	k.to(2 * time.Second)
	if again := k.hello(); again.Nonce != h.Nonce {
		t.Fatalf("said hello again as %s, before as %s", again.Nonce, h.Nonce)
	}
	if k.s.Ready(k.now()) {
		t.Fatal("ready without a welcome")
	}
	k.welcome(proto.Hello{Nonce: "foreign"}, proto.Welcome{})
	k.quiet()
	k.welcome(h, proto.Welcome{DayKey: []byte("key")})
	facts := said[proto.Facts](k, proto.UpFact)
	if len(facts) != 1 || facts[0].Facts == nil || len(facts[0].Facts) != 0 || facts[0].Sess != "s1" || facts[0].Seen != (proto.Seen{Epoch: 5, Boot: "boot-1"}) {
		t.Fatalf("the first facts of a session are %+v", facts)
	}
	if len(said[proto.Beat](k, proto.UpBeat)) != 1 || !k.s.Ready(k.now()) || string(k.s.DayKey()) != "key" {
		t.Fatal("not in session after the welcome")
	}
	if ms, ok := k.s.Time(k.now()); !ok || ms != 1_800_000_002_000 {
		t.Fatalf("the time is %d, %v", ms, ok)
	}
	k.welcome(h, proto.Welcome{Sess: "s2"}) // a late copy of another answer
	if k.quiet(); k.s.Sess() != "s1" {
		t.Fatal("a welcome that nobody waits for was taken")
	}
	k.to(12*time.Second - 1)
	k.quiet()
	k.to(12 * time.Second)
	if len(said[proto.Beat](k, proto.UpBeat)) != 1 {
		t.Fatal("no heartbeat after 10 s")
	}
}

func TestFacts(t *testing.T) {
	k := newTalk(t)
	first := k.fact("O1") // while there is no session
	k.quiet()
	k.welcome(k.connect(), proto.Welcome{})
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 1 {
		t.Fatalf("facts %+v", f)
	}
	k.to(2 * time.Second)
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 1 {
		t.Fatalf("after 2 s: facts %+v", f)
	}
	second := k.fact("O2")
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 2 {
		t.Fatalf("a new fact: %+v", f)
	}
	ack := func(sess proto.Session, seq uint64, sum string) {
		k.down(proto.DownAck, proto.Ack{V: 1, Sess: sess, Ack: seq, Sum: sum})
	}
	ack("other", 2, second)
	k.quiet()
	ack("s1", 9, "of a fact that was never written")
	k.quiet()
	if k.j.Acked() != 0 {
		t.Fatalf("acknowledged up to %d", k.j.Acked())
	}
	ack("s1", 1, first)
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 1 {
		t.Fatalf("after the first ack: %+v", f)
	}
	ack("s1", 1, first)
	k.quiet()
	ack("s1", 2, second)
	k.quiet()
	ack("s1", 1, first) // late
	k.quiet()
	k.to(9 * time.Second)
	k.quiet()
	if k.j.Acked() != 2 {
		t.Fatalf("acknowledged up to %d", k.j.Acked())
	}
}

// A controller restored from a backup asks again for what it had taken.
func TestAckGoesDown(t *testing.T) {
	k := newTalk(t)
	sums := []string{k.fact("O1"), k.fact("O2"), k.fact("O3")}
	k.welcome(k.connect(), proto.Welcome{Ack: 3, AckSum: sums[2]})
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 0 {
		t.Fatalf("facts %+v", f)
	}
	k.step(func() { k.s.Down(k.now()) })
	k.to(5 * time.Second)
	k.welcome(k.connect(), proto.Welcome{Sess: "s2", Ack: 1, AckSum: sums[0]})
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 2 {
		t.Fatalf("facts %+v", f)
	}
	if k.j.Install() != "install-1" {
		t.Fatal("a restored controller made the journal another installation")
	}
}

// A restored controller asks for facts that the journal holds no longer: the mark that says so is repeated until it is heard.
func TestDroppedFactsAreSaidAgain(t *testing.T) {
	k := newTalk(t)
	if _, err := k.j.AddFact(proto.Fact{K: proto.FactDone, ID: "O1", T: 1, Clk: true}); err != nil {
		t.Fatal(err)
	}
	if err := k.j.Ack(1, "", 1+KeepFor.Milliseconds()+1); err != nil || k.j.First() != 2 {
		t.Fatalf("the journal begins at %d, want 2 (%v)", k.j.First(), err)
	}
	k.welcome(k.connect(), proto.Welcome{})
	for _, at := range []time.Duration{2 * time.Second, 4 * time.Second} {
		k.to(at)
		if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 0 || f[0].First != 2 {
			t.Fatalf("after %v: facts %+v, want none from the second on", at, f)
		}
	}
	k.down(proto.DownAck, proto.Ack{V: 1, Sess: "s1", Ack: 1})
	if k.to(9 * time.Second); len(k.sent) > 0 {
		t.Fatalf("after the acknowledgement: said %v", k.sent)
	}
}

// An installation that waits for an administrator hands in its journal where the controller offers a session for that, and is
// not in session all the same.
func TestPendingHandsIn(t *testing.T) {
	k := newTalk(t)
	k.fact("O1")
	sum := k.fact("O2")
	h := k.connect()
	wait := func(sess proto.Session) {
		k.down(proto.DownHello, proto.Welcome{V: 1, Nonce: h.Nonce, S: proto.Pending, Sess: sess, T: 1_800_000_000_000})
	}
	if wait(""); len(said[proto.Facts](k, proto.UpFact)) != 0 {
		t.Fatal("facts without a session")
	}
	wait("waiting")
	f := said[proto.Facts](k, proto.UpFact)
	if len(f) != 1 || f[0].Sess != "waiting" || len(f[0].Facts) != 2 {
		t.Fatalf("facts %+v", f)
	}
	if k.s.Sess() != "" || k.s.Welcomed() || k.s.Ready(k.now()) {
		t.Fatalf("session %q, welcomed %t, ready %t", k.s.Sess(), k.s.Welcomed(), k.s.Ready(k.now()))
	}
	k.to(2 * time.Second)
	if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 {
		t.Fatalf("not acknowledged, and sent %d times again", len(f))
	}
	k.down(proto.DownAck, proto.Ack{V: 1, Sess: "waiting", Ack: 2, Sum: sum})
	if len(k.j.Pending()) != 0 {
		t.Fatalf("%d facts are still to be handed in", len(k.j.Pending()))
	}
	k.to(4 * time.Second)
	again := k.hello()
	if again.Nonce != h.Nonce {
		t.Fatal("it does not wait any more")
	}
	if k.welcome(again, proto.Welcome{Sess: "s1", Ack: 2, AckSum: sum}); k.s.Sess() != "s1" {
		t.Fatalf("session %q", k.s.Sess())
	}
}

// A journal set back becomes a new installation, which hands in everything it has.
func TestWentBack(t *testing.T) {
	for name, w := range map[string]proto.Welcome{
		"a fact that is missing":    {Ack: 7, AckSum: "whatever"},
		"a fact that is another":    {Ack: 1, AckSum: "whatever"},
		"the fact after the newest": {Ack: 3, AckSum: "whatever"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			k.fact("O1")
			k.fact("O2")
			h := k.connect()
			k.welcome(h, w)
			if k.s.Sess() != "" || k.j.Install() == "install-1" || len(k.j.Pending()) != 2 {
				t.Fatalf("session %q, installation %s, %d facts to hand in", k.s.Sess(), k.j.Install(), len(k.j.Pending()))
			}
			k.to(2 * time.Second)
			again := k.hello()
			if again.Nonce == h.Nonce || again.Install != k.j.Install() {
				t.Fatalf("hello %+v", again)
			}
			k.welcome(again, proto.Welcome{Sess: "s2"})
			if f := said[proto.Facts](k, proto.UpFact); len(f) != 1 || len(f[0].Facts) != 2 {
				t.Fatalf("facts %+v", f)
			}
		})
	}
	t.Run("the disk fails at it", func(t *testing.T) {
		k := newTalk(t)
		k.fact("O1")
		h := k.connect()
		k.d.fail = errDisk
		k.welcome(h, proto.Welcome{Ack: 1, AckSum: "whatever"})
		if k.err == nil || k.s.Sess() != "" {
			t.Fatalf("session %q, error %v", k.s.Sess(), k.err)
		}
	})
	t.Run("a fact that the controller has skipped", func(t *testing.T) {
		k := newTalk(t)
		k.fact("O1")
		k.welcome(k.connect(), proto.Welcome{Sess: "s1", Ack: 1})
		if k.s.Sess() != "s1" || k.j.Install() != "install-1" {
			t.Fatalf("session %q, installation %s", k.s.Sess(), k.j.Install())
		}
		k.step(func() { k.s.Down(k.now()) })
		k.to(3 * time.Second)
		if k.welcome(k.connect(), proto.Welcome{Sess: "s2", Ack: 2}); k.j.Install() == "install-1" {
			t.Fatal("a fact was skipped that this journal has not written, and it is taken for whole")
		}
	})
	t.Run("pruned is not gone back", func(t *testing.T) {
		k := newTalk(t)
		k.welcome(k.connect(), proto.Welcome{})
		sum := k.fact("O1")
		if err := k.j.Ack(1, sum, 1_800_000_000_000+2*KeepFor.Milliseconds()); err != nil {
			t.Fatal(err)
		}
		if k.j.First() != 2 {
			t.Fatal("not pruned")
		}
		k.step(func() { k.s.Down(k.now()) })
		k.to(3 * time.Second)
		k.welcome(k.connect(), proto.Welcome{Sess: "s2", Ack: 1, AckSum: sum})
		if k.s.Sess() != "s2" || k.j.Install() != "install-1" {
			t.Fatalf("session %q, installation %s", k.s.Sess(), k.j.Install())
		}
	})
}

func TestAgain(t *testing.T) {
	k := newTalk(t)
	k.welcome(k.connect(), proto.Welcome{})
	k.down(proto.DownHello, proto.Welcome{V: 1, S: proto.Again, Sess: "another"})
	k.quiet()
	k.to(time.Second)
	k.quiet()
	k.down(proto.DownHello, proto.Welcome{V: 1, S: proto.Again, Sess: "s1"})
	k.quiet() // at most one hello in 2 s
	if k.s.Ready(k.now()) {
		t.Fatal("ready in a session that the controller does not know")
	}
	k.to(2 * time.Second)
	h := k.hello()
	k.down(proto.DownHello, proto.Welcome{V: 1, S: proto.Again, Sess: "s1"})
	k.to(3 * time.Second)
	k.quiet()
	k.welcome(h, proto.Welcome{Sess: "s2"})
	if k.s.Sess() != "s2" {
		t.Fatal("no session after a second hello")
	}
}

// Another start of the controller is greeted, one that recovers as well; one that has gone is not.
func TestAnotherBoot(t *testing.T) {
	for s, greets := range map[string]bool{"on": true, "recovering": true, "faulted": true, "lost": false, "off": false} {
		t.Run(s, func(t *testing.T) {
			k := newTalk(t)
			k.welcome(k.connect(), proto.Welcome{})
			k.to(3 * time.Second)
			k.ctl("on", "boot-1")
			k.quiet()
			k.ctl(s, "boot-2")
			if got := len(said[proto.Hello](k, proto.UpHello)) == 1; got != greets || k.s.Sess() == "" != greets {
				t.Fatalf("greeted %v, session %q", got, k.s.Sess())
			}
			if s != "on" && k.s.Ready(k.now()) {
				t.Fatal("ready although the controller is " + s)
			}
		})
	}
}

// 15 s without the controller's own word: the connection is dead, whatever else arrives.
func TestSilence(t *testing.T) {
	k := newTalk(t)
	k.welcome(k.connect(), proto.Welcome{})
	k.to(14 * time.Second)
	k.ctl("on", "boot-1")
	k.to(20 * time.Second)
	k.hear("quhao/1/state/ctl", true, proto.Ctl{V: 1, S: "on", Epoch: 5, Boot: "boot-1"}) // retained: proves nothing
	k.ctl("lost", "boot-1")                                                               // by the broker
	k.to(29*time.Second - 1)
	if k.drop {
		t.Fatal("dropped too early")
	}
	k.to(29 * time.Second)
	if !k.drop || k.s.Ready(k.now()) {
		t.Fatalf("after 15 s of silence: drop %v, ready %v", k.drop, k.s.Ready(k.now()))
	}
	k.step(func() { k.s.Down(k.now()) })
	k.to(time.Hour)
	k.quiet()
}

func TestRejected(t *testing.T) {
	k := newTalk(t)
	h := k.connect()
	k.down(proto.DownHello, proto.Welcome{V: 1, Nonce: "foreign", S: proto.Rejected})
	k.quiet()
	k.to(time.Second)
	k.down(proto.DownHello, proto.Welcome{V: 1, Nonce: h.Nonce, S: proto.Rejected, Why: "unknown"})
	if !k.drop || k.s.Rejected() != time.Second+5*time.Minute {
		t.Fatalf("drop %v, stays away until %v", k.drop, k.s.Rejected())
	}
	k.step(func() { k.s.Down(k.now()) })
	k.to(k.s.Rejected())
	if next := k.connect(); next.Nonce == h.Nonce {
		t.Fatal("the same nonce for another conversation")
	}
}

// A pending installation goes on asking as long as the controller is heard.
func TestPendingApproval(t *testing.T) {
	k := newTalk(t)
	h := k.connect()
	for i := range 30 {
		k.down(proto.DownHello, proto.Welcome{V: 1, Nonce: h.Nonce, S: proto.Pending})
		k.to(time.Duration(i+1) * 2 * time.Second)
		if again := k.hello(); again.Nonce != h.Nonce || k.drop {
			t.Fatalf("hello %+v, drop %v", again, k.drop)
		}
	}
	k.welcome(h, proto.Welcome{})
	if !k.s.Ready(k.now()) {
		t.Fatal("not ready after the approval")
	}
}

func TestNewConnectionForgetsTheSession(t *testing.T) {
	k := newTalk(t)
	k.step(func() { k.s.Health(proto.Health{Parts: map[string]string{"printer": "ok"}}) })
	k.quiet()
	h := k.connect()
	if got := said[proto.Health](k, proto.UpHealth); len(got) != 1 || got[0].Parts["printer"] != "ok" || got[0].FW != "1.2" {
		t.Fatalf("health %+v", got)
	}
	k.welcome(h, proto.Welcome{})
	k.step(func() { k.s.Shown(k.now(), "c1", proto.At{Epoch: 5, Ver: 3}) })
	k.to(0)
	if b := said[proto.Beat](k, proto.UpBeat); len(b) != 1 || b[0].Shown["c1"] != (proto.At{Epoch: 5, Ver: 3}) {
		t.Fatalf("what is shown is said as %+v", b)
	}
	k.step(func() { k.s.Down(k.now()) })
	if k.s.Sess() != "" || k.s.Ready(k.now()) {
		t.Fatal("in session without a connection")
	}
	k.to(4 * time.Second)
	k.quiet()
	again := k.connect()
	if again.Nonce == h.Nonce || again.Seen.Epoch != 5 {
		t.Fatalf("hello %+v", again)
	}
	k.welcome(h, proto.Welcome{Sess: "late"}) // to the old nonce
	if k.s.Sess() != "" {
		t.Fatal("a welcome of the old connection was taken")
	}
}

func TestForeignMessages(t *testing.T) {
	k := newTalk(t)
	k.connect()
	for topic, want := range map[string]bool{
		"quhao/1/dev/kiosk-1/down/welcome": true, "quhao/1/dev/kiosk-1/down/ack": true, "quhao/1/state/ctl": true,
		"quhao/1/dev/kiosk-2/down/welcome": false, "quhao/1/dev/kiosk-1/down/res": false, "quhao/1/state/hall/h": false,
		"other/1/state/ctl": false, "": false,
	} {
		mine, err := k.s.Receive(k.now(), proto.Message{Topic: topic, Payload: []byte("{")})
		if mine != want || (err != nil) != want {
			t.Errorf("%s: mine %v, error %v", topic, mine, err)
		}
	}
}

// What a device holds may be of a controller that it never heard itself: it tells of that one, so that a restored controller
// with the same epoch goes above it.
func TestSeenInAState(t *testing.T) {
	k := newTalk(t)
	state := func(topic string, v any) {
		t.Helper()
		b, err := proto.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if mine, err := k.s.Receive(k.now(), proto.Message{Topic: topic, Payload: b, Retain: true}); mine || err != nil {
			t.Fatalf("%s: mine %v, %v", topic, mine, err)
		}
	}
	state("quhao/1/state/counter/c1", proto.CounterState{V: 1, Epoch: 6, Boot: "before", Ver: 28, S: "idle"})
	k.ctl("on", "after") // of epoch 5
	k.welcome(k.connect(), proto.Welcome{Boot: "after"})
	if got := said[proto.Beat](k, proto.UpBeat); len(got) != 1 || got[0].Seen != (proto.Seen{Epoch: 6, Boot: "before"}) {
		t.Errorf("seen %+v", got)
	}
	state("quhao/1/state/hall/hall", proto.HallState{V: 1, Epoch: 7, Boot: "later"})
	if got := k.s.Mark().Seen; got != (proto.Seen{Epoch: 7, Boot: "later"}) {
		t.Errorf("seen %+v", got)
	}
}

// The device's clock follows the word that had the least way behind it.
func TestTimeByTheFastestWord(t *testing.T) {
	k := newTalk(t)
	at := func(up time.Duration, late time.Duration) {
		t.Helper()
		k.to(up)
		k.hear("quhao/1/state/ctl", false, proto.Ctl{V: 1, S: "on", Epoch: 5, Boot: "boot-1", T: 1_800_000_000_000 + (up - late).Milliseconds()})
	}
	behind := func(want time.Duration) {
		t.Helper()
		got, ok := k.s.Time(k.now())
		if b := 1_800_000_000_000 + k.up.Milliseconds() - got; !ok || b != want.Milliseconds() {
			t.Errorf("at %v the device's time is %d ms behind, want %v", k.up, b, want)
		}
	}
	k.connect()
	at(1*time.Second, 300*time.Millisecond)
	behind(300 * time.Millisecond)
	at(6*time.Second, 10*time.Millisecond)
	behind(10 * time.Millisecond)
	at(11*time.Second, 200*time.Millisecond)
	behind(10 * time.Millisecond)
	at(70*time.Second, 200*time.Millisecond) // clocks drift: after a minute any word counts again
	behind(200 * time.Millisecond)
	at(75*time.Second, 5*time.Second) // the controller's clock was set back
	behind(5 * time.Second)
	at(80*time.Second, -3*time.Second) // and put forward
	behind(-3 * time.Second)
}
