package main

import (
	"context"
	"fmt"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/kiosk/flow"
)

// lookEvery is how often held keys are looked at.
const lookEvery = time.Second

// keys reads presses of department keys. One that is held for 30 s is told of, as a part of its own such as
// "keypad key 3", and ignored until it is let go.
func (k *kiosk) keys(driver keypad.Driver, bad *tally) func(context.Context, *port.Line) error {
	return func(ctx context.Context, l *port.Line) error {
		b := &board{driver: driver, say: func(p keypad.Press, state string) { k.parts.set(ctx, fmt.Sprintf("keypad key %d", p.Arg), state) }}
		defer b.reset()
		poll := func() ([]byte, error) {
			b.look(k.st.Now().Up)
			return nil, nil
		}
		return port.Talk(ctx, l, poll, b.decode, func(p keypad.Press) bool { return p.Op == keypad.Choose }, func(p keypad.Press) {
			if b.pressed(k.st.Now().Up, p) {
				k.tell(ctx, flow.Key{N: p.Arg})
			}
		}, func(error) { bad.add() })
	}
}

// board is the kiosk's keypad while its line is open. Its methods are for one goroutine.
type board struct {
	driver keypad.Driver
	say    func(p keypad.Press, state string) // of a key: ok or error
	bounce keypad.Bounce
	held   keypad.Held
	looked time.Duration
}

func (b *board) decode(buf []byte) (n int, p keypad.Press, reply []byte, err error) {
	n, p, reply, err = b.driver.Decode(buf)
	if lets, ok := b.driver.(keypad.Releaser); ok && err == nil {
		for _, p := range lets.Releases(buf[:n]) {
			if b.held.Up(p) {
				b.say(p, "ok")
			}
		}
	}
	return n, p, reply, err
}

// pressed says whether a press is one of its own, of a key that is not stuck.
func (b *board) pressed(now time.Duration, p keypad.Press) bool {
	_, lets := b.driver.(keypad.Releaser)
	works := b.held.Down(now, p, lets)
	return b.bounce.Pass(now, p) && works
}

// look tells of keys that are stuck, and of those that are no more; at most once a second.
func (b *board) look(now time.Duration) {
	if now-b.looked < lookEvery {
		return
	}
	b.looked = now
	stuck, free := b.held.Look(now)
	for _, p := range stuck {
		b.say(p, "error")
	}
	for _, p := range free {
		b.say(p, "ok")
	}
}

// reset forgets what is held: the line is closed.
func (b *board) reset() {
	for _, p := range b.held.Reset() {
		b.say(p, "ok")
	}
}
