package main

import "sync"

// latest hands the newest value over to one goroutine; what it has not taken in time is replaced. For pictures and
// lamps, which are whole values: an older one is worth nothing.
type latest[T any] struct {
	mu    sync.Mutex
	value T
	set   bool
	woken chan struct{}
}

func newLatest[T any]() *latest[T] { return &latest[T]{woken: make(chan struct{}, 1)} }

// put replaces the value and wakes the reader. It never waits.
func (l *latest[T]) put(v T) {
	l.mu.Lock()
	l.value, l.set = v, true
	l.mu.Unlock()
	l.wake()
}

// wake makes the reader look again.
func (l *latest[T]) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// get returns the newest value; ok is false before the first.
func (l *latest[T]) get() (v T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.set
}
