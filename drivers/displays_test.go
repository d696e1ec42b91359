package drivers

import (
	"flag"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/virtual"
)

var faces = flag.String("faces", "", "a folder that pictures of the displays are written to")

// look writes a picture of a twin where somebody wants to look at it, and makes sure that something is lit on it.
func look(t *testing.T, name string, img image.Image) {
	t.Helper()
	lit := 0
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, _, _, _ := img.At(x, y).RGBA(); r > 0x6000 {
				lit++
			}
		}
	}
	if lit == 0 {
		t.Errorf("%s: nothing is lit", name)
	}
	if *faces == "" {
		return
	}
	f, err := os.Create(filepath.Join(*faces, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// call is a picture that every display shows.
func call() led.Show {
	return led.Show{Mode: led.Calling, Text: "请A012号办理", Number: "A012"}
}

func TestBoardsMeetTheirTwins(t *testing.T) {
	shown := make(chan string, 8)
	twin := virtual.NewBoards(4, func(_ int, text string) { shown <- text }, 3, 4)
	port := opened(t, twin)
	d := led.NewLED485()
	for addr, c := range map[int]struct {
		s    led.Show
		want string
	}{3: {call(), "A012"}, 4: {led.Show{Mode: led.Serving, Number: "AH07"}, "AH07"}} {
		d.Addr = addr
		if _, err := port.Write(d.Encode(c.s)); err != nil {
			t.Fatal(err)
		}
		if got := came(t, shown); got != c.want || twin.Text(addr) != c.want {
			t.Errorf("board %d shows %q", addr, got)
		}
		answer := make([]byte, 8)
		if _, err := io.ReadFull(port, answer); err != nil {
			t.Fatal(err)
		}
		if n, ok := d.Answer(answer); n != 8 || !ok {
			t.Errorf("answer % x: %d, %t", answer, n, ok)
		}
	}
	look(t, "led485", twin.Image(3))
	// A picture for a larger board than this one is refused.
	d.Addr, d.Digits = 3, 6
	if _, err := port.Write(d.Encode(call())); err != nil {
		t.Fatal(err)
	}
	refusal := make([]byte, 5)
	if _, err := io.ReadFull(port, refusal); err != nil {
		t.Fatal(err)
	}
	if n, ok := d.Answer(refusal); n != 5 || ok || twin.Noise() != 0 {
		t.Errorf("refusal % x: %d, %t; %d bytes of noise", refusal, n, ok, twin.Noise())
	}
}

// The number, the lamp and the keys of a pad, on one line.
func TestPadMeetsItsTwin(t *testing.T) {
	shown := make(chan virtual.PadShown, 8)
	twin := virtual.NewPads(func(s virtual.PadShown) { shown <- s }, 5)
	port := opened(t, twin)
	display, keys := led.NewQSystem(), keypad.NewQSystem()
	display.Addr, keys.Addr, keys.Redirect, keys.Light = 5, 5, 2, "blinking"
	show := call()
	show.Blink = true
	for _, out := range [][]byte{display.Encode(show), keys.Lamp(true)} {
		if _, err := port.Write(out); err != nil {
			t.Fatal(err)
		}
		came(t, shown)
	}
	if s := twin.Shown(5); s.Text != "012" || !s.Blink || s.Lamp != 0x36 {
		t.Errorf("%+v", s)
	}
	for code, want := range map[byte]keypad.Press{
		0x31: {Op: keypad.Call, Addr: 5}, 0x32: {Op: keypad.Start, Addr: 5}, 0x33: {Op: keypad.Transfer, Arg: 2, Addr: 5}, 0x34: {Op: keypad.End, Addr: 5},
	} {
		if err := twin.Press(5, code); err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, 4)
		if _, err := io.ReadFull(port, frame); err != nil {
			t.Fatal(err)
		}
		if n, p, reply, err := keys.Decode(frame); n != 4 || p != want || reply != nil || err != nil {
			t.Errorf("% x: %+v, %v", frame, p, err)
		}
	}
}

func TestRaterMeetsItsTwin(t *testing.T) {
	twin := virtual.NewRater()
	port := opened(t, twin)
	if err := twin.Press('4'); err != nil {
		t.Fatal(err)
	}
	if _, p, _, err := keypad.NewBytes().Decode([]byte{next(t, port)}); err != nil || p != (keypad.Press{Op: keypad.Rate, Arg: 4}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestFontCardMeetsItsTwin(t *testing.T) {
	shown := make(chan virtual.CardShown, 8)
	twin := virtual.NewFontCard(0x5aa5, func(s virtual.CardShown) { shown <- s })
	port := opened(t, twin)
	d := led.NewOnbon()
	d.Addr = 0x5aa5 // both bytes have to be escaped
	for _, c := range []struct {
		s    led.Show
		want virtual.CardShown
	}{
		{call(), virtual.CardShown{Text: "请A012号办理", Width: 128, Height: 16}},
		{led.Show{Mode: led.Idle, Text: "人文社会科学研究院"}, virtual.CardShown{Text: "人文社会科学研究院", Moves: true, Width: 128, Height: 16}},
		{led.Show{Mode: led.Calling, Text: "请A012号办理", Blink: true, Off: true}, virtual.CardShown{Text: " ", Width: 128, Height: 16}},
		{led.Show{Mode: led.Stale, Text: "信号中断请稍候"}, virtual.CardShown{Text: "信号中断请稍候", Width: 128, Height: 16}},
	} {
		if _, err := port.Write(d.Encode(c.s)); err != nil {
			t.Fatal(err)
		}
		if got := came(t, shown); got != c.want {
			t.Errorf("%+v, want %+v", got, c.want)
		}
		var buf []byte
		for n, ok := 0, false; !ok; {
			if buf = append(buf, next(t, port)); len(buf) > 64 {
				t.Fatalf("% x is no answer", buf)
			}
			if n, ok = d.Answer(buf); n > 0 && !ok {
				t.Fatalf("answer % x: %d, %t", buf, n, ok)
			}
		}
	}
	look(t, "onbon", twin.Image())
	if twin.Bad() != 0 {
		t.Errorf("%d bad frames", twin.Bad())
	}
}

// SPI has no pty of its own; what goes to the bus goes over one here, as the port hands it on.
func TestChipsMeetTheirTwin(t *testing.T) {
	shown := make(chan struct{}, 8)
	two := led.NewMax7219()
	two.Modules, two.Rows = 12, 2
	moved := led.Show{Mode: led.Idle, Text: "人文社会科学研究院", Step: 9}
	blink := call()
	blink.Blink = true
	for name, c := range map[string]struct {
		d             led.Driver
		modules, rows int
		s             led.Show
		bright        int
	}{
		"max7219":       {led.NewMax7219(), 4, 1, call(), 3},
		"max7219-rows":  {two, 12, 2, led.Show{Mode: led.Serving, Text: "正在办理A012", Number: "A012"}, 3},
		"max7219-moved": {two, 12, 2, moved, 3},
		"max7219-call":  {two, 12, 2, blink, 15},
		"max7219_7seg":  {led.NewMax7219Digits(), 1, 1, led.Show{Mode: led.Calling, Number: "AX07"}, 4},
	} {
		twin := virtual.NewChips(c.modules, c.rows, func() { shown <- struct{}{} })
		port := opened(t, twin)
		if _, err := port.Write(c.d.Encode(c.s)); err != nil {
			t.Fatal(err)
		}
		came(t, shown)
		if lit, bright := twin.Lit(); !lit || bright != c.bright || twin.Bad() != 0 {
			t.Errorf("%s: lit %t, bright %d, %d bad", name, lit, bright, twin.Bad())
		}
		if name == "max7219_7seg" {
			if got := twin.Digits(); got != "  AH.07  " {
				t.Errorf("%q", got)
			}
			look(t, name, twin.DigitImage())
			continue
		}
		look(t, name, twin.Image())
	}
}

// Whatever comes, the twins neither panic nor stop understanding.
func FuzzTwins(f *testing.F) {
	f.Add([]byte("\x01\x10\x00\x80\x00\x02\x04\x77\x3f\x06\x5b\x92\x2c"))
	f.Add([]byte("\x01\x01\x21012\x07\x01\x01\x32\x07"))
	f.Add(led.NewOnbon().Encode(call()))
	f.Add(led.NewMax7219().Encode(call()))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, twin := range []virtual.Server{
			virtual.NewBoards(4, nil, 1), virtual.NewPads(nil, 1), virtual.NewFontCard(1, nil), virtual.NewChips(4, 1, nil),
		} {
			if err := twin.Serve(t.Context(), &once{in: b}); err != nil {
				t.Errorf("%T: %v", twin, err)
			}
		}
	})
}

// came waits for what a twin tells.
func came[T any](t *testing.T, told <-chan T) T {
	t.Helper()
	select {
	case v := <-told:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("the twin has shown nothing")
		panic("not reached")
	}
}

// once is a line that brings some bytes and ends; what is written to it is gone.
type once struct{ in []byte }

func (o *once) Read(p []byte) (int, error) {
	if len(o.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.in)
	o.in = o.in[n:]
	return n, nil
}

func (o *once) Write(p []byte) (int, error) { return len(p), nil }
