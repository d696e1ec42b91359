package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"quhao/display/flow"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/port"
	"quhao/drivers/reader"
	"quhao/internal/config"
)

// leaveWithin bounds how long the last pictures may take when the program ends.
const leaveWithin = 500 * time.Millisecond

// tally counts the bytes that a line brought and no driver understood.
type tally struct {
	mu   sync.Mutex
	n    uint64
	last string
}

func (t *tally) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n, t.last = t.n+1, err.Error()
}

// noise is what a tally has counted, for the state page.
type noise struct {
	N    uint64 `json:"n"`
	Last string `json:"last,omitempty"`
}

func (t *tally) noise() noise {
	t.mu.Lock()
	defer t.mu.Unlock()
	return noise{t.n, t.last}
}

// line is one wire with what hangs on it.
type line struct {
	names []string // of the peripherals, as in the health message: "led c03"
	port  config.Port
	use   func(ctx context.Context, l *port.Line) error
	greet func(ctx context.Context, l *port.Line) error // makes sure that the thing is there; nil if that cannot be known
	bad   *tally
}

// wires are all lines of a unit.
type wires struct {
	lines   []*line
	screens map[string]*screen // by counter
	buses   map[config.Port]*bus
	up      func() time.Duration
	events  chan<- flow.Event
}

// wire sorts the peripherals of a device onto their lines. Nothing is opened. An error is a fault of this program,
// because the configuration was checked.
func wire(d *config.Device, events chan<- flow.Event, up func() time.Duration) (*wires, error) {
	w := &wires{screens: map[string]*screen{}, buses: map[config.Port]*bus{}, up: up, events: events}
	for _, p := range d.LED {
		driver, ok := p.Options.(led.Driver)
		if !ok {
			return nil, fmt.Errorf("led of counter %s: the driver %s is none for displays", p.Counter, p.Driver)
		}
		b := w.bus(p.Port, "led "+p.Counter)
		s := &screen{counter: p.Counter, driver: driver, picture: newLatest[flow.Display](b.woken), events: events, left: make(chan struct{})}
		w.screens[p.Counter], b.screens = s, append(b.screens, s)
	}
	for _, many := range []struct {
		name string
		list []*config.Peripheral
	}{{"keypad", d.Keypad}, {"rater", d.Rater}} {
		for _, p := range many.list {
			driver, ok := p.Options.(keypad.Driver)
			if !ok {
				return nil, fmt.Errorf("%s of counter %s: the driver %s is none for keys", many.name, p.Counter, p.Driver)
			}
			b := w.bus(p.Port, many.name+" "+p.Counter)
			one := &pad{name: many.name, counter: p.Counter, driver: driver, addr: p.Addr}
			if _, lamp := driver.(keypad.Lamp); lamp && many.name == "keypad" {
				one.lamp = newLatest[bool](b.woken)
			}
			b.keys.all = append(b.keys.all, one)
		}
	}
	if p := d.CardReader; p != nil {
		if !reader.Is(p.Options) {
			return nil, fmt.Errorf("card_reader: the driver %s is none for cards", p.Driver)
		}
		r := &officers{driver: p.Options, up: up, events: events, bad: new(tally)}
		if len(d.Counters) == 1 {
			r.counter = d.Counters[0]
		}
		w.lines = append(w.lines, &line{names: []string{"card_reader"}, port: p.Port, use: r.use, greet: r.greet, bad: r.bad})
	}
	return w, nil
}

// bus returns the bus of a port, on which that part hangs as well; a port is one line, however many share it.
func (w *wires) bus(p config.Port, part string) *bus {
	if b := w.buses[p]; b != nil {
		b.line.names = append(b.line.names, part)
		return b
	}
	bad := new(tally)
	b := &bus{up: w.up, bad: bad, woken: make(chan struct{}, 1), keys: &keys{up: w.up, events: w.events, bad: bad}}
	b.line = &line{names: []string{part}, port: p, use: b.use, bad: bad}
	w.buses[p], w.lines = b, append(w.lines, b.line)
	return b
}

// light sets the lamps of a counter.
func (w *wires) light(counter string, on bool) {
	for _, b := range w.buses {
		b.light(counter, on)
	}
}

// leave lets every display say that nothing is heard any more, and waits for those that are there; at most leaveWithin.
func (w *wires) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	for _, s := range w.screens {
		s.leave()
	}
	for _, s := range w.screens {
		select {
		case <-s.left:
		case <-ctx.Done():
		}
	}
}

// noise is what each line brought that nobody understood.
func (w *wires) noise() map[string]noise {
	out := map[string]noise{}
	for _, l := range w.lines {
		out[l.names[0]] = l.bad.noise()
	}
	return out
}

// open opens the line and greets what hangs on it.
func (l *line) open(ctx context.Context, o port.Options) (*port.Line, error) {
	opened, err := port.OpenContext(ctx, o)
	if err != nil || l.greet == nil {
		return opened, err
	}
	if err := l.greet(ctx, opened); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// run keeps the line open until ctx ends, and tells the unit and the log how it is.
func (l *line) run(ctx context.Context, o port.Options, events chan<- flow.Event, log *slog.Logger) error {
	open := func() (*port.Line, error) { return l.open(ctx, o) }
	return port.Run(ctx, l.names[0], open, l.use, func(s port.State) {
		state := "ok"
		switch {
		case s.Up:
			log.Info("connected", "part", l.names[0])
		case errors.Is(s.Err, port.ErrInUse):
			state = "error"
		default:
			state = "gone"
		}
		if !s.Up {
			log.Warn("not connected", "part", l.names[0], "err", s.Err)
		}
		for _, name := range l.names {
			tell(ctx, events, flow.Part{Name: name, State: state})
		}
	})
}

// tell hands an event to the unit unless it has ended.
func tell(ctx context.Context, events chan<- flow.Event, ev flow.Event) {
	select {
	case events <- ev:
	case <-ctx.Done():
	}
}
