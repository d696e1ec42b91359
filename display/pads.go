package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"quhao/display/flow"
	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/internal/proto"
)

// pad is a keypad or rater of one counter.
type pad struct {
	counter string
	driver  keypad.Driver
	addr    int           // on a line that several share
	lamp    *latest[bool] // nil if it has none
}

// pads are the keypads and raters on one line.
type pads struct {
	all    []*pad
	up     func() time.Duration
	events chan<- flow.Event
	bad    *tally
	bounce keypad.Bounce
	woken  chan struct{} // a lamp is to be another
}

// use reads presses until the line or ctx ends.
func (p *pads) use(ctx context.Context, l *port.Line) error {
	p.wake() // a pad that was just plugged in has its lamp as it pleases
	return both(ctx,
		func(ctx context.Context) error { return p.write(ctx, l) },
		func(ctx context.Context) error {
			return port.Decode(ctx, l, p.decode, func(k keypad.Press) bool { return k.Op != "" },
				func(k keypad.Press) { p.pressed(ctx, k) }, p.bad.add)
		})
}

// decode reads a frame. On a shared line the frame names its pad, and that pad's own options say what it means.
func (p *pads) decode(buf []byte) (n int, k keypad.Press, reply []byte, err error) {
	n, k, reply, err = p.all[0].driver.Decode(buf)
	if own := p.of(k); err == nil && k.Op != "" && own != nil && own != p.all[0] {
		return own.driver.Decode(buf)
	}
	return n, k, reply, err
}

// of returns the pad that sent a press, nil for a foreign one. A pad that has its line alone needs no address.
func (p *pads) of(k keypad.Press) *pad {
	if len(p.all) == 1 {
		return p.all[0]
	}
	i := slices.IndexFunc(p.all, func(one *pad) bool { return one.addr == k.Addr })
	if i < 0 {
		return nil
	}
	return p.all[i]
}

func (p *pads) pressed(ctx context.Context, k keypad.Press) {
	own := p.of(k)
	if own == nil {
		p.bad.add(fmt.Errorf("keypad: address %d belongs to no counter of this unit: %w", k.Addr, keypad.ErrFrame))
		return
	}
	if !p.bounce.Pass(p.up(), k) {
		return
	}
	select {
	case p.events <- flow.Press{Counter: own.counter, Press: k}:
	case <-ctx.Done():
	}
}

func (p *pads) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// light sets the lamp of a counter's pad.
func (p *pads) light(counter string, on bool) {
	for _, one := range p.all {
		if one.counter == counter && one.lamp != nil {
			one.lamp.put(on)
			p.wake()
		}
	}
}

func (p *pads) write(ctx context.Context, l *port.Line) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.woken:
		}
		for _, one := range p.all {
			lamp, ok := one.driver.(keypad.Lamp)
			if !ok || one.lamp == nil {
				continue
			}
			on, set := one.lamp.get()
			if !set {
				continue
			}
			if _, err := l.Write(lamp.Lamp(on)); err != nil {
				return err
			}
		}
	}
}

// reader is the officers' card reader.
type reader struct {
	counter string // empty if the unit has several
	driver  card.Driver
	up      func() time.Duration
	events  chan<- flow.Event
	bad     *tally
	held    card.Held
}

// use reads cards until the line or ctx ends. A card's number goes no further than this: what follows has its digest.
func (r *reader) use(ctx context.Context, l *port.Line) error {
	return port.Decode(ctx, l, r.driver.Decode, func(n card.Number) bool { return n != "" }, func(n card.Number) {
		if !r.held.Seen(r.up(), n) {
			return
		}
		select {
		case r.events <- flow.Card{Counter: r.counter, Digest: proto.CardDigest(n.Reveal())}:
		case <-ctx.Done():
		}
	}, r.bad.add)
}
