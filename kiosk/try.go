package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/internal/proto"
	"quhao/internal/station"
	"quhao/kiosk/flow"
)

// try runs one driver against the real thing: the printer prints one test ticket; taps and presses are named until ctx ends.
func (k *kiosk) try(ctx context.Context, what string, out io.Writer) error {
	d := k.st.Device
	switch {
	case what == "printer":
		return k.tryPrinter(ctx, out)
	case what == "card" && d.CardReader != nil:
		driver := d.CardReader.Options.(card.Driver) // newKiosk has seen that it is one
		return k.listen(ctx, "card_reader", func(l *port.Line) error {
			return port.Decode(ctx, l, driver.Decode, func(n card.Number) bool { return n != "" },
				func(n card.Number) { fmt.Fprintln(out, "card", n, "digest", proto.CardDigest(n.Reveal())) },
				func(err error) { fmt.Fprintln(out, "not understood:", err) })
		})
	case what == "keypad" && len(d.Keypad) > 0:
		driver := d.Keypad[0].Options.(keypad.Driver)
		return k.listen(ctx, "keypad", func(l *port.Line) error {
			return port.Decode(ctx, l, driver.Decode, func(p keypad.Press) bool { return p.Op != "" },
				func(p keypad.Press) { fmt.Fprintln(out, "key", p.Op, p.Arg) },
				func(err error) { fmt.Fprintln(out, "not understood:", err) })
		})
	}
	return fmt.Errorf("%w: the configuration of %s has no %s", station.ErrTried, d.ID, what)
}

// open opens the line of a part, once.
func (k *kiosk) open(ctx context.Context, name string) (*port.Line, error) {
	for _, w := range k.lines {
		if w.name == name {
			o := k.st.PortOptions(w.port)
			o.StuckAfter = noPaperFor
			l, err := port.OpenContext(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", station.ErrTried, err)
			}
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: no line for %s", station.ErrTried, name)
}

func (k *kiosk) listen(ctx context.Context, name string, use func(*port.Line) error) error {
	l, err := k.open(ctx, name)
	if err != nil {
		return err
	}
	defer l.Close()
	k.log.Info("listening; end with Ctrl-C", "part", name)
	if err := use(l); ctx.Err() == nil {
		return fmt.Errorf("%w: %w", station.ErrTried, err)
	}
	return nil
}

func (k *kiosk) tryPrinter(ctx context.Context, out io.Writer) error {
	l, err := k.open(ctx, "printer")
	if err != nil {
		return err
	}
	defer l.Close()
	k.press.tell = func(_ context.Context, ev flow.Event) {
		if s, ok := ev.(flow.PrinterState); ok {
			fmt.Fprintln(out, "printer", s.State)
		}
	}
	test := flow.Text{ZH: "测试", EN: "Test"}
	hearing, stop := context.WithCancel(ctx)
	defer stop()
	how, err := k.press.print(ctx, l, listen(hearing, l), flow.Job{
		ID: "test", Lang: k.st.Device.Lang, Department: test, Item: test,
		Ticket: proto.TicketRes{TID: "test", Num: "T000", T: time.Now().UnixMilli()},
	})
	fmt.Fprintln(out, "ticket", how)
	if err == nil && (how == proto.HowNone || how == proto.HowUnknown) {
		err = errors.New("no paper, or nobody knows")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", station.ErrTried, err)
	}
	return nil
}
