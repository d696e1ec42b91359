package virtual

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve runs a twin on a pipe until the test ends and returns the near end, with a deadline on it.
func serve(t *testing.T, s Server) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), far) }()
	t.Cleanup(func() {
		_ = near.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	if err := near.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return near
}

func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	return string(b)
}

// The frame of the module's data sheet: 10 00 86 F4 44, exclusive or 26, printed as 0008844356.
func TestReaderTap(t *testing.T) {
	r := NewReader()
	line := serve(t, r)
	if err := r.Tap(CardHex(0x10, 8844356)); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, line, 14); got != "\x02100086F44426\x03" {
		t.Errorf("%q", got)
	}
}

func TestReaderRepeatsWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReader()
		line := serve(t, r)
		if err := r.TapFor("100086F444", 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := range 3 {
			readN(t, line, 14)
			if at := time.Since(start); at != time.Duration(i)*50*time.Millisecond {
				t.Errorf("frame %d came after %v", i, at)
			}
		}
		if err := r.Tap("0000000001"); err != nil {
			t.Fatal(err)
		}
		if got := readN(t, line, 14); !strings.Contains(got, "0000000001") {
			t.Errorf("a fourth frame of the old card: %q", got)
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	r := NewReader()
	for _, number := range []string{"", "0008844356x", "100086F4", "100086F44G"} {
		if r.Tap(number) == nil {
			t.Errorf("%q was accepted", number)
		}
	}
	for range 16 {
		if err := r.Tap("100086F444"); err != nil {
			t.Fatal(err)
		}
	}
	if r.Tap("100086F444") == nil {
		t.Error("a seventeenth tap was accepted")
	}
}

// The manual's example, with noise before it and a broken frame.
func TestLED(t *testing.T) {
	shown := make(chan Shown, 4)
	l := NewLED(func(s Shown) { shown <- s })
	line := serve(t, l)
	if _, err := io.WriteString(line, "\x00\x0a\x3a\x00\x78\x03\x01\xb7\x0a\x3a\x00\x78\x03\x01\xb6\x0a"); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, line, 7); got != "\x2a\x00\x78\x03\x01\xa6\x0a" {
		t.Errorf("answer % x", got)
	}
	if s := <-shown; s != (Shown{Value: 888, Info: 1}) || s != l.Shown() {
		t.Errorf("%+v", s)
	}
	if frames, noise := l.Counts(); frames != 1 || noise != 9 {
		t.Errorf("%d frames, %d bytes of noise", frames, noise)
	}
	l.SetMute(true)
	if _, err := io.WriteString(line, "\x3a\x02\x0c\x00\x01\x49\x0a"); err != nil {
		t.Fatal(err)
	}
	if s := <-shown; s.Value != 12 || s.Colour != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTextLED(t *testing.T) {
	shown := make(chan Shown, 4)
	l := NewTextLED(func(s Shown) { shown <- s })
	line := serve(t, l)
	if _, err := io.WriteString(line, "junk\n[calling blink] 请A012号办理\n[stale] 信号中断请稍候\n"); err != nil {
		t.Fatal(err)
	}
	if s := <-shown; s != (Shown{Value: -1, Mode: "calling", Blink: true, Text: "请A012号办理"}) {
		t.Errorf("%+v", s)
	}
	if s := <-shown; s != (Shown{Value: -1, Mode: "stale", Text: "信号中断请稍候"}) {
		t.Errorf("%+v", s)
	}
	if frames, noise := l.Counts(); frames != 2 || noise != 5 {
		t.Errorf("%d lines, %d bytes of noise", frames, noise)
	}
}

func FuzzLED(f *testing.F) {
	f.Add([]byte("\x3a\x00\x78\x03\x01\xb6\x0a"))
	f.Add([]byte("[calling] x\n[\n] \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		number, text := NewLED(nil), NewTextLED(nil)
		if n, _ := number.frame(b); n < 0 || n > len(b) || n == 0 && len(b) >= 7 {
			t.Fatalf("frame(% x) = %d", b, n)
		}
		if n := text.line(b); n < 0 || n > len(b) {
			t.Fatalf("line(%q) = %d", b, n)
		}
	})
}

func TestCallerEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCaller68(3)
		line := serve(t, c)
		if err := errors.Join(c.Press(0x0c), c.Press(0x06, 0x0f), c.Rate(5), c.Press(0x0d)); err != nil {
			t.Fatal(err)
		}
		next := readN(t, line, 10)
		if next != "\xff\x68\x03\x03\x68\x03\x10\x0c\x1f\x16" {
			t.Errorf("next: % x", next)
		}
		if _, err := io.WriteString(line, next); err != nil {
			t.Fatal(err)
		}
		noShow := readN(t, line, 11)
		if noShow != "\xff\x68\x04\x04\x68\x03\x10\x06\x0f\x28\x16" {
			t.Errorf("no-show: % x", noShow)
		}
		start := time.Now() // no echo now
		if rate := readN(t, line, 10); rate != "\xff\x68\x03\x03\x68\x03\x11\x05\x19\x16" {
			t.Errorf("rating: % x", rate)
		}
		if waited := time.Since(start); waited != 200*time.Millisecond {
			t.Errorf("waited %v for the echo", waited)
		}
		readN(t, line, 10)
		if sent, missing := c.Counts(); sent != 3 || missing != 2 {
			t.Errorf("%d sent, %d without echo", sent, missing)
		}
	})
}

func TestCallerRefuses(t *testing.T) {
	c := NewCaller68(1)
	if c.Press() == nil || c.Press(1, 2, 3, 4, 5, 6, 0x13) == nil {
		t.Error("no key or seven keys were accepted")
	}
}

// A program sees its adapter pulled out and plugged in again under the same name.
func TestCable(t *testing.T) {
	c := NewCable(filepath.Join(t.TempDir(), "usb-printer"))
	p := NewPrinter(PrinterOptions{})
	for range 3 {
		if err := c.Plug(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if c.Plug(t.Context(), p) == nil {
			t.Fatal("plugged in twice")
		}
		for range 2 { // the port can be closed and opened without harm
			talk(t, c.Path())
		}
		port := open(t, c.Path())
		if err := c.Cut(); err != nil {
			t.Fatal(err)
		}
		if n, err := port.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read after the cut: %d, %v", n, err)
		}
		if _, err := port.Write([]byte("x")); err == nil {
			t.Error("a write after the cut succeeded")
		}
		if _, err := os.Lstat(c.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the link is still there: %v", err)
		}
		if err := errors.Join(port.Close(), c.Cut()); err != nil {
			t.Fatal(err)
		}
	}
}

// A cable whose context has ended still tidies up.
func TestCableContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := NewCable(filepath.Join(t.TempDir(), "usb-led"))
	if err := c.Plug(ctx, NewLED(nil)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := c.Cut(); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	port, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := port.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return port
}

// talk asks the printer for its paper, with bytes that a terminal not raw would change.
func talk(t *testing.T, path string) {
	t.Helper()
	port := open(t, path)
	if _, err := io.WriteString(port, "\r\n\x03\x04\x11\x13\x10\x04\x04"); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, port, 1); got != "\x12" {
		t.Errorf("status % x", got)
	}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
}
