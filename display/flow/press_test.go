package flow

import (
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/internal/proto"
)

func TestPressBecomesACommand(t *testing.T) {
	for _, tc := range []struct {
		press keypad.Press
		s     string
		want  proto.Cmd
	}{
		{keypad.Press{Op: keypad.Next}, idle, proto.Cmd{Op: proto.OpNext}},
		{keypad.Press{Op: keypad.Recall}, calling, proto.Cmd{Op: proto.OpRecall}},
		{keypad.Press{Op: keypad.Start}, calling, proto.Cmd{Op: proto.OpStart}},
		{keypad.Press{Op: keypad.NoShow}, calling, proto.Cmd{Op: proto.OpNoShow}},
		{keypad.Press{Op: keypad.Park}, serving, proto.Cmd{Op: proto.OpPark}},
		{keypad.Press{Op: keypad.Unpark}, idle, proto.Cmd{Op: proto.OpUnpark}},
		{keypad.Press{Op: keypad.Pause}, idle, proto.Cmd{Op: proto.OpPause}},
		{keypad.Press{Op: keypad.Pause}, paused, proto.Cmd{Op: proto.OpUnpause}},
		{keypad.Press{Op: keypad.Complete}, serving, proto.Cmd{Op: proto.OpComplete, Outcome: "direct"}},
		{keypad.Press{Op: keypad.Invite}, serving, proto.Cmd{Op: proto.OpComplete, Outcome: "direct"}},
		{keypad.Press{Op: keypad.Transfer, Arg: 2}, serving, proto.Cmd{Op: proto.OpTransfer, To: "personnel"}},
		{keypad.Press{Op: keypad.Transfer, Arg: 3}, serving, proto.Cmd{}},
		{keypad.Press{Op: keypad.Choose, Arg: 3}, idle, proto.Cmd{}},
	} {
		t.Run(string(tc.press.Op)+" "+tc.s, func(t *testing.T) {
			b := newBench(t)
			b.connect(1, "s1")
			held := st(9, tc.s)
			held.CV = 7
			b.state("c03", held)
			b.do(Press{Counter: "c03", Press: tc.press})
			cmds := b.cmds()
			if tc.want.Op == "" {
				if len(cmds) > 0 {
					t.Fatalf("sent %+v", cmds)
				}
				if got := b.flashing(); got != 3 {
					t.Errorf("refused with %d flashes, want 3", got)
				}
				return
			}
			if len(cmds) != 1 {
				t.Fatalf("%d commands", len(cmds))
			}
			c := cmds[0]
			if c.Op != tc.want.Op || c.To != tc.want.To || c.Outcome != tc.want.Outcome || c.Counter != "c03" || c.Sess != "s1" ||
				c.ID == "" || c.IfVer == nil || *c.IfVer != (proto.At{Epoch: 1, Ver: 7}) {
				t.Errorf("sent %+v, fence %v", c, c.IfVer)
			}
			if b.lamp() {
				t.Error("the keys are lit while the command is on its way")
			}
		})
	}
}

// flashing counts how often the lamp flashes from the last event to a second later. That it was dark before takes away one change.
func (b *bench) flashing() (n int) {
	from := len(b.all) - len(b.acts)
	b.wait(time.Second)
	lamps := only[Lamp](b.all[from:])
	return (len(lamps) + 1) / 2
}

func TestKeysStayDarkUntilShown(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	if !b.lamp() {
		t.Fatal("the keys are dark at rest")
	}
	b.press(keypad.Next)
	id := b.cmds()[0].ID
	b.press(keypad.Next)
	b.result(id, "s1", proto.ResOK, &proto.At{Epoch: 1, Ver: 6})
	b.press(keypad.Next)
	b.state("c03", called(b, 6, "A012", "v1"))
	b.press(keypad.Next)
	if len(b.cmds()) != 1 || b.lamp() {
		t.Fatalf("%d commands before the result is on the display, lamp %v", len(b.cmds()), b.lamp())
	}
	b.do(Displayed{Counter: "c03", At: proto.At{Epoch: 1, Ver: 6}})
	if !b.lamp() {
		t.Error("shown, and still dark")
	}
	b.press(keypad.Next)
	if len(b.cmds()) != 2 || b.cmds()[1].ID == id {
		t.Errorf("the next press: %+v", b.cmds())
	}
}

// The state may be on the display before the result comes.
func TestResultAfterItsState(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	b.press(keypad.Next)
	b.state("c03", called(b, 6, "A012", "v1"))
	b.displayed()
	b.result(b.cmds()[0].ID, "s1", proto.ResOK, &proto.At{Epoch: 1, Ver: 6})
	if !b.lamp() {
		t.Error("shown and answered, and still dark")
	}
}

func TestResend(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	b.press(keypad.Next)
	b.wait(999 * time.Millisecond)
	if len(b.cmds()) != 1 {
		t.Fatal("sent again before a second has passed")
	}
	b.wait(time.Millisecond)
	if c := b.cmds(); len(c) != 2 || c[0].ID != c[1].ID {
		t.Fatalf("after a second: %+v", c)
	}
	b.wait(999 * time.Millisecond)
	if b.lamp() {
		t.Error("lit before two seconds have passed")
	}
	b.wait(time.Second)
	if len(b.cmds()) != 2 || !b.lamp() {
		t.Errorf("after two seconds: %d commands, lamp %v", len(b.cmds()), b.lamp())
	}
	b.result(b.cmds()[0].ID, "s1", proto.ResConflict, nil) // too late
	if b.unit.counters[0].flashAt == b.up {
		t.Error("a late refusal is signalled")
	}
}

