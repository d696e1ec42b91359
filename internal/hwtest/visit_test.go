//go:build hwtest

package hwtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
)

const visitors = 10

// pressed is a key that a person presses, with a little bounce.
func pressed(line string) []Step {
	return []Step{{line, false, 2 * time.Millisecond}, {line, true, time.Millisecond}, {line, false, 150 * time.Millisecond}, {line, true, 40 * time.Millisecond}}
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
	h.kioskSees("that "+number+" can be taken", func(p kioskState) bool {
		return p.Screen.State == "take" && p.Screen.Number == number && p.ready()
	})
	return number
}

// serve lets the officer call, start and complete the next visitor with the keys of the board; the number that was
// called is on the display.
func (h *hall) serve(want string) {
	h.m.t.Helper()
	digits := strings.TrimLeft(strings.TrimLeft(want, "AX"), "0")
	h.key("NEXT", "called "+want, func(p unitState) bool { return p.Counters[0].S == "calling" })
	h.m.within("number "+digits+" on the display", func() bool { return fmt.Sprint(h.led.Shown().Value) == digits })
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
	h := openHall(t, m, "visits")
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
	h.hold("START")
	testPlugs(h, f)
	h.stuck("START", "start")
	f.stuck++
	h.stop()
	h.books(f.tickets, f.halves)
}

// hold presses a key that is not let go any more.
func (h *hall) hold(line string) {
	h.m.t.Helper()
	h.m.must("Play", []Step{{line, false, time.Millisecond}}, &Played{})
}

// stuck waits until a key that was held for 30 s is told of as a fault, and ignored; and is well when it is let go.
func (h *hall) stuck(line, key string) {
	h.m.t.Helper()
	fault := func(p unitState) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(p.Parts)), func(name string) bool {
			return strings.Contains(name, key) && p.Parts[name] == "error"
		})
	}
	h.unitSees("a stuck key", fault)
	h.m.must("Play", []Step{{line, true, time.Millisecond}}, &Played{})
	h.unitSees("a key let go", func(p unitState) bool { return !fault(p) })
}

// books compares the database with what was done: no number twice, the half ticket marked, the others on whole paper.
func (h *hall) books(tickets, halves int) {
	t := h.m.t
	t.Helper()
	st, err := store.Open(h.data, store.Options{Who: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s := queue.New()
	if err := st.Load(func(e queue.Event) error { _, err := s.Apply(e); return err }); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, ticket := range s.Tickets {
		if seen[ticket.Number] {
			t.Errorf("number %s twice", ticket.Number)
		}
		seen[ticket.Number] = true
		want := queue.PaperAsked // the printer was asked after it, and was well
		if ticket.Number == h.half {
			want = queue.PaperUnknown
		}
		for _, paper := range ticket.Papers {
			if len(ticket.Papers) != 1 || paper != want {
				t.Errorf("the paper of %s is %q of %v, want %q", ticket.Number, paper, ticket.Papers, want)
			}
		}
	}
	if len(seen) != tickets+halves || !seen[h.half] {
		t.Errorf("%d tickets in the database, printed were %d and %d half ones (%s)", len(seen), tickets, halves, h.half)
	}
}
