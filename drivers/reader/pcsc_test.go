//go:build pcsc

package reader

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/port"
	"quhao/drivers/virtual"
)

// The real pcscd with the virtual reader of vsmartcard. scripts/pcsc gives it a network namespace and a /run/pcscd of its
// own, because that reader listens on all addresses.

// daemon is a pcscd that was started here.
type daemon struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func startPCSCD(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{cmd: exec.Command("pcscd", "--foreground"), ended: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = os.Stderr, os.Stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // it is ended by a signal
	}()
	t.Cleanup(func() { d.stop(t, syscall.SIGTERM) })
	return d
}

func (d *daemon) stop(t *testing.T, s syscall.Signal) {
	t.Helper()
	select {
	case <-d.ended:
		return
	default:
	}
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	<-d.ended
}

// kiosk is what hears the reader.
type kiosk struct {
	taps   chan string
	nobody chan error
	states chan port.State
	sights chan struct{} // whatever pcscd has told of a card, held or not
	passed atomic.Int64  // time that the test lets pass
}

// sighted is a driver that tells when it is given something.
type sighted struct {
	card.Driver
	sights chan<- struct{}
}

func (s sighted) Decode(buf []byte) (int, card.Number, []byte, error) {
	s.sights <- struct{}{}
	return s.Driver.Decode(buf)
}

// away waits until pcscd tells of no card any more, and lets so much time pass that the next one is another tap.
func (k *kiosk) away(t *testing.T) {
	t.Helper()
	const silence = 600 * time.Millisecond // four looks of ours, and one of pcscd's at its reader
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		select {
		case <-k.sights:
			continue
		case <-time.After(silence):
		}
		k.passed.Add(int64(2 * time.Second))
		return
	}
	t.Fatal("the card is still seen")
}

func listen(t *testing.T) *kiosk {
	k := &kiosk{
		taps: make(chan string, 64), nobody: make(chan error, 64), states: make(chan port.State, 64), sights: make(chan struct{}, 1024),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	start := time.Now()
	now := func() time.Duration { return time.Since(start) + time.Duration(k.passed.Load()) }
	driver := sighted{card.NewPCSC(), k.sights}
	go func() {
		defer close(ended)
		_ = port.Run(ctx, "card_reader", func() (*port.Line, error) { return port.OpenContext(ctx, port.Options{PCSC: "virtual pcd 00 00"}) },
			func(ctx context.Context, l *port.Line) error {
				return Run(ctx, l, driver, Events{
					Now: now, Tap: func(n card.Number) { k.taps <- n.Reveal() },
					Nobody: func(err error) { k.nobody <- err }, Bad: func(err error) { t.Errorf("not understood: %v", err) },
				})
			}, func(s port.State) { k.states <- s })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return k
}

// next waits for one of what is told.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

// wait waits until the reader is there, or until it is not.
func (k *kiosk) wait(t *testing.T, up bool) port.State {
	t.Helper()
	for {
		if s := next(t, k.states, "a change of the line"); s.Up == up {
			t.Logf("line up %t: %v", s.Up, s.Err)
			return s
		}
	}
}

// lay lays a card there; the function that is returned takes it away.
func lay(t *testing.T, atr, uid string) (away func()) {
	t.Helper()
	a, errA := hex.DecodeString(atr)
	u, errU := hex.DecodeString(uid)
	if err := errors.Join(errA, errU); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c := virtual.SmartCard{ATR: a}
	if uid != "" {
		c.UID = u
	}
	go func() { ended <- c.Lay(ctx, virtual.VPCDAddress) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

const (
	classic = "3B8F8001804F0CA000000306030001000000006A"
	desfire = "3B8180018080"
	typeB   = "3B8880011122334400718510AD"
)

func TestPCSC(t *testing.T) {
	k := listen(t)
	if s := k.wait(t, false); !errors.Is(s.Err, os.ErrNotExist) {
		t.Errorf("without pcscd: %v", s.Err)
	}
	d := startPCSCD(t)
	k.wait(t, true)
	for _, c := range []struct{ atr, uid, want string }{
		{classic, "0086F444", "0008844356"}, {desfire, "04A1B2C3D4E5F6", "04A1B2C3D4E5F6"},
		{classic, "08112233", ""}, {typeB, "55667788", ""}, {classic, "", ""}, {classic, "0086F444", "0008844356"},
	} {
		away := lay(t, c.atr, c.uid)
		if c.want == "" {
			if err := next(t, k.nobody, "nobody"); !errors.Is(err, card.ErrNoIdentity) {
				t.Errorf("UID %q: %v", c.uid, err)
			} else {
				t.Logf("UID %q: %v", c.uid, err)
			}
		} else if got := next(t, k.taps, c.want); got != c.want {
			t.Errorf("UID %q: %s, want %s", c.uid, got, c.want)
		}
		away()
		k.away(t)
	}
	held := lay(t, classic, "0086F444")
	next(t, k.taps, "a card that stays")
	for range 20 { // 3 s
		next(t, k.sights, "another sight of the card")
	}
	if n := len(k.taps) + len(k.nobody); n != 0 {
		t.Errorf("a card that stays is %d taps more", n)
	}
	t.Log("seen 20 times: one tap")

	for _, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		d.stop(t, how)
		held()
		s := k.wait(t, false)
		if s.Err == nil {
			t.Error("the line is down without a reason")
		}
		d = startPCSCD(t)
		k.wait(t, true)
		k.passed.Add(int64(2 * time.Second))
		held = lay(t, classic, "0086F444")
		if got := next(t, k.taps, "a tap after the restart"); got != "0008844356" {
			t.Errorf("after %v: %s", how, got)
		}
	}
	held()
}

// A reader that is not there is told with the names of those that are.
func TestPCSCNoSuchReader(t *testing.T) {
	startPCSCD(t)
	deadline, tick := time.After(20*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		_, err := port.Open(port.Options{PCSC: "ACR122U"})
		if err == nil {
			t.Fatal("a reader that is not there was opened")
		}
		if errors.Is(err, os.ErrNotExist) && hasName(err) {
			t.Log(err)
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

func hasName(err error) bool {
	return strings.Contains(err.Error(), "ACR122U") && strings.Contains(err.Error(), "Virtual PCD 00 00")
}
