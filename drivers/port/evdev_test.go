package port

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"quhao/drivers/evdev"
)

// keyboard is a line whose device is a pipe: only taking it for this program alone needs a real one, which comes
// with the tests that run in a kernel of their own.
func keyboard(t *testing.T, size int) (*Line, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	grabbed := false
	l, err := newEvdev(r, Options{Evdev: "/dev/input/by-id/reader", StuckAfter: time.Second}, func(int) error { grabbed = true; return nil })
	if err != nil || !grabbed {
		t.Fatalf("grabbed %t: %v", grabbed, err)
	}
	l.in.(*events).size = size
	t.Cleanup(func() { _, _ = l.Close(), w.Close() })
	return l, w
}

func TestEvdev(t *testing.T) {
	for _, size := range []int{evdev.Size32, evdev.Size64} {
		l, w := keyboard(t, size)
		if n, err := l.Read(make([]byte, 64)); n != 0 || !errors.Is(err, ErrTimeout) {
			t.Errorf("silence before anything came: %d, %v", n, err)
		}
		key := evdev.Event{Type: evdev.Key, Code: 6, Value: evdev.Pressed}.Append(nil, size)
		key = evdev.Event{Type: evdev.Syn}.Append(key, size)
		for range 2 { // each run of keys has a silence of its own
			if _, err := w.Write(key); err != nil {
				t.Fatal(err)
			}
			want := evdev.Event{Type: evdev.Syn, Code: evdev.Silence}.Append(bytes.Clone(key), size)
			var got []byte
			for buf := make([]byte, 10); len(got) < len(want); { // shorter than a record
				n, err := l.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
			if n, err := l.Read(make([]byte, 64)); n != 0 || !errors.Is(err, ErrTimeout) {
				t.Errorf("silence is told once: %d, %v", n, err)
			}
		}
		if err := l.Drain(time.Second); err != nil {
			t.Error(err)
		}
		within(t, closeLimit, "close", func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := l.Read(make([]byte, 64)); !errors.Is(err, ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	}
}

func TestEvdevUnplugged(t *testing.T) {
	l, w := keyboard(t, evdev.Size64)
	_ = w.Close()
	if _, err := readUntil(t, l, 1); !errors.Is(err, ErrGone) {
		t.Errorf("read: %v", err)
	}
	l, w = keyboard(t, evdev.Size64)
	if _, err := w.Write(make([]byte, 25)); err != nil {
		t.Fatal(err)
	}
	if _, err := readUntil(t, l, 1); !errors.Is(err, ErrGone) {
		t.Errorf("a record and a byte: %v", err)
	}
}

func TestEvdevCloseWhileReading(t *testing.T) {
	l, _ := keyboard(t, evdev.Size64)
	started, done := make(chan struct{}), make(chan error, 1)
	go func() {
		close(started)
		_, err := readUntil(t, l, 1)
		done <- err
	}()
	<-started
	within(t, closeLimit, "close", func() { _ = l.Close() })
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
}

func TestEvdevRefused(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if _, err := newEvdev(r, Options{}, func(int) error { return ErrInUse }); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo") // it opens and waits like a device, but cannot be grabbed
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Evdev: fifo}); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("not an input device: %v", err)
	}
	if _, err := Open(Options{Evdev: "/dev/input/by-id/quhao-none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
}
