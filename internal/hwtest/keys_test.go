//go:build hwtest

package hwtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

const (
	presses = 200
	// settle is how long drivers/port wants a contact to rest; noise that lasts longer is a press.
	settle = 20 * time.Millisecond
)

// bounces is a contact that closes or opens: it chatters for up to 8 ms and then stays.
func bounces(r *rand.Rand, line string, high bool, stays time.Duration) (steps []Step) {
	for range r.IntN(6) {
		steps = append(steps,
			Step{line, high, time.Duration(50+r.IntN(700)) * time.Microsecond},
			Step{line, !high, time.Duration(50+r.IntN(700)) * time.Microsecond})
	}
	return append(steps, Step{line, high, stays})
}

// spike is what a long cable picks up: low for up to 3 ms.
func spike(r *rand.Rand, line string) []Step {
	return []Step{{line, false, time.Duration(20+r.IntN(3000)) * time.Microsecond}, {line, true, settle + 10*time.Millisecond}}
}

// play moves lines, and says whether the machine was quick enough for what it did to count: on a busy host a spike can
// last as long as a press.
func (m *machine) play(steps []Step) bool {
	m.t.Helper()
	var p Played
	m.must("Play", steps, &p)
	return p.Late < settle/2
}

// testKeys presses keys on GPIO lines, with bounce, and noise between: each press is seen once, and nothing else.
func testKeys(t *testing.T, m *machine, f *figures) {
	keys := m.listen(Reader{Kind: "keypad", Driver: "gpio", Port: "{pull: up}",
		Options: "{next: NEXT, start: START, rate: [RATE1, RATE2]}"})
	defer keys.end(syscall.SIGTERM)
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"NEXT", "START", "RATE1", "RATE2"}
	words := []string{"next 0", "start 0", "rate 1", "rate 2"}
	var want []string
	late := 0
	defer func() { f.late += late }()
	for n := 0; f.pressed < presses; n++ {
		k := n % len(names)
		steps := bounces(r, names[k], false, time.Duration(40+r.IntN(60))*time.Millisecond)
		steps = append(steps, bounces(r, names[k], true, settle+10*time.Millisecond)...)
		steps = append(steps, spike(r, names[(n+1+r.IntN(3))%len(names)])...)
		if !m.play(steps) {
			late++
			if want = m.quiet(keys, names); late > presses {
				m.fatal("the machine is too slow: %d of %d presses were played too late", late, n)
			}
			continue
		}
		f.pressed++
		f.spikes++
		want = append(want, words[k])
		keys.until(fmt.Sprintf("press %d, %s (%d seen), played as %v", len(want), words[k], len(keys.lines("key")), steps), func(string) bool { return len(keys.lines("key")) >= len(want) })
		if got := keys.lines("key"); !slices.Equal(got[max(0, len(got)-8):], want[max(0, len(want)-8):]) {
			m.fatal("pressed ..., %v; seen ..., %v", want[max(0, len(want)-8):], got[max(0, len(got)-8):])
		}
		f.seen++
	}
	if bad := keys.lines("bad:"); len(bad) > 0 {
		t.Errorf("not understood: %q", bad)
	}
}

// quiet lets all keys go and rest, and returns all presses seen so far, right or wrong: what came of a sequence that
// was played too late says nothing.
func (m *machine) quiet(keys *running, names []string) []string {
	m.t.Helper()
	var steps []Step
	for _, name := range names {
		steps = append(steps, Step{name, true, 10 * settle})
	}
	for range 3 { // one may be over in one stall
		if m.steady(steps) {
			break
		}
	}
	keys.more(10 * settle)
	return keys.lines("key")
}
