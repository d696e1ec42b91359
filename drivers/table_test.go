package drivers

import (
	"bytes"
	"image"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/printer"
	"quhao/drivers/reader"
	"quhao/drivers/virtual"
)

// Whatever a driver is, it is complete: right type, good defaults, options with names, evidence in testdata.
func TestTable(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, s := range Table() {
		name := string(s.Kind) + "/" + s.Name
		if seen[name] || !word.MatchString(s.Name) || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: doubled, or its name or sentence is not one: %q", name, s.Doc)
		}
		seen[name] = true
		if found, ok := Find(s.Kind, s.Name); !ok || found.Doc != s.Doc {
			t.Errorf("%s is not found", name)
		}
		files, err := filepath.Glob(filepath.Join(string(s.Kind), "testdata", s.Name+"*"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no golden or frame file: %v", name, err)
		}
		options(t, name, s, word)
	}
	if _, ok := Find(Printer, "rdm6300"); ok {
		t.Error("a card reader was found among the printers")
	}
}

// options looks at the struct behind a driver.
func options(t *testing.T, name string, s Spec, word *regexp.Regexp) {
	t.Helper()
	d := s.New()
	ok := false
	switch s.Kind {
	case Printer:
		_, ok = d.(printer.Driver)
	case Card:
		ok = reader.Is(d)
	case LED:
		_, ok = d.(led.Driver)
	case Keypad:
		_, ok = d.(keypad.Driver)
	}
	v := reflect.ValueOf(d)
	if !ok || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		t.Fatalf("%s: New returns a %T", name, d)
	}
	if c, ok := d.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			t.Errorf("%s: its defaults are refused: %v", name, err)
		}
	}
	if _, names := d.(interface{ Lines() []string }); names != (s.Port == GPIO || s.Port == Wiegand) || s.Port != Line && s.Baud != 0 {
		t.Errorf("%s: port %q, names its lines: %t, baud %d", name, s.Port, names, s.Baud)
	}
	for _, f := range reflect.VisibleFields(v.Elem().Type()) {
		if f.IsExported() && !(f.Anonymous && f.Tag.Get("yaml") == ",inline") && !word.MatchString(f.Tag.Get("yaml")) {
			t.Errorf("%s: option %s has the yaml name %q", name, f.Name, f.Tag.Get("yaml"))
		}
	}
	if s.Kind == Printer || s.Kind == LED {
		return
	}
	if a, b := s.New(), s.New(); v.Elem().Type().Size() > 0 && a == b {
		t.Errorf("%s: New returns the same struct twice", name)
	}
}

