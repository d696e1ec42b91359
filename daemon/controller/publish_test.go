package controller

import (
	"slices"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

func dept(t *testing.T, h proto.HallState, id string) proto.DeptState {
	t.Helper()
	i := slices.IndexFunc(h.Depts, func(d proto.DeptState) bool { return d.ID == id })
	if i < 0 {
		t.Fatalf("the hall does not speak of %s: %+v", id, h)
	}
	return h.Depts[i]
}

func TestStatesAfterChange(t *testing.T) {
	b := newBench(t)
	b.must(queue.OpenDay{})
	k, u := b.connect("kiosk-1"), b.connect("unit-3")
	mark := len(b.out.msgs)
	k.take("t1")
	h := one[proto.HallState](b, mark, b.top.Hall("hall"))
	if d := dept(t, h, "finance"); d.Waiting != 1 || d.Issued != 1 || !d.Open || d.Last != "" {
		t.Errorf("after a ticket: %+v", d)
	}
	if n := len(since[proto.CounterState](b, mark, b.top.Counter("c3"))); n != 0 {
		t.Errorf("a ticket made the counter speak %d times", n)
	}
	b.must(queue.SignOn{Counter: "c3", Officer: "officer-3"})
	b.pass(21 * time.Second)
	mark = len(b.out.msgs)
	u.ask(proto.Cmd{ID: "n", Op: proto.OpNext, Counter: "c3", IfVer: b.desk("c3")})
	s := one[proto.CounterState](b, mark, b.top.Counter("c3"))
	if s.S != "calling" || s.Num != "B001" || s.Dept != "finance" || s.Call == "" || s.T != b.now.UnixMilli() || s.Ver != s.CV || s.Boot != b.c.boot {
		t.Errorf("after a call: %+v", s)
	}
	later := one[proto.HallState](b, mark, b.top.Hall("hall"))
	if d := dept(t, later, "finance"); d.Waiting != 0 || d.Last != "B001" || !later.At().After(h.At()) {
		t.Errorf("after a call: %+v at %v", d, later.At())
	}
	if len(later.Calls) != 1 || later.Calls[0].Counter != "c3" || later.Calls[0].Num != "B001" {
		t.Errorf("calls: %+v", later.Calls)
	}
	if got := b.topics(mark); slices.Contains(got, "state/counter/c1") {
		t.Errorf("a counter spoke that has not changed: %v", got)
	}
}

// The answer to a command comes before the state it made: who waits for both sees them in this order.
func TestAnswerBeforeState(t *testing.T) {
	b := newBench(t)
	b.open()
	u := b.connect("unit-3")
	mark := len(b.out.msgs)
	b.handle(u.cmd(proto.Cmd{ID: "p", Op: proto.OpPause, Counter: "c3", IfVer: b.desk("c3")}))
	if got := b.topics(mark); len(got) < 2 || got[0] != "dev/unit-3/down/res" || got[1] != "state/counter/c3" {
		t.Errorf("published %v", got)
	}
}

func TestDisplayBehind(t *testing.T) {
	b := newBench(t)
	b.open()
	u := b.connect("unit-3")
	topic := b.top.Counter("c3")
	was := (View{b.c}).Counter(b.now, "c3").At()
	b.must(queue.Pause{Counter: "c3"})
	is := (View{b.c}).Counter(b.now, "c3").At()
	beat := func(counter string, at proto.At) int {
		mark := len(b.out.msgs)
		b.handle(u.say(u.id, proto.UpBeat, proto.Beat{V: 1, Mark: u.mark(), Shown: map[string]proto.At{counter: at}}))
		return len(since[proto.CounterState](b, mark, topic))
	}
	shows := func(want bool) {
		t.Helper()
		for _, d := range (View{b.c}).Devices() {
			if is, of := d.Shows["c3"]; d.ID == "unit-3" && (!of || is != want) {
				t.Errorf("the display of c3 is right: %t, %t; want %t", is, of, want)
			}
		}
	}
	shows(false)
	if n := beat("c3", was); n != 0 {
		t.Errorf("behind for no time, told %d times", n)
	}
	b.now = b.now.Add(resendStates)
	shows(false)
	if n := beat("c3", is); n != 0 {
		t.Errorf("not behind, told %d times", n)
	}
	shows(true)
	if n := beat("c3", was); n != 1 || b.c.count["states_resent"] != 1 {
		t.Errorf("behind for 2 s, told %d times", n)
	}
	for range 2 { // too little at once to be noticed as a jump
		b.now = b.now.Add(-time.Second)
		beat("c3", is)
	}
	b.now = b.now.Add(-time.Second)
	if n := beat("c3", was); n != 1 {
		t.Errorf("behind, and the clock was set back: told %d times", n)
	}
	if n := beat("c1", is); n != 1 {
		t.Errorf("with nothing shown yet told %d times", n)
	}
	mark := len(b.out.msgs)
	beat("c1", proto.At{})
	if got := b.topics(mark); slices.Contains(got, "state/counter/c1") {
		t.Errorf("the counter of another unit was said: %v", got)
	}
}

func TestCallsOnTheBoard(t *testing.T) {
	b := newBench(t)
	b.open()
	for range callsOnBoard + 3 {
		b.must(queue.Take{Dept: "finance"})
	}
	b.pass(21 * time.Second)
	for range callsOnBoard + 3 {
		b.must(queue.Next{Counter: "c3"})
	}
	want := (View{b.c}).Hall("hall").Calls
	if len(want) != callsOnBoard || want[0].Num != "B011" || want[callsOnBoard-1].Num != "B004" {
		t.Errorf("%+v", want)
	}
	b.pass(5 * time.Second)
	b.must(queue.Recall{Counter: "c3"})
	if got := (View{b.c}).Hall("hall").Calls; len(got) != callsOnBoard || got[0].Num != "B011" || got[1].Num != "B010" || got[0].T != b.now.UnixMilli() {
		t.Errorf("after a recall: %+v", got)
	}
	b.start()
	if got := (View{b.c}).Hall("hall").Calls; len(got) != callsOnBoard || got[0].Num != "B011" {
		t.Errorf("after a restart: %+v", got)
	}
	b.must(queue.CloseDay{Force: true})
	b.must(queue.OpenDay{})
	if got := (View{b.c}).Hall("hall").Calls; len(got) != 0 {
		t.Errorf("on a new day: %+v", got)
	}
}

// Other departments' calls do not push a department's last one off, and a visitor who was handed over is not of its series.
func TestLastCalledOfADepartment(t *testing.T) {
	b := newBench(t)
	b.open()
	b.must(queue.Take{Dept: "study", Holder: "somebody"})
	for range callsOnBoard + 3 {
		b.must(queue.Take{Dept: "finance"})
	}
	b.pass(21 * time.Second)
	b.must(queue.Next{Counter: "c1"})
	first := (View{b.c}).LastCalled("study")
	for range callsOnBoard + 3 {
		b.must(queue.Next{Counter: "c3"})
	}
	if got := (View{b.c}).LastCalled("study"); first == "" || got != first {
		t.Errorf("called %q first, and %q after the calls of others", first, got)
	}
	b.must(queue.Undo{Counter: "c3"})
	if got := (View{b.c}).LastCalled("finance"); got != "B010" {
		t.Errorf("after an undo: %q", got)
	}
	b.must(queue.Transfer{Counter: "c1", To: "finance"})
	b.must(queue.Next{Counter: "c3"})
	if got := (View{b.c}).LastCalled("finance"); got != "B011" && got != "B010" {
		t.Errorf("after a transfer: %q", got)
	}
	b.start()
	if got := (View{b.c}).LastCalled("study"); got != first {
		t.Errorf("after a restart: %q", got)
	}
}

func TestANumberBelongsToOneSeries(t *testing.T) {
	for _, c := range []struct {
		number, prefix string
		want           bool
	}{{"A012", "A", true}, {"AX07", "A", true}, {"AB01", "A", false}, {"AB01", "AB", true}, {"B012", "A", false}, {"A", "A", false}, {"", "A", false}} {
		if got := prefixed(c.number, c.prefix); got != c.want {
			t.Errorf("%s in series %s: %t", c.number, c.prefix, got)
		}
	}
}
