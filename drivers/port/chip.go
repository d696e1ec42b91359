package port

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Tx carries out one transaction on a chip select of an SPI bus at once: w is sent, and r, which is nil or as long as
// w, is filled meanwhile. The error wraps ErrGone or ErrClosed, or errors.ErrUnsupported on any other line.
func (l *Line) Tx(w, r []byte) error {
	t, ok := l.out.(*transactions)
	if !ok {
		return l.fail("transaction", errors.ErrUnsupported)
	}
	l.write.Lock()
	defer l.write.Unlock()
	if l.closed.Load() {
		return l.fail("transaction", ErrClosed)
	}
	if err := t.conn.Tx(w, r); err != nil {
		return l.fail("transaction", l.gone(err))
	}
	return nil
}

// Every calls f at once and then in this rhythm until f fails or ctx ends, and returns that error; never nil. It is
// the loop for chips, which have nothing to read and are asked.
func Every(ctx context.Context, pause time.Duration, f func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := f(); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
