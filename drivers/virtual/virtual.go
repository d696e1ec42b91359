// Package virtual holds the twins of the hardware: programs on the far end of a pty (or any stream) that speak the
// same bytes as the devices, so that the real programs run unchanged on a laptop and in tests.
//
// They are written from the devices' manuals and share no code with the drivers: a mistake in one is not repeated in
// the other. All twins are safe for concurrent use.
package virtual

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// Server is what every twin is: it lives on one end of a line until ctx ends or the line is cut.
// Cut lines and an ended ctx are no errors; after the end of ctx, rw is of no more use.
type Server interface {
	Serve(ctx context.Context, rw io.ReadWriter) error
}

// serving makes reads and writes on rw end when ctx does. The caller calls stop when it returns.
func serving(ctx context.Context, rw io.ReadWriter) (stop func()) {
	after := context.AfterFunc(ctx, func() {
		switch c := rw.(type) {
		case interface{ SetDeadline(time.Time) error }:
			if c.SetDeadline(time.Unix(1, 0)) == nil {
				return
			}
		}
		if c, ok := rw.(io.Closer); ok {
			_ = c.Close() // the last way to end a read; there is nobody to tell
		}
	})
	return func() { after() }
}

// ended turns the ways in which a line ends into nil.
func ended(ctx context.Context, err error) error {
	switch {
	case err == nil, ctx.Err() != nil,
		errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, fs.ErrClosed), errors.Is(err, syscall.EIO):
		return nil
	}
	return err
}

// receive reads from rw until it ends and hands every chunk to take, which returns how much of what it was given it
// has used; the rest comes again with more behind it.
func receive(ctx context.Context, rw io.ReadWriter, take func(buf []byte) (int, error)) error {
	var buf []byte
	chunk := make([]byte, 256)
	for {
		n, err := rw.Read(chunk)
		buf = append(buf, chunk[:n]...)
		for len(buf) > 0 {
			used, err := take(buf)
			if err != nil {
				return ended(ctx, err)
			}
			if used == 0 {
				break
			}
			buf = buf[used:]
		}
		if err != nil {
			return ended(ctx, err)
		}
	}
}

// pause waits d, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
