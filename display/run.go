package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/display/flow"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// errOrdered ends the program when the controller has ordered a restart.
var errOrdered = fmt.Errorf("the controller has ordered it: %w", station.ErrRestart)

// unit is the program while it runs.
type unit struct {
	st     *station.Station
	flow   *flow.Unit
	wires  *wires
	window *station.Window // nil if nobody looks
	log    *slog.Logger
	events chan flow.Event
	end    context.CancelCauseFunc
	calls  []flow.Announce // of the event that is dealt with, for the log
}

// page is what /state answers.
type page struct {
	Device string `json:"device"`
	FW     string `json:"fw"`
	flow.View
	Noise map[string]noise `json:"noise"` // bytes that no driver understood, by line
}

// newUnit puts the parts together. Nothing is opened or started.
func newUnit(st *station.Station, log *slog.Logger) (*unit, error) {
	u := &unit{st: st, log: log, events: make(chan flow.Event)}
	cfg := setup(st.Device, st.Centre, st.Topics)
	warn(log, cfg, st.Centre, st.Device.LED)
	w, err := wire(st.Device, u.events, func() time.Duration { return st.Now().Up })
	if err != nil {
		return nil, err
	}
	u.wires, u.flow = w, flow.New(cfg, st.Session(), st.NewID)
	return u, nil
}

// run lives until ctx ends, or a part of it fails, or a restart is due.
func (u *unit) run(ctx context.Context, listen func(context.Context) error) error {
	ctx, u.end = context.WithCancelCause(ctx)
	defer u.end(nil)
	g, ctx := errgroup.WithContext(ctx)
	lines, unplug := context.WithCancel(context.WithoutCancel(ctx))
	defer unplug()
	context.AfterFunc(ctx, func() {
		u.wires.leave(lines)
		unplug()
	})
	for _, s := range u.wires.screens {
		s.ended = ctx.Done()
		s.part = func(state string) { tell(ctx, u.events, flow.Part{Name: "led " + s.counter, State: state}) }
	}
	for _, l := range u.wires.lines {
		g.Go(func() error { return l.run(lines, u.st.PortOptions(l.names[0], l.port), u.events, u.log) })
	}
	g.Go(func() error { return u.pipe(ctx) })
	g.Go(func() error { return u.receive(ctx) })
	g.Go(func() error { return u.loop(ctx) })
	if listen != nil {
		g.Go(func() error { return listen(ctx) })
	}
	if u.window != nil {
		g.Go(func() error { return u.st.ServeSocket(ctx, u.window) })
	}
	u.log.Info("ready", "counters", strings.Join(u.st.Device.Counters, " "))
	err := g.Wait()
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && cause != nil {
		err = cause
	}
	return err
}

// pipe keeps the connection. At the end it takes leave, so that the unit counts as switched off and not as lost.
func (u *unit) pipe(ctx context.Context) error {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	leave := context.AfterFunc(ctx, func() {
		if err := u.leave(); err != nil && !errors.Is(err, link.ErrOffline) {
			u.log.Warn("cannot take leave", "err", err)
		}
		stop()
	})
	defer leave()
	if err := u.st.Run(own); err != nil {
		return err
	}
	return ctx.Err()
}

func (u *unit) leave() error {
	b, err := json.Marshal(proto.Avail{S: "off"})
	if err != nil {
		return err
	}
	return u.st.Publish(proto.Message{Topic: u.st.Topics.Up(u.st.ID, proto.UpAvail), Payload: b, Retain: true, QoS: 1})
}

// receive hands on what happens on the connection.
func (u *unit) receive(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-u.st.Events():
			switch {
			case e.Up:
				u.log.Info("connected to the broker")
				tell(ctx, u.events, flow.PipeUp{})
			case e.Down:
				u.log.Warn("the connection to the broker is lost", "err", e.Err)
				tell(ctx, u.events, flow.PipeDown{})
			case e.Msg != nil:
				tell(ctx, u.events, flow.Message{Message: *e.Msg})
			}
		}
	}
}

// loop runs the flow.
func (u *unit) loop(ctx context.Context) error {
	r := station.Runner[flow.Event, flow.Action]{
		Flow: u.flow, Now: u.st.Now, Tick: flow.Tick{}, Do: u.do, After: u.after,
		Failed: func(a flow.Action, err error) flow.Event { return flow.Failed{Action: a, Err: err} },
	}
	return r.Run(ctx, u.events)
}

// do carries out one action. Pictures and lamps are handed to the goroutine of their line, which writes the newest.
func (u *unit) do(a flow.Action) error {
	switch a := a.(type) {
	case flow.Publish:
		return u.st.Publish(a.Message)
	case flow.Drop:
		if a.Why != "" {
			u.log.Error("the controller does not accept this device", "why", a.Why, "dials again after", a.Rest)
		} else {
			u.log.Warn("dropping the connection: the controller was not heard")
		}
		u.st.Drop(a.Rest)
	case flow.Display:
		if s := u.wires.screens[a.Counter]; s != nil {
			s.picture.put(a)
		}
	case flow.Lamp:
		u.wires.light(a.Counter, a.On)
	case flow.Announce:
		u.calls = append(u.calls, a)
	case flow.Restart:
		u.end(errOrdered)
	default:
		return fmt.Errorf("action %T is not known", a)
	}
	return nil
}

// after logs calls and shows how the unit stands.
func (u *unit) after() {
	if len(u.calls) > 0 {
		runtime.Gosched() // to the goroutine of the display: people look at it, nobody waits for the log
	}
	for _, a := range u.calls {
		u.log.Info("call", "counter", a.Counter, "ticket", a.Num, "repeat", a.Repeat)
	}
	u.calls = u.calls[:0]
	if u.window == nil {
		return
	}
	v := u.flow.View()
	if err := u.window.Show(page{Device: u.st.ID, FW: u.st.FW, View: v, Noise: u.wires.noise()}, wrong(v)); err != nil {
		u.log.Error("cannot show the state", "err", err)
	}
}

// wrong says what keeps the unit from its work, empty if nothing does.
func wrong(v flow.View) string {
	var out []string
	switch {
	case v.Refused != "":
		out = append(out, "the controller does not accept this device: "+v.Refused)
	case v.Stale:
		out = append(out, "the controller is not heard")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Parts)) {
		if v.Parts[name] != "ok" {
			out = append(out, name+" is "+v.Parts[name])
		}
	}
	if v.Journal.Err != "" {
		out = append(out, v.Journal.Err)
	}
	return strings.Join(out, "; ")
}
