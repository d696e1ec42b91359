package main

import (
	"context"
	"fmt"
	"io"

	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/reader"
	"quhao/drivers/trial"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// try runs the conformance test of one kind of part against the real thing.
func (k *kiosk) try(ctx context.Context, what string, out io.Writer, in io.Reader) error {
	d := k.st.Device
	b := station.NewBench(out, in)
	var test func(*port.Line) error
	name := what
	switch {
	case what == "printer":
		driver := d.Printer.Options.(printer.Driver) // newKiosk has seen that it is one, and so below
		test = func(l *port.Line) error { return trial.Printer(ctx, b, l, driver) }
	case what == "card" && d.CardReader != nil:
		name = "card_reader"
		driver := d.CardReader.Options
		test = func(l *port.Line) error { return trial.Card(ctx, b, digested(k.readCards(l, driver), out)) }
	case what == "scanner" && d.Scanner != nil:
		driver := d.Scanner.Options
		test = func(l *port.Line) error { return trial.Card(ctx, b, digested(k.readCards(l, driver), out)) }
	case what == "keypad" && len(d.Keypad) > 0:
		driver := d.Keypad[0].Options.(keypad.Driver)
		test = func(l *port.Line) error { return trial.Keypad(ctx, b, readKeys(l, driver), k.expected()) }
	default:
		return fmt.Errorf("%w: the configuration of %s has no %s", station.ErrTried, d.ID, what)
	}
	l, err := k.open(ctx, name)
	if err != nil {
		return err
	}
	defer l.Close() // nothing is left in it that would matter
	fmt.Fprintf(out, "→ %s：%s\n", what, l.Name())
	if err := test(l); err != nil {
		return fmt.Errorf("%w: %w", station.ErrTried, err)
	}
	return nil
}

// expected are the keys that the configuration gives a meaning.
func (k *kiosk) expected() (out []keypad.Press) {
	for _, key := range k.st.Device.Keys {
		out = append(out, keypad.Press{Op: keypad.Choose, Arg: key.Key})
	}
	return out
}

// readCards reads cards as the kiosk does.
func (k *kiosk) readCards(l *port.Line, driver any) trial.Reading[card.Number] {
	return func(ctx context.Context, got func(card.Number), bad func(error)) error {
		return reader.Read(ctx, l, driver, k.up, got, bad)
	}
}

// digested tells the digest of each card as well: by it an officer's card stands in the configuration of a centre.
func digested(read trial.Reading[card.Number], out io.Writer) trial.Reading[card.Number] {
	return func(ctx context.Context, got func(card.Number), bad func(error)) error {
		var last card.Number
		return read(ctx, func(n card.Number) {
			if n != last {
				last = n
				fmt.Fprintf(out, "  %s digest %s\n", n, proto.CardDigest(n.Reveal()))
			}
			got(n)
		}, bad)
	}
}

// readKeys reads keys as the kiosk does, but for bounce, which the trial looks at itself.
func readKeys(l *port.Line, d keypad.Driver) trial.Reading[keypad.Press] {
	return func(ctx context.Context, got func(keypad.Press), bad func(error)) error {
		return port.Decode(ctx, l, d.Decode, func(p keypad.Press) bool { return p.Op != "" }, got, bad)
	}
}

// open opens the line of a part, once.
func (k *kiosk) open(ctx context.Context, name string) (*port.Line, error) {
	for _, w := range k.lines {
		if w.name == name {
			o := k.st.PortOptions(w.name, w.port)
			o.StuckAfter = noPaperFor
			l, err := w.open(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", station.ErrTried, err)
			}
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: no line for %s", station.ErrTried, name)
}
