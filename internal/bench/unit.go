package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/drivers/virtual"
)

// unit is quhao-display as a process, with a pad and a display on ptys.
type unit struct {
	*program
	pad    *virtual.Typist
	cables []*virtual.Cable
	shown  chan showing
	last   int // the number called last: a display is written again from time to time
}

// showing is what a display shows since when.
type showing struct {
	virtual.Shown
	at time.Time
}

// startUnit starts the program of the i-th unit and waits until its display shows that the counter is idle.
func (b *bench) startUnit(ctx context.Context, d *daemon, i int) (_ *unit, err error) {
	id := d.unit(i)
	data := filepath.Join(filepath.Dir(d.data), "devices", id)
	file, err := d.identity(data, id, d.addr)
	if err != nil {
		return nil, err
	}
	u := &unit{pad: virtual.NewTypist(), shown: make(chan showing, 64)}
	led := virtual.NewLED(func(s virtual.Shown) {
		select {
		case u.shown <- showing{s, time.Now()}:
		default: // nobody has looked for long
		}
	})
	for name, twin := range map[string]virtual.Server{"keypad": u.pad, "led": led} {
		cable := virtual.NewCable(filepath.Join(data, name))
		if err := cable.Plug(ctx, twin); err != nil {
			return nil, err
		}
		u.cables = append(u.cables, cable)
	}
	if u.program, err = start(b.program("quhao-display"), "-config", file, "-data", data); err != nil {
		return nil, err
	}
	_, err = u.awaitShown(func(s showing) bool { return s.Value == 0 || s.Colour == 0 && s.Value > 0 })
	return u, err
}

// awaitShown waits for a picture.
func (u *unit) awaitShown(is func(showing) bool) (showing, error) {
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	for {
		select {
		case s := <-u.shown:
			if is(s) {
				return s, nil
			}
		case <-late.C:
			return showing{}, fmt.Errorf("a display does not show what it should: %s", u.said())
		}
	}
}

// press presses next, and returns when and when the display showed another number than before.
func (u *unit) press() (pressed, shown time.Time, number string, err error) {
	for len(u.shown) > 0 { // what is written again from time to time
		<-u.shown
	}
	pressed = time.Now()
	if err := u.pad.Type("next"); err != nil {
		return pressed, pressed, "", err
	}
	s, err := u.awaitShown(func(s showing) bool { return s.Colour == calling && s.Value != u.last })
	u.last = s.Value
	return pressed, s.at, strconv.Itoa(s.Value), err
}

// calling is the colour of a number that is being called: red (the driver's default).
const calling = 2

func (u *unit) stop() error {
	err := u.program.stop()
	for _, c := range u.cables {
		err = errors.Join(err, c.Cut())
	}
	return err
}

// startUnits starts the programs of the first n units, a few at a time.
func (b *bench) startUnits(ctx context.Context, d *daemon, n int) ([]*unit, error) {
	units := make([]*unit, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range units {
		g.Go(func() (err error) {
			if gctx.Err() == nil {
				units[i], err = b.startUnit(ctx, d, i)
			}
			return err
		})
	}
	return units, g.Wait()
}

// stopUnits ends them all.
func stopUnits(units []*unit) error {
	errs := make([]error, len(units))
	var all sync.WaitGroup
	for i, u := range units {
		if u != nil && u.program != nil {
			all.Go(func() { errs[i] = u.stop() })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// press measures from the key on the pad's line to the frame on the display's line, with the real program between.
// Units take turns, so that each key is pressed every 1.2 s: sooner it counts as bounce, and one that is seen every second
// for half a minute is stuck.
func (b *bench) press(ctx context.Context) (_ []row, err error) {
	const n = 24
	turns := b.pick(800, 80)
	d, err := b.seeded("press", 1, n, turns+2*n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	units, err := b.startUnits(ctx, d, n)
	defer func() { err = errors.Join(err, stopUnits(units)) }()
	if err != nil {
		return nil, err
	}
	pace := time.NewTicker(1200 * time.Millisecond / n)
	defer pace.Stop()
	var took sample
	for i := range turns {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		if i == 2*n {
			b.base.reset()
			took = nil
		}
		pressed, shown, _, err := units[i%n].press()
		if err != nil {
			return nil, err
		}
		took = append(took, shown.Sub(pressed))
	}
	floor := b.base.withTrips(1.5)
	ratio := over(took.at(50), floor.at(50))
	return []row{{
		what:     "press of next, durable, to the frame on the display's line, over fsync + 1.5 round trips: p50",
		measured: fmt.Sprintf("%.2f (%s over %s)", ratio, short(took.at(50)), short(floor.at(50))),
		target:   "1.5", verdict: judge(ratio <= 1.5, floor),
	}}, nil
}

// readyLine is what a device program says when everything is open.
func readyLine() *regexp.Regexp { return regexp.MustCompile(`msg=ready `) }

// size of a file in bytes.
func size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