// opened serves a twin behind a cable and opens the port as a program does.
func opened(t *testing.T, twin virtual.Server) io.ReadWriter {
	t.Helper()
	port, cable, err := plug(t, twin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cable.Cut(); err != nil {
			t.Error(err)
		}
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := port.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return port
}

// The drivers and the twins were written apart from each other: here they meet over a pty.
func TestPrinterMeetsItsTwin(t *testing.T) {
	papers := make(chan virtual.Paper, 1)
	twin := virtual.NewPrinter(virtual.PrinterOptions{OnPaper: func(p virtual.Paper) { papers <- p }})
	port := opened(t, twin)
	d := printer.NewESCPOS()
	ticket := printer.Paper{Lines: []printer.Line{{Text: "财务部"}, {Text: "A012", Width: 6, Height: 6, Align: printer.Center}, {Text: "张㐀"}, {QR: "https://example.edu.cn/t/1"}}}
	if _, err := port.Write(d.Encode(ticket)); err != nil {
		t.Fatal(err)
	}
	p := <-papers
	if got := strings.Join(p.Lines, "|"); got != "财务部|A012" || len(p.QR) != 1 || !p.Cut || twin.Unknown() != 0 {
		t.Errorf("%q, QR %q, cut %t, %d unknown commands", got, p.QR, p.Cut, twin.Unknown())
	}
	if p.Image.Bounds().Size() != image.Pt(576, 96+34+144+32+25*6+24) {
		t.Errorf("the paper is %v", p.Image.Bounds().Size())
	}
	for _, c := range []struct {
		set  func()
		want printer.State
	}{
		{func() {}, printer.OK},
		{func() { twin.SetLow(true) }, printer.Low},
		{func() { twin.SetOut(true) }, printer.Out},
		{func() { twin.SetCover(true) }, printer.Open},
		{func() { twin.SetCover(false); twin.SetOut(false); twin.SetCutterError(true) }, printer.Error},
	} {
		c.set()
		if got := asked(t, d, port); got != c.want {
			t.Errorf("status %q, want %q", got, c.want)
		}
	}
}

func asked(t *testing.T, d printer.Asker, port io.ReadWriter) printer.State {
	t.Helper()
	if _, err := port.Write(d.Ask()); err != nil {
		t.Fatal(err)
	}
	var buf []byte
	for {
		buf = append(buf, next(t, port))
		if _, s, err := d.DecodeStatus(buf); err != nil || s.State != "" {
			if err != nil {
				t.Fatal(err)
			}
			return s.State
		}
	}
}

func next(t *testing.T, r io.Reader) byte {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func TestCardReaderMeetsItsTwin(t *testing.T) {
	twin := virtual.NewReader()
	port := opened(t, twin)
	if err := twin.Tap(virtual.CardHex(0x10, 8844356)); err != nil {
		t.Fatal(err)
	}
	d, buf := card.NewRDM6300(), []byte(nil)
	for {
		buf = append(buf, next(t, port))
		if _, num, _, err := d.Decode(buf); err != nil || num != "" {
			if err != nil || num.Reveal() != "0008844356" {
				t.Errorf("card %q: %v", num.Reveal(), err)
			}
			return
		}
	}
}

func TestLEDMeetsItsTwin(t *testing.T) {
	shown := make(chan virtual.Shown, 1)
	port := opened(t, virtual.NewLED(func(s virtual.Shown) { shown <- s }))
	d := led.NewXunpeng()
	if _, err := port.Write(d.Encode(led.Show{Mode: led.Calling, Number: "A345", Blink: true})); err != nil {
		t.Fatal(err)
	}
	if s := <-shown; s.Value != 345 || s.Colour != 2 {
		t.Errorf("%+v", s)
	}
	buf := make([]byte, 7)
	if _, err := io.ReadFull(port, buf); err != nil {
		t.Fatal(err)
	}
	if n, ok := d.Answer(buf); n != 7 || !ok {
		t.Errorf("answer % x: %d, %t", buf, n, ok)
	}
}

func TestTextLEDMeetsItsTwin(t *testing.T) {
	shown := make(chan virtual.Shown, 1)
	port := opened(t, virtual.NewTextLED(func(s virtual.Shown) { shown <- s }))
	if _, err := port.Write(led.NewTerminal().Encode(led.Show{Mode: led.Calling, Text: "请A012号办理", Blink: true})); err != nil {
		t.Fatal(err)
	}
	if s := <-shown; s.Mode != "calling" || !s.Blink || s.Text != "请A012号办理" {
		t.Errorf("%+v", s)
	}
}

func TestKeypadMeetsItsTwin(t *testing.T) {
	twin := virtual.NewCaller68(3)
	port := opened(t, twin)
	d := keypad.NewCaller68()
	for _, c := range []struct {
		press func() error
		want  keypad.Press
	}{
		{func() error { return twin.Press(0x0c) }, keypad.Press{Op: keypad.Next, Addr: 3}},
		{func() error { return twin.Press(0x0d) }, keypad.Press{Op: keypad.Recall, Addr: 3}},
		{func() error { return twin.Press(0x06, 0x0f) }, keypad.Press{Op: keypad.NoShow, Addr: 3}},
		{func() error { return twin.Press(0x02, 0x13) }, keypad.Press{Op: keypad.Transfer, Arg: 2, Addr: 3}},
		{func() error { return twin.Rate(4) }, keypad.Press{Op: keypad.Rate, Arg: 4, Addr: 3}},
	} {
		if err := c.press(); err != nil {
			t.Fatal(err)
		}
		if got := pressed(t, d, port); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
	// The fifth echo may still be on its way; the four before it were awaited.
	if sent, missing := twin.Counts(); sent < 4 || missing != 0 {
		t.Errorf("%d frames, %d without echo", sent, missing)
	}
}

func pressed(t *testing.T, d keypad.Driver, port io.ReadWriter) keypad.Press {
	t.Helper()
	var buf []byte
	for {
		buf = append(buf, next(t, port))
		_, p, reply, err := d.Decode(buf)
		if err != nil {
			t.Fatal(err)
		}
		if p.Op == "" {
			continue
		}
		if !bytes.Equal(reply, buf) {
			t.Errorf("reply % x to % x", reply, buf)
		}
		if _, err := port.Write(reply); err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func plug(t *testing.T, twin virtual.Server) (*os.File, *virtual.Cable, error) {
	t.Helper()
	cable := virtual.NewCable(filepath.Join(t.TempDir(), "port"))
	if err := cable.Plug(t.Context(), twin); err != nil {
		return nil, nil, err
	}
	port, err := os.OpenFile(cable.Path(), os.O_RDWR, 0)
	return port, cable, err
}