func TestForeignResults(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	b.press(keypad.Next)
	id := b.cmds()[0].ID
	b.result("other", "s1", proto.ResConflict, nil)
	b.result(id, "s0", proto.ResConflict, nil)
	b.result(id, "", proto.ResConflict, nil)
	if b.unit.counters[0].request == nil {
		t.Fatal("a foreign result ends the request")
	}
	b.result(id, "s1", proto.ResEmpty, nil)
	if b.unit.counters[0].request != nil || b.flashing() != 3 {
		t.Error("the refusal is not taken")
	}
}

// A press just before the connection is lost is sent again in the next session under the same id, never as a second one.
func TestRequestAcrossSessions(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	b.wait(3 * time.Second) // so that a hello may be said at once
	b.press(keypad.Next)
	id := b.cmds()[0].ID
	b.do(PipeDown{})
	b.do(PipeUp{})
	hellos := sent[proto.Hello](b, proto.UpHello, b.all)
	b.send(b.cfg.Topics.Down("unit-1", proto.DownHello), proto.Welcome{
		V: 1, Nonce: hellos[len(hellos)-1].Nonce, S: proto.Accepted, Sess: "s2", Epoch: 1, Boot: bootOf(1), T: b.ms(),
	})
	b.wait(time.Second)
	cmds := b.cmds()
	if len(cmds) != 2 || cmds[1].ID != id || cmds[1].Sess != "s2" || *cmds[1].IfVer != *cmds[0].IfVer {
		t.Fatalf("sent %+v", cmds)
	}
	b.result(id, "s1", proto.ResConflict, nil)
	if b.unit.counters[0].request == nil {
		t.Error("an answer of the old session is used")
	}
}

func TestPressWithoutController(t *testing.T) {
	for name, prepare := range map[string]func(b *bench){
		"never connected":    func(*bench) {},
		"no session yet":     func(b *bench) { b.do(PipeUp{}); b.ctl(1); b.state("c03", st(5, idle)) },
		"no state":           func(b *bench) { b.connect(1, "s1") },
		"connection lost":    func(b *bench) { b.connect(1, "s1"); b.state("c03", st(5, idle)); b.do(PipeDown{}) },
		"controller silent":  func(b *bench) { b.connect(1, "s1"); b.state("c03", st(5, idle)); b.wait(16 * time.Second) },
		"of an earlier boot": func(b *bench) { b.connect(2, "s1"); b.state("c03", st(5, idle)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			prepare(b)
			b.press(keypad.Next)
			if len(b.cmds()) > 0 {
				t.Errorf("sent %+v", b.cmds())
			}
			if n := b.flashing(); n != 3 {
				t.Errorf("%d flashes, want 3", n)
			}
		})
	}
}

func TestKeysWithoutDisplay(t *testing.T) {
	b := newBench(t, Counter{ID: "c03"})
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	b.press(keypad.Next)
	b.result(b.cmds()[0].ID, "s1", proto.ResOK, &proto.At{Epoch: 1, Ver: 6})
	b.state("c03", called(b, 6, "A012", "v1"))
	if len(only[Display](b.all)) > 0 || !b.lamp() {
		t.Error("without a display the state itself lights the keys")
	}
	b.wait(10 * time.Second)
	for _, beat := range sent[proto.Beat](b, proto.UpBeat, b.all) {
		if len(beat.Shown) > 0 {
			t.Errorf("shown without a display: %v", beat.Shown)
		}
	}
}

func TestCard(t *testing.T) {
	digest := proto.CardDigest("0008844356")
	hash := proto.CardHash([]byte("day key"), digest)
	b := newBench(t)
	b.do(Card{Digest: digest})
	if b.flashing() != 3 || len(b.facts(proto.FactPresence)) > 0 {
		t.Fatal("a card without a day key is taken")
	}
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	b.do(Card{Counter: "c03", Digest: digest})
	if b.text() != "刷卡成功" {
		t.Errorf("shows %q", b.text())
	}
	b.do(PipeDown{})
	b.do(Card{Digest: digest}) // leaves before the controller has heard that somebody came
	b.state("c03", st(6, idle))
	b.do(Card{Digest: digest})
	var on []bool
	for _, f := range b.facts(proto.FactPresence) {
		on = append(on, f.On)
		if f.Officer != hash || f.Counter != "c03" || f.T != b.ms() || !f.Clk {
			t.Errorf("journaled %+v", f)
		}
	}
	if len(on) != 3 || !on[0] || on[1] || on[2] {
		t.Errorf("on: %v, want true, false, false", on)
	}
	b.disk.fail = errDisk
	b.do(Card{Digest: digest})
	if b.flashing() != 3 {
		t.Error("a card that could not be kept is not refused")
	}
	if v := b.unit.View(); v.Journal.Err == "" || v.Parts["journal"] != "error" {
		t.Errorf("the fault is not told: %+v", v)
	}
}

// One reader for two counters: the key says at which one.
func TestCardOfSeveralCounters(t *testing.T) {
	b := newBench(t, Counter{ID: "c03", LED: true}, Counter{ID: "c04", LED: true})
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	b.state("c04", st(6, closed))
	b.do(Card{Digest: proto.CardDigest("1234")})
	b.do(Press{Counter: "c04", Press: keypad.Press{Op: keypad.Next}})
	f := b.facts(proto.FactPresence)
	if len(f) != 1 || f[0].Counter != "c04" || !f[0].On || len(b.cmds()) > 0 {
		t.Fatalf("facts %+v, commands %+v", f, b.cmds())
	}
	b.do(Card{Digest: proto.CardDigest("1234")})
	b.wait(cardWaits)
	b.ctl(1)
	b.do(Press{Counter: "c03", Press: keypad.Press{Op: keypad.Next}})
	if len(b.facts(proto.FactPresence)) != 1 || len(b.cmds()) != 1 {
		t.Error("a card of 10 s ago still takes the key")
	}
}
