package main

import (
	"context"
	"errors"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/port"
	"quhao/drivers/reader"
	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// cards is the line of the card reader, or of the scanner beside it. A card's number ends here: what goes on is its digest. A card that identifies
// nobody is counted, and its holder told.
func (k *kiosk) cards(part string, at config.Port, driver any) wire {
	bad := k.parts.add(part)
	return wire{
		name: part, port: at,
		greet: func(ctx context.Context, l *port.Line) error { return reader.Greet(ctx, l, driver, k.up) },
		use: func(ctx context.Context, l *port.Line) error {
			return reader.Run(ctx, l, driver, reader.Events{
				Now: k.up,
				Tap: func(n card.Number) { k.tell(ctx, flow.Tap{Digest: proto.CardDigest(n.Reveal())}) },
				Nobody: func(err error) {
					k.log.Info("a card that identifies nobody", "why", err)
					k.parts.nobodyCame(ctx, part)
					k.tell(ctx, flow.Nobody{})
				},
				Bad: func(error) { bad.add() },
			})
		},
	}
}

// up is the time since the start of the machine.
func (k *kiosk) up() time.Duration { return k.st.Now().Up }

// open opens the line of a part and greets what hangs on it.
func (w wire) open(ctx context.Context, o port.Options) (*port.Line, error) {
	l, err := port.OpenContext(ctx, o)
	if err != nil || w.greet == nil {
		return l, err
	}
	if err := w.greet(ctx, l); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
