package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// crowd lets 200 units press next within 100 ms, each once a round, and looks when the last one has its number. The units
// are connections of this program: of each real one a Pi bears the load, not the controller's machine. What it is with 200
// real programs, ptys and all, on this one machine is told beside it.
func (b *bench) crowd(ctx context.Context) ([]row, error) {
	n, rounds := b.pick(200, 40), b.pick(20, 4)
	lean, err := b.crowdOf(ctx, "crowd", n, rounds, (*daemon).openUnits)
	if err != nil {
		return nil, err
	}
	real, err := b.crowdOf(ctx, "crowd-real", n, rounds, func(d *daemon, n int) ([]presser, func() error, error) {
		return b.realUnits(ctx, d, n)
	})
	if err != nil {
		return nil, err
	}
	return []row{{
		what:     fmt.Sprintf("%d units press within 100 ms: the last press to the last number there: p99; each press: p50, p99; the same with real programs, all on this machine", n),
		measured: lean.String() + "; " + real.String(),
		target:   "50 ms", verdict: judge(lean.last.at(99) <= 50*time.Millisecond, b.base.sum),
	}}, nil
}

// presser presses next once and says when, when the number was there, and which it was.
type presser interface {
	press() (pressed, shown time.Time, number string, err error)
}

// rush is what the rounds of a crowd took.
type rush struct{ each, last sample }

func (r rush) String() string {
	return fmt.Sprintf("%s; %s, %s", short(r.last.at(99)), short(r.each.at(50)), short(r.each.at(99)))
}

// crowdOf makes a centre with n counters and enough visitors, and lets its units press for some rounds.
func (b *bench) crowdOf(ctx context.Context, name string, n, rounds int, units func(*daemon, int) ([]presser, func() error, error)) (_ rush, err error) {
	d, err := b.seeded(name, 1, n, n*(rounds+1))
	if err != nil {
		return rush{}, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	all, stop, err := units(d, n)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return rush{}, err
	}
	var out rush
	numbers := map[string]bool{}
	pause := time.NewTicker(time.Second) // between two rounds: people do not press faster
	defer pause.Stop()
	for range rounds {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return rush{}, ctx.Err()
		}
		if err := b.base.turn(); err != nil {
			return rush{}, err
		}
		took, behind, err := round(all, numbers)
		if err != nil {
			return rush{}, err
		}
		out.each, out.last = append(out.each, took...), append(out.last, behind)
	}
	if len(numbers) != n*rounds {
		return rush{}, fmt.Errorf("%d presses called %d numbers", n*rounds, len(numbers))
	}
	return out, nil
}

// openUnits connects the first n units over the lean client.
func (d *daemon) openUnits(n int) ([]presser, func() error, error) {
	var devs []presser
	stop := func() error {
		for _, p := range devs {
			p.(*device).cut()
		}
		return nil
	}
	for i := range n {
		dev := d.unitAt(i)
		if err := dev.open(d.addr, d.secrets[dev.id]); err != nil {
			return nil, stop, err
		}
		devs = append(devs, dev)
		if err := dev.awaitState(dev.inState); err != nil {
			return nil, stop, err
		}
	}
	return devs, stop, nil
}

// press calls the next visitor and waits for the state that holds the number.
func (d *device) press() (pressed, shown time.Time, number string, err error) {
	was := d.state.Num
	pressed = time.Now()
	if _, _, err = d.ask(d.call()); err != nil {
		return pressed, pressed, "", err
	}
	err = d.awaitState(func() bool { return d.state.Num != "" && d.state.Num != was })
	return pressed, time.Now(), d.state.Num, err
}

// realUnits starts the programs of the first n units.
func (b *bench) realUnits(ctx context.Context, d *daemon, n int) ([]presser, func() error, error) {
	units, err := b.startUnits(ctx, d, n)
	stop := func() error { return stopUnits(units) }
	if err != nil {
		return nil, stop, err
	}
	out := make([]presser, len(units))
	for i, u := range units {
		out[i] = u
	}
	return out, stop, nil
}

// round lets every unit press once, evenly over 100 ms. It returns how long each press took, and how long after the
// last press the last number was there.
func round(units []presser, numbers map[string]bool) (took sample, behind time.Duration, err error) {
	type result struct {
		pressed, shown time.Time
		number         string
		err            error
	}
	results := make([]result, len(units))
	var all sync.WaitGroup
	began := time.Now()
	for i, u := range units {
		at := time.After(time.Until(began.Add(100 * time.Millisecond * time.Duration(i) / time.Duration(len(units)))))
		all.Go(func() {
			<-at
			r := &results[i]
			r.pressed, r.shown, r.number, r.err = u.press()
		})
	}
	all.Wait()
	var lastPressed, lastShown time.Time
	for _, r := range results {
		if r.err != nil {
			return nil, 0, r.err
		}
		if r.pressed.After(lastPressed) {
			lastPressed = r.pressed
		}
		if r.shown.After(lastShown) {
			lastShown = r.shown
		}
		took, numbers[r.number] = append(took, r.shown.Sub(r.pressed)), true
	}
	return took, lastShown.Sub(lastPressed), nil
}
