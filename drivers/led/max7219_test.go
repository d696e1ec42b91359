package led

import (
	"bytes"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/spi/spitest"
	"periph.io/x/devices/v3/max7219"
)

// split takes the transactions apart.
func split(t testing.TB, stream []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for len(stream) > 0 {
		n := 1 + int(stream[0])
		if n == 1 || n > len(stream) {
			t.Fatalf("a transaction of %d bytes, %d are left", n-1, len(stream)-1)
		}
		out, stream = append(out, stream[1:n]), stream[n:]
	}
	return out
}

// chips is what the chips do with a stream: the registers of each, the one next to the host first.
// Written from the data sheet: bits are shifted from chip to chip, and at the end of a transaction each obeys its own 16.
func chips(t testing.TB, n int, stream []byte) [][16]byte {
	t.Helper()
	out := make([][16]byte, n)
	for _, tx := range split(t, stream) {
		if len(tx) != 2*n {
			t.Fatalf("%d bytes for %d chips", len(tx), n)
		}
		for i := range n {
			pair := tx[len(tx)-2*i-2:]
			out[i][pair[0]&0x0f] = pair[1]
		}
	}
	return out
}

// drawn is what a visitor sees: FC-16 boards, two rows wired one behind the other.
func drawn(t testing.TB, m *Max7219, stream []byte) string {
	t.Helper()
	all := chips(t, m.Modules*m.Rows, stream)
	for i, c := range all {
		if c[0x0c] != 1 || c[0x0f] != 0 || c[0x09] != 0 || c[0x0b] != 7 {
			t.Fatalf("chip %d does not show eight rows as they are: % x", i, c)
		}
	}
	var b strings.Builder
	for y := range 8 * m.Rows {
		for x := range 8 * m.Modules {
			// The first chip is the one at the right end of the lower row.
			chip := (m.Rows-1-y/8)*m.Modules + m.Modules - 1 - x/8
			dot := "."
			if all[chip][1+y%8]&(0x80>>(x%8)) != 0 {
				dot = "#"
			}
			b.WriteString(dot)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestMax7219Golden(t *testing.T) {
	large := NewMax7219()
	large.Modules, large.Rows = 12, 2
	for name, m := range map[string]*Max7219{"max7219-dots": NewMax7219(), "max7219-two-rows": large} {
		var b bytes.Buffer
		for _, s := range pictures() {
			out := m.Encode(s)
			fmt.Fprintf(&b, "%s %q %q blink=%t brightness %d\n%s", s.Mode, s.Text, s.Number, s.Blink, chips(t, m.Modules*m.Rows, out)[0][0x0a], drawn(t, m, out))
		}
		fmt.Fprintf(&b, "on the wire\n")
		for _, tx := range split(t, m.Encode(pictures()[2])) {
			fmt.Fprintf(&b, "  % x\n", tx)
		}
		golden(t, name, b.Bytes())
	}
}

// periph's own driver of the chip, an independent witness of rows and chain: it must send the same rows for the same
// dots. It begins with the lowest row, so ours is flipped.
func TestMax7219LikePeriph(t *testing.T) {
	m := NewMax7219()
	m.Flip, m.Modules = true, 5
	s := Show{Mode: Calling, Text: "请A012号办理", Number: "AX012"}
	record := &spitest.Record{}
	dev, err := max7219.NewSPI(record, m.Modules, 8)
	if err != nil {
		t.Fatal(err)
	}
	settings := len(record.Ops)
	var glyphs [][]byte
	for _, c := range []byte(s.Number) {
		glyphs = append(glyphs, max7219.CP437Glyphs[c])
	}
	slices.Reverse(glyphs) // the driver takes the module next to the host first
	if err := dev.WriteCascadedUnits(glyphs); err != nil {
		t.Fatal(err)
	}
	ours := split(t, m.Encode(s))
	theirs := record.Ops[settings:]
	if len(ours) != 5+8 || len(theirs) != 8 {
		t.Fatalf("%d transactions of ours, %d of theirs", len(ours), len(theirs))
	}
	for i, op := range theirs {
		if !bytes.Equal(ours[5+i], op.W) {
			t.Errorf("row %d: % x, periph sends % x", i+1, ours[5+i], op.W)
		}
	}
}

// A text wider than two rows passes through, a step of two dots at a time, and is back where it was after all steps; a
// call comes in from the right.
func TestMax7219Moves(t *testing.T) {
	m := NewMax7219()
	m.Modules, m.Rows = 12, 2
	show := func(s Show) string { return drawn(t, m, m.Encode(s)) }
	moved := func(picture string, dots int) string { // what stands on the display, moved to the left
		var out strings.Builder
		for line := range strings.Lines(picture) {
			out.WriteString(line[dots:len(line)-1] + "\n")
		}
		return out.String()
	}
	long := Show{Mode: Idle, Text: "人文社会科学研究院"}
	in, past := m.Scroll(long)
	if in != 48 || past != (9*12+24)/2 {
		t.Fatalf("Scroll = %d, %d", in, past)
	}
	at := func(step int) Show { s := long; s.Step = step; return s }
	for step := range past {
		if next := show(at(step + 1)); !strings.HasPrefix(moved(show(at(step)), 2), strings.SplitAfter(next, "\n")[0][:94]) {
			t.Fatalf("step %d is not step %d moved by two dots:\n%s", step+1, step, next)
		}
	}
	if show(at(past)) != show(at(0)) {
		t.Error("the text is not back where it was")
	}
	call := Show{Mode: Calling, Text: "请A012号办理", Number: "A012"}
	if in, past := m.Scroll(call); in != 48 || past != 0 {
		t.Errorf("Scroll of a call = %d, %d", in, past)
	}
	call.Step = -in
	if picture := show(call); strings.Contains(picture, "#") {
		t.Errorf("beyond the right edge stands\n%s", picture)
	}
	if _, past := m.Scroll(Show{Mode: Serving, Text: "人文社会科学研究院请A012", Number: "A012"}); past != 0 {
		t.Error("a number served moves")
	}
}

// In the dark half of a blink all is dark; dimmed, the brightness is a share of what the options say.
func TestMax7219Effects(t *testing.T) {
	m := NewMax7219()
	for _, c := range []struct {
		s    Show
		want [2]byte // shutdown, intensity
	}{
		{Show{Number: "A012", Mode: Calling}, [2]byte{1, 3}},
		{Show{Number: "A012", Mode: Calling, Blink: true}, [2]byte{1, 15}},
		{Show{Number: "A012", Mode: Calling, Blink: true, Off: true}, [2]byte{0, 15}},
		{Show{Number: "A012", Mode: Calling, Blink: true, Dim: 40}, [2]byte{1, 6}},
		{Show{Number: "A012", Mode: Calling, Dim: 1}, [2]byte{1, 0}},
		{Show{Number: "A012", Mode: Calling, Dim: 100}, [2]byte{1, 3}},
	} {
		chip := chips(t, 4, m.Encode(c.s))[0]
		if got := [2]byte{chip[0x0c], chip[0x0a]}; got != c.want {
			t.Errorf("%+v: %v, want %v", c.s, got, c.want)
		}
	}
}

// A board that is mounted or wired in another way shows the same picture.
func TestMax7219Wiring(t *testing.T) {
	s := Show{Mode: Calling, Number: "A12"}
	for i := range 8 {
		m := NewMax7219()
		m.Flip, m.Mirror, m.FromLeft = i&1 != 0, i&2 != 0, i&4 != 0
		plain := NewMax7219()
		want, got := plain.picture(s), image.NewAlpha(image.Rect(0, 0, 32, 8))
		all := chips(t, 4, m.Encode(s))
		for p := range 32 * 8 {
			x, y := p%32, p/32
			chip, row, bit := 3-x/8, y, 7-x%8
			if m.FromLeft {
				chip = x / 8
			}
			if m.Flip {
				row = 7 - y
			}
			if m.Mirror {
				bit = x % 8
			}
			if all[chip][1+row]&(1<<bit) != 0 {
				got.Pix[got.PixOffset(x, y)] = 0xff
			}
		}
		if !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%+v shows another picture", m)
		}
	}
}

func TestMax7219Fits(t *testing.T) {
	small, large := NewMax7219(), NewMax7219()
	large.Modules, large.Rows = 12, 2
	still := *large
	still.Scrolls = false
	for _, c := range []struct {
		m    *Max7219
		s    Show
		want string // part of the error; empty: it fits
	}{
		{small, Show{Mode: Calling, Text: "请A012号办理", Number: "A012"}, ""},
		{small, Show{Mode: Idle, Text: "人文社会科学研究院"}, ""}, // it has no words
		{small, Show{Mode: Calling, Number: "AX012"}, "room for 4"},
		{small, Show{Mode: Calling, Number: "财1"}, "room for 4"},
		{large, Show{Mode: Serving, Text: "正在办理AX0012", Number: "AX0012"}, ""},
		{large, Show{Mode: Calling, Number: "AX00123"}, "room for 6"},
		{large, Show{Mode: Calling, Text: "人文社会科学研究院请A012", Number: "A012"}, ""}, // a call is its number alone
		{large, Show{Mode: Serving, Text: "人文社会科学研究院请A012", Number: "A012"}, "144 dots wide"},
		{large, Show{Mode: Idle, Text: "信号中断请稍候!"}, ""},
		{large, Show{Mode: Idle, Text: "人文社会科学研究院"}, ""}, // it moves
		{large, Show{Mode: Idle, Text: strings.Repeat("长", 101)}, "the longest text has 1200"},
		{&still, Show{Mode: Idle, Text: "人文社会科学研究院"}, "108 dots wide, the display has 96"},
		{large, Show{Mode: Idle, Text: "𠮷"}, "the font lacks"},
	} {
		err := c.m.Fits(c.s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d rows: Fits(%+v) = %v, want %q", c.m.Rows, c.s, err, c.want)
		}
	}
}

func TestMax7219Check(t *testing.T) {
	if err := NewMax7219().Check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	err := (&Max7219{Modules: 17, Rows: 3, Bright: -1, Call: 16, Rest: "空", Lost: " "}).Check()
	for _, want := range []string{"modules: 17", "rows: 3", "bright: -1", "call: 16", "rest: ", "lost: must show"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check() = %v, want %q in it", err, want)
		}
	}
	err = (&Max7219{Modules: 4, Rows: 2, Rest: "---", Lost: "?"}).Check()
	if err == nil || !strings.Contains(err.Error(), `rest: "---" is wider`) {
		t.Errorf("Check() = %v", err)
	}
}

// Whatever is to be shown, it is thirteen transactions, never dark while the controller is not heard, and never an
// old number then.
func FuzzMax7219(f *testing.F) {
	f.Add("calling", "请A012号办理", "A012", uint8(4), true)
	f.Add("stale", "\r\x1b[2J\n", "ZZ99999", uint8(12), false)
	f.Fuzz(func(t *testing.T, mode, text, number string, modules uint8, two bool) {
		m := NewMax7219()
		if m.Modules = 3 + int(modules)%14; two {
			m.Rows, m.Lost, m.Rest = 2, "?", ""
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		got := drawn(t, m, m.Encode(Show{Mode: Mode(mode), Text: text, Number: number}))
		if Mode(mode) != Stale {
			return
		}
		if lost := drawn(t, m, m.Encode(Show{Mode: Stale})); got != lost || !strings.Contains(got, "#") {
			t.Errorf("stale with %q shows\n%s", number, got)
		}
	})
}
