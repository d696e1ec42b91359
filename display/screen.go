package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"quhao/display/flow"
	"quhao/drivers/led"
	"quhao/drivers/port"
)

const (
	// refreshEvery is how often a display is written again although nothing has changed: it may have lost its power for a moment.
	refreshEvery = 10 * time.Second
	// drainWithin bounds how long a picture may take to leave, at 1200 baud with room to spare.
	drainWithin = time.Second
	// silentAfter is how many pictures in a row a display that answers may leave without an answer before it counts as gone.
	silentAfter = 3
)

// screen is a counter's display on its line.
type screen struct {
	counter string
	driver  led.Driver
	picture *latest[flow.Display]
	events  chan<- flow.Event
	part    func(state string) // of the health message

	ended   <-chan struct{} // closed when the unit hears no more
	leaving atomic.Bool     // the picture to come is the last
	left    chan struct{}   // the last picture has gone out

	unanswered atomic.Int32 // pictures written since the last answer
	bad        *tally
}

// use keeps the display showing the newest picture until the line or ctx ends.
func (s *screen) use(ctx context.Context, l *port.Line) error {
	s.unanswered.Store(0)
	s.picture.wake() // whoever has just been plugged in shows nothing yet
	return both(ctx,
		func(ctx context.Context) error { return s.write(ctx, l) },
		func(ctx context.Context) error {
			return port.Decode(ctx, l, s.answer, func(ok bool) bool { return ok }, func(bool) { s.answered() }, s.bad.add)
		})
}

// answer reads what a display says, if it says anything.
func (s *screen) answer(buf []byte) (n int, ok bool, reply []byte, err error) {
	a, answers := s.driver.(led.Answerer)
	if !answers {
		return len(buf), false, nil, nil
	}
	n, ok = a.Answer(buf)
	if n > 0 && !ok {
		err = errNoAnswer
	}
	return n, ok, nil, err
}

// errNoAnswer is counted for bytes that are no answer of the display.
var errNoAnswer = errors.New("led: not an answer of this display")

func (s *screen) answered() {
	if s.unanswered.Swap(0) > silentAfter {
		s.part("ok")
	}
}

// write writes every new picture, and the last one again from time to time, and tells the unit what was taken.
func (s *screen) write(ctx context.Context, l *port.Line) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.picture.woken:
		case <-tick.C:
		}
		d, ok := s.picture.get()
		if !ok {
			continue
		}
		if _, err := l.Write(s.driver.Encode(d.Show)); err != nil {
			return err
		}
		if err := l.Drain(drainWithin); err != nil {
			return err
		}
		if _, answers := s.driver.(led.Answerer); answers && s.unanswered.Add(1) > silentAfter {
			s.part("error") // the adapter takes bytes, but no display is at the other end
			continue
		}
		select {
		case s.events <- flow.Displayed{Counter: s.counter, At: d.At}:
		case <-s.ended:
			if d.Show.Mode == led.Stale && s.leaving.Load() {
				s.leaving.Store(false)
				close(s.left)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave makes the display say that nothing is heard: a unit that has ended must not leave an old number standing.
func (s *screen) leave() {
	d, _ := s.picture.get()
	s.leaving.Store(true)
	s.picture.put(flow.Display{Counter: s.counter, Show: flow.Lost(d.Show.Number)})
}

// both runs a reader and a writer of one line until the first ends, and returns its error when the other has ended too.
func both(ctx context.Context, write, read func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wrote := make(chan error, 1)
	go func() {
		defer cancel()
		wrote <- write(ctx)
	}()
	err := read(ctx)
	cancel()
	if werr := <-wrote; !errors.Is(werr, context.Canceled) {
		return werr
	}
	return err
}
