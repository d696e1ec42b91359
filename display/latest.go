package main

import "sync"

// latest hands the newest value over to one goroutine; what it has not taken in time is replaced. For pictures and
// lamps, which are whole values: an older one is worth nothing.
type latest[T any] struct {
	mu    sync.Mutex
	value T
	set   bool
	fresh bool          // not yet taken
	woken chan struct{} // several may share it
}

// newLatest returns one that wakes its reader by woken, which has room for one.
func newLatest[T any](woken chan struct{}) *latest[T] { return &latest[T]{woken: woken} }

// put replaces the value and wakes the reader. It never waits.
func (l *latest[T]) put(v T) {
	l.mu.Lock()
	l.value, l.set, l.fresh = v, true, true
	l.mu.Unlock()
	wake(l.woken)
}

// wake makes the reader of a channel with room for one look again.
func wake(woken chan struct{}) {
	select {
	case woken <- struct{}{}:
	default:
	}
}

// take reports whether there is a value that was not taken yet, and counts it as taken.
func (l *latest[T]) take() (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh, l.fresh = l.fresh, false
	return fresh
}

// get returns the newest value; ok is false before the first.
func (l *latest[T]) get() (v T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.set
}
