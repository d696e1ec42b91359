package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openLP opens a printer of the USB printer class, /dev/usb/lp0 of the kernel's module usblp. It has no speed, and
// for a queue the one write that the printer has not taken yet; only one program can have it open.
func openLP(_ context.Context, o Options) (*Line, error) {
	// NONBLOCK: the runtime keeps the deadlines, because a printer without paper takes no more bytes for as long as it likes.
	f, err := os.OpenFile(o.LP, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	if err := f.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot wait with a time-out: %w", err), f.Close())
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Line{name: o.LP, in: &lpReader{f: f}, out: f, raw: raw, queue: underway, stuck: o.StuckAfter}, nil
}

// underway says how many bytes at most the printer has not taken yet: all of the last write or nothing. With NONBLOCK
// usblp answers a write before the printer has taken it, its close throws that write away, and only poll tells when it
// is through (drivers/usb/class/usblp.c, above usblp_wwait).
func underway(fd int) (int, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		_, err := unix.Poll(p, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0:
			return 0, unix.ENODEV // the write that ended last has failed
		case p[0].Revents&unix.POLLOUT == 0:
			return writeChunk, nil
		}
		return 0, nil
	}
}

// lpFile is what lpReader needs of an *os.File.
type lpFile interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// lpReader gives reads of a printer the time-out of all lines, and makes three ways of saying nothing into one: a
// printer that can only listen (usblp refuses the read with EINVAL), an empty answer (a read of no bytes, which may
// come at once and again and again), and none.
type lpReader struct{ f lpFile }

func (r *lpReader) Read(b []byte) (int, error) {
	until := time.Now().Add(readTimeout)
	if err := r.f.SetReadDeadline(until); err != nil {
		return 0, err
	}
	n, err := r.f.Read(b)
	if n > 0 || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, unix.EINVAL) {
		return n, err
	}
	rest := time.NewTimer(time.Until(until)) // or a printer that says nothing at once would be asked without a pause
	defer rest.Stop()
	<-rest.C
	return 0, os.ErrDeadlineExceeded
}

// Close implements io.Closer.
func (r *lpReader) Close() error { return r.f.Close() }
