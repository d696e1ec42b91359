package led

import (
	"bytes"
	"strings"
	"testing"
)

// seen draws segments as a person reads them: three lines a digit.
func seen(forms []byte) string {
	var lines [3]strings.Builder
	for _, f := range forms {
		on := func(bit int, sign string) string {
			if f&(1<<bit) != 0 {
				return sign
			}
			return " "
		}
		lines[0].WriteString(" " + on(0, "_") + "  ")
		lines[1].WriteString(on(5, "|") + on(6, "_") + on(1, "|") + " ")
		lines[2].WriteString(on(4, "|") + on(3, "_") + on(2, "|") + on(7, "."))
	}
	var out []string
	for i := range lines {
		out = append(out, strings.TrimRight(lines[i].String(), " "))
	}
	return strings.Join(out, "\n")
}

func TestSegments(t *testing.T) {
	const want = ` _   _       _   _       _   _   _   _   _
|_| | |   |  _|  _| |_| |_  |_    | |_| |_|
| | |_|   | |_   _|   |  _| |_|   | |_|  _|`
	if got := seen(onDigits("A0123456789", 11)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	forms := map[byte]byte{}
	for c := byte(' '); c <= '~'; c++ {
		f, ok := segments(c)
		if !ok {
			continue
		}
		if other, again := forms[f]; again {
			t.Errorf("%q and %q look alike", c, other)
		}
		forms[f] = c
	}
	if len(forms) != 10+26+4 {
		t.Errorf("%d characters have a form", len(forms))
	}
	if isSegments("A012号") || isSegments("a") || !isSegments("AX07-_? ") {
		t.Error("isSegments is wrong")
	}
}

// lit reads the digits of the chip back: the data sheet's own bits, the right digit first as on the usual modules.
func lit(t *testing.T, m *Max7219Digits, s Show) (forms []byte, chip [16]byte) {
	t.Helper()
	chip = chips(t, 1, m.Encode(s))[0]
	for i := range m.Digits {
		d := chip[maxRow1+m.Digits-1-i]
		f := d & 0x80
		for seg, bit := range []byte{0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01} { // A to G, table 6
			if d&bit != 0 {
				f |= 1 << seg
			}
		}
		forms = append(forms, f)
	}
	return forms, chip
}

func TestMax7219Digits(t *testing.T) {
	m := NewMax7219Digits()
	m.Digits = 4
	forms, chip := lit(t, m, Show{Mode: Calling, Number: "AX07", Blink: true})
	const want = ` _       _   _
|_| |_| | |   |
| | | |.|_|   |`
	if got := seen(forms); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if chip[maxDecode] != 0 || chip[maxScanLimit] != 3 || chip[maxIntensity] != 15 || chip[maxShutdown] != 1 {
		t.Errorf("registers % x", chip)
	}
	m.Points = false
	if forms, _ := lit(t, m, Show{Mode: Calling, Number: "AX07"}); forms[1] != 0x76 {
		t.Errorf("X without its point is %#x", forms[1])
	}
	if _, chip := lit(t, m, Show{Mode: Calling, Number: "AX07", Off: true, Dim: 50}); chip[maxShutdown] != 0 || chip[maxIntensity] != 2 {
		t.Errorf("the dark half: registers % x", chip)
	}
	m.FromLeft = true
	if got := chips(t, 1, m.Encode(Show{Mode: Serving, Number: "A"}))[0]; got[maxRow1+1] != maxSegments(0x77) {
		t.Errorf("from the left: % x", got)
	}
}

func TestDigitsCheck(t *testing.T) {
	for _, c := range []struct {
		d    interface{ Check() error }
		want []string
	}{
		{&Max7219Digits{Digits: 9, Bright: 16, Call: -1, Rest: "空", Lost: " "}, []string{"digits: 9", "bright: 16", "call: -1", "rest: ", "lost: must show"}},
		{&LED485{Addr: 0, Digits: 2, Rest: "---", Lost: "a"}, []string{"addr: 0", "digits: 2", `rest: "---" is wider`, `lost: "a"`}},
		{&QSystem{Addr: 256, Rest: "----", Lost: ""}, []string{"addr: 256", "rest: ", "lost: must show"}},
		{&Onbon{Addr: 0, Width: 60, Height: 8, Font: 11}, []string{"addr: 0", "width: 60 is not from", "height: 8", "font: 11 is not", "multiple of 8", "higher than the board"}},
	} {
		err := c.d.Check()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%T: %v, want %q in it", c.d, err, want)
			}
		}
	}
}

