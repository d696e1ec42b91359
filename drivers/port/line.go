// Package port opens the lines that devices hang on, serial, TCP, USB printer, evdev, GPIO or SPI, and keeps them open.
//
// Whatever it is, it becomes a Line, a stream of bytes, so that drivers are pure and the loop of reading, the watchdog
// of writing and the opening anew are written once. What has no bytes of its own is given some here: a GPIO line tells
// its levels in words (gpio.go), a transaction on SPI is written behind its length (spi.go), and the silence of an
// input device is one more record of it (evdev.go).
//
// It is the only importer of tarm/serial and of periph's host drivers. tarm sets a tty's speed and parity, and nothing else:
// its Read takes a thread for each line and tells a time-out and an unplugged adapter in the same words, its Write has no
// time-out, and a printer without paper would block it, and Close, for ever. The runtime's own files have none of that.
// Linux only.
package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a caller has to tell apart. Every error of a Line wraps one of these.
var (
	ErrTimeout = errors.New("nothing has come")             // Read: the line is well, ask again
	ErrGone    = errors.New("the device is gone")           // unplugged, hung up, connection lost: open anew
	ErrStuck   = errors.New("the device takes nothing")     // Write or Drain: no progress, as without paper
	ErrClosed  = errors.New("the line is closed")           // Close was called
	ErrInUse   = errors.New("is in use by another program") // Open: by another program, or by another device of this one
)

const (
	readTimeout  = 100 * time.Millisecond
	writeChunk   = 256 // bytes; so that progress is seen, and Close is not far
	closeTimeout = 250 * time.Millisecond
	drainStep    = 5 * time.Millisecond // the kernel tells no one that a queue is empty
)

// outlet is the side of a line that can be interrupted: *os.File, *net.TCPConn, or the chip select of an SPI bus.
type outlet interface {
	io.WriteCloser
	SetWriteDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// Line is an open line. One goroutine may read while others write; Close may be called at any time, and twice.
type Line struct {
	name  string
	in    io.ReadCloser
	out   outlet                    // the same as in, but where only one of both can wait with a time-out
	raw   syscall.RawConn           // nil if the line has no output queue
	queue func(fd int) (int, error) // how many bytes are in the output queue; nil without one
	tty   bool
	stuck time.Duration
	trace Tracer // nil if nobody listens

	write  sync.Mutex
	closed atomic.Bool
	once   sync.Once
}

// Name is the path or address the line was opened by.
func (l *Line) Name() string { return l.name }

// Read waits up to 100 ms for bytes. If none have come the error wraps ErrTimeout;
// if none will ever come, ErrGone, or ErrClosed after Close. It never returns io.EOF.
func (l *Line) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if l.closed.Load() {
		return 0, l.fail("read", ErrClosed)
	}
	n, err := l.in.Read(p)
	switch {
	case n > 0:
		if l.trace != nil {
			l.trace.Trace(false, p[:n])
		}
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !l.closed.Load():
		return 0, l.fail("read", ErrTimeout)
	}
	return 0, l.fail("read", l.gone(err))
}

// Write hands p over to the line and returns how many bytes it took; that they have left is known after Drain.
// The error wraps ErrStuck if nothing was taken for Options.StuckAfter, ErrGone, or ErrClosed.
func (l *Line) Write(p []byte) (int, error) {
	l.write.Lock()
	defer l.write.Unlock()
	if l.trace != nil {
		l.trace.Trace(true, p)
	}
	sent := 0
	for sent < len(p) {
		if err := l.out.SetWriteDeadline(time.Now().Add(l.stuck)); err != nil {
			return sent, l.fail("write", l.gone(err))
		}
		// After the deadline, not before: Close first marks the line closed, then ends the deadline.
		if l.closed.Load() {
			return sent, l.fail("write", ErrClosed)
		}
		n, err := l.out.Write(p[sent:min(len(p), sent+writeChunk)])
		sent += n
		switch {
		case err == nil:
		case l.closed.Load():
			return sent, l.fail("write", ErrClosed)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return sent, l.fail("write", l.gone(err))
		case n == 0:
			return sent, l.fail("write", fmt.Errorf("%w for %v, %d of %d bytes handed over", ErrStuck, l.stuck, sent, len(p)))
		}
	}
	return sent, nil
}

// Drain waits until the output queue is empty. After timeout the error wraps ErrStuck and says how much is left.
// On TCP the queue is what the other side has not acknowledged, on a USB printer the last write for as long as the printer
// has not taken it; on a pty it is always empty, and so it is where there is none: evdev, GPIO, SPI.
// The last bytes (16 in a plain UART, up to a few hundred in a USB adapter) may still be in the chip.
func (l *Line) Drain(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	for {
		if l.closed.Load() {
			return l.fail("drain", ErrClosed)
		}
		n, err := l.queued()
		if err != nil {
			return l.fail("drain", l.gone(err))
		}
		if n == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return l.fail("drain", fmt.Errorf("%w, up to %d bytes left after %v", ErrStuck, n, timeout))
		}
	}
}

// Close ends the line, and a Read, Write or Drain that waits on it, within 300 ms.
// What a serial line or a USB printer has still in its output queue is thrown away: Drain before, if it matters.
//
// A stalled device can hold the system call for up to 30 s; then it ends in the background,
// and the error wraps ErrStuck. The lock is free at once all the same.
func (l *Line) Close() (err error) {
	l.once.Do(func() { err = l.close() })
	return err
}

func (l *Line) close() error {
	l.closed.Store(true)
	_ = l.out.SetWriteDeadline(time.Unix(1, 0)) // ends a Write; if it fails the line is gone, and Write with it
	done := make(chan error, 1)
	go func() {
		l.write.Lock()
		defer l.write.Unlock()
		if l.tty {
			l.release()
		}
		done <- l.in.Close()
	}()
	patience := time.NewTimer(closeTimeout)
	defer patience.Stop()
	select {
	case err := <-done:
		if err != nil {
			return l.fail("close", err)
		}
		return nil
	case <-patience.C:
		return l.fail("close", ErrStuck)
	}
}

// release empties the output queue, or the last close would wait for it up to 30 s, and gives the lock back.
// The queue of a pty counts as empty, so what its other side has not yet read stays there to be read.
// Errors do not matter: a tty that is gone has neither queue nor lock.
func (l *Line) release() {
	_ = l.raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err == nil && n > 0 {
			_ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCOFLUSH)
		}
		_ = unix.Flock(int(fd), unix.LOCK_UN)
	})
}

// queued asks how many bytes have not left yet.
func (l *Line) queued() (n int, err error) {
	if l.queue == nil {
		return 0, nil
	}
	ctl := l.raw.Control(func(fd uintptr) { n, err = l.queue(int(fd)) })
	return n, errors.Join(ctl, err)
}

// outq is the output queue of a tty. TIOCOUTQ has the same value and meaning on a socket.
func outq(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCOUTQ) }

// gone is what an error of the system means: Close was faster, or the device is gone.
func (l *Line) gone(err error) error {
	if l.closed.Load() {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

func (l *Line) fail(doing string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, l.name, err)
}
