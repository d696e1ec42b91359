package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/display/flow"
	"quhao/drivers/led"
	"quhao/internal/station"
)

// pictureFor is how long each picture stands while a display is tried.
const pictureFor = 2 * time.Second

// errShown ends a trial that has shown everything.
var errShown = errors.New("all pictures were shown")

// prefixes are the names of the peripherals that a word after try stands for, nil for an unknown word.
func prefixes(what string) []string {
	switch what {
	case "led":
		return []string{"led "}
	case "keypad":
		return []string{"keypad ", "rater "}
	case "card":
		return []string{"card_reader"}
	}
	return nil
}

// try runs the drivers of one kind of peripheral against the real thing, without the controller: a display is shown every
// picture once; keys and cards are told, one a line, until ctx ends.
func try(ctx context.Context, what string, st *station.Station, out io.Writer, log *slog.Logger, each time.Duration) error {
	events := make(chan flow.Event)
	w, err := wire(st.Device, events, func() time.Duration { return st.Now().Up })
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(w.lines, func(l *line) bool {
		return !slices.ContainsFunc(prefixes(what), func(p string) bool { return strings.HasPrefix(l.names[0], p) })
	})
	if len(lines) == 0 {
		return fmt.Errorf("try %s: %s has none", what, st.ID)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range w.screens {
		s.ended = ctx.Done()
		s.part = func(state string) { tell(ctx, events, flow.Part{Name: "led " + s.counter, State: state}) }
	}
	for _, l := range lines {
		g.Go(func() error { return l.run(ctx, st.PortOptions(l.port), events, log) })
	}
	g.Go(func() error { return report(ctx, events, out) })
	if what == "led" {
		g.Go(func() error { return parade(ctx, setup(st.Device, st.Centre, st.Topics), st, w, each) })
	}
	if err := g.Wait(); !errors.Is(err, errShown) {
		return err
	}
	return nil
}

// report tells what the peripherals say.
func report(ctx context.Context, events <-chan flow.Event, out io.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev := <-events:
			switch ev := ev.(type) {
			case flow.Part:
				fmt.Fprintf(out, "%s: %s\n", ev.Name, ev.State)
			case flow.Press:
				fmt.Fprintf(out, "counter %s: key %s %d\n", ev.Counter, ev.Op, ev.Arg)
			case flow.Card:
				fmt.Fprintf(out, "card: digest %s\n", ev.Digest) // as officers' cards stand in the configuration
			case flow.Displayed:
				fmt.Fprintf(out, "counter %s: the display has taken a picture\n", ev.Counter)
			}
		}
	}
}

// parade shows every picture on every display.
func parade(ctx context.Context, cfg flow.Config, st *station.Station, w *wires, each time.Duration) error {
	tick := time.NewTicker(each)
	defer tick.Stop()
	for _, c := range cfg.Counters {
		s := w.screens[c.ID]
		if s == nil {
			continue
		}
		shows := cfg.Pictures(c, examples(c, st.Centre)[0])
		blink := shows[0]
		blink.Blink = true
		for _, show := range append([]led.Show{blink}, shows...) {
			s.picture.put(flow.Display{Counter: c.ID, Show: show})
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return errShown
}
