package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/reader"
	"quhao/drivers/trial"
	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
	"quhao/internal/ticket"
	"quhao/kiosk/flow"
)

// kiosk is the program while it runs: the flow, and around it the things it speaks with.
type kiosk struct {
	st     *station.Station
	flow   *flow.Kiosk
	events chan flow.Event
	parts  *parts
	press  *press
	lines  []wire
	window *station.Window
	log    *slog.Logger
	end    context.CancelCauseFunc
}

// errOrdered ends the program when the controller has ordered a restart.
var errOrdered = fmt.Errorf("the controller has ordered it: %w", station.ErrRestart)

// wire is one line with what hangs on it.
type wire struct {
	name string
	port config.Port
	use  func(ctx context.Context, l *port.Line) error
	// greet makes sure that the thing is there before the line counts as open; nil if that cannot be known.
	greet func(ctx context.Context, l *port.Line) error
}

// newKiosk puts the parts together. Nothing is opened or started. An error is a fault of this program, because the
// configuration was checked.
func newKiosk(st *station.Station, window *station.Window, log *slog.Logger) (*kiosk, error) {
	k := &kiosk{st: st, events: make(chan flow.Event), window: window, log: log}
	k.parts = newParts(k.tell)
	k.flow = flow.New(st.Now(), setup(st.Device, st.Centre, st.Topics), st.Session(), st.NewID)
	d := st.Device
	driver, ok := d.Printer.Options.(printer.Driver)
	if !ok {
		return nil, fmt.Errorf("printer: the driver %s prints nothing", d.Printer.Driver)
	}
	layout := func(j flow.Job) printer.Paper {
		if j.Test {
			return trial.Page(driver.Columns())
		}
		return ticket.Layout(paperOf(j, st.Centre), ticket.Options{Columns: driver.Columns()})
	}
	k.press = newPress(driver, d.Printer.Port.Baud, layout, k.printerTells, k.parts.add("printer"))
	k.lines = append(k.lines, wire{name: "printer", port: d.Printer.Port, use: k.press.use})
	for _, r := range []struct {
		part string
		*config.Peripheral
	}{{"card_reader", d.CardReader}, {"scanner", d.Scanner}} {
		if r.Peripheral == nil {
			continue
		}
		if !reader.Is(r.Options) {
			return nil, fmt.Errorf("%s: the driver %s reads no cards", r.part, r.Driver)
		}
		k.lines = append(k.lines, k.cards(r.part, r.Port, r.Options))
	}
	for _, p := range d.Keypad {
		driver, ok := p.Options.(keypad.Driver)
		if !ok {
			return nil, fmt.Errorf("keypad: the driver %s reads no keys", p.Driver)
		}
		k.lines = append(k.lines, wire{name: "keypad", port: p.Port, use: k.keys(driver, k.parts.add("keypad"))})
	}
	return k, nil
}

// tell hands an event to the loop.
func (k *kiosk) tell(ctx context.Context, ev flow.Event) {
	select {
	case k.events <- ev:
	case <-ctx.Done():
	}
}

// printerTells hands on what the printer says, and keeps the word on the part.
func (k *kiosk) printerTells(ctx context.Context, ev flow.Event) {
	k.tell(ctx, ev)
	if s, ok := ev.(flow.PrinterState); ok {
		state := s.State
		if state == printer.Offline {
			state = printer.Error // a health message knows no such word
		}
		k.parts.set(ctx, "printer", string(state))
	}
}

// line keeps a line open and tells of its state.
func (k *kiosk) line(ctx context.Context, w wire) error {
	o := k.st.PortOptions(w.name, w.port)
	o.StuckAfter = noPaperFor
	return port.Run(ctx, w.name, func() (*port.Line, error) { return w.open(ctx, o) }, w.use, func(s port.State) {
		switch {
		case !s.Up:
			k.log.Warn("a part is gone", "part", w.name, "err", s.Err)
			if w.name == "printer" {
				k.printerTells(ctx, flow.PrinterState{State: printer.Gone})
				return
			}
			k.parts.set(ctx, w.name, "gone")
		case w.name != "printer": // the printer itself says how it is
			k.log.Info("a part is there", "part", w.name)
			k.parts.set(ctx, w.name, "ok")
		default:
			k.log.Info("a part is there", "part", w.name)
		}
	})
}

