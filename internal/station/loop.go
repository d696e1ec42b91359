package station

import (
	"context"
	"time"

	"quhao/internal/device"
)

// Flow is what a device does, pure: events in, actions out, and when it wants to hear the time again at the latest.
type Flow[E, A any] interface {
	Handle(now device.Now, ev E) []A
	// Due is a time of device.Now.Up; ok is false if there is nothing to wait for.
	Due() (at time.Duration, ok bool)
}

// Runner runs a flow.
type Runner[E, A any] struct {
	Flow Flow[E, A]
	Now  func() device.Now
	Tick E // the event that says only that time has passed
	// Do carries out one action; it must not wait for the world.
	Do func(A) error
	// Failed is the event that tells the flow that an action failed.
	Failed func(A, error) E
	// After is called when an event has been dealt with, nil for nothing: to show the state.
	After func()
}

// maxFailures bounds how many failures of actions one event may cause in a row, so that a flow whose answer to a failure fails again
// does not keep the device from everything else.
const maxFailures = 8

// Run begins with a Tick and then deals with events one after the other until ctx ends, and returns the error of ctx.
func (r *Runner[E, A]) Run(ctx context.Context, events <-chan E) error {
	alive, err := newHeart()
	if err != nil {
		return err
	}
	defer alive.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev := <-events:
			r.handle(ev)
		case <-alive.beats:
			if err := alive.beat(); err != nil {
				return err
			}
			continue
		case <-timer.C:
			r.handle(r.Tick)
		}
		if at, ok := r.Flow.Due(); ok {
			// Never at once again: a flow that is due and does nothing must not take the whole processor.
			timer.Reset(max(at-r.Now().Up, time.Millisecond))
		} else {
			timer.Stop()
		}
	}
}

// handle carries out the actions of an event in order. A failed one stops the rest and is an event itself.
func (r *Runner[E, A]) handle(ev E) {
	for range maxFailures {
		failed := false
		for _, a := range r.Flow.Handle(r.Now(), ev) {
			if err := r.Do(a); err != nil {
				ev, failed = r.Failed(a, err), true
				break
			}
		}
		if !failed {
			break
		}
	}
	if r.After != nil {
		r.After()
	}
}
