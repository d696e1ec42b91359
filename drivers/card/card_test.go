package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNumberNeverPrintsItself(t *testing.T) {
	n := Number("0008844356")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("tap", "card", n, "in", struct{ N Number }{n})
	text, err := json.Marshal(map[string]any{"card": n})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		n.String(), fmt.Sprintf("%s %v %q %x %#v %+v %d", n, n, n, n, n, n, n),
		fmt.Sprintf("%v %#v", struct{ N Number }{n}, []Number{n}), log.String(), string(text),
	} {
		if strings.Contains(s, "884435") || strings.Contains(s, "38383434") {
			t.Errorf("the number shows in %q", s)
		}
		if !strings.Contains(s, "**56") {
			t.Errorf("no masked form in %q", s)
		}
	}
	if n.Reveal() != "0008844356" {
		t.Errorf("Reveal gives %q", n.Reveal())
	}
	if s := Number("12").String(); s != "**" {
		t.Errorf("a number of two digits prints as %q", s)
	}
}

func TestRDM6300Check(t *testing.T) {
	if err := NewRDM6300().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := (&RDM6300{Numbering{Form: "decimal", Order: MSB}}).Check(); err == nil || !strings.Contains(err.Error(), "decimal10 or hex") {
		t.Errorf("a wrong form: %v", err)
	}
}

// A line of noise without an end is thrown away piece by piece, and its tail is not taken for a number.
func TestTerminalEndlessLine(t *testing.T) {
	for length := range 3 * lineWindow {
		stream := []byte(strings.Repeat("7", lineMax+1+length) + "\n" + "4321\n")
		got := numbers(run(t, NewTerminal(), stream))
		if len(got) != 1 || got[0] != "4321" {
			t.Fatalf("line of %d: %q", lineMax+1+length, got)
		}
	}
}

func TestHeld(t *testing.T) {
	const a, b = Number("0000000001"), Number("0000000002")
	type sight struct {
		at   time.Duration
		card Number
		want bool
	}
	ms := time.Millisecond
	for name, sights := range map[string][]sight{
		"first at zero":    {{0, a, true}},
		"stays for long":   {{0, a, true}, {50 * ms, a, false}, {1000 * ms, a, false}, {1999 * ms, a, false}, {2998 * ms, a, false}},
		"comes back":       {{0, a, true}, {999 * ms, a, false}, {1999 * ms, a, true}},
		"another card":     {{0, a, true}, {50 * ms, b, true}, {60 * ms, b, false}},
		"two on one":       {{0, a, true}, {50 * ms, b, true}, {100 * ms, a, false}, {150 * ms, b, false}},
		"a while b stays":  {{0, a, true}, {500 * ms, b, true}, {1000 * ms, b, false}, {1001 * ms, a, true}},
		"exactly a second": {{0, a, true}, {1000 * ms, a, true}},
	} {
		var h Held
		for i, s := range sights {
			if got := h.Seen(s.at, s.card); got != s.want {
				t.Errorf("%s: sight %d at %v: new tap %v, want %v", name, i, s.at, got, s.want)
			}
		}
	}
	h := Held{Gap: 100 * ms}
	if !h.Seen(0, a) || h.Seen(99*ms, a) || !h.Seen(199*ms, a) {
		t.Error("Gap is not observed")
	}
}

// A reader that makes up a new number each time must not fill the memory.
func TestHeldForgets(t *testing.T) {
	var h Held
	for i := range 10000 {
		h.Seen(time.Duration(i)*50*time.Millisecond, Number(fmt.Sprintf("%010d", i)))
	}
	if len(h.seen) > 21 {
		t.Errorf("%d cards remembered", len(h.seen))
	}
}