// run lives until ctx ends, or a part of it fails, or a restart is due.
func (k *kiosk) run(ctx context.Context, listen func(context.Context) error) error {
	ctx, k.end = context.WithCancelCause(ctx)
	defer k.end(nil)
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range k.lines {
		g.Go(func() error { return k.line(ctx, w) })
	}
	g.Go(func() error { return k.pipe(ctx) })
	g.Go(func() error { return k.receive(ctx) })
	g.Go(func() error {
		r := station.Runner[flow.Event, flow.Action]{
			Flow: k.flow, Now: k.st.Now, Tick: flow.Tick{}, Do: k.do, After: k.show,
			Failed: func(a flow.Action, err error) flow.Event { return flow.Failed{Action: a, Err: err} },
		}
		return r.Run(ctx, k.events)
	})
	if listen != nil {
		g.Go(func() error { return listen(ctx) })
	}
	g.Go(func() error { return k.st.ServeSocket(ctx, k.window) })
	k.log.Info("ready", "hall", k.st.Device.Hall)
	err := g.Wait()
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && cause != nil {
		err = cause
	}
	return err
}

// pipe keeps the connection. At the end it takes leave, so that the kiosk counts as switched off and not as lost.
func (k *kiosk) pipe(ctx context.Context) error {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	leave := context.AfterFunc(ctx, func() {
		if err := k.leave(); err != nil && !errors.Is(err, link.ErrOffline) {
			k.log.Warn("cannot take leave", "err", err)
		}
		stop()
	})
	defer leave()
	if err := k.st.Run(own); err != nil {
		return err
	}
	return ctx.Err()
}

func (k *kiosk) leave() error {
	b, err := json.Marshal(proto.Avail{S: "off"})
	if err != nil {
		return err
	}
	return k.st.Publish(proto.Message{Topic: k.st.Topics.Up(k.st.ID, proto.UpAvail), Payload: b, Retain: true, QoS: 1})
}

// receive hands on what happens on the connection.
func (k *kiosk) receive(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-k.st.Events():
			switch {
			case e.Up:
				k.log.Info("connected to the broker")
				k.tell(ctx, flow.PipeUp{})
			case e.Down:
				k.log.Warn("the connection to the broker is lost", "err", e.Err)
				k.tell(ctx, flow.PipeDown{})
			case e.Msg != nil:
				k.tell(ctx, flow.Message{M: *e.Msg})
			}
		}
	}
}

// do carries out one action of the flow, at once.
func (k *kiosk) do(a flow.Action) error {
	switch a := a.(type) {
	case flow.Print:
		k.log.Info("printing", "dept", a.Job.Ticket.Q, "ticket", a.Job.Ticket.Num, "reprint", a.Job.Reprint)
		if err := k.press.accept(a.Job); err != nil {
			return fmt.Errorf("print ticket %s: %w", a.Job.Ticket.Num, err)
		}
	case flow.Publish:
		return k.st.Publish(a.M)
	case flow.Drop:
		if a.Why != "" {
			k.log.Error("the controller does not accept this device", "why", a.Why, "dials again after", a.Rest)
		} else {
			k.log.Warn("dropping the connection: the controller was not heard")
		}
		k.st.Drop(a.Rest)
	case flow.Restart:
		k.end(errOrdered)
	case flow.Screen:
		k.log.Debug("screen", "state", a.State)
	case flow.Lamp:
		// No driver of a kiosk's keypad has a lamp for each key; /state shows them.
	}
	return nil
}
