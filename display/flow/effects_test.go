package flow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// lit is what the display shows from now on for so long: the time since the start in ms, and what changes.
func lit(b *bench, long time.Duration, say func(led.Show) string) (out []string) {
	b.t.Helper()
	start, last := b.up, ""
	for _, d := range only[Display](b.acts) {
		last = say(d.Show)
	}
	out = append(out, "0 "+last)
	b.seen = func(acts []Action) {
		for _, d := range only[Display](acts) {
			if now := say(d.Show); now != last {
				last = now
				out = append(out, fmt.Sprintf("%d %s", (b.up-start).Milliseconds(), now))
			}
		}
	}
	heard(b, long)
	b.seen = nil
	return out
}

// heard lets time pass in which the controller is heard.
func heard(b *bench, long time.Duration) {
	for end := b.up + long; b.up < end; b.ctl(1) {
		b.wait(min(5*time.Second, end-b.up))
	}
}

// hears sends a newer state of the counter, as the controller does now.
func hears(b *bench, st proto.CounterState) {
	b.n++
	st.Epoch, st.Ver, st.CV, st.T = 1, proto.Ver(b.n), proto.Ver(b.n), b.ms()
	b.state("c03", st)
}

func blinks(s led.Show) string {
	switch {
	case s.Off:
		return "dark"
	case s.Blink:
		return "lit"
	}
	return "steady"
}

// ready is a bench in session with a counter of these effects.
func ready(t *testing.T, e Effects, scroll func(led.Show) (int, int)) *bench {
	t.Helper()
	b := newBench(t, Counter{ID: "c03", Name: "3号窗口", LED: true, Effects: e, Scroll: scroll})
	b.connect(1, "s1")
	return b
}

func TestCallEffects(t *testing.T) {
	for _, c := range []struct {
		e            Effects
		call, recall string
	}{
		{Effects{}, "0 lit, 15000 steady", "0 lit, 15000 steady"},
		{Effects{Call: config.Steady, Times: 3}, "0 steady", "0 steady"},
		{Effects{Call: config.Blink, Times: 2, Recall: 1}, "0 lit, 500 dark, 1000 lit, 1500 dark, 2000 steady", "0 lit, 500 dark, 1000 steady"},
	} {
		b := ready(t, c.e, nil)
		hears(b, proto.CounterState{S: calling, Num: "A012", Call: "v1"})
		if got := strings.Join(lit(b, 20*time.Second, blinks), ", "); got != c.call {
			t.Errorf("%+v: a call is %s, want %s", c.e, got, c.call)
		}
		hears(b, proto.CounterState{S: calling, Num: "A012", Call: "v1", RN: 1})
		if got := strings.Join(lit(b, 20*time.Second, blinks), ", "); got != c.recall {
			t.Errorf("%+v: a recall is %s, want %s", c.e, got, c.recall)
		}
	}
	// Fifteen times is as long as a call is young.
	if got := (Effects{Call: config.Blink, Times: 15}).lasts(10*time.Second, 0); got != 15*time.Second {
		t.Errorf("15 times last %v", got)
	}
	// What is new ends it.
	b := ready(t, Effects{Call: config.Blink, Times: 9}, nil)
	hears(b, proto.CounterState{S: calling, Num: "A012", Call: "v1"})
	b.wait(700 * time.Millisecond)
	hears(b, proto.CounterState{S: serving, Num: "A012", Call: "v1"})
	if got := lit(b, 10*time.Second, blinks); !slices.Equal(got, []string{"0 steady"}) {
		t.Errorf("served, it is %q", got)
	}
}

// A call comes in from the right and stands, never late.
func TestCallScrollsIn(t *testing.T) {
	b := ready(t, Effects{Call: config.Scroll}, func(s led.Show) (int, int) { return 24, 0 })
	hears(b, proto.CounterState{S: calling, Num: "A012", Call: "v1"})
	got := lit(b, 3*time.Second, func(s led.Show) string { return fmt.Sprint(s.Step) })
	if got[0] != "0 -24" || got[len(got)-1] != "1200 0" || len(got) != 25 {
		t.Errorf("%d steps: %q", len(got), got)
	}
}

