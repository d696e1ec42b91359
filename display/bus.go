package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/port"
)

// bus is one line with all that hangs on it: usually one thing, on RS-485 the displays and pads of several counters, told
// apart by address. One goroutine speaks, to one after the other, and one listens.
type bus struct {
	line    *line
	screens []*screen
	keys    *keys // of all pads on the line
	up      func() time.Duration
	bad     *tally
	woken   chan struct{} // somebody has something new to say

	turns    turns        // first the screens, then the pads
	asked    atomic.Int32 // the screen that an answer is awaited from
	answered chan struct{}
}

// word is what was heard on a line: a press or an answer.
type word struct {
	press  keypad.Press
	answer bool
}

// use keeps displays and lamps as they are to be, and reads presses, until the line or ctx ends.
func (b *bus) use(ctx context.Context, l *port.Line) error {
	b.turns.all = make([]turn, len(b.screens)+len(b.keys.all))
	b.answered = make(chan struct{}, 1)
	for i := range b.turns.all {
		b.turns.want(i, b.up()) // whoever has just been plugged in shows nothing yet, and its lamp is as it pleases
	}
	for _, s := range b.screens {
		s.wrote = nil
	}
	b.keys.reset(ctx)
	return both(ctx,
		func(ctx context.Context) error { return b.speak(ctx, l) },
		func(ctx context.Context) error {
			decode := func(buf []byte) (int, word, []byte, error) { return b.decode(ctx, buf) }
			return port.Decode(ctx, l, decode, func(w word) bool { return w.answer || w.press.Op != "" },
				func(w word) { b.heard(ctx, w) }, b.bad.add)
		})
}

// decode reads a press, or on a line without pads, the answer of the display that was asked.
func (b *bus) decode(ctx context.Context, buf []byte) (n int, w word, reply []byte, err error) {
	if len(b.keys.all) > 0 {
		n, w.press, reply, err = b.keys.decode(ctx, buf)
		return n, w, reply, err
	}
	n, w.answer, err = b.screens[b.asked.Load()].answer(buf)
	return n, w, nil, err
}

func (b *bus) heard(ctx context.Context, w word) {
	if !w.answer {
		b.keys.pressed(ctx, w.press)
		wake(b.woken) // a key is held now, and is to be looked at
		return
	}
	select {
	case b.answered <- struct{}{}:
	default: // one is enough
	}
}

// speak gives everybody on the line its turn.
func (b *bus) speak(ctx context.Context, l *port.Line) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		b.collect()
		now := b.up()
		look := b.keys.look(ctx, now)
		i, at, ok := b.turns.next(now)
		if ok {
			if err := b.say(ctx, l, i); err != nil {
				return err
			}
			continue
		}
		if at == 0 || look > 0 && look < at {
			at = look
		}
		wait := time.Hour
		if at > 0 {
			wait = at - now
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-b.woken:
		case <-timer.C:
		}
	}
	return ctx.Err()
}

// collect notes who has something new to say.
func (b *bus) collect() {
	for i, s := range b.screens {
		if s.picture.take() {
			b.turns.want(i, b.up())
			if len(b.turns.all) == 1 {
				b.turns.all[i].rest = 0 // nobody else is kept waiting; perhaps only the wire for answers is missing
			}
		}
	}
	for i, p := range b.keys.all {
		if p.lamp != nil && p.lamp.take() {
			b.turns.want(len(b.screens)+i, b.up())
		}
	}
}

// say speaks to unit i.
func (b *bus) say(ctx context.Context, l *port.Line, i int) error {
	if i < len(b.screens) {
		return b.show(ctx, l, i)
	}
	b.turns.said(i, b.up(), 0)
	word := b.keys.all[i-len(b.screens)].word()
	if len(word) == 0 {
		return nil
	}
	if _, err := l.Write(word); err != nil {
		return err
	}
	return l.Drain(drainWithin) // an RS-485 line carries one at a time
}

// show writes a picture, or the same again, and on a line that several share waits for the display's answer.
func (b *bus) show(ctx context.Context, l *port.Line, i int) error {
	s := b.screens[i]
	_, answers := s.driver.(led.Answerer)
	answers = answers && len(b.keys.all) == 0
	again := !b.turns.all[i].fresh || b.turns.all[i].silent > 0
	b.asked.Store(int32(i))
	b.silence()
	d, wrote, err := s.write(l, again)
	if err != nil {
		return err
	}
	every := refreshEvery
	if answers && len(b.screens) > 1 {
		every = askEvery
	}
	b.turns.said(i, b.up(), every)
	if d.Counter == "" {
		return nil // there is no picture yet
	}
	if !b.turns.gone(i) {
		if err := s.shown(ctx, d); err != nil {
			return err
		}
	}
	if answers && wrote {
		b.await(ctx, i)
	}
	return nil
}

// silence forgets an answer that came late: it was another's.
func (b *bus) silence() {
	select {
	case <-b.answered:
	default:
	}
}

// await waits for the answer of a display, and tells of one that is gone or back. One that has its line alone is told
// what is new at once.
func (b *bus) await(ctx context.Context, i int) {
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	var news <-chan struct{}
	if len(b.turns.all) == 1 {
		news = b.woken
	}
	select {
	case <-news:
		wake(b.woken)
	case <-b.answered:
		if b.turns.heard(i) {
			b.screens[i].part("ok")
			b.turns.want(i, b.up()) // so that the unit hears what stands there
		}
	case <-late.C:
		b.turns.missed(i, b.up())
		if b.turns.all[i].silent == silentAfter {
			b.screens[i].part("error") // the adapter takes bytes, but no display is at the other end
		}
	case <-ctx.Done():
	}
}

// light sets the lamp of a counter's pad.
func (b *bus) light(counter string, on bool) {
	i := slices.IndexFunc(b.keys.all, func(p *pad) bool { return p.counter == counter && p.lamp != nil })
	if i >= 0 {
		b.keys.all[i].lamp.put(on)
	}
}
