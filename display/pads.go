package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"quhao/display/flow"
	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/drivers/reader"
	"quhao/internal/proto"
)

// pad is a keypad or rater of one counter.
type pad struct {
	name    string // keypad or rater
	counter string
	driver  keypad.Driver
	addr    int           // on a line that several share
	lamp    *latest[bool] // nil if it has none
}

// title is what the pad is called in the health message.
func (p *pad) title() string { return p.name + " " + p.counter }

// word is what its lamp is to be told, if it has one and was told anything.
func (p *pad) word() []byte {
	if p.lamp == nil {
		return nil
	}
	on, set := p.lamp.get()
	if !set {
		return nil
	}
	return p.driver.(keypad.Lamp).Lamp(on) // wire has given a lamp only to such a driver
}

// keys reads the presses of all pads on a line. It is safe for concurrent use.
type keys struct {
	all    []*pad
	up     func() time.Duration
	events chan<- flow.Event
	bad    *tally

	mu     sync.Mutex
	bounce keypad.Bounce
	held   keypad.Held
}

// decode reads a frame. On a shared line the frame names its pad, and that pad's own options say what it means.
func (k *keys) decode(ctx context.Context, buf []byte) (n int, p keypad.Press, reply []byte, err error) {
	driver := k.all[0].driver
	n, p, reply, err = driver.Decode(buf)
	for _, own := range k.all[1:] {
		if m, press, answer, bad := own.driver.Decode(buf); bad == nil && press.Op != "" && press.Addr == own.addr {
			driver, n, p, reply, err = own.driver, m, press, answer, nil
		}
	}
	if lets, ok := driver.(keypad.Releaser); ok && err == nil {
		k.tell(ctx, k.released(lets.Releases(buf[:n])), "ok")
	}
	return n, p, reply, err
}

// released notes keys that were let go, and returns those that had been stuck.
func (k *keys) released(all []keypad.Press) []keypad.Press {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(all, func(p keypad.Press) bool { return !k.held.Up(p) })
}

// of returns the pad that sent a press, nil for a foreign one. A pad that has its line alone needs no address.
func (k *keys) of(p keypad.Press) *pad {
	if len(k.all) == 1 {
		return k.all[0]
	}
	i := slices.IndexFunc(k.all, func(one *pad) bool { return one.addr == p.Addr })
	if i < 0 {
		return nil
	}
	return k.all[i]
}

func (k *keys) pressed(ctx context.Context, p keypad.Press) {
	own := k.of(p)
	if own == nil {
		k.bad.add(fmt.Errorf("keypad: address %d belongs to no counter of this unit: %w", p.Addr, keypad.ErrFrame))
		return
	}
	if !k.works(own, p) {
		return
	}
	select {
	case k.events <- flow.Press{Counter: own.counter, Press: p}:
	case <-ctx.Done():
	}
}

// works says whether a press is one of its own, and of a key that is not stuck.
func (k *keys) works(own *pad, p keypad.Press) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, lets := own.driver.(keypad.Releaser)
	works := k.held.Down(k.up(), p, lets)
	return k.bounce.Pass(k.up(), p) && works
}

// look tells of keys that are stuck, and of those that are no more. It returns when to look again, 0 for not before
// the next press.
func (k *keys) look(ctx context.Context, now time.Duration) (again time.Duration) {
	k.mu.Lock()
	stuck, free := k.held.Look(now)
	any := k.held.Any()
	k.mu.Unlock()
	k.tell(ctx, stuck, "error")
	k.tell(ctx, free, "ok")
	if !any {
		return 0
	}
	return now + time.Second
}

// reset forgets what is held: the line was opened anew.
func (k *keys) reset(ctx context.Context) {
	k.mu.Lock()
	free := k.held.Reset()
	k.mu.Unlock()
	k.tell(ctx, free, "ok")
}

// tell says how keys are, in the words of the health message: "keypad c03 key next" is a part of its own.
func (k *keys) tell(ctx context.Context, all []keypad.Press, state string) {
	for _, p := range all {
		own := k.of(p)
		if own == nil {
			continue
		}
		name := own.title() + " key " + string(p.Op)
		if p.Arg > 0 {
			name += fmt.Sprintf(" %d", p.Arg)
		}
		tell(ctx, k.events, flow.Part{Name: name, State: state})
	}
}

// officers is the officers' card reader.
type officers struct {
	counter string // empty if the unit has several
	driver  any    // a driver of cards
	up      func() time.Duration
	events  chan<- flow.Event
	bad     *tally
}

// greet makes sure that the reader is there, where that can be known.
func (r *officers) greet(ctx context.Context, l *port.Line) error {
	return reader.Greet(ctx, l, r.driver, r.up)
}

// use reads cards until the line or ctx ends. A card's number goes no further than this: what follows has its digest.
// A card that identifies nobody is no officer's; it counts with what was not understood.
func (r *officers) use(ctx context.Context, l *port.Line) error {
	return reader.Run(ctx, l, r.driver, reader.Events{
		Now: r.up, Bad: r.bad.add, Nobody: r.bad.add,
		Tap: func(n card.Number) {
			select {
			case r.events <- flow.Card{Counter: r.counter, Digest: proto.CardDigest(n.Reveal())}:
			case <-ctx.Done():
			}
		},
	})
}
