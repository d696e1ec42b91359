package main

import (
	"context"
	"fmt"
	"time"

	"quhao/drivers/keypad"
)

const (
	paperWithin   = 6 * time.Second         // of the last key: then something is wrong at the kiosk
	readCardFor   = 1500 * time.Millisecond // the kiosk's screen must say that it has the card
	stepUp        = 300 * time.Millisecond  // from the line to the kiosk; sooner the same key is bounce
	tryAgainAfter = 700 * time.Millisecond
	patience      = 40 * time.Second        // of a visitor at a kiosk that gives nothing
	cardAway      = 1200 * time.Millisecond // a card must be away for so long to be a new tap
)

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(0, d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// come is a visitor's way from the door to the chairs.
func (d *demo) come(ctx context.Context, v *visitor) error {
	if err := pause(ctx, v.arrives); err != nil {
		return err
	}
	k := d.h.wires.kiosks[v.kiosk]
	select { // one at a time at a kiosk
	case d.turn[v.kiosk] <- struct{}{}:
		defer func() { <-d.turn[v.kiosk] }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := pause(ctx, stepUp); err != nil {
		return err
	}
	d.h.papers.pick(k.id) // whoever was here before has taken theirs
	p, err := d.take(ctx, v, k)
	if err != nil {
		d.ledger.note(func() { v.settled = true })
		d.ledger.complain("visitor %d got no number at %s: %v", v.no, k.id, err)
		return ctx.Err()
	}
	d.ledger.hold(v, p)
	d.h.out.event("%d 号访客在 %[3]s 取到 %[2]s", "visitor %d has %s from %s", v.no, p.number, k.id)
	if v.twice {
		if err := d.takeAgain(ctx, v, k); err != nil {
			return err
		}
	}
	d.ledger.note(func() { v.hasSat = true })
	return nil
}

// take is all that it takes to get a paper, with the patience of a person.
func (d *demo) take(ctx context.Context, v *visitor, k *kiosk) (paper, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		p, err := d.try(ctx, v, k)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		d.h.out.event("%d 号访客在 %s：%v；再试一次", "visitor %d at %s: %v; tries again", v.no, k.id, err)
		if err := pause(ctx, tryAgainAfter); err != nil {
			return paper{}, err
		}
	}
}

// try taps and presses once and waits for the paper. Of what a try before has left on the screen, it goes on.
func (d *demo) try(ctx context.Context, v *visitor, k *kiosk) (paper, error) {
	before := d.h.papers.count(k.id)
	state, err := d.h.screen(ctx, k, paperWithin, "idle", "take", "take_offline", "check", "again", "retry", "no_paper", "closed", "choose", "tap_card")
	if err != nil {
		return paper{}, err
	}
	// With a card in hand, some press first; then the screen asks for the card. Others tap, and it asks for a choice.
	asks := map[bool]string{true: "tap_card", false: "choose"}[v.keyFast]
	if v.card != 0 && state != asks {
		if err := v.do(k, v.keyFast); err != nil {
			return paper{}, err
		}
		if _, err := d.h.screen(ctx, k, readCardFor, asks); err != nil {
			return paper{}, err
		}
	}
	if err := v.do(k, v.card == 0 || !v.keyFast); err != nil {
		return paper{}, err
	}
	soon, cancel := context.WithTimeout(ctx, paperWithin)
	defer cancel()
	p, err := d.h.papers.next(soon, k.id, before)
	if err != nil {
		s, _ := d.h.screen(ctx, k, 0)
		return paper{}, fmt.Errorf("no paper came; the screen says %s", s)
	}
	return p, nil
}

// do presses the key of the department, or taps the card.
func (v *visitor) do(k *kiosk, press bool) error {
	if press {
		return k.keys.Type(fmt.Sprintf("%s %d", keypad.Choose, v.want.Key))
	}
	return k.card.tap(v.card)
}

// takeAgain taps a second time: the same number must come, marked as a reprint.
func (d *demo) takeAgain(ctx context.Context, v *visitor, k *kiosk) error {
	if err := pause(ctx, cardAway); err != nil {
		return err
	}
	d.h.papers.pick(k.id)
	p, err := d.take(ctx, v, k)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		d.ledger.complain("visitor %d got no reprint: %v", v.no, err)
	case p.number != v.number || p.reprint == 0:
		d.ledger.complain("visitor %d tapped again for %s and got %s, reprint %d", v.no, v.number, p.number, p.reprint)
	default:
		d.h.out.event("%d 号访客再次刷卡，补打 %s，第 %d 次", "visitor %d tapped again and has %s again, reprint %d", v.no, p.number, p.reprint)
	}
	return nil
}
