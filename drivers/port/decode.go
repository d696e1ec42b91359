package port

import (
	"context"
	"errors"
	"fmt"
)

// bufferSize bounds what is kept of a frame that does not end, in bytes. No frame of any driver is longer.
const bufferSize = 4096

// ErrNoFrame is given to bad for a full buffer in which no frame was found; all of it is thrown away.
var ErrNoFrame = errors.New("no frame")

// Decode reads l for ever and turns its bytes into values: the one read loop of all decoders.
//
// decode looks at the start of buf as card.Driver and keypad.Driver say: n bytes used, n == 0 not enough yet,
// err != nil n bytes of noise. A value for which valid holds goes to got, every error to bad
// (which counts it), and then a reply is written back. All are called from this goroutine.
//
// It returns the error of ctx when that ends, within 100 ms, or what Read or Write of the line said; never nil.
// An error from them wraps ErrGone, ErrStuck or ErrClosed.
func Decode[T any](ctx context.Context, l *Line, decode func(buf []byte) (n int, v T, reply []byte, err error),
	valid func(T) bool, got func(T), bad func(error)) error {
	return Talk(ctx, l, func() ([]byte, error) { return nil, nil }, decode, valid, got, bad)
}

// Talk is Decode for a device that speaks only when it is spoken to: poll is called before every read, so at least
// every 100 ms, from the same goroutine, and what it returns is written. An error of poll ends Talk.
func Talk[T any](ctx context.Context, l *Line, poll func() ([]byte, error),
	decode func(buf []byte) (n int, v T, reply []byte, err error), valid func(T) bool, got func(T), bad func(error)) error {
	buf := make([]byte, 0, bufferSize)
	for {
		if err := speak(l, poll); err != nil {
			return err
		}
		n, err := l.Read(buf[len(buf):cap(buf)])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrTimeout):
			continue
		case err != nil:
			return err
		}
		used, err := frames(l, buf[:len(buf)+n], decode, valid, got, bad)
		if err != nil {
			return err
		}
		rest := copy(buf[:cap(buf)], buf[used:len(buf)+n])
		buf = buf[:rest]
		if rest == cap(buf) {
			bad(fmt.Errorf("%w in %d bytes", ErrNoFrame, rest))
			buf = buf[:0]
		}
	}
}

// speak writes what is to be said now.
func speak(l *Line, poll func() ([]byte, error)) error {
	out, err := poll()
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	if len(out) == 0 {
		return nil
	}
	_, err = l.Write(out)
	return err
}

// frames decodes all frames that are whole in buf and returns how many bytes that took.
func frames[T any](l *Line, buf []byte, decode func([]byte) (int, T, []byte, error),
	valid func(T) bool, got func(T), bad func(error)) (used int, err error) {
	for used < len(buf) {
		n, v, reply, err := decode(buf[used:])
		if n < 0 || n > len(buf)-used {
			return used, fmt.Errorf("decode %s: used %d of %d bytes", l.name, n, len(buf)-used)
		}
		switch {
		case err != nil:
			bad(err)
			n = max(n, 1) // noise of no length would be met for ever
		case n == 0:
			return used, nil
		case valid(v):
			got(v)
		}
		used += n
		if len(reply) == 0 {
			continue
		}
		if _, err := l.Write(reply); err != nil {
			return used, err
		}
	}
	return used, nil
}
