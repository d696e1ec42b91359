package port

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The pauses between attempts to open a line: doubled from the first to the last, so a device that is
// plugged in again is found within 5 s. A line that was up for longer than the last starts anew at the first.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 2 * time.Second
)

// State is whether a line is up, and if not, why.
type State struct {
	Up  bool
	Err error // nil if Up
}

// Run keeps a line open until ctx ends, and then returns the error of ctx.
//
// It opens the line and calls use; when use returns, the line is closed and, after a pause of 200 ms to 2 s,
// opened again. ctx of use ends with that of Run, and the line is closed at that moment, so use ends as well.
// note hears each change of state, in order, from Run's own goroutine: up, down, or down for another reason;
// that Run itself has ended is no change.
// name goes into the errors. Run neither logs nor leaves anything behind.
func Run(ctx context.Context, name string, open func() (*Line, error), use func(ctx context.Context, l *Line) error, note func(State)) error {
	k := keeper{name: name, open: open, use: use, note: note, first: firstPause, last: lastPause}
	return k.run(ctx)
}

type keeper struct {
	name        string
	open        func() (*Line, error)
	use         func(ctx context.Context, l *Line) error
	note        func(State)
	first, last time.Duration

	known bool // a state has been noted
	state State
}

func (k *keeper) run(ctx context.Context) error {
	timer := time.NewTimer(k.last)
	defer timer.Stop()
	for pause := k.first; ctx.Err() == nil; pause = min(2*pause, k.last) {
		start := time.Now()
		err := k.once(ctx)
		if ctx.Err() != nil {
			break
		}
		k.tell(State{Err: fmt.Errorf("%s: %w", k.name, err)})
		if time.Since(start) > k.last {
			pause = k.first
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// once opens the line and uses it until it ends.
func (k *keeper) once(ctx context.Context) error {
	l, err := k.open()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		_ = l.Close()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close() // the line is given up; nothing can be done about an error
		close(closed)
	})
	k.tell(State{Up: true})
	err = k.use(ctx, l)
	if stop() {
		_ = l.Close()
	} else {
		<-closed
	}
	if err == nil {
		err = errors.New("given up by its user")
	}
	return err
}

// tell notes a state that differs from the last one.
func (k *keeper) tell(s State) {
	same := k.known && k.state.Up == s.Up && (s.Up || k.state.Err.Error() == s.Err.Error())
	if same {
		return
	}
	k.known, k.state = true, s
	k.note(s)
}
