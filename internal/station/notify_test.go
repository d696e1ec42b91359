package station

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"quhao/internal/device"
)

// idle is a flow that waits for ever; its only event takes as long as the test wants.
type idle struct{ hold chan struct{} }

func (f idle) Handle(device.Now, bool) []int    { <-f.hold; return nil }
func (f idle) Due() (at time.Duration, ok bool) { return 0, false }
func (f idle) run(ctx context.Context, c chan bool) error {
	r := Runner[bool, int]{Flow: f, Now: func() device.Now { return device.Now{} }, Do: func(int) error { return nil }}
	return r.Run(ctx, c)
}

// The loop says that it is up and that it lives; held up by an event it says nothing; freed it says so again.
func TestHeart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "100000")
	ctx, cancel := context.WithCancel(t.Context())
	f, events, ended := idle{make(chan struct{})}, make(chan bool), make(chan error, 1)
	go func() { ended <- f.run(ctx, events) }()
	heard := func(within time.Duration) string {
		if err := manager.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, err := manager.Read(b)
		if err != nil {
			return err.Error()
		}
		return string(b[:n])
	}
	if got := heard(10 * time.Second); got != "READY=1" {
		t.Fatalf("first %q", got)
	}
	f.hold <- struct{}{} // the tick at the start
	if got := heard(10 * time.Second); got != "WATCHDOG=1" {
		t.Fatalf("then %q", got)
	}
	events <- true
	for heard(200*time.Millisecond) == "WATCHDOG=1" { // what was sent before the event
	}
	if got := heard(300 * time.Millisecond); got == "WATCHDOG=1" {
		t.Error("a loop that hangs says that it lives")
	}
	f.hold <- struct{}{}
	if got := heard(10 * time.Second); got != "WATCHDOG=1" {
		t.Errorf("freed: %q", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Without a service manager nothing is said; with one that is gone the loop ends, and is started again by whoever there is.
func TestHeartWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	if h, err := newHeart(); err != nil || h.beats != nil {
		t.Errorf("%+v, %v", h, err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if _, err := newHeart(); err == nil {
		t.Error("a manager that is not there was told")
	}
}