// A text that is wider than the display stands a second, passes, and begins anew; the names of a counter pass as one.
func TestTextPasses(t *testing.T) {
	b := ready(t, Effects{}, func(s led.Show) (int, int) {
		if led.Cells(s.Text) <= 8 {
			return 10, 0
		}
		return 10, 5
	})
	b.cfg.Names["finance"] = "财务部"
	hears(b, proto.CounterState{S: idle, Depts: []string{"人文社会科学研究院"}})
	steps := lit(b, 2500*time.Millisecond, func(s led.Show) string { return fmt.Sprintf("%s %d", s.Text, s.Step) })
	const text = "3号窗口  人文社会科学研究院"
	var want []string
	for i, at := range []int{0, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000, 2100, 2200, 2300, 2400, 2500} {
		want = append(want, fmt.Sprintf("%d %s %d", at, text, i%5))
	}
	if !slices.Equal(steps, want) {
		t.Errorf("got  %q\nwant %q", steps, want)
	}
	hears(b, proto.CounterState{S: paused})
	if got := lit(b, 3*time.Second, func(s led.Show) string { return fmt.Sprint(s.Text, s.Step) }); len(got) != 1 {
		t.Errorf("a text that fits moves: %q", got)
	}
}

// The brightness follows the controller's clock in the centre's zone, whatever the unit's own clock says.
func TestBrightness(t *testing.T) {
	e := Effects{Bright: []Bright{{7 * time.Hour, 100}, {18*time.Hour + 30*time.Minute, 40}}}
	for clock, want := range map[time.Duration][2]time.Duration{ // percent, how long it holds
		0:                             {40, 7 * time.Hour},
		7*time.Hour - 1:               {40, 1},
		7 * time.Hour:                 {100, 11*time.Hour + 30*time.Minute},
		18*time.Hour + 30*time.Minute: {40, 12*time.Hour + 30*time.Minute},
		24*time.Hour - 1:              {40, 7*time.Hour + 1},
	} {
		if percent, holds := e.at(clock); percent != int(want[0]) || holds != want[1] {
			t.Errorf("at %v: %d for %v, want %d for %v", clock, percent, holds, want[0], want[1])
		}
	}
	shanghai := time.FixedZone("UTC+8", 8*3600)
	b := newBench(t, Counter{ID: "c03", LED: true, Effects: e})
	b.cfg.Zone = shanghai
	b.start()
	b.wait(time.Second)
	if b.show().Dim != 0 {
		t.Errorf("before the time is known it is %d", b.show().Dim)
	}
	b.connect(1, "s1")
	hears(b, proto.CounterState{S: closed})
	now := time.UnixMilli(b.ms()).In(shanghai)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, shanghai)
	start := b.up
	changes := map[time.Duration]int{}
	b.seen = func(acts []Action) {
		for _, d := range only[Display](acts) {
			changes[(b.up-start)+now.Sub(midnight)] = d.Show.Dim
		}
	}
	heard(b, 24*time.Hour)
	if len(changes) != 2 {
		t.Errorf("a day has %d changes: %v", len(changes), changes)
	}
	for at, dim := range changes {
		at %= day
		if dim == 100 && at != 7*time.Hour || dim == 40 && at != 18*time.Hour+30*time.Minute || dim == 0 {
			t.Errorf("at %v it becomes %d", at, dim)
		}
	}
}

// The two keys that mean what the counter's state makes of them.
func TestFewKeys(t *testing.T) {
	for _, c := range []struct {
		s    string
		op   keypad.Op
		want string
	}{
		{idle, keypad.Call, proto.OpNext}, {serving, keypad.Call, proto.OpNext}, {calling, keypad.Call, proto.OpRecall},
		{calling, keypad.End, proto.OpNoShow}, {serving, keypad.End, proto.OpComplete},
	} {
		b := ready(t, Effects{}, nil)
		hears(b, proto.CounterState{S: c.s, Num: "A012", Call: "v1"})
		b.do(Press{Counter: "c03", Press: keypad.Press{Op: c.op}})
		if cmds := sent[proto.Cmd](b, proto.UpCmd, b.acts); len(cmds) != 1 || cmds[0].Op != c.want {
			t.Errorf("%s while %s: %+v, want %s", c.op, c.s, cmds, c.want)
		}
	}
}
