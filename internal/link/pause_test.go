package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// standard are the pauses of a device, with the least or the greatest of all random numbers.
func standard(spread func(n int64) int64) *pauses {
	p := newPauses(New(Options{}, slog.New(slog.DiscardHandler)).o)
	if spread != nil {
		p.spread = spread
	}
	return p
}

func last(n int64) int64 { return n - 1 }

// However long the controller stays away, the next dial is at most a second off: with the second that signing in may
// take on a bad day, a device is back within 2 s.
func TestNobodyListens(t *testing.T) {
	p := standard(last)
	for i := range 10_000 {
		if d := p.after(nobody); d >= time.Second {
			t.Fatalf("after %d dials that met nobody: %s", i+1, d)
		}
	}
	if d := standard(func(int64) int64 { return 0 }).after(nobody); d < 500*time.Millisecond {
		t.Errorf("a device knocks again after %s", d)
	}
	for _, d := range []time.Duration{p.after(wasUp), p.after(wasUp)} {
		if d >= time.Second {
			t.Errorf("after a connection that was up: %s", d)
		}
	}
}

// A thousand devices that lose their controller at once come back spread over a second: in no 100 ms more than 160.
func TestNoHerd(t *testing.T) {
	for _, got := range []outcome{wasUp, nobody} {
		var slots [11]int
		for range 1000 {
			slots[standard(nil).after(got)/(100*time.Millisecond)]++
		}
		for i, n := range slots {
			if most := map[outcome]int{wasUp: 160, nobody: 280}[got]; n > most {
				t.Errorf("%d of 1,000 dial in the same 100 ms, the %d. after outcome %d", n, i+1, got)
			}
		}
	}
}

// Who is not heard comes more rarely, up to 10 s; who is refused up to 5 min. One that got in begins anew.
func TestPausesGrow(t *testing.T) {
	for _, c := range []struct {
		got  outcome
		want time.Duration
	}{{unheard, 10 * time.Second}, {refused, 5 * time.Minute}} {
		p := standard(last)
		was := time.Duration(0)
		for range 20 {
			d := p.after(c.got)
			if d < was {
				t.Errorf("outcome %d: %s after %s", c.got, d, was)
			}
			was = d
		}
		if was != c.want {
			t.Errorf("outcome %d: at last %s, want %s", c.got, was, c.want)
		}
		p.after(wasUp)
		if d := p.after(c.got); d >= time.Second {
			t.Errorf("outcome %d after a connection that was up: %s", c.got, d)
		}
	}
}

// The outcome of a connection is told apart by what the other side did.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(*peer)
		want outcome
	}{
		{"closed after a while", func(p *peer) { p.patience(); p.Close() }, unheard},
		{"server unavailable", func(p *peer) { p.connack(packets.ErrRefusedServerUnavailable) }, unheard},
		{"wrong secret", func(p *peer) { p.connack(packets.ErrRefusedBadUsernameOrPassword) }, refused},
		{"not authorised", func(p *peer) { p.connack(packets.ErrRefusedNotAuthorised) }, refused},
		{"name refused", func(p *peer) { p.connack(packets.ErrRefusedIDRejected) }, refused},
		{"closed before SUBACK", func(p *peer) { p.connack(0); p.read(); p.Close() }, unheard},
		{"filter refused", func(p *peer) { p.connack(0); p.suback(p.read().(*packets.SubscribePacket), 0x80) }, refused},
		{"filter refused in a word of MQTT 5", func(p *peer) { p.connack(0); p.suback(p.read().(*packets.SubscribePacket), 0x91) }, refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			l := New(Options{Addr: s.ln.Addr().String(), ClientID: "kiosk-1", Subscribe: []string{"down/#"}}, slog.New(slog.DiscardHandler))
			done := make(chan struct{})
			go func() {
				defer close(done)
				if got, _, err := l.connect(t.Context()); got != c.want || err == nil {
					t.Errorf("outcome %d, %v; want %d", got, err, c.want)
				}
			}()
			p, _ := s.accept()
			c.act(p)
			<-done
		})
	}
}

// patience lets as much time pass as a crowded broker gives.
func (p *peer) patience() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(2 * atOnce))
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("the link does not wait for its CONNACK: %v", err)
	}
}

// A forwarder with nobody behind it takes a connection and ends it at once.
func TestHungUp(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		age  time.Duration
		err  error
		want bool
	}{
		{time.Millisecond, io.EOF, true}, {atOnce - 1, reset, true}, {0, syscall.EPIPE, true},
		{atOnce, io.EOF, false}, {time.Second, reset, false}, {0, os.ErrDeadlineExceeded, false}, {0, errors.New("bad certificate"), false},
	} {
		if got := hungUp(c.age, fmt.Errorf("network error: %w", c.err)); got != c.want {
			t.Errorf("after %s by %v: %t", c.age, c.err, got)
		}
	}
}

// What cannot be helped is said once, whatever port this side had, and once a minute while its causes change.
func TestComplaints(t *testing.T) {
	var c complaint
	now := time.Unix(0, 0)
	reset := func(port int) error {
		return &net.OpError{Op: "read", Source: &net.TCPAddr{Port: port}, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	broken := &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}
	for i, step := range []struct {
		got  outcome
		err  error
		wait time.Duration
		want bool
	}{
		{nobody, reset(1), 0, true}, {unheard, reset(2), time.Hour, false}, {nobody, broken, 0, true}, {unheard, reset(3), time.Second, false},
		{nobody, broken, time.Second, false}, {nobody, reset(4), time.Hour, true}, {refused, reset(4), 0, true}, {refused, reset(4), 0, false},
		{wasUp, errDropped, 0, false}, {refused, reset(5), 0, true},
	} {
		now = now.Add(step.wait)
		if got := c.isNew(step.got, step.err, now); got != step.want {
			t.Errorf("step %d: said %t, want %t", i, got, step.want)
		}
	}
}

// A controller that stays away and comes back is met by the next dial; nobody is a refused connection, no more.
func TestBackAfterALongAbsence(t *testing.T) {
	s := newServer(t)
	addr := s.ln.Addr().String()
	l := start(t, Options{Addr: addr, MinWait: 10 * time.Millisecond, MaxWait: time.Hour}, nil)
	p := s.up()
	wantUp(t, l)
	s.ln.Close()
	p.Close()
	wantDown(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // 50 to 100 dials: a pause that grew would be hours by now
	defer cancel()
	<-ctx.Done()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	(&server{t, ln}).up()
	wantUp(t, l)
}
