package port

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// closeLimit tells a Close that comes back from one that waits for the other side; it is no measure of speed.
const closeLimit = 5 * time.Second

func TestReadTellsSilenceFromData(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	start := time.Now()
	if n, err := l.Read(make([]byte, 8)); n != 0 || !errors.Is(err, ErrTimeout) {
		t.Errorf("a silent line: %d, %v", n, err)
	}
	if took := time.Since(start); took < readTimeout/4 {
		t.Errorf("a time-out took only %v", took)
	}
	d.send(t, "tap")
	if got, err := readUntil(t, l, 3); got != "tap" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if n, err := l.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	if l.Name() != d.path {
		t.Errorf("name %q", l.Name())
	}
}

func TestUnplugged(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	read := make(chan error, 1)
	go func() {
		_, err := readUntil(t, l, 1)
		read <- err
	}()
	d.unplug()
	if err := <-read; !errors.Is(err, ErrGone) {
		t.Errorf("read: %v", err)
	}
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, ErrGone) {
		t.Errorf("read again: %v", err)
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, ErrGone) {
		t.Errorf("write: %v", err)
	}
	if err := l.Drain(time.Second); !errors.Is(err, ErrGone) {
		t.Errorf("drain: %v", err)
	}
	within(t, closeLimit, "close", func() { _ = l.Close() })
	if _, err := Open(Options{Serial: d.path}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open of a port that is gone: %v", err)
	}
}

// Another program can set the tty so that reads do not wait: that must not become a busy loop.
func TestReadsThatEndAtOnce(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	tio, err := unix.IoctlGetTermios(int(d.near.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 0, 0
	if err := unix.IoctlSetTermios(int(d.near.Fd()), unix.TCSETS, tio); err != nil {
		t.Fatal(err)
	}
	if _, err := readUntil(t, l, 1); !errors.Is(err, ErrGone) {
		t.Errorf("read: %v", err)
	}
}

func TestLock(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	byID := filepath.Join(t.TempDir(), "usb-reader")
	if err := os.Symlink(d.path, byID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d.path, byID} {
		_, err := Open(Options{Serial: path})
		if !errors.Is(err, ErrInUse) || err.Error() != "port "+path+": is in use by another program" {
			t.Errorf("second open of %s: %v", path, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(Options{Serial: byID})
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	_ = again.Close()
}

func TestOpenSetsTheLine(t *testing.T) {
	d := newDevice(t)
	d.line(t, Options{Baud: 19200, Flow: RTSCTS})
	tio, err := unix.IoctlGetTermios(int(d.near.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if tio.Cflag&unix.CRTSCTS == 0 {
		t.Error("RTS/CTS is off")
	}
	if tio.Cflag&unix.CBAUD != unix.B19200 {
		t.Errorf("speed %o", tio.Cflag&unix.CBAUD)
	}
	if tio.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != 0 || tio.Iflag&(unix.ICRNL|unix.IXON) != 0 || tio.Oflag&unix.OPOST != 0 {
		t.Error("the line changes what it carries")
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Serial: file}); err == nil {
		t.Error("a file is no tty")
	}
	if _, err := Open(Options{Baud: 9601}); err == nil || !strings.Contains(err.Error(), "9601") || !strings.Contains(err.Error(), "neither") {
		t.Errorf("wrong options: %v", err)
	}
}

// A tap made while nobody listened must not print a ticket later.
func TestOldInputIsDropped(t *testing.T) {
	d := newDevice(t)
	first := d.line(t, Options{})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	d.send(t, "old")
	eventually(t, "the old bytes have arrived", func() bool {
		n, err := unix.IoctlGetInt(int(d.near.Fd()), unix.TIOCINQ)
		return err == nil && n == 3
	})
	l := d.line(t, Options{})
	d.send(t, "new")
	if got, err := readUntil(t, l, 3); got != "new" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestStuckWriter(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{StuckAfter: 200 * time.Millisecond})
	paper := bytes.Repeat([]byte("0123456789"), 50_000)
	n, err := l.Write(paper)
	if !errors.Is(err, ErrStuck) || n == 0 || n == len(paper) {
		t.Fatalf("nobody reads: wrote %d of %d, %v", n, len(paper), err)
	}
	within(t, closeLimit, "close", func() { _ = l.Close() })
	got := make([]byte, n)
	if _, err := io.ReadFull(d, got); err != nil || !bytes.Equal(got, paper[:n]) {
		t.Errorf("the bytes said to be handed over have not come: %v", err)
	}
	if more, err := unix.IoctlGetInt(int(d.Fd()), unix.TIOCINQ); more != 0 || err != nil {
		t.Errorf("%d bytes came beyond those said to be handed over, %v", more, err)
	}
}

// A device slower than the watchdog for all of a ticket, but never without progress, is not stuck.
func TestSlowReaderIsNotStuck(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{StuckAfter: 300 * time.Millisecond})
	paper := bytes.Repeat([]byte("x"), 120_000)
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		_, err := l.Write(paper)
		done <- err
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 4096)
	for left := len(paper); left > 0; <-tick.C {
		n, err := d.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	if err := <-done; err != nil {
		t.Errorf("write: %v", err)
	}
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("the device was not slow: %v", took)
	}
}

// Close must end a write that the far side has stopped, as by flow control.
func TestCloseWhileStopped(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	if err := unix.IoctlSetInt(int(d.near.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := l.Write([]byte("ticket"))
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a stopped line took it: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	within(t, closeLimit, "close", func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func TestCloseWhileReading(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	started, done := make(chan struct{}), make(chan error, 1)
	go func() {
		close(started)
		_, err := readUntil(t, l, 1)
		done <- err
	}()
	<-started
	within(t, closeLimit, "close", func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := l.Drain(time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("drain after close: %v", err)
	}
}

func TestDrainOfPTY(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	if n, err := l.Write([]byte("ticket")); n != 6 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	if err := l.Drain(time.Second); err != nil {
		t.Errorf("drain: %v", err)
	}
	buf := make([]byte, 16)
	if n, err := d.Read(buf); err != nil || string(buf[:n]) != "ticket" {
		t.Errorf("the device got %q, %v", buf[:n], err)
	}
}

// recorder is an outlet that notes the sizes of writes; stalled, it takes half of each and then times out.
type recorder struct {
	sizes   []int
	stalled bool
}

func (r *recorder) Write(p []byte) (int, error) {
	r.sizes = append(r.sizes, len(p))
	if r.stalled && len(p) > 1 {
		return len(p) / 2, os.ErrDeadlineExceeded
	}
	return len(p), nil
}
func (r *recorder) Close() error                          { return nil }
func (r *recorder) SetWriteDeadline(time.Time) error      { return nil }
func (r *recorder) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

func TestWriteInChunks(t *testing.T) {
	for _, stalled := range []bool{false, true} {
		r := &recorder{stalled: stalled}
		l := &Line{name: "recorder", out: r, stuck: time.Second}
		n, err := l.Write(make([]byte, 1000))
		if n != 1000 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		for _, size := range r.sizes {
			if size > 256 {
				t.Errorf("a chunk of %d bytes", size)
			}
		}
		if len(r.sizes) < 4 {
			t.Errorf("%d chunks for 1000 bytes", len(r.sizes))
		}
	}
}
