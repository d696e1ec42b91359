package card

import (
	"slices"
	"strings"
	"testing"

	"quhao/drivers/evdev"
	"quhao/drivers/evdev/evdevtest"
)

// The same scripts, in the records of a 32-bit and of a 64-bit program.
func TestWedgeBothSizes(t *testing.T) {
	ran := 0
	for _, f := range readFrames(t, "wedge") {
		for _, size := range []int{evdev.Size32, evdev.Size64} {
			if f.keys == "" {
				continue
			}
			ran++
			b, err := evdevtest.Records(f.keys, size)
			if err != nil {
				t.Fatal(err)
			}
			w := driverWith(t, "wedge", f.options).(*Wedge)
			w.size = size
			if got := run(t, w, b); !slices.Equal(got, f.want) {
				t.Errorf("%s in records of %d bytes: %q, want %q", f.keys, size, got, f.want)
			}
		}
	}
	if ran < 50 {
		t.Errorf("only %d scripts ran", ran)
	}
}

func TestWedgeDigits(t *testing.T) {
	for length := range 25 {
		b, err := evdevtest.Records(strings.Repeat("3 ", length)+"28", evdev.Size())
		if err != nil {
			t.Fatal(err)
		}
		for _, digits := range []int{0, 4, 10, 20} {
			w := NewWedge()
			w.Form, w.Digits = Typed, digits
			taken := length == digits && digits > 0 || digits == 0 && (length == 8 || length == 10)
			if got := numbers(run(t, w, b)); taken != (len(got) == 1) || len(got) > 1 {
				t.Errorf("digits %d, typed %d: %q", digits, length, got)
			}
		}
	}
}

// A long text, such as a code scanned by the same wedge, is thrown away piece by piece; its tail is no card.
func TestWedgeLongText(t *testing.T) {
	for length := 11; length < 130; length++ {
		for _, key := range []string{"3 ", "16 "} { // digits, or a letter in front of the digits
			script := strings.Repeat(key, length) + "11 9 9 5 5 4 6 7 28 silence 11 9 9 5 5 4 6 7 28"
			b, err := evdevtest.Records(script, evdev.Size())
			if err != nil {
				t.Fatal(err)
			}
			for _, cut := range []int{0, 7, 50, 200} { // as it may be read in two pieces
				cut = min(cut*evdev.Size(), len(b))
				if got := numbers(run(t, NewWedge(), b[:cut], b[cut:])); !slices.Equal(got, []string{"0008844356"}) {
					t.Fatalf("%d keys %sand a card, cut at %d: %q", length, key, cut, got)
				}
			}
		}
	}
}

func TestWedgeCheck(t *testing.T) {
	err := (&Wedge{Numbering: Numbering{Form: "octal", Order: MSB}, Types: "words", Digits: 3, UID: "middle"}).Check()
	if err == nil || !strings.Contains(err.Error(), `form "octal"`) || !strings.Contains(err.Error(), `types "words"`) || !strings.Contains(err.Error(), `uid "middle"`) || !strings.Contains(err.Error(), "digits 3") {
		t.Errorf("both mistakes must be named: %v", err)
	}
	for _, good := range []Wedge{{Digits: 20}, {Digits: 4, UID: Last}, {}} {
		good.Numbering, good.Types = Numbering{Form: Typed, Order: LSB}, HexTyped
		if err := good.Check(); err != nil {
			t.Error(err)
		}
	}
}

// What was typed is a card's number, and must not be read in a log of errors.
func TestWedgeErrorsQuoteNothing(t *testing.T) {
	for _, script := range []string{"2 3 4 5 28", "5 3 10 5 10 7 8 3 10 7 28", "2 3 16 28", "2 3 4 dropped", "2 3 4 bad"} {
		b, err := evdevtest.Records(script, evdev.Size())
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; len(b) > 0 && err == nil; b = b[n:] {
			n, _, _, err = NewWedge().Decode(b)
		}
		if err == nil || strings.Contains(err.Error(), "123") || strings.Contains(err.Error(), "42949") {
			t.Errorf("%s: %v", script, err)
		}
	}
}
