package card

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/spi/spitest"

	"quhao/drivers/virtual"
)

// asked asks a chip so many times and returns what it said, as the frame files write it.
func asked(t *testing.T, m *MFRC522, bus Bus, times int) (out []string) {
	t.Helper()
	for range times {
		n, err := m.Ask(bus)
		switch {
		case errors.Is(err, ErrNoIdentity):
			out = append(out, "none")
		case errors.Is(err, ErrFrame):
			out = append(out, "bad")
		case err != nil:
			t.Fatal(err)
		case n != "":
			out = append(out, n.Reveal())
		default:
			out = append(out, "-")
		}
	}
	return out
}

func TestMFRC522(t *testing.T) {
	chip := virtual.NewMFRC522()
	m := NewMFRC522()
	for _, c := range []struct{ uid, want string }{
		{"", "- -"},
		{"0086F444", "0008844356 0008844356"}, // it stays, halted, and is found again
		{"04A1B2C3D4E5F6", "04A1B2C3D4E5F6 04A1B2C3D4E5F6"},
		{"04010203040506070809", "04010203040506070809 04010203040506070809"},
		{"08112233", "none none"}, {"01020304", "none none"}, {"", "- -"},
	} {
		uid, err := hex.DecodeString(c.uid)
		if err != nil {
			t.Fatal(err)
		}
		chip.Lay(nil)
		if c.uid != "" {
			chip.Lay(uid)
		}
		if got := strings.Join(asked(t, m, chip, 2), " "); got != c.want {
			t.Errorf("UID %q: %s, want %s", c.uid, got, c.want)
		}
	}
}

// A chip that loses its power is set up again; one that is pulled off, and a bus that fails, are told with what to do.
func TestMFRC522Faults(t *testing.T) {
	chip := virtual.NewMFRC522()
	m := NewMFRC522()
	chip.Lay([]byte{0x00, 0x86, 0xf4, 0x44})
	asked(t, m, chip, 1)
	chip.Power()
	if got := asked(t, m, chip, 1)[0]; got != "0008844356" {
		t.Errorf("after the power came back: %s", got)
	}
	chip.Break(virtual.ErrUnplugged)
	if _, err := m.Ask(chip); err == nil || errors.Is(err, ErrFrame) || !strings.Contains(err.Error(), "wires") {
		t.Errorf("pulled off: %v", err)
	}
	broken := errors.New("EIO")
	chip.Break(broken)
	if _, err := m.Ask(chip); !errors.Is(err, broken) {
		t.Errorf("the bus fails: %v", err)
	}
	chip.Break(nil)
	chip.Power()
	if got := asked(t, m, chip, 1)[0]; got != "0008844356" {
		t.Errorf("after all is mended: %s", got)
	}
}

// Whatever fails at whatever transaction: an error of the bus, never a number, and the next look finds the card.
func TestMFRC522BusFails(t *testing.T) {
	chip := virtual.NewMFRC522()
	chip.Lay([]byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6})
	m := NewMFRC522()
	asked(t, m, chip, 1)
	before := chip.Transactions()
	asked(t, m, chip, 1)
	all := chip.Transactions() - before
	if all < 50 {
		t.Fatalf("only %d transactions", all)
	}
	for at := range all {
		bus := &failing{Bus: chip, at: at}
		if n, err := m.Ask(bus); !errors.Is(err, errBus) || n != "" {
			t.Fatalf("transaction %d fails: %v, %v", at, n, err)
		}
		got := asked(t, m, chip, 2) // the first look may find the card half way
		if got[1] != "04A1B2C3D4E5F6" {
			t.Fatalf("after a fault at transaction %d: %q", at, got)
		}
	}
}

var errBus = errors.New("the bus fails")

type failing struct {
	Bus
	at int
}

func (f *failing) Tx(w, r []byte) error {
	if f.at--; f.at < 0 {
		return errBus
	}
	return f.Bus.Tx(w, r)
}

// Whatever the chip answers, Ask ends, gives no number of a strange length, and does not panic.
func FuzzMFRC522(f *testing.F) {
	f.Add([]byte{0x92, 0x83})
	f.Add(bytes.Repeat([]byte{0x92, 0x80, 0x30, 0x02, 0x05}, 40))
	f.Fuzz(func(t *testing.T, said []byte) {
		m, bus := NewMFRC522(), &saying{said: said}
		for range 3 {
			n, err := m.Ask(bus)
			if err != nil && n != "" || len(n) > 32 {
				t.Fatalf("%d characters, %v", len(n), err)
			}
		}
	})
}

// saying is a bus on which noise answers.
type saying struct {
	said []byte
	at   int
}

func (s *saying) Tx(_, r []byte) error {
	for i := range r {
		if len(s.said) > 0 {
			r[i] = s.said[s.at%len(s.said)]
			s.at++
		}
	}
	return nil
}

// The transactions of three looks, without a card, with one and with a phone, are those of testdata/mfrc522.frames.
func TestMFRC522Playback(t *testing.T) {
	looks := [][]byte{nil, {0x00, 0x86, 0xf4, 0x44}, {0x08, 0x11, 0x22, 0x33}}
	want, err := os.ReadFile("testdata/mfrc522.frames")
	if err != nil {
		t.Fatal(err)
	}
	chip, record := virtual.NewMFRC522(), &recording{}
	m := NewMFRC522()
	for _, uid := range looks {
		chip.Lay(uid)
		record.Bus = chip
		fmt.Fprintf(&record.text, "=> %s\n", asked(t, m, record, 1)[0])
	}
	_, steps, _ := strings.Cut(string(want), "\n\n")
	if record.text.String() != steps {
		t.Errorf("the transactions have changed; they are now\n%s", record.text.String())
	}
	var play []conntest.IO
	var said []string
	for line := range strings.Lines(steps) {
		line = strings.TrimSuffix(line, "\n")
		if s, ok := strings.CutPrefix(line, "=> "); ok {
			said = append(said, s)
			continue
		}
		w, r, _ := strings.Cut(line, " ")
		play = append(play, conntest.IO{W: bytesOf(t, w), R: bytesOf(t, r)})
	}
	back := &spitest.Playback{Playback: conntest.Playback{Ops: play, DontPanic: true}}
	if got := strings.Join(asked(t, NewMFRC522(), &played{back}, len(looks)), " "); got != strings.Join(said, " ") {
		t.Errorf("played back: %s, want %s", got, said)
	}
	if err := back.Close(); err != nil {
		t.Error(err)
	}
}

// recording writes down what goes over a bus.
type recording struct {
	Bus
	text strings.Builder
}

func (r *recording) Tx(w, in []byte) error {
	err := r.Bus.Tx(w, in)
	fmt.Fprintf(&r.text, "%X %X\n", w, in)
	return err
}

type played struct{ *spitest.Playback }

func (p *played) Tx(w, r []byte) error { return p.Playback.Tx(w, r) }
