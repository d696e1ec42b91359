package trial

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errSilence says that nothing came in time.
var errSilence = errors.New("nothing has come")

// ears hear what a reading brings while a person is waited for.
type ears[T any] struct {
	start time.Time
	came  chan T
	done  chan struct{} // closed when nothing will come any more, and err says why
	err   error
	stop  func() // ends the reading and waits for it

	mu   sync.Mutex
	bad  int
	last error
}

// listen starts a reading.
func listen[T any](ctx context.Context, read Reading[T]) *ears[T] {
	ctx, cancel := context.WithCancel(ctx)
	e := &ears[T]{start: time.Now(), came: make(chan T), done: make(chan struct{})}
	e.stop = func() { cancel(); <-e.done }
	go func() {
		defer close(e.done)
		e.err = read(ctx, func(v T) {
			select {
			case e.came <- v:
			case <-ctx.Done():
			}
		}, func(err error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.bad, e.last = e.bad+1, err
		})
	}()
	return e
}

// now is the time since the start, which never goes back.
func (e *ears[T]) now() time.Duration { return time.Since(e.start) }

// next waits for a value, at most d.
func (e *ears[T]) next(ctx context.Context, d time.Duration) (v T, err error) {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case v = <-e.came:
		return v, nil
	case <-late.C:
		return v, errSilence
	case <-e.done:
		return v, e.err
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// noise is how often something came that was not understood, and what was said of the last.
func (e *ears[T]) noise() (n int, last error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bad, e.last
}
