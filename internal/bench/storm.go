package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"quhao/internal/proto"
)

// The pauses of a device that is not let in, as internal/link makes them: 0.5 to 1 s, then twice as long, 10 s at most.
const (
	redialWait = 500 * time.Millisecond
	redialMax  = 10 * time.Second
)

// fleet is many devices at one controller.
type fleet struct {
	d       *daemon
	devs    []*device
	refused atomic.Int64 // connections that were not let in
}

// fleetOf makes devices that are not connected yet: all kiosks of the centre and so many of its units.
func fleetOf(d *daemon) *fleet {
	f := &fleet{d: d}
	for i := range d.kiosks {
		f.devs = append(f.devs, d.kioskAt(i))
	}
	for i := range d.units {
		f.devs = append(f.devs, d.unitAt(i))
	}
	return f
}

// settled waits until the controller has told the last device its configuration: only then its start is over.
func (f *fleet) settled() error {
	last := f.devs[0]
	for _, dev := range f.devs {
		if dev.kind != "" && dev.id > last.id { // announced in the order of their files
			last = dev
		}
	}
	if err := last.open(f.d.addr, f.d.secrets[last.id]); err != nil {
		return err
	}
	defer last.cut()
	last.deadline(startWithin)
	for !last.configured { // it may have come before the welcome
		m, err := last.next()
		if err != nil {
			return fmt.Errorf("%s: wait for its configuration: %w", last.id, err)
		}
		last.heard(m)
	}
	return nil
}

// each does something with every device at once.
func (f *fleet) each(do func(*device) error) error {
	errs := make([]error, len(f.devs))
	var all sync.WaitGroup
	for i, dev := range f.devs {
		all.Go(func() { errs[i] = do(dev) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// cut ends every connection at once, as when a switch loses its power.
func (f *fleet) cut() {
	for _, dev := range f.devs {
		if dev.client != nil {
			dev.cut()
		}
	}
}

// back connects a device, as often as it takes, and waits until it is in session and has heard its state.
func (f *fleet) back(ctx context.Context, dev *device) error {
	return f.redial(ctx, func() error {
		if err := dev.open(f.d.addr, f.d.secrets[dev.id]); err != nil {
			return err
		}
		return dev.awaitState(dev.inState)
	})
}

// redial connects until the connection is let in, with the pauses of a device.
func (f *fleet) redial(ctx context.Context, connect func() error) error {
	for wait := redialWait; ; wait = min(2*wait, redialMax) {
		if err := connect(); !errors.Is(err, errRefused) {
			return err
		}
		f.refused.Add(1)
		select {
		case <-time.After(min(wait+rand.N(wait), redialMax)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// work lets a kiosk take a ticket and a unit call one, and returns the number.
func work(dev *device) (string, error) {
	if dev.kind == proto.KindKiosk {
		cmd := dev.ticket()
		res, _, err := dev.ask(cmd)
		if err != nil {
			return "", err
		}
		return "taken " + res.Ticket.Num, dev.print(cmd.ID, res.Ticket)
	}
	res, _, err := dev.ask(dev.call())
	if err != nil {
		return "", err
	}
	err = dev.awaitState(func() bool { return res.Ver == nil || !res.Ver.After(dev.state.At()) })
	return "called " + dev.state.Num, err
}

// queueUp lets the kiosks take so many tickets, so that a line of an ordinary length waits for the units.
func (f *fleet) queueUp(n int, numbers map[string]bool) error {
	var mu sync.Mutex
	left := n
	return f.each(func(dev *device) error {
		for dev.kind == proto.KindKiosk {
			mu.Lock()
			left--
			enough := left < 0
			mu.Unlock()
			if enough {
				break
			}
			number, err := work(dev)
			if err != nil {
				return err
			}
			mu.Lock()
			numbers[number] = true
			mu.Unlock()
		}
		return nil
	})
}

// storm cuts a thousand devices off and lets all of them dial at once. Each comes back into session, hears its state,
// and takes a ticket or, as a configuration holds 36 kiosks, calls one: nobody is forgotten, no number is given twice.
func (b *bench) storm(ctx context.Context) (_ []row, err error) {
	storms, units := b.pick(20, 3), b.pick(1000, 100)-maxKiosks
	d, err := b.seeded("storm", maxKiosks, units, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	f := fleetOf(d)
	defer f.cut()
	if err := f.settled(); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "         %d devices have been told their configuration %s after the start\n", len(f.devs), short(time.Since(d.began)))
	if err := f.each(func(dev *device) error { return f.back(ctx, dev) }); err != nil {
		return nil, fmt.Errorf("first connection: %w", err)
	}
	var took sample
	var mu sync.Mutex
	numbers := map[string]bool{}
	for range storms {
		if err := f.queueUp(units, numbers); err != nil {
			return nil, fmt.Errorf("before storm %d: %w", len(took)+1, err)
		}
		if err := errors.Join(b.base.turn(), ctx.Err()); err != nil {
			return nil, err
		}
		f.cut()
		began := time.Now()
		err := f.each(func(dev *device) error {
			if err := f.back(ctx, dev); err != nil {
				return err
			}
			number, err := work(dev)
			mu.Lock()
			defer mu.Unlock()
			numbers[number] = true
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("storm %d: %w", len(took)+1, err)
		}
		took = append(took, time.Since(began))
	}
	twice := storms*(len(f.devs)+units) - len(numbers)
	return []row{{
		what:     fmt.Sprintf("%d devices cut off and back at once, each in session, in state, one ticket taken or called; %d storms: p50, slowest; twice", len(f.devs), storms),
		measured: fmt.Sprintf("%s, %s; %d (%d dials not let in)", short(took.at(50)), short(took.at(100)), twice, f.refused.Load()),
		target:   "3 s; none forgotten, none twice", verdict: judge(took.at(100) <= 3*time.Second && twice == 0, b.base.sum),
	}}, nil
}

// reconnect lets one device lose its connection over and over and looks each time whether it is heard.
func (b *bench) reconnect(ctx context.Context) (_ []row, err error) {
	d, err := b.fresh("reconnect", 1, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	dev := d.kioskAt(0)
	n, began := b.pick(20_000, 500), time.Now()
	forgotten, closed := 0, 0
	var why error
	for range n {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err := dev.open(d.addr, d.secrets[dev.id])
		if dev.client == nil {
			closed, why = closed+1, err // told at once, and dials again
			continue
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			forgotten++ // connected, and no welcome within 30 s
		case err != nil:
			closed, why = closed+1, err
		}
		dev.cut() // what it has just said is still on its way
	}
	return []row{{
		what:     fmt.Sprintf("%d abrupt reconnects with one client id: forgotten", n),
		measured: fmt.Sprintf("%d (%s each)%s", forgotten, short(time.Since(began)/time.Duration(n)), closings(closed, why)),
		target:   "0", verdict: judge(forgotten == 0, nil),
	}}, nil
}

// closings tells of connections that were closed before the welcome.
func closings(n int, last error) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d closed at once and dialled again, the last: %v", n, last)
}
