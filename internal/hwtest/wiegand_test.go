//go:build hwtest

package hwtest

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// wiegandCards is how many cards are sent with each timing.
const wiegandCards = 20

// wiegand are the pulses of a card of 24 or 32 bits: a parity bit, the number, a parity bit.
// Origin: SIA AC-01-1996.10: the first bit makes the first half even, the last one the second half odd.
func wiegand(number uint32, wide int, low, pause time.Duration) (steps []Step) {
	half := wide / 2
	first, second := uint64(number)>>half, uint64(number)&(1<<half-1)
	code := first<<half | second
	code |= uint64(bits.OnesCount64(first)%2) << wide
	code = code<<1 | uint64(1-bits.OnesCount64(second)%2)
	for i := wide + 1; i >= 0; i-- {
		line := []string{"D0", "D1"}[code>>i&1]
		steps = append(steps, Step{line, false, low}, Step{line, true, pause})
	}
	steps[len(steps)-1].Then = 60 * time.Millisecond // the end of a card is 25 ms of silence
	return steps
}

// testWiegand sends cards as pulses on two lines, as usual readers do and then as fast as the simulated lines go.
func testWiegand(t *testing.T, m *machine, f *figures) {
	reader := m.listen(Reader{Kind: "card", Driver: "wiegand", Port: "{pull: up}", Options: "{d0: D0, d1: D1}"})
	r := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct {
		wide       int
		low, pause time.Duration
	}{
		{24, 50 * time.Microsecond, 2 * time.Millisecond}, {32, 100 * time.Microsecond, time.Millisecond}, {32, 20 * time.Microsecond, 200 * time.Microsecond}, {24, 0, 0},
	} {
		for range wiegandCards {
			number := uint32(r.Uint64N(1<<c.wide-1<<20)) + 1<<19
			steps := wiegand(number, c.wide, c.low, c.pause)
			var p Played
			m.must("Play", steps, &p)
			f.wiegand++
			f.bits += c.wide + 2
			if each := (p.Took - steps[len(steps)-1].Then) / time.Duration(c.wide+2); f.pulse == 0 || each < f.pulse {
				f.pulse = each.Round(time.Microsecond)
			}
			reader.until(fmt.Sprintf("card %d of %d bits", number, c.wide), func(string) bool {
				return len(reader.lines("card"))+len(reader.lines("bad:")) >= f.wiegand
			})
			got := reader.lines("card")
			if want := fmt.Sprintf("%010d", number); len(got) != f.wiegand || got[len(got)-1] != want {
				m.fatal("sent %s (%+v), read ... %v; not understood %q", want, c, got[max(0, len(got)-2):], reader.lines("bad:"))
			}
		}
	}
	reader.end(syscall.SIGTERM)
}
