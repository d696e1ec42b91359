package port

import (
	"context"
	"os"
	"time"
)

// source is the inlet of a line whose text is made up here, by a goroutine that waits for something else than bytes.
type source struct {
	came   chan string
	failed chan error
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	rest   string // not yet handed out
	end    func() error
}

// newSource runs watch, which hands texts to say until ctx ends or it fails; end is called after that, once.
func newSource(watch func(s *source) error, end func() error) *source {
	ctx, cancel := context.WithCancel(context.Background())
	s := &source{came: make(chan string), failed: make(chan error, 1), ctx: ctx, cancel: cancel, done: make(chan struct{}), end: end}
	go func() {
		defer close(s.done)
		if err := watch(s); err != nil {
			s.failed <- err
		}
	}()
	return s
}

// say hands a text to the reader of the line.
func (s *source) say(text string) {
	select {
	case s.came <- text:
	case <-s.ctx.Done():
	}
}

// Read waits up to 100 ms for a text.
func (s *source) Read(p []byte) (int, error) {
	if s.rest == "" {
		late := time.NewTimer(readTimeout)
		defer late.Stop()
		select {
		case s.rest = <-s.came:
		case err := <-s.failed:
			s.failed <- err // for the next read; its sender has ended
			return 0, err
		case <-s.ctx.Done():
			return 0, os.ErrClosed
		case <-late.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends the goroutine and what it waits for.
func (s *source) Close() error {
	s.cancel()
	<-s.done
	return s.end()
}
