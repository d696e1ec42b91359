package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"quhao/drivers/evdev"
)

// The requests of linux/input.h that x/sys/unix does not name.
const (
	eviocgrab     = 0x40044590 // EVIOCGRAB: 1 in place of a pointer takes the device for this descriptor alone
	eviocsclockid = 0x400445a0 // EVIOCSCLOCKID: which clock stamps the events
)

// evdevRecords is how many records are read at once; a key is six.
const evdevRecords = 64

// openEvdev opens an input device for this program alone, so that what a reader types never comes to a console.
// Closing the descriptor gives it back. This much needs a real kernel with an input device; all that is read
// afterwards does not, and is tested on a pipe.
func openEvdev(_ context.Context, o Options) (*Line, error) {
	f, err := os.OpenFile(o.Evdev, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	l, err := newEvdev(f, o, grab)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// grab takes the device, and has its events stamped by a clock that never goes back: a Pi boots in 1970, and the
// moment it learns the time must not tear a card's number apart.
func grab(fd int) error {
	if err := unix.IoctlSetInt(fd, eviocgrab, 1); errors.Is(err, unix.EBUSY) {
		return ErrInUse
	} else if err != nil {
		return fmt.Errorf("grab: %w", err)
	}
	if err := unix.IoctlSetPointerInt(fd, eviocsclockid, unix.CLOCK_MONOTONIC); err != nil {
		return fmt.Errorf("set its clock: %w", err)
	}
	return nil
}

// newEvdev makes a line of an open device.
func newEvdev(f *os.File, o Options, grab func(fd int) error) (*Line, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := control(raw, grab); err != nil {
		return nil, err
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("cannot wait with a time-out: %w", err)
	}
	return &Line{name: o.Evdev, in: &events{File: f, size: evdev.Size()}, out: f, stuck: o.StuckAfter}, nil
}

// events reads whole records, whatever the length of the buffer it is given: the kernel refuses a shorter one.
// After 100 ms without any it gives one record of silence; then os.ErrDeadlineExceeded every 100 ms.
type events struct {
	*os.File
	size    int
	rest    []byte // read and not yet handed out
	talking bool   // something has come since the last silence
}

func (e *events) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if err := e.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *events) fill() error {
	if err := e.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	buf := make([]byte, evdevRecords*e.size)
	n, err := e.File.Read(buf)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && e.talking:
		e.talking = false
		e.rest = evdev.Event{Type: evdev.Syn, Code: evdev.Silence}.Append(buf[:0], e.size)
		return nil
	case err != nil:
		return err
	case n%e.size != 0:
		return fmt.Errorf("%w: %d bytes are no whole records of %d", io.ErrUnexpectedEOF, n, e.size)
	}
	e.rest, e.talking = buf[:n], true
	return nil
}
