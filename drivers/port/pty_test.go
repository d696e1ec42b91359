package port

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
)

// device is the far side of a pty: what hangs on the line. The tests hold a descriptor of the near side too,
// so that closing a Line is no hang-up for the device.
type device struct {
	*os.File
	near *os.File
	path string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	d := &device{far, near, near.Name()}
	t.Cleanup(d.unplug)
	return d
}

// unplug hangs the line up, as pulling out an adapter does.
func (d *device) unplug() {
	_ = d.Close()
	_ = d.near.Close()
}

func (d *device) send(t *testing.T, s string) {
	t.Helper()
	if _, err := d.WriteString(s); err != nil {
		t.Fatal(err)
	}
}

func (d *device) line(t *testing.T, o Options) *Line {
	t.Helper()
	o.Serial = d.path
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// readUntil reads until the error is other than a time-out, or n bytes have come.
func readUntil(t *testing.T, l *Line, n int) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var got []byte
	for len(got) < n {
		if ctx.Err() != nil {
			t.Fatalf("only %q has come", got)
		}
		buf := make([]byte, 64)
		k, err := l.Read(buf)
		got = append(got, buf[:k]...)
		if err != nil && !errors.Is(err, ErrTimeout) {
			return string(got), err
		}
	}
	return string(got), nil
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

// within fails the test if f takes longer than d.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > d {
		t.Errorf("%s took %v, allowed are %v", what, took, d)
	}
}
