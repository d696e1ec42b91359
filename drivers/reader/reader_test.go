package reader

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/port"
	"quhao/drivers/virtual"
)

const patience = 20 * time.Second

// heard is what came of a reader on a line.
type heard struct {
	taps   chan string
	nobody chan error
	bad    chan error
	states chan port.State
}

// hear keeps the line at path open as a program does.
func hear(t *testing.T, path string, baud int, driver any) *heard {
	t.Helper()
	h := &heard{make(chan string, 256), make(chan error, 256), make(chan error, 1024), make(chan port.State, 64)}
	start := time.Now()
	now := func() time.Duration { return time.Since(start) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	open := func() (*port.Line, error) {
		l, err := port.OpenContext(ctx, port.Options{Serial: path, Baud: baud})
		if err != nil {
			return nil, err
		}
		if err := Greet(ctx, l, driver, now); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		return l, nil
	}
	go func() {
		defer close(ended)
		_ = port.Run(ctx, "card_reader", open, func(ctx context.Context, l *port.Line) error {
			return Run(ctx, l, driver, Events{
				Now: now, Tap: func(n card.Number) { h.taps <- n.Reveal() },
				Nobody: func(err error) { h.nobody <- err }, Bad: func(err error) { h.bad <- err },
			})
		}, func(s port.State) { h.states <- s })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return h
}

// first waits for one of what is told.
func first[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

func (h *heard) wait(t *testing.T, up bool) port.State {
	t.Helper()
	for {
		if s := first(t, h.states, "a change of the line"); s.Up == up {
			return s
		}
	}
}

func id(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plugged is a cable with a twin on it.
func plugged(t *testing.T, twin virtual.Server) *virtual.Cable {
	t.Helper()
	cable := virtual.NewCable(filepath.Join(t.TempDir(), "reader"))
	if err := cable.Plug(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cable.Cut(); err != nil {
			t.Error(err)
		}
	})
	return cable
}

// until waits until the twin has seen enough.
func until(t *testing.T, twin *virtual.PN532, what string, enough func(virtual.PN532Count) bool) virtual.PN532Count {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		c := twin.Count()
		if enough(c) {
			return c
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain for %s: %+v", what, c)
		}
	}
}

func TestPN532(t *testing.T) {
	twin := virtual.NewPN532()
	cable := plugged(t, twin)
	driver := card.NewPN532()
	driver.FeliCa = true
	h := hear(t, cable.Path(), 115200, driver)
	h.wait(t, true)
	for _, c := range []struct {
		lay  func([]byte)
		id   string
		want string // empty for nobody
	}{
		{twin.LayA, "0086F444", "0008844356"}, {twin.LayA, "04A1B2C3D4E5F6", "04A1B2C3D4E5F6"},
		{twin.LayA, "08112233", ""}, {twin.LayF, "012E34E5D4A1B2C3", "012E34E5D4A1B2C3"},
	} {
		c.lay(id(t, c.id))
		if c.want == "" {
			if err := first(t, h.nobody, "nobody"); !errors.Is(err, card.ErrNoIdentity) {
				t.Errorf("%s: %v", c.id, err)
			}
		} else if got := first(t, h.taps, c.want); got != c.want {
			t.Errorf("%s: %s, want %s", c.id, got, c.want)
		}
	}
	// The last one stays, is released and found again, and is one tap.
	releases := twin.Count().Releases
	until(t, twin, "ten more sights", func(c virtual.PN532Count) bool { return c.Releases >= releases+10 })
	if n := len(h.taps); n != 0 {
		t.Errorf("a card that stays is %d taps more", n)
	}
	// A bad line: the answer is asked for again, and nothing is lost.
	twin.Spoil(3)
	twin.LayA(id(t, "1086F444"))
	if got := first(t, h.taps, "a tap over a bad line"); got != "0277279812" {
		t.Errorf("over a bad line: %s", got)
	}
	if c := until(t, twin, "NACKs", func(c virtual.PN532Count) bool { return c.Nacks == 3 }); c.Errors != 0 {
		t.Errorf("%+v", c)
	}
	twin.LayB(id(t, "55667788"))
	first(t, h.nobody, "a card of type B")
}

// A module that loses its power is woken again; one that stays dark is gone with words that help, and heals.
func TestPN532Dark(t *testing.T) {
	twin := virtual.NewPN532()
	h := hear(t, plugged(t, twin).Path(), 115200, card.NewPN532())
	h.wait(t, true)
	wakes := twin.Count().Wakes
	twin.SetDeaf(false) // the power was away for a moment: it sleeps
	until(t, twin, "another wake-up", func(c virtual.PN532Count) bool { return c.Wakes > wakes })
	twin.LayA(id(t, "0086F444"))
	if got := first(t, h.taps, "a tap"); got != "0008844356" {
		t.Errorf("after a wake-up: %s", got)
	}
	twin.SetDeaf(true)
	if s := h.wait(t, false); !strings.Contains(s.Err.Error(), "PN532 does not answer") {
		t.Errorf("dark: %v", s.Err)
	}
	twin.Take()
	twin.SetDeaf(false)
	h.wait(t, true)
	twin.LayA(id(t, "1086F444"))
	if got := first(t, h.taps, "a tap"); got != "0277279812" {
		t.Errorf("after it was given power again: %s", got)
	}
}

func TestPN532Unplugged(t *testing.T) {
	twin := virtual.NewPN532()
	cable := plugged(t, twin)
	h := hear(t, cable.Path(), 115200, card.NewPN532())
	for range 3 {
		h.wait(t, true)
		if err := cable.Cut(); err != nil {
			t.Fatal(err)
		}
		h.wait(t, false)
		if err := cable.Plug(t.Context(), twin); err != nil {
			t.Fatal(err)
		}
	}
	h.wait(t, true)
	twin.LayA(id(t, "0086F444"))
	if got := first(t, h.taps, "a tap"); got != "0008844356" {
		t.Errorf("after plugging: %s", got)
	}
}

// A line without a reader on it is not up.
func TestPN532NotThere(t *testing.T) {
	h := hear(t, plugged(t, virtual.NewTypist()).Path(), 115200, card.NewPN532())
	if s := first(t, h.states, "a state"); s.Up || !strings.Contains(s.Err.Error(), "HSU") {
		t.Errorf("%+v", s)
	}
}

// Readers that only send: one tap while the card stays.
func TestSerialReaders(t *testing.T) {
	twin := virtual.NewReader()
	h := hear(t, plugged(t, twin).Path(), 9600, card.NewFrame())
	frame := card.NewFrame()
	frame.Length, frame.FieldLength, frame.Sum, frame.SumHex, frame.SumFrom, frame.SumDigit = 14, 10, card.Xor, true, 1, true
	own := virtual.NewReader()
	described := hear(t, plugged(t, own).Path(), 9600, frame)
	h.wait(t, true)
	described.wait(t, true)
	if err := errors.Join(twin.TapFor(virtual.CardHex(0x10, 8844356), 400*time.Millisecond), own.TapFor(virtual.CardHex(0x10, 8844356), 400*time.Millisecond),
		own.Tap(virtual.CardHex(0x10, 0)), own.Tap(virtual.CardHex(0x10, 8844357))); err != nil {
		t.Fatal(err)
	}
	// Without the checksum described, its two digits count as the card's: a wrong description is seen at once.
	if got := first(t, h.taps, "a tap"); got == "0008844356" {
		t.Error("the checksum was not part of the field")
	}
	first(t, described.nobody, "the blank card") // the card before it was held for eight frames
	if got := first(t, described.taps, "a tap") + " " + first(t, described.taps, "a tap"); got != "0008844356 0008844357" || len(described.bad) != 0 {
		t.Errorf("%s, %d bad", got, len(described.bad))
	}
}
