package virtual

import (
	"bytes"
	"image"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// bench is a printer on a pipe.
type bench struct {
	t      *testing.T
	line   net.Conn
	twin   *Printer
	papers chan Paper
}

// newBench serves a printer until the test ends, and fails the test if Serve does.
func newBench(t *testing.T, o PrinterOptions) *bench {
	t.Helper()
	b := &bench{t: t, papers: make(chan Paper, 16)}
	o.OnPaper = func(p Paper) { b.papers <- p }
	b.twin = NewPrinter(o)
	near, far := net.Pipe()
	b.line = near
	served := make(chan error, 1)
	go func() { served <- b.twin.Serve(t.Context(), far) }()
	t.Cleanup(func() {
		_ = near.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	if err := near.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) write(s string) {
	b.t.Helper()
	if _, err := io.WriteString(b.line, s); err != nil {
		b.t.Fatal(err)
	}
}

// ask sends DLE EOT n and returns the answer. Its arrival proves that all bytes before it have been taken.
func (b *bench) ask(n byte) byte {
	b.t.Helper()
	b.write("\x10\x04" + string(rune(n)))
	var x [1]byte
	if _, err := io.ReadFull(b.line, x[:]); err != nil {
		b.t.Fatal(err)
	}
	return x[0]
}

func (b *bench) paper() Paper {
	b.t.Helper()
	select {
	case p := <-b.papers:
		return p
	case <-time.After(10 * time.Second):
		b.t.Fatal("no paper came")
		return Paper{}
	}
}

func gbk(t *testing.T, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// black counts black dots in a part of a picture.
func black(img image.Image, r image.Rectangle) int {
	n := 0
	r = r.Intersect(img.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if red, _, _, _ := img.At(x, y).RGBA(); red == 0 {
				n++
			}
		}
	}
	return n
}

func TestPrinterPrintsText(t *testing.T) {
	b := newBench(t, PrinterOptions{Dots: 384})
	stream := "\x1b@\x1c&\x1ba\x01" + gbk(t, "财务部") + "\n\x1d!\x33A012\n\x1d!\x00\x1ba\x02x\n\x1dVB\x00"
	b.write(stream)
	p := b.paper()
	if !slices.Equal(p.Lines, []string{"财务部", "A012", "x"}) || p.Bytes != len(stream) || !p.Cut || b.twin.Unknown() != 0 {
		t.Errorf("%q, %d bytes of %d, cut %t, %d unknown", p.Lines, p.Bytes, len(stream), p.Cut, b.twin.Unknown())
	}
	// 96 dots from the cutter to the head, 34 for a line, 4*24 for the number, 34 for the last.
	if got := p.Image.Bounds().Size(); got != image.Pt(384, 96+34+96+34) {
		t.Errorf("the paper is %v dots", got)
	}
	number := image.Rect((384-4*48)/2, 130, (384+4*48)/2, 130+96)
	if in, row := black(p.Image, number), black(p.Image, image.Rect(0, 130, 384, 130+96)); in == 0 || in != row {
		t.Errorf("the number has %d dots in its place of %d in its line", in, row)
	}
	if black(p.Image, image.Rect(372, 226, 384, 260)) == 0 {
		t.Error("the last line is not on the right")
	}
}

// ESC $ begins a line where it says, once, and only if the line is empty and aligned left.
func TestPrinterBeginsLineAtPosition(t *testing.T) {
	b := newBench(t, PrinterOptions{Dots: 384})
	b.write("\x1b$\x60\x00A\nA\nA\x1b$\x60\x00\n\x1ba\x02\x1b$\x60\x00A\n\x1bi")
	p := b.paper()
	for line, x := range []int{96, 0, 0, 372} {
		y := line * 34
		in, all := black(p.Image, image.Rect(x, y, x+12, y+34)), black(p.Image, image.Rect(0, y, 384, y+34))
		if in == 0 || in != all {
			t.Errorf("line %d: %d of %d dots are where they belong", line, in, all)
		}
	}
}

// A character cut in two by the arrival of bytes is one character.
func TestPrinterTakesSingleBytes(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	for _, x := range []byte("\x1b@" + gbk(t, "请到二楼") + "\n\x1dV\x00") {
		b.write(string([]byte{x}))
	}
	if p := b.paper(); !slices.Equal(p.Lines, []string{"请到二楼"}) {
		t.Errorf("%q", p.Lines)
	}
}

func TestPrinterFonts(t *testing.T) {
	four, err := simplifiedchinese.GB18030.NewEncoder().String("㐀")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		o     PrinterOptions
		in    string
		want  string
		lines int // height of the text in dots
	}{
		{"gb18030", PrinterOptions{GB18030: true}, four, "㐀", 34},
		{"four bytes on a GBK printer are garbage", PrinterOptions{}, four, "", 34},
		{"Chinese mode off", PrinterOptions{}, "\x1c." + gbk(t, "中"), "╓╨", 34},
		{"GS ! magnifies all", PrinterOptions{}, "\x1d!\x11" + gbk(t, "中"), "中", 48},
		{"GS ! on an old printer", PrinterOptions{SmallHanzi: true}, "\x1d!\x11" + gbk(t, "中"), "中", 34},
		{"FS ! on an old printer", PrinterOptions{SmallHanzi: true}, "\x1c!\x0c" + gbk(t, "中"), "中", 48},
	} {
		b := newBench(t, c.o)
		b.write("\x1b@" + c.in + "\n\x1dV\x00")
		p := b.paper()
		if c.want != "" && !slices.Equal(p.Lines, []string{c.want}) || c.want == "" && slices.Contains(p.Lines, "㐀") {
			t.Errorf("%s: %q", c.name, p.Lines)
		}
		if h := p.Image.Bounds().Dy(); h != c.lines {
			t.Errorf("%s: %d dots high, want %d", c.name, h, c.lines)
		}
	}
}

func TestPrinterBreaksLongLines(t *testing.T) {
	b := newBench(t, PrinterOptions{Dots: 384})
	b.write(strings.Repeat("x", 33) + "\n\x1bi")
	if p := b.paper(); p.Broken != 1 || len(p.Lines) != 2 {
		t.Errorf("%d broken, %q", p.Broken, p.Lines)
	}
}

func TestPrinterDrawsPicturesAndQR(t *testing.T) {
	b := newBench(t, PrinterOptions{Dots: 384})
	b.write("\x1dv0\x00\x01\x00\x02\x00\xff\x00" + "\x1dv0\x03\x01\x00\x01\x00\x80") // eight dots; one dot doubled
	b.write("\x1d(k\x03\x001C\x04\x1d(k\x08\x001P0hello\x1d(k\x03\x001Q0\x1dV\x00")
	p := b.paper()
	if n := black(p.Image, image.Rect(0, 0, 384, 4)); n != 8+4 {
		t.Errorf("%d dots, want 12", n)
	}
	if !slices.Equal(p.QR, []string{"hello"}) || p.Image.Bounds().Dy() != 4+21*4 {
		t.Errorf("QR %q, %d dots high", p.QR, p.Image.Bounds().Dy())
	}
	if n := black(p.Image, image.Rect(0, 4, 28, 4+4)); n != 28*4 { // the upper edge of the first finder
		t.Errorf("finder: %d dots black", n)
	}
}

func TestPrinterStatus(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	all := func() string { return string([]byte{b.ask(1), b.ask(2), b.ask(3), b.ask(4)}) }
	for _, c := range []struct {
		name string
		set  func(bool)
		want string
	}{
		{"low", b.twin.SetLow, "\x12\x12\x12\x1e"},
		{"out", b.twin.SetOut, "\x1a\x32\x12\x7e"},
		{"cover", b.twin.SetCover, "\x1a\x16\x12\x12"},
		{"cutter", b.twin.SetCutterError, "\x1a\x52\x1a\x12"},
		{"overheated", b.twin.SetOverheated, "\x1a\x52\x52\x12"},
	} {
		c.set(true)
		if got := all(); got != c.want {
			t.Errorf("%s: % x, want % x", c.name, got, c.want)
		}
		c.set(false)
		if got := all(); got != "\x12\x12\x12\x12" {
			t.Errorf("after %s: % x", c.name, got)
		}
	}
}

func TestPrinterAutomaticStatus(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	read := func() string {
		var x [4]byte
		if _, err := io.ReadFull(b.line, x[:]); err != nil {
			t.Fatal(err)
		}
		return string(x[:])
	}
	b.write("\x1da\xff")
	if got := read(); got != "\x10\x00\x00\x00" {
		t.Errorf("healthy: % x", got)
	}
	b.twin.SetOverheated(true)
	if got := read(); got != "\x18\x40\x00\x00" {
		t.Errorf("overheated: % x", got)
	}
	b.twin.SetOverheated(false)
	read()
	b.twin.SetOut(true)
	if got := read(); got != "\x18\x00\x0f\x00" {
		t.Errorf("out: % x", got)
	}
}

func TestPrinterMute(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	b.twin.SetMute(true)
	b.write("\x10\x04\x01A\n\x1dV\x00")
	b.paper() // printed: so the question was heard
	b.twin.SetMute(false)
	if got := b.ask(4); got != 0x12 {
		t.Errorf("% x: an answer to the question it was mute for?", got)
	}
}

// Paper ends in the middle of a print: the rest waits, status tells why, and a new roll gets the rest.
func TestPrinterOutInTheMiddle(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	b.twin.SetOutAfter(7)
	b.write("\x1b@AAAA\nBBBB\nCCCC\n\x1dVB\x00")
	if got := b.ask(4); got != 0x7e {
		t.Fatalf("status %#x, want out", got)
	}
	if n := b.twin.Waiting(); n != len("BBBB\nCCCC\n\x1dVB\x00\x10\x04\x04") {
		t.Errorf("%d bytes wait", n)
	}
	b.twin.SetOut(false)
	if p := b.paper(); p.Cut || !slices.Equal(p.Lines, []string{"AAAA"}) {
		t.Errorf("end of the old roll: %+v", p.Lines)
	}
	if p := b.paper(); !p.Cut || !slices.Equal(p.Lines, []string{"BBBB", "CCCC"}) {
		t.Errorf("start of the new roll: %+v", p.Lines)
	}
}

// Without paper the buffer fills up and then the printer stops reading, as with flow control.
func TestPrinterStopsReading(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	b.twin.SetOut(true)
	wrote := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(b.line, bytes.NewReader(make([]byte, 2*inputBuffer)))
		wrote <- n
	}()
	for b.twin.Waiting() < inputBuffer {
		select {
		case n := <-wrote:
			t.Fatalf("all %d bytes were taken", n)
		default:
		}
	}
	select {
	case n := <-wrote:
		t.Fatalf("all %d bytes were taken", n)
	default:
	}
	b.twin.SetOut(false)
	if n := <-wrote; n != 2*inputBuffer {
		t.Errorf("%d bytes were taken after the new roll", n)
	}
}

func TestPrinterPowerCycleAndClear(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	for _, clear := range []func(){b.twin.PowerCycle, func() { b.write("\x10\x05\x02") }} {
		b.twin.SetOut(true)
		b.write("old\n\x1dV\x00")
		b.ask(1)
		clear()
		b.ask(1)
		b.twin.SetOut(false)
		b.write("new\n\x1dV\x00")
		if p := b.paper(); !slices.Equal(p.Lines, []string{"new"}) {
			t.Errorf("%q", p.Lines)
		}
	}
}

func TestPrinterTear(t *testing.T) {
	b := newBench(t, PrinterOptions{})
	b.twin.Tear() // nothing there: no paper
	b.write("A\n")
	b.ask(1)
	b.twin.Tear()
	if p := b.paper(); p.Cut || !slices.Equal(p.Lines, []string{"A"}) {
		t.Errorf("%+v", p)
	}
}

// A switch turned from within the callback does not lock up.
func TestPrinterSwitchInCallback(t *testing.T) {
	done := make(chan Paper, 4)
	var twin *Printer
	twin = NewPrinter(PrinterOptions{OnPaper: func(p Paper) {
		twin.SetLow(true)
		done <- p
	}})
	twin.take([]byte("A\n\x1dV\x00B\n\x1dV\x00"))
	if len(done) != 2 {
		t.Errorf("%d papers", len(done))
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		name string
	}{
		{"", 0, ""}, {"\x1b", 0, ""}, {"\x1b@", 2, "ESC @"}, {"\x1ba", 0, ""}, {"\x1ba\x01", 3, "ESC a"},
		{"\x1c&", 2, "FS &"}, {"\x1c!\x0c", 3, "FS !"}, {"\x1d!\x11A", 3, "GS !"}, {"\x1dVB", 0, ""}, {"\x1dVB\x00", 4, "GS V"},
		{"\x1dV\x00", 3, "GS V"}, {"\x1dv0\x00\x01\x00\x02\x00\xff", 0, ""}, {"\x1dv0\x00\x01\x00\x02\x00\xff\xff", 10, "GS v"},
		{"\x1d(k\x03\x001Q", 0, ""}, {"\x1d(k\x03\x001Q0", 8, "GS ("}, {"\x10\x04\x01", 3, "DLE EOT"}, {"\x10\x14\x01\x00\x01", 5, "DLE DC4"},
		{"\x1bZ", 2, "?"}, {"\x07", 1, "?"}, {"\x1dv1\x00\x01\x00\x02\x00", 2, "?"}, {"A012\n", 4, "text"}, {"\n", 1, "LF"},
		{"\x1bD\x01\x02\x00", 5, "ESC D"},
	} {
		if n, got := ParseESCPOS([]byte(c.in)); n != c.n || got.Name != c.name {
			t.Errorf("ParseESCPOS(% x) = %d, %q; want %d, %q", c.in, n, got.Name, c.n, c.name)
		}
	}
}

// Whatever comes, the printer neither panics nor stops understanding.
func FuzzPrinter(f *testing.F) {
	f.Add([]byte("\x1b@\x1c&\x1ba\x01\xb2\xc6\n\x1d!\x55A012\n\x1d(k\x03\x001C\x06\x1d(k\x08\x001P0hello\x1d(k\x03\x001Q0\x1dVB\x00"))
	f.Add([]byte("\x1dv0\x03\x02\x00\x01\x00\xff\x10\x10\x04\x01\x1da\xff\x1d(\x00\x00\x00\x1bc3\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := 0
		p := NewPrinter(PrinterOptions{Dots: 384, OnPaper: func(p Paper) { got += p.Bytes }})
		p.take(b)
		rest := p.Waiting()
		p.Tear()
		if got+rest > len(b) {
			t.Fatalf("%d bytes on paper and %d waiting of %d", got, rest, len(b))
		}
		p.PowerCycle()
		p.take([]byte("A\n\x1dV\x00"))
		if p.Waiting() != 0 {
			t.Fatal("nothing is printed any more")
		}
	})
}
