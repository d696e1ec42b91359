package port

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func none([]byte) (int, string, []byte, error) { return 0, "", nil, nil }

// listen is a use of a line that waits for frames that never come.
func listen(ctx context.Context, l *Line) error {
	return Decode(ctx, l, none, func(string) bool { return false }, func(string) {}, func(error) {})
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestRunThousandCycles(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 100
	}
	var path atomic.Value
	states := make(chan State, 1)
	ctx, cancel := context.WithCancel(t.Context())
	k := keeper{
		name:  "reader",
		open:  func() (*Line, error) { return Open(Options{Serial: path.Load().(string)}) },
		use:   listen,
		note:  func(s State) { states <- s },
		first: time.Millisecond, last: 2 * time.Millisecond,
	}
	const none = "/dev/quhao-no-such-port"
	path.Store(none)
	newDevice(t).unplug() // the runtime opens two descriptors of its own for the first line, which stay
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	ended := make(chan error, 1)
	go func() { ended <- k.run(ctx) }()
	if s := <-states; s.Up || !errors.Is(s.Err, os.ErrNotExist) || !strings.HasPrefix(s.Err.Error(), "reader: ") {
		t.Fatalf("before it is plugged in: %+v", s)
	}
	for i := range cycles {
		d := newDevice(t)
		path.Store(d.path)
		for s := <-states; !s.Up; s = <-states { // down again for another reason while the port goes
			if errors.Is(s.Err, ErrInUse) {
				t.Fatalf("cycle %d: its own lock is in the way: %v", i, s.Err)
			}
		}
		path.Store(none) // its number may be another program's pty in a moment
		d.unplug()
		if s := <-states; s.Up || !errors.Is(s.Err, ErrGone) {
			t.Fatalf("cycle %d: unplugged: %+v", i, s)
		}
	}
	cancel()
	for waiting := true; waiting; {
		select {
		case <-states:
		case err := <-ended:
			waiting = false
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		}
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := descriptors(t); n > fds {
		t.Errorf("%d descriptors before, %d after", fds, n)
	}
}

// The pauses are the promise that a device is found within 5 s, and that a missing one costs nothing.
func TestRunPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		var noted []string
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := Run(ctx, "printer", func() (*Line, error) {
			at = append(at, time.Since(start))
			if len(at) < 4 {
				return nil, os.ErrNotExist
			}
			return nil, os.ErrPermission
		}, nil, func(s State) { noted = append(noted, s.Err.Error()) })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("Run ended after %v: %v", time.Since(start), err)
		}
		ms := time.Millisecond
		if want := []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 5000 * ms, 7000 * ms, 9000 * ms}; !slices.Equal(at, want) {
			t.Errorf("opened at %v, want %v", at, want)
		}
		if want := []string{"printer: file does not exist", "printer: permission denied"}; !slices.Equal(noted, want) {
			t.Errorf("noted %q, want each reason once: %q", noted, want)
		}
	})
}

// A line that was up for long is tried again at once, one that breaks at each start is not.
func TestRunPauseStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		_ = Run(ctx, "pad", func() (*Line, error) {
			at = append(at, time.Since(start))
			return &Line{name: "pad", in: closer{}, out: &recorder{}}, nil
		}, func(ctx context.Context, _ *Line) error {
			if len(at) != 5 {
				return ErrGone
			}
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
			}
			return nil
		}, func(State) {})
		ms := time.Millisecond
		want := []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 13200 * ms, 13600 * ms, 14400 * ms, 16000 * ms, 18000 * ms}
		if !slices.Equal(at, want) {
			t.Errorf("opened at %v, want %v", at, want)
		}
	})
}

type closer struct{}

func (closer) Read([]byte) (int, error) { return 0, os.ErrClosed }
func (closer) Close() error             { return nil }

func TestRunEndsWithItsContext(t *testing.T) {
	d := newDevice(t)
	ctx, cancel := context.WithCancel(t.Context())
	var line *Line
	var noted []State
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, "reader", func() (*Line, error) { return Open(Options{Serial: d.path}) },
			func(ctx context.Context, l *Line) error {
				line = l
				cancel()
				_, err := readUntil(t, l, 1)
				return err
			}, func(s State) { noted = append(noted, s) })
	}()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if _, err := line.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("the line is still open: %v", err)
	}
	if len(noted) != 1 || !noted[0].Up {
		t.Errorf("noted %+v", noted)
	}
}

// A context that ends while the line is being opened must not leave the line open.
func TestRunEndsWhileOpening(t *testing.T) {
	d := newDevice(t)
	ctx, cancel := context.WithCancel(t.Context())
	var line *Line
	err := Run(ctx, "reader", func() (l *Line, err error) {
		line, err = Open(Options{Serial: d.path})
		cancel()
		return line, err
	}, func(context.Context, *Line) error {
		t.Error("used after the end")
		return nil
	}, func(s State) { t.Errorf("noted %+v after the end", s) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if _, err := line.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("the line is still open: %v", err)
	}
}
