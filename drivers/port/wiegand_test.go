package port

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// pulsed are two lines whose pulses are written beforehand.
type pulsed struct {
	start  time.Time
	script []pulse
	broken bool
	closed bool
}

// pulse is a pulse on a line, at a time since the start.
type pulse struct {
	at   time.Duration
	line int
}

func (p *pulsed) WaitForEdge(timeout time.Duration) (int, gpio.Edge, error) {
	if p.broken {
		return 0, gpio.NoEdge, os.ErrInvalid
	}
	if timeout <= 0 {
		panic("this would wait for ever")
	}
	if len(p.script) == 0 || p.script[0].at-time.Since(p.start) > timeout {
		<-time.After(timeout)
		return 0, gpio.NoEdge, &os.PathError{Op: "read", Path: "gpio-lineset", Err: os.ErrDeadlineExceeded}
	}
	next := p.script[0]
	p.script = p.script[1:]
	<-time.After(next.at - time.Since(p.start))
	return next.line, gpio.FallingEdge, nil
}

func (p *pulsed) Close() error { p.closed = true; return nil }

// pulsesOf are the pulses of a card, one every so often; line 5 is D0 and line 6 is D1.
func pulsesOf(at, every time.Duration, s string) (out []pulse) {
	for i, c := range s {
		out = append(out, pulse{at + time.Duration(i)*every, 5 + int(c-'0')})
	}
	return out
}

func TestWiegand(t *testing.T) {
	const one, other = "11000011011110100010001000", "0000100001000011011110100010001000"
	s, ms, us := time.Second, time.Millisecond, time.Microsecond
	for name, c := range map[string]struct {
		script []pulse
		want   string
	}{
		"nothing":             {nil, ""},
		"as fast as can be":   {pulsesOf(s, 200*us, one), one + "\n"},
		"as slow as can be":   {pulsesOf(s, 20*ms, other), other + "\n"},
		"two cards":           {append(pulsesOf(s, 2*ms, one), pulsesOf(s+26*2*ms+25*ms, 2*ms, other)...), one + "\n" + other + "\n"},
		"a pause in the card": {append(pulsesOf(s, 2*ms, one[:10]), pulsesOf(s+20*ms+26*ms, 2*ms, one[10:])...), one[:10] + "\n" + one[10:] + "\n"},
		"another line":        {append([]pulse{{s, 9}}, pulsesOf(s+ms, ms, one)...), one + "\n"},
		"a line that sings":   {pulsesOf(s, 5*ms, strings.Repeat("01", 150)), strings.Repeat("01", 150) + "\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &pulsed{start: time.Now(), script: c.script}
			l := newWiegand(p, 5, 6, Options{Wiegand: "D0 D1"})
			if got := heard(t, l, 8*s); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			if err := l.Close(); err != nil || !p.closed {
				t.Errorf("close: %v, given back %t", err, p.closed)
			}
			if _, err := l.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
				t.Errorf("read after close: %v", err)
			}
		})
	}
}

func TestWiegandGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newWiegand(&pulsed{broken: true}, 5, 6, Options{Wiegand: "D0 D1"})
		for range 2 {
			if _, err := l.Read(make([]byte, 8)); !errors.Is(err, ErrGone) {
				t.Errorf("read: %v", err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// On a machine without such lines, by way of periph itself; and with too few of them.
func TestWiegandNotHere(t *testing.T) {
	if _, err := Open(Options{Wiegand: "QUHAO_NO_D0 QUHAO_NO_D1", Pull: Up}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
	if _, err := Open(Options{Wiegand: "GPIO17"}); err == nil || !strings.Contains(err.Error(), "two lines") {
		t.Errorf("one line: %v", err)
	}
}
