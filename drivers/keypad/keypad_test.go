package keypad

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestCaller68Check(t *testing.T) {
	if err := NewCaller68().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	err := (&Caller68{Addr: 256, Best: 3}).Check()
	if err == nil || !strings.Contains(err.Error(), "addr 256") || !strings.Contains(err.Error(), "best 3") {
		t.Errorf("both mistakes must be named: %v", err)
	}
}

func TestCaller68Lamp(t *testing.T) {
	var lamp Lamp = &Caller68{Addr: 7}
	if got, want := lamp.Lamp(true), []byte{0xFF, 0x68, 3, 3, 0x68, 7, 0x21, 1, 0x29, 0x16}; !bytes.Equal(got, want) {
		t.Errorf("on: % X, want % X", got, want)
	}
	if got, want := lamp.Lamp(false), []byte{0xFF, 0x68, 3, 3, 0x68, 7, 0x21, 0, 0x28, 0x16}; !bytes.Equal(got, want) {
		t.Errorf("off: % X, want % X", got, want)
	}
}

// Whatever part of a frame is left of a cut one, the press behind it comes out at once.
func TestCaller68CutFrameHoldsNothingBack(t *testing.T) {
	good := []byte{0xFF, 0x68, 3, 3, 0x68, 1, 0x10, 0x0C, 0x1D, 0x16}
	for l := byte(callerMinL); l <= callerMaxL; l++ {
		cut := append([]byte{0xFF, 0x68, l, l, 0x68}, bytes.Repeat([]byte{0}, int(l)+1)...)
		for k := 1; k <= len(cut); k++ {
			if got := presses(run(t, NewCaller68(), cut[:k], good)); len(got) != 1 || got[0] != "next@1" {
				t.Errorf("after % X: %q", cut[:k], got)
			}
		}
	}
}

func TestTerminalSaysWhatIsAllowed(t *testing.T) {
	_, _, _, err := NewTerminal().Decode([]byte("nxt\n"))
	if err == nil {
		t.Fatal("an unknown word is taken")
	}
	for _, op := range []Op{Next, Recall, Start, NoShow, Park, Unpark, Pause, Complete, Transfer, Invite, Rate, Choose} {
		if !strings.Contains(err.Error(), string(op)) {
			t.Errorf("%q does not name %s", err, op)
		}
	}
}

// A line of noise without an end is thrown away piece by piece, and its tail is not taken for a press.
func TestTerminalEndlessLine(t *testing.T) {
	for length := range 3 * lineWindow {
		stream := []byte(strings.Repeat(" ", lineMax+1+length) + "next\n" + "park\n")
		got := presses(run(t, NewTerminal(), stream))
		if len(got) != 1 || got[0] != "park@0" {
			t.Fatalf("line of %d: %q", lineMax+5+length, got)
		}
	}
}

func TestBounce(t *testing.T) {
	type press struct {
		at   time.Duration
		p    Press
		want bool
	}
	ms := time.Millisecond
	next, recall, other := Press{Op: Next}, Press{Op: Recall}, Press{Op: Next, Addr: 2}
	for name, list := range map[string][]press{
		"one":            {{0, next, true}},
		"contact":        {{0, next, true}, {1 * ms, next, false}, {249 * ms, next, false}},
		"two presses":    {{0, next, true}, {250 * ms, next, true}},
		"held":           {{0, next, true}, {200 * ms, next, false}, {400 * ms, next, false}, {600 * ms, next, false}},
		"another key":    {{0, next, true}, {10 * ms, recall, true}, {20 * ms, next, false}},
		"another pad":    {{0, next, true}, {10 * ms, other, true}, {20 * ms, next, false}, {30 * ms, other, false}},
		"another score":  {{0, Press{Op: Rate, Arg: 5}, true}, {10 * ms, Press{Op: Rate, Arg: 1}, true}},
		"let go in time": {{0, next, true}, {200 * ms, next, false}, {450 * ms, next, true}},
	} {
		var b Bounce
		for i, s := range list {
			if got := b.Pass(s.at, s.p); got != s.want {
				t.Errorf("%s: press %d at %v: %v, want %v", name, i, s.at, got, s.want)
			}
		}
	}
	b := Bounce{Window: 50 * ms}
	if !b.Pass(0, next) || b.Pass(49*ms, next) || !b.Pass(99*ms, next) {
		t.Error("Window is not observed")
	}
}

func TestBounceForgets(t *testing.T) {
	var b Bounce
	for i := range 10000 {
		b.Pass(time.Duration(i)*10*time.Millisecond, Press{Op: Transfer, Arg: i})
	}
	if len(b.seen) > 26 {
		t.Errorf("%d presses remembered", len(b.seen))
	}
}
