//go:build hwtest

package hwtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const visitors = 10

// down and up times of a key that a person presses.
func pressed(line string) []Step {
	return []Step{{line, false, 2 * time.Millisecond}, {line, true, time.Millisecond}, {line, false, 80 * time.Millisecond}, {line, true, 40 * time.Millisecond}}
}

// press presses a key of the board.
func (h *hall) press(line string) {
	h.m.t.Helper()
	h.m.must("Play", pressed(line), &Played{})
}

// card lays the n-th visitor's card on the reader, which types its eight digits and no Enter.
func (h *hall) card(n int) {
	h.m.t.Helper()
	h.m.qmp.typed(strings.Split(fmt.Sprintf("%08d", 12345000+n), "")...)
}

// tap lays a card on the reader, waits for the paper and returns the number.
func (h *hall) tap(n int) string {
	h.m.t.Helper()
	h.card(n)
	return h.whole()
}

// whole waits for a whole ticket and the end of its facts.
func (h *hall) whole() string {
	h.m.t.Helper()
	number, p := h.paper()
	if number == "" || !p.Cut || len(p.QR) != 0 || p.Broken != 0 {
		h.m.fatal("this is no whole ticket: %+v", p.Lines)
	}
	h.kioskReady()
	return number
}

// serve lets the officer call, start and complete the next visitor with the keys of the board; the number that was
// called is on the display.
func (h *hall) serve(want string) {
	h.m.t.Helper()
	digits := strings.TrimLeft(strings.TrimLeft(want, "AX"), "0")
	h.key("NEXT", "called "+want, func(p unitState) bool { return p.Counters[0].S == "calling" })
	h.m.within(patience, "number "+digits+" on the display", func() bool { return fmt.Sprint(h.led.Shown().Value) == digits })
	h.key("START", "started "+want, func(p unitState) bool { return p.Counters[0].S == "serving" })
	h.key("COMPLETE", "completed "+want, func(p unitState) bool { return p.Counters[0].S == "idle" })
}

// key presses a key when its lamp is lit, once, and waits for what comes of it.
func (h *hall) key(line, what string, want func(unitState) bool) {
	h.m.t.Helper()
	h.unitSees("lit keys", func(p unitState) bool {
		return p.Ready && !p.Stale && len(p.Counters) == 1 && p.Counters[0].Lamp && !p.Counters[0].Busy
	})
	h.press(line)
	h.unitSees(what, func(p unitState) bool { return len(p.Counters) == 1 && want(p) })
}

// testVisits lets visitors tap or press for a number, read it from their paper, and be called and served in order.
func testVisits(t *testing.T, m *machine, f *figures) {
	h := openHall(t, m)
	defer h.close()
	h.tell("sign", "on", "c1", "officer-1")
	h.unitSees("open counter", func(p unitState) bool { return len(p.Counters) == 1 && p.Counters[0].S == "idle" })
	var numbers []string
	for n := range visitors {
		var number string
		if n%2 == 0 {
			number = h.tap(n)
			f.taps++
		} else {
			h.press("CHOOSE")
			number = h.whole()
		}
		f.tickets++
		numbers = append(numbers, number)
	}
	if !slices.IsSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != visitors {
		t.Errorf("numbers %v", numbers)
	}
	for _, number := range numbers {
		h.serve(number)
		f.called++
	}
	testPlugs(h, f)
}
