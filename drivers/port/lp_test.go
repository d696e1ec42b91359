package port

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// listener is a printer whose reads are written beforehand; the last one comes for ever.
type listener struct {
	reads []error // nil is the answer "x"
	n     int
	until time.Time
}

func (l *listener) SetReadDeadline(t time.Time) error { l.until = t; return nil }
func (l *listener) Close() error                      { return nil }

func (l *listener) Read(b []byte) (int, error) {
	err := l.reads[min(l.n, len(l.reads)-1)]
	l.n++
	switch {
	case err == nil:
		return copy(b, "x"), nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		<-time.After(time.Until(l.until))
	}
	return 0, err
}

// However a printer says nothing, it is asked ten times a second and no more; what it says comes at once; its end is one.
func TestLPSilence(t *testing.T) {
	for name, silence := range map[string]error{
		"it cannot speak": &os.PathError{Op: "read", Path: "lp0", Err: unix.EINVAL}, "an empty answer": io.EOF, "nothing": os.ErrDeadlineExceeded,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &listener{reads: []error{silence, silence, nil, silence}}
			l := &Line{name: "lp", in: &lpReader{f: f}, out: mute{}, stuck: time.Second}
			start := time.Now()
			var got []byte
			for time.Since(start) < time.Second {
				b := make([]byte, 4)
				n, err := l.Read(b)
				if err != nil && !errors.Is(err, ErrTimeout) {
					t.Fatalf("%s: %v", name, err)
				}
				got = append(got, b[:n]...)
			}
			if string(got) != "x" || f.n > 12 || name != "nothing" && f.n < 10 {
				t.Errorf("%s: %q after %d reads in a second", name, got, f.n)
			}
		})
	}
	gone := &Line{name: "lp", in: &lpReader{f: &listener{reads: []error{unix.ENODEV}}}, out: mute{}}
	if _, err := gone.Read(make([]byte, 4)); !errors.Is(err, ErrGone) {
		t.Errorf("an unplugged printer: %v", err)
	}
}

// A pty without echo stands for usblp, which this machine has not: bytes both ways, and a printer that takes none.
func TestLPLine(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	raw(t, near)
	l, err := Open(Options{LP: near.Name(), StuckAfter: minStuckAfter})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := l.Write([]byte("ticket")); n != 6 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	b := make([]byte, 6)
	if _, err := io.ReadFull(far, b); err != nil || string(b) != "ticket" {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := far.WriteString("\x12\x16"); err != nil {
		t.Fatal(err)
	}
	if got, err := readUntil(t, l, 2); got != "\x12\x16" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := l.Write([]byte(strings.Repeat("x", 1<<17))); !errors.Is(err, ErrStuck) || n >= 1<<17 {
		t.Errorf("a printer that takes nothing took %d: %v", n, err)
	}
	if err := far.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Drain(10 * time.Second); !errors.Is(err, ErrGone) {
		t.Errorf("an unplugged printer has taken all: %v", err)
	}
	if err := errors.Join(l.Close(), near.Close()); err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{LP: near.Name() + "-none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a printer that is not there: %v", err)
	}
}

// A write that the printer has not taken is not through, whatever the kernel has answered. A full pipe stands for it.
func TestLPDrain(t *testing.T) {
	far, near, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{name: "lp", in: near, out: near, raw: conn, queue: underway, stuck: minStuckAfter}
	if err := l.Drain(time.Second); err != nil {
		t.Errorf("nothing was written: %v", err)
	}
	n, err := l.Write(make([]byte, 1<<20))
	if !errors.Is(err, ErrStuck) {
		t.Fatalf("the pipe takes %d bytes: %v", n, err)
	}
	if err := l.Drain(2 * drainStep); !errors.Is(err, ErrStuck) {
		t.Errorf("what was not taken is through: %v", err)
	}
	if _, err := io.CopyN(io.Discard, far, int64(n)); err != nil {
		t.Fatal(err)
	}
	if err := l.Drain(time.Second); err != nil {
		t.Errorf("what was taken is not through: %v", err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Drain(time.Second); !errors.Is(err, ErrGone) {
		t.Errorf("an unplugged printer has taken all: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// raw switches off all that a terminal does with bytes.
func raw(t *testing.T, f *os.File) {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	termios.Iflag, termios.Oflag, termios.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, termios); err != nil {
		t.Fatal(err)
	}
}

// With flow xonxoff the device holds our bytes back and lets them go, and neither of its two bytes is ever read.
func TestXonXoff(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{Flow: XONXOFF, StuckAfter: minStuckAfter})
	d.send(t, "a\x13b")
	if got, err := readUntil(t, l, 2); got != "ab" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if n, err := l.Write([]byte("held")); n != 0 || !errors.Is(err, ErrStuck) {
		t.Fatalf("after XOFF %d bytes went: %v", n, err)
	}
	d.send(t, "\x11c")
	if got, err := readUntil(t, l, 1); got != "c" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if n, err := l.Write([]byte("free")); n != 4 || err != nil {
		t.Fatalf("after XON %d bytes went: %v", n, err)
	}
	b := make([]byte, 8)
	if n, err := d.Read(b); err != nil || string(b[:n]) != "free" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// Without it the two bytes are bytes.
func TestNoXonXoff(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	d.send(t, "\x13\x11")
	if got, err := readUntil(t, l, 2); got != "\x13\x11" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if n, err := l.Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
