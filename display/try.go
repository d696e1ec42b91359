package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"quhao/display/flow"
	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/port"
	"quhao/drivers/reader"
	"quhao/drivers/trial"
	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// bench is a unit whose parts are tried, without the controller.
type bench struct {
	trial.Bench
	st  *station.Station
	out io.Writer
}

// try runs the conformance test of one kind of part against the real thing: every display, every line of keys, or the
// card reader.
func try(ctx context.Context, what string, st *station.Station, out io.Writer, b trial.Bench) error {
	t := &bench{b, st, out}
	var errs []error
	d := st.Device
	switch {
	case what == "led" && len(d.LED) > 0:
		for _, p := range d.LED {
			errs = append(errs, t.led(ctx, p))
		}
	case what == "card" && d.CardReader != nil:
		errs = append(errs, t.card(ctx, d.CardReader))
	case what == "keypad" && len(d.Keypad)+len(d.Rater) > 0:
		errs = append(errs, t.keys(ctx))
	default:
		return fmt.Errorf("%w: the configuration of %s has no %s", station.ErrTried, d.ID, what)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", station.ErrTried, err)
	}
	return nil
}

// open opens a part's line.
func (t *bench) open(ctx context.Context, name string, p config.Port) (*port.Line, error) {
	l, err := port.OpenContext(ctx, t.st.PortOptions(name, p))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(t.out, "→ %s：%s\n", name, l.Name())
	return l, nil
}

func (t *bench) led(ctx context.Context, p *config.Peripheral) error {
	l, err := t.open(ctx, "led "+p.Counter, p.Port)
	if err != nil {
		return err
	}
	defer l.Close() // nothing is left in it that would matter
	cfg := setup(t.st.Device, t.st.Centre, t.st.Topics)
	var own []led.Show
	if i := slices.IndexFunc(cfg.Counters, func(c flow.Counter) bool { return c.ID == p.Counter }); i >= 0 {
		own = cfg.Pictures(cfg.Counters[i], examples(cfg.Counters[i], t.st.Centre)[0])
	}
	return trial.LED(ctx, t.Bench, l, p.Options.(led.Driver), own) // the configuration was checked
}

func (t *bench) card(ctx context.Context, p *config.Peripheral) error {
	l, err := t.open(ctx, "card_reader", p.Port)
	if err != nil {
		return err
	}
	defer l.Close() // nothing is left in it that would matter
	var last card.Number
	start := time.Now()
	if err := reader.Greet(ctx, l, p.Options, func() time.Duration { return time.Since(start) }); err != nil {
		return err
	}
	return trial.Card(ctx, t.Bench, func(ctx context.Context, got func(card.Number), bad func(error)) error {
		return reader.Read(ctx, l, p.Options, func() time.Duration { return time.Since(start) }, func(n card.Number) {
			if n != last { // by its digest an officer's card stands in the configuration of a centre
				last = n
				fmt.Fprintf(t.out, "  %s digest %s\n", n, proto.CardDigest(n.Reveal()))
			}
			got(n)
		}, bad)
	})
}

// keys tries the keys of every line that has some, as the unit reads them.
func (t *bench) keys(ctx context.Context) error {
	events := make(chan flow.Event)
	start := time.Now()
	w, err := wire(t.st.Device, events, func() time.Duration { return time.Since(start) })
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range w.lines {
		if slices.ContainsFunc(l.names, func(n string) bool { return strings.HasPrefix(n, "keypad ") || strings.HasPrefix(n, "rater ") }) {
			errs = append(errs, t.pads(ctx, l, events))
		}
	}
	return errors.Join(errs...)
}

// pads tries the keys on one line.
func (t *bench) pads(ctx context.Context, l *line, events <-chan flow.Event) error {
	open, err := t.open(ctx, strings.Join(l.names, ", "), l.port)
	if err != nil {
		return err
	}
	defer open.Close() // nothing is left in it that would matter
	return trial.Keypad(ctx, t.Bench, func(ctx context.Context, got func(keypad.Press), bad func(error)) error {
		ended := make(chan error, 1)
		go func() { ended <- l.use(ctx, open) }()
		for {
			select {
			case ev := <-events:
				if p, ok := ev.(flow.Press); ok {
					if p.Op == keypad.Call {
						p.Op = keypad.Next // the key of a pad that has only this one for both
					}
					got(p.Press)
				}
			case err := <-ended:
				n := l.bad.noise()
				for range n.N {
					bad(errors.New(n.Last))
				}
				return err
			}
		}
	}, expected(l.names))
}

// expected are the keys that every pad of these names has: a unit's pad is of use if it can call, and a rater has five.
func expected(names []string) (out []keypad.Press) {
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "rater "):
			for score := 1; score <= 5; score++ {
				out = append(out, keypad.Press{Op: keypad.Rate, Arg: score})
			}
		case strings.HasPrefix(name, "keypad ") && !slices.Contains(out, keypad.Press{Op: keypad.Next}):
			out = append(out, keypad.Press{Op: keypad.Next})
		}
	}
	return out
}
