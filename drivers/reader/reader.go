// Package reader runs a card reader of any family on an open line: one that sends, one that has to be spoken to, or a
// chip on a bus. It is the one loop between drivers/port and drivers/card for kiosks and counter units.
package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/port"
)

// askEvery is how often a chip is asked for a card.
const askEvery = 100 * time.Millisecond

// greetFor bounds how long a reader that has to be spoken to may take for its first answer.
const greetFor = 3 * time.Second

// nobody stands for every card without an identity, so that one which stays on the reader is one tap as well.
const nobody = card.Number("nobody")

// Events are where a reader's taps go. All are called from the goroutine of Run.
type Events struct {
	// Now is a time that never goes back.
	Now func() time.Duration
	// Tap is a card laid on the reader; one that stays is one tap.
	Tap func(card.Number)
	// Nobody is a card laid on the reader that identifies nobody, and why; err wraps card.ErrNoIdentity.
	Nobody func(err error)
	// Bad is something that was not understood; err wraps card.ErrFrame or port.ErrNoFrame.
	Bad func(err error)
}

// Is says whether a driver's options are those of a card reader: a card.Driver or a card.Chip.
func Is(options any) bool {
	_, line := options.(card.Driver)
	_, chip := options.(card.Chip)
	return line || chip
}

// Run reads cards from an open line until ctx ends or the line or the reader fails, and returns that error; never nil.
// driver is a card.Driver, of which a card.Talker is spoken to, or a card.Chip.
func Run(ctx context.Context, l *port.Line, driver any, e Events) error {
	var held card.Held
	return Read(ctx, l, driver, e.Now, func(n card.Number) {
		if held.Seen(e.Now(), n) {
			e.Tap(n)
		}
	}, func(err error) {
		switch {
		case !errors.Is(err, card.ErrNoIdentity):
			e.Bad(err)
		case held.Seen(e.Now(), nobody):
			e.Nobody(err)
		}
	})
}

// Read is Run that tells every sight of a card, many for one that stays; bad has what identifies nobody as well.
func Read(ctx context.Context, l *port.Line, driver any, now func() time.Duration, got func(card.Number), bad func(error)) error {
	switch d := driver.(type) {
	case card.Talker:
		return port.Talk(ctx, l, func() ([]byte, error) { return d.Poll(now()) }, d.Decode, isNumber, got, bad)
	case card.Driver:
		return port.Decode(ctx, l, d.Decode, isNumber, got, bad)
	case card.Chip:
		return port.Every(ctx, askEvery, func() error { return ask(d, l, got, bad) })
	}
	return fmt.Errorf("%T reads no cards", driver)
}

// Greet makes sure that behind an open line there is a reader, where that can be known: a card.Talker must answer within
// 3 s, a card.Chip at once. A card that lies there is not told; Run tells it.
func Greet(ctx context.Context, l *port.Line, driver any, now func() time.Duration) error {
	switch d := driver.(type) {
	case card.Talker:
		ctx, cancel := context.WithTimeout(ctx, greetFor)
		defer cancel()
		d.Begin()
		err := port.Talk(ctx, l, func() ([]byte, error) {
			if d.Ready() {
				cancel()
			}
			return d.Poll(now())
		}, d.Decode, isNumber, func(card.Number) {}, func(error) {})
		if d.Ready() {
			return nil
		}
		return err
	case card.Chip:
		_, err := d.Ask(l)
		if errors.Is(err, card.ErrFrame) || errors.Is(err, card.ErrNoIdentity) {
			return nil
		}
		return err
	}
	return nil
}

func isNumber(n card.Number) bool { return n != "" }

// ask asks a chip once; only what is not about the card is an error.
func ask(c card.Chip, bus card.Bus, got func(card.Number), bad func(error)) error {
	n, err := c.Ask(bus)
	switch {
	case errors.Is(err, card.ErrFrame), errors.Is(err, card.ErrNoIdentity):
		bad(err)
	case err != nil:
		return err
	case n != "":
		got(n)
	}
	return nil
}
