package port

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
)

// edge is a change of a line, at a time since the start.
type edge struct {
	at    time.Duration
	level gpio.Level
	lost  bool // the kernel tells no one of it
}

// scripted is a GPIO line whose edges are written beforehand; periph's own gpiotest needs a module that we do not have.
type scripted struct {
	name   string
	start  time.Time
	first  gpio.Level
	script []edge
	told   int // edges that WaitForEdge has returned for
	broken bool

	pull   gpio.Pull
	err    error
	closed bool
}

func (s *scripted) Name() string { return s.name }
func (s *scripted) Close()       { s.closed = true }

func (s *scripted) In(pull gpio.Pull, e gpio.Edge) error {
	if e != gpio.BothEdges {
		return fmt.Errorf("edges %v", e)
	}
	s.pull = pull
	return s.err
}

func (s *scripted) Read() gpio.Level {
	level := s.first
	for _, e := range s.script {
		if e.at <= time.Since(s.start) {
			level = e.level
		}
	}
	return level
}

func (s *scripted) WaitForEdge(timeout time.Duration) bool {
	if s.broken {
		return false
	}
	if timeout <= 0 {
		panic("periph's drivers do not agree on what this means")
	}
	for s.told < len(s.script) && s.script[s.told].lost {
		s.told++
	}
	if s.told == len(s.script) || s.script[s.told].at-time.Since(s.start) > timeout {
		<-time.After(timeout)
		return false
	}
	<-time.After(s.script[s.told].at - time.Since(s.start))
	s.told++
	return true
}

// bouncing are the edges of a contact that closes or opens: it ends at level after 8 ms.
func bouncing(at time.Duration, level gpio.Level) []edge {
	ms := time.Millisecond
	return []edge{{at: at, level: level}, {at: at + ms, level: !level}, {at: at + 3*ms, level: level}, {at: at + 5*ms, level: !level}, {at: at + 8*ms, level: level}}
}

// heard reads the text of a line for so long.
func heard(t *testing.T, l *Line, long time.Duration) string {
	t.Helper()
	var b strings.Builder
	buf := make([]byte, 7) // less than a word, so that the rest must be kept
	for start := time.Now(); time.Since(start) < long; {
		n, err := l.Read(buf)
		if err != nil && !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		b.Write(buf[:n])
	}
	return b.String()
}

func TestGPIO(t *testing.T) {
	s, ms := time.Second, time.Millisecond
	var flutter []edge
	for i := range 400 {
		flutter = append(flutter, edge{at: s + time.Duration(i)*5*ms, level: gpio.Level(i%2 == 1)})
	}
	for _, c := range []struct {
		name   string
		first  gpio.Level
		script []edge
		want   string
	}{
		{"nothing", gpio.High, nil, ""},
		{"held from the start", gpio.Low, nil, ""},
		{"pressed and let go", gpio.High, []edge{{at: s, level: gpio.Low}, {at: 2 * s, level: gpio.High}}, "K low\nK high\n"},
		{"with bounce, held for long", gpio.High, append(bouncing(s, gpio.Low), bouncing(5*s, gpio.High)...), "K low\nK high\n"},
		{"a spark", gpio.High, []edge{{at: s, level: gpio.Low}, {at: s + 2*ms, level: gpio.High}}, ""},
		{"a spark just when it is looked", gpio.High, []edge{{at: s, level: gpio.Low, lost: true}, {at: s + 2*ms, level: gpio.High, lost: true}}, ""},
		{"an edge is lost", gpio.High, []edge{{at: s, level: gpio.Low, lost: true}, {at: 2 * s, level: gpio.High, lost: true}}, "K low\nK high\n"},
		{"a loose wire", gpio.High, flutter, ""},
		{"twice", gpio.High, append(append(bouncing(s, gpio.Low), bouncing(s+100*ms, gpio.High)...), bouncing(s+300*ms, gpio.Low)...), "K low\nK high\nK low\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := &scripted{name: "K", start: time.Now(), first: c.first, script: c.script}
			l, err := newGPIO(Options{GPIO: "K", Pull: Up}, func(string) (contact, error) { return k, nil })
			if err != nil {
				t.Fatal(err)
			}
			if got := heard(t, l, 8*s); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if k.pull != gpio.PullUp {
				t.Errorf("pull %v", k.pull)
			}
			within(t, closeLimit, "close", func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
			if !k.closed {
				t.Error("the line was not given back")
			}
			if _, err := l.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
				t.Errorf("read after close: %v", err)
			}
		})
	}
}

func TestGPIOSeveralLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		find := func(name string) (contact, error) {
			at := map[string]time.Duration{"GPIO17": time.Second, "GPIO27": 2 * time.Second}[name]
			return &scripted{name: name, start: time.Now(), first: gpio.Low, script: []edge{{at: at, level: gpio.High}}}, nil
		}
		l, err := newGPIO(Options{GPIO: "GPIO27 GPIO17", Pull: Down}, find)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := heard(t, l, 4*time.Second), "GPIO17 high\nGPIO27 high\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if n, err := l.Write([]byte("x")); n != 0 || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a write: %d, %v", n, err)
		}
		if err := errors.Join(l.Drain(time.Second), l.Close()); err != nil {
			t.Error(err)
		}
	})
}

// An error of a line looks like a time-out; the port must neither spin nor stay silent.
func TestGPIOGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := newGPIO(Options{GPIO: "K"}, func(string) (contact, error) { return &scripted{name: "K", broken: true}, nil })
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := l.Read(make([]byte, 8)); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "line K") {
				t.Errorf("read: %v", err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestGPIORefused(t *testing.T) {
	busy := &scripted{name: "BUSY", err: fmt.Errorf("line_request ioctl: %w", unix.EBUSY)}
	good := &scripted{name: "GOOD"}
	find := func(name string) (contact, error) {
		switch name {
		case "BUSY":
			return busy, nil
		case "GOOD":
			return good, nil
		}
		return nil, noLine(name, &driverreg.State{Failed: []driverreg.DriverFailure{{D: failed{}, Err: os.ErrPermission}}})
	}
	if _, err := newGPIO(Options{GPIO: "GOOD BUSY"}, find); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "BUSY") || !good.closed {
		t.Errorf("a line in use: %v; the one before it given back: %t", err, good.closed)
	}
	_, err := newGPIO(Options{GPIO: "GPIO99"}, find)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "GPIO99") || !strings.Contains(err.Error(), "ioctl-gpio: permission denied") {
		t.Errorf("a line that is not there: %v", err)
	}
}

// On a machine without such a line, by way of periph itself.
func TestGPIONotHere(t *testing.T) {
	if _, err := Open(Options{GPIO: "QUHAO_NO_SUCH_LINE"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
}

// failed is a driver of periph that failed.
type failed struct{ driver.Impl }

func (failed) String() string { return "ioctl-gpio" }