func TestDigitsFits(t *testing.T) {
	pad := NewQSystem()
	for _, c := range []struct {
		d    Driver
		s    Show
		want string
	}{
		{NewLED485(), Show{Mode: Calling, Number: "A012"}, ""},
		{NewLED485(), Show{Mode: Calling, Number: "AX012"}, "room for 4"},
		{NewLED485(), Show{Mode: Calling, Number: "财12"}, "room for 4"},
		{NewLED485(), Show{Mode: Idle, Text: "财务部财务部财务部"}, ""},
		{NewMax7219Digits(), Show{Mode: Calling, Number: "AX012"}, ""},
		{NewMax7219Digits(), Show{Mode: Calling, Number: "--?"}, "not heard"},
		{NewMax7219Digits(), Show{Mode: Calling, Number: "-"}, "no number"},
		{pad, Show{Mode: Calling, Number: "AX012"}, ""},
		{pad, Show{Mode: Calling, Number: "A1012"}, "3 digits"},
		{pad, Show{Mode: Calling, Number: "---"}, "without a number"},
		{pad, Show{Mode: Calling, Number: "财1"}, "ASCII"},
		{NewOnbon(), Show{Mode: Calling, Text: "请A012号办理"}, ""},
		{NewOnbon(), Show{Mode: Calling, Text: "请A012到十二号窗口办理"}, "a call never moves"},
		{NewOnbon(), Show{Mode: Idle, Text: "人文社会科学研究院"}, ""},
		{NewOnbon(), Show{Mode: Idle, Text: "喆"}, "lacks"},
		{NewOnbon(), Show{Mode: Idle, Text: "𠮷"}, "lacks"},
	} {
		err := c.d.Fits(c.s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T.Fits(%+v) = %v, want %q", c.d, c.s, err, c.want)
		}
	}
}

// The check value of each CRC for "123456789", and the example of function 16 that books about Modbus print.
func TestCRC(t *testing.T) {
	if got := crc16(0xffff, []byte("123456789")); got != 0x4b37 {
		t.Errorf("CRC-16/MODBUS: %04x", got)
	}
	if got := crc16(0, []byte("123456789")); got != 0xbb3d {
		t.Errorf("CRC-16/ARC: %04x", got)
	}
	if got := withCRC([]byte("\x11\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02")); !bytes.HasSuffix(got, []byte("\xc6\xf0")) {
		t.Errorf("% x", got)
	}
	if !goodCRC([]byte("\x11\x10\x00\x01\x00\x02\x12\x98")) {
		t.Error("the answer's check is refused")
	}
}

func TestLED485Answer(t *testing.T) {
	good := string(withCRC([]byte{5, 0x10, 0, 0x80, 0, 2}))
	refused := string(withCRC([]byte{5, 0x90, 2}))
	l := NewLED485()
	l.Addr = 5
	for _, c := range []struct {
		in string
		n  int
		ok bool
	}{
		{"", 0, false},
		{good, 8, true},
		{good[:7], 0, false},
		{good + "\x05", 8, true},
		{"\x00\xff" + good, 2, false}, // noise, then an answer
		{refused, 5, false},
		{string(withCRC([]byte{6, 0x10, 0, 0x80, 0, 2})), 8, false}, // another display's
		{good[:6] + "\x00\x00", 8, false},
		{"\x05\x03\x02", 3, false}, // another function
	} {
		if n, ok := l.Answer([]byte(c.in)); n != c.n || ok != c.ok {
			t.Errorf("Answer(% x) = %d, %t; want %d, %t", c.in, n, ok, c.n, c.ok)
		}
	}
}

func TestOnbonAnswer(t *testing.T) {
	o := NewOnbon()
	reply := func(to, from uint16, data ...byte) []byte {
		card := *o
		card.Addr = int(to)
		f := card.frame(data)
		in, _ := onbonPlain(f[onbonStarts : len(f)-1])
		in[2], in[3] = byte(from), byte(from>>8)
		crc := crc16(0, in[:len(in)-2])
		in[len(in)-2], in[len(in)-1] = byte(crc), byte(crc>>8)
		return append(append([]byte{0xa5}, in...), 0x5a)
	}
	good := reply(0x8000, 1, 0xa0, 0, 0, 0, 0)
	for _, c := range []struct {
		name string
		in   []byte
		n    int
		ok   bool
	}{
		{"nothing", nil, 0, false},
		{"done", good, len(good), true},
		{"half of it", good[:9], 0, false},
		{"noise before", append([]byte{1, 2}, good...), 2, false},
		{"an error", reply(0x8000, 1, 0xa0, 0, 5, 0, 0), len(good), false},
		{"of another card", reply(0x8000, 2, 0xa0, 0, 0, 0, 0), len(good), false},
		{"our own frame", o.Encode(Show{Text: "请"}), len(o.Encode(Show{Text: "请"})), false},
		{"a wrong escape", []byte("\xa5\xa6\x03\x5a"), 4, false},
		{"without end", bytes.Repeat([]byte{0xa5}, onbonLongest), 1, false},
	} {
		if n, ok := o.Answer(c.in); n != c.n || ok != c.ok {
			t.Errorf("%s: Answer(% x) = %d, %t; want %d, %t", c.name, c.in, n, ok, c.n, c.ok)
		}
	}
}

// What stands between start and end never holds one of them, and reads back as it was.
func FuzzOnbonFrame(f *testing.F) {
	f.Add([]byte("\xa5\xa6\x5a\x5b\x01\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := NewOnbon().frame(data)
		inside := frame[onbonStarts : len(frame)-1]
		if bytes.IndexByte(inside, 0xa5) >= 0 || bytes.IndexByte(inside, 0x5a) >= 0 {
			t.Fatalf("% x", inside)
		}
		in, ok := onbonPlain(inside)
		if !ok || crc16(0, in) != 0 || !bytes.Equal(in[onbonHeader:len(in)-2], data) {
			t.Fatalf("% x reads back as % x", data, in)
		}
	})
}
