package main

import (
	"bytes"
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
	// askEvery is the same for a display that answers and shares its line: its answer is asked for.
	askEvery = 3 * time.Second
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

	wrote []byte // the last picture as it went out, nil before the first
}

// answer reads what a display says.
func (s *screen) answer(buf []byte) (n int, ok bool, err error) {
	a, answers := s.driver.(led.Answerer)
	if !answers {
		return len(buf), false, nil
	}
	n, ok = a.Answer(buf)
	if n > 0 && !ok {
		err = errNoAnswer
	}
	return n, ok, err
}

// errNoAnswer is counted for bytes that are no answer of the display.
var errNoAnswer = errors.New("led: not an answer of this display")

// write puts the newest picture on the line and waits until it has left; again says that it is written although it
// stands there already. wrote is false if there was nothing to write.
func (s *screen) write(l *port.Line, again bool) (d flow.Display, wrote bool, err error) {
	d, ok := s.picture.get()
	if !ok {
		return d, false, nil
	}
	b := s.driver.Encode(d.Show)
	if !again && bytes.Equal(b, s.wrote) {
		return d, false, nil
	}
	if _, err := l.Write(b); err != nil {
		return d, false, err
	}
	if err := l.Drain(drainWithin); err != nil {
		return d, false, err
	}
	s.wrote = b
	return d, true, nil
}

// shown tells the unit that a picture was taken, and at the end, that the last one was.
func (s *screen) shown(ctx context.Context, d flow.Display) error {
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
	return nil
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
