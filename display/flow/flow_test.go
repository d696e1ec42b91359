package flow

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/internal/proto"
)

var errLine = errors.New("line is gone")

// a state of epoch 1 whose cv is its ver.
func st(ver proto.Ver, s string) proto.CounterState {
	return proto.CounterState{Epoch: 1, Ver: ver, CV: ver, S: s, Depts: []string{"finance"}}
}

func called(b *bench, ver proto.Ver, num, call string) proto.CounterState {
	x := st(ver, calling)
	x.Num, x.Call, x.T, x.Dept = num, call, b.ms(), "finance"
	return x
}

func TestTexts(t *testing.T) {
	for _, tc := range []struct {
		name string
		st   proto.CounterState
		want led.Show
	}{
		{"closed", st(5, closed), led.Show{Mode: led.Closed, Text: "停止办公"}},
		{"paused", st(5, paused), led.Show{Mode: led.Paused, Text: "暂停服务"}},
		{"serving", proto.CounterState{Epoch: 1, Ver: 5, S: serving, Num: "A012"}, led.Show{Mode: led.Serving, Text: "正在办理A012", Number: "A012"}},
		{"called long ago", proto.CounterState{Epoch: 1, Ver: 5, S: calling, Num: "A012", Call: "v", T: epochMS - 60_000}, led.Show{Mode: led.Calling, Text: "请A012号办理", Number: "A012"}},
		{"unknown to this version", proto.CounterState{Epoch: 1, Ver: 5, S: "training", Num: "A012"}, led.Show{Mode: led.Stale, Text: "信号中断请稍候", Number: "A012"}},
		{"rating", proto.CounterState{Epoch: 1, Ver: 5, S: idle, Rating: &proto.RatingState{Tok: "t", For: 60}}, led.Show{Mode: led.Rating, Text: "请您评价"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.connect(1, "s1")
			b.state("c03", tc.st)
			if got := b.show(); got != tc.want {
				t.Errorf("shows %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestIdleTakesTurns(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, idle))
	seen := map[string]int{}
	for range 4 {
		seen[b.text()]++
		b.wait(3 * time.Second)
		b.ctl(1)
	}
	if seen["3号窗口"] != 2 || seen["财务部"] != 2 {
		t.Errorf("in four turns: %v", seen)
	}
}

func TestAllPicturesFit(t *testing.T) {
	b := newBench(t)
	c := b.cfg.Counters[0]
	c.Depts = []string{"finance"}
	shows := b.cfg.Pictures(c, "AX99")
	for _, s := range shows {
		if err := led.NewTerminal().Fits(s); err != nil {
			t.Error(err)
		}
	}
	if !slices.ContainsFunc(shows, func(s led.Show) bool { return s.Text == "财务部" }) {
		t.Error("the department's name is not among the pictures")
	}
	c.Name = "一个非常长的窗口名字"
	if !slices.ContainsFunc(b.cfg.Pictures(c, "A001"), func(s led.Show) bool { return led.NewTerminal().Fits(s) != nil }) {
		t.Error("a name too long is not found")
	}
}

func TestOnlyNewerStatesCount(t *testing.T) {
	b := newBench(t)
	b.connect(2, "s1")
	newest := proto.CounterState{Epoch: 2, Ver: 7, CV: 7, S: serving, Num: "A020"}
	b.state("c03", newest)
	for _, old := range []proto.CounterState{
		newest,
		{Epoch: 2, Ver: 6, S: calling, Num: "A019", Call: "v19", T: b.ms()},
		{Epoch: 1, Ver: 99, S: calling, Num: "A018", Call: "v18", T: b.ms()},
	} {
		if acts := b.state("c03", old); len(only[Display](acts))+len(only[Announce](acts)) > 0 {
			t.Errorf("an old state (%d,%d) is shown: %v", old.Epoch, old.Ver, acts)
		}
	}
	if b.text() != "正在办理A020" {
		t.Errorf("shows %s", b.text())
	}
	b.state("c99", proto.CounterState{Epoch: 2, Ver: 9, S: closed}) // of another counter
	if b.text() != "正在办理A020" {
		t.Errorf("another counter's state is shown: %s", b.text())
	}
	b.state("c99", proto.CounterState{Epoch: 9, Ver: 9, S: closed}) // the controller has started anew and has not spoken of this one
	if b.text() != "信号中断请稍候" {
		t.Errorf("of a controller that is no more it shows: %s", b.text())
	}
}

func TestAnnounce(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	first := called(b, 5, "A012", "v1")
	if a := only[Announce](b.state("c03", first)); !slices.Equal(a, []Announce{{"c03", "A012", 0}}) {
		t.Fatalf("a new call is announced as %v", a)
	}
	if !b.show().Blink {
		t.Error("a new call does not blink")
	}
	b.wait(14 * time.Second)
	b.ctl(1)
	if !b.show().Blink {
		t.Error("a call of 14 s does not blink")
	}
	b.wait(2 * time.Second)
	if b.show().Blink || b.text() != "请A012号办理" {
		t.Errorf("after 16 s it shows %+v", b.show())
	}

	same := first
	same.Ver = 6 // a rating has come to its end: nothing to announce
	if a := only[Announce](b.state("c03", same)); len(a) > 0 {
		t.Errorf("the same call is announced again: %v", a)
	}
	again := called(b, 7, "A012", "v1")
	again.RN = 1
	if a := only[Announce](b.state("c03", again)); !slices.Equal(a, []Announce{{"c03", "A012", 1}}) {
		t.Errorf("a recall is announced as %v", a)
	}
	old := called(b, 8, "A013", "v2")
	old.T -= 15_000
	if a := only[Announce](b.state("c03", old)); len(a) > 0 || b.show().Blink {
		t.Errorf("a call of 15 s is announced: %v, %+v", a, b.show())
	}
}

// A unit that starts during a call hears the state before it knows the time: it announces when the time comes, if the call is young.
func TestAnnounceWaitsForTheTime(t *testing.T) {
	for _, tc := range []struct {
		age  time.Duration
		want int
	}{{5 * time.Second, 1}, {20 * time.Second, 0}} {
		b := newBench(t)
		b.do(PipeUp{})
		call := called(b, 5, "A012", "v1")
		call.T -= tc.age.Milliseconds()
		b.state("c03", call)
		if a := only[Announce](b.all); len(a) > 0 {
			t.Fatalf("announced without knowing the time: %v", a)
		}
		b.connect(1, "s1")
		b.wait(5 * time.Second)
		if a := only[Announce](b.all); len(a) != tc.want {
			t.Errorf("a call of %v: %d announcements, want %d", tc.age, len(a), tc.want)
		}
	}
}

func TestStale(t *testing.T) {
	b := newBench(t)
	if b.text() != textStale {
		t.Errorf("before anything is heard it shows %q", b.text())
	}
	b.connect(1, "s1")
	if b.text() != textStale {
		t.Errorf("without a state it shows %q", b.text())
	}
	b.state("c03", called(b, 5, "A012", "v1"))
	b.displayed()
	b.do(PipeDown{})
	b.wait(1900 * time.Millisecond)
	if b.text() != "请A012号办理" {
		t.Errorf("1.9 s after the connection was lost it shows %q", b.text())
	}
	b.wait(200 * time.Millisecond)
	if got := b.show(); got != (led.Show{Mode: led.Stale, Text: textStale, Number: "A012"}) {
		t.Errorf("2.1 s after the connection was lost it shows %+v", got)
	}
	if got := only[Display](b.all); got[len(got)-1].At != (proto.At{}) {
		t.Error("the stale picture claims to show a version")
	}
	// The controller has started anew and has not spoken of this counter yet: what is held is of before.
	b.connect(2, "s2")
	if b.text() != textStale {
		t.Errorf("a state of an earlier epoch is shown as present: %q", b.text())
	}
	now := called(b, 6, "A012", "v1")
	now.Epoch = 2
	b.state("c03", now)
	if b.text() != "请A012号办理" {
		t.Errorf("after the new state it shows %q", b.text())
	}
	n := len(only[Announce](b.all))
	if n != 1 {
		t.Errorf("one call, %d announcements", n)
	}
	// Connected, but the controller is silent.
	b.wait(15 * time.Second)
	if b.text() != textStale || len(only[Drop](b.all)) != 1 {
		t.Errorf("after 15 s of silence: %q, %d drops", b.text(), len(only[Drop](b.all)))
	}
	if b.lamp() {
		t.Error("keys are lit although nothing can be sent")
	}
}

func TestShownIsSaidAtOnce(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	if n := len(sent[proto.Beat](b, proto.UpBeat, b.acts)); n > 0 {
		t.Fatal("a beat although nothing is on the display yet")
	}
	b.displayed()
	beats := sent[proto.Beat](b, proto.UpBeat, b.acts)
	if len(beats) != 1 || beats[0].Shown["c03"] != (proto.At{Epoch: 1, Ver: 5}) {
		t.Errorf("after the display took it: %+v", beats)
	}
	b.do(Displayed{Counter: "c03", At: proto.At{Epoch: 1, Ver: 4}}) // late
	b.wait(10 * time.Second)
	for _, beat := range sent[proto.Beat](b, proto.UpBeat, b.acts) {
		if beat.Shown["c03"].Ver != 5 {
			t.Errorf("a late word takes it back: %+v", beat)
		}
	}
}

func TestFailedPictureIsDrawnAgain(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	want := only[Display](b.acts)[0]
	if acts := b.do(Failed{Action: want, Err: errLine}); len(only[Display](acts)) > 0 {
		t.Error("drawn again at once: a loop without end")
	}
	b.wait(time.Second)
	if got := only[Display](b.acts); len(got) != 1 || got[0] != want {
		t.Errorf("after a second: %v", got)
	}
	if len(only[Lamp](b.acts)) != 1 {
		t.Error("the lamp behind the failed picture is not set again")
	}
}

func TestRejectedStaysAway(t *testing.T) {
	b := newBench(t)
	b.do(PipeUp{})
	hello := sent[proto.Hello](b, proto.UpHello, b.all)[0]
	b.send(b.cfg.Topics.Down("unit-1", proto.DownHello), proto.Welcome{V: 1, Nonce: hello.Nonce, S: proto.Rejected, Why: "two of this name"})
	if d := only[Drop](b.acts); len(d) != 1 || d[0].Rest != 5*time.Minute || d[0].Why != "two of this name" {
		t.Errorf("rejected: %v", d)
	}
	if v := b.unit.View(); v.Refused != "two of this name" || b.text() != textRefused {
		t.Errorf("its page says %q, its display %q", v.Refused, b.text())
	}
}

func TestUnreadableMessages(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	n := len(b.all)
	for _, m := range []proto.Message{
		{Topic: b.cfg.Topics.Counter("c03"), Payload: []byte(`{"s":`)},
		{Topic: b.cfg.Topics.Counter("c03"), Payload: []byte(strings.Repeat(" ", proto.MaxMessage+1))},
		{Topic: b.cfg.Topics.Down("unit-1", proto.DownRes), Payload: []byte(`[]`)},
		{Topic: b.cfg.Topics.Down("unit-1", proto.DownDo), Payload: nil},
		{Topic: b.cfg.Topics.Ctl(), Payload: []byte(`"on"`)},
	} {
		b.do(Message{m})
	}
	if v := b.unit.View(); v.Bad != 5 || v.BadErr == "" {
		t.Errorf("%d counted, %q", v.Bad, v.BadErr)
	}
	if len(b.all) != n {
		t.Errorf("something was done: %v", b.all[n:])
	}
}

func TestOrders(t *testing.T) {
	b := newBench(t)
	b.connect(1, "s1")
	b.state("c03", st(5, closed))
	do := b.cfg.Topics.Down("unit-1", proto.DownDo)
	b.send(do, proto.Order{V: 1, ID: "o1", Sess: "s0", Op: "identify"})
	b.send(do, proto.Order{V: 1, ID: "o2", Sess: "s1", Op: "dance"})
	if f := b.facts(proto.FactDone); len(f) > 0 || b.text() != "停止办公" {
		t.Errorf("orders that are none were carried out: %v", f)
	}
	b.send(do, proto.Order{V: 1, ID: "o3", Sess: "s1", Op: "identify"})
	if b.text() != "3号窗口" {
		t.Errorf("identify shows %q", b.text())
	}
	b.wait(3 * time.Second)
	b.send(do, proto.Order{V: 1, ID: "o3", Sess: "s1", Op: "identify"})
	if f := b.facts(proto.FactDone); len(f) != 1 || f[0].ID != "o3" || b.text() != "停止办公" {
		t.Errorf("once: %v, shows %q", f, b.text())
	}
	b.send(do, proto.Order{V: 1, ID: "o5", Sess: "s1", Op: proto.DoTest})
	b.send(do, proto.Order{V: 1, ID: "o6", Sess: "s1", Op: proto.DoReprint})
	b.send(do, proto.Order{V: 1, Sess: "s1", Op: proto.DoTest})
	if f := b.facts(proto.FactDone); len(f) != 2 || f[1].ID != "o5" || b.text() != "８８８８８８８８" {
		t.Errorf("test: %v, shows %q", f, b.text())
	}
	b.wait(3 * time.Second)
	b.send(do, proto.Order{V: 1, ID: "o4", Sess: "s1", Op: "restart"})
	if len(only[Restart](b.acts)) != 1 {
		t.Error("no restart")
	}
	b.start()
	b.connect(1, "s2")
	b.send(do, proto.Order{V: 1, ID: "o4", Sess: "s2", Op: "restart"})
	if len(only[Restart](b.acts)) != 0 {
		t.Error("the same order restarts twice")
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t)
	b.do(Part{"led c03", "ok"})
	b.connect(1, "s1")
	b.do(Part{"led c03", "gone"})
	b.do(Part{"led c03", "gone"})
	b.do(Press{Counter: "c77", Press: keypad.Press{Op: keypad.Next}}) // of a counter that is not ours
	h := sent[proto.Health](b, proto.UpHealth, b.all)
	if len(h) != 2 || h[0].Parts["led c03"] != "ok" || h[1].Parts["led c03"] != "gone" {
		t.Errorf("health: %+v", h)
	}
}
