package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"quhao/drivers"
	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/port"
	"quhao/internal/hwtest"
)

// Listen reads a device until a signal; the answer is an ID as of a program. Its output has a line for each key
// ("key next 0") and card ("card 0008844356"), for what was not understood, and for each change of the port.
func (g *guest) Listen(r hwtest.Reader, id *int) error {
	spec, ok := drivers.Find(drivers.Kind(r.Kind), r.Driver)
	if !ok {
		return fmt.Errorf("there is no driver %s for a %s", r.Driver, r.Kind)
	}
	driver := spec.New()
	var o port.Options
	if err := yaml.Unmarshal([]byte(r.Port), &o); err != nil {
		return err
	}
	if err := yaml.Unmarshal([]byte(r.Options), driver); err != nil {
		return err
	}
	o = lines(o, spec.Port, driver)
	p := &program{changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	use, err := p.uses(driver)
	if err != nil {
		cancel()
		return err
	}
	open := func() (*port.Line, error) { return port.OpenContext(ctx, o.WithBaud(spec.Baud)) }
	go func() {
		p.end(port.Run(ctx, r.Kind, open, use, func(s port.State) {
			if s.Up {
				fmt.Fprintln(p, "up")
				return
			}
			fmt.Fprintln(p, "down:", s.Err)
		}))
	}()
	*id = g.add(p)
	return nil
}

// lines puts the lines that a driver's options name into the port.
func lines(o port.Options, kind drivers.PortKind, driver any) port.Options {
	if l, ok := driver.(interface{ Lines() []string }); ok && kind == drivers.GPIO {
		o.GPIO = strings.Join(l.Lines(), " ")
	} else if ok && kind == drivers.Wiegand {
		o.Wiegand = strings.Join(l.Lines(), " ")
	}
	if r, ok := driver.(interface{ Rows() []string }); ok {
		o.Rows = strings.Join(r.Rows(), " ")
	}
	return o
}

// uses is how the kiosk and the counter unit read such a driver.
func (p *program) uses(driver any) (func(context.Context, *port.Line) error, error) {
	bad := func(err error) { fmt.Fprintln(p, "bad:", err) }
	begun := time.Now()
	switch d := driver.(type) {
	case card.Driver:
		return func(ctx context.Context, l *port.Line) error {
			var held card.Held
			return port.Decode(ctx, l, d.Decode, func(n card.Number) bool { return n != "" }, func(n card.Number) {
				if held.Seen(time.Since(begun), n) {
					fmt.Fprintln(p, "card", n.Reveal())
				}
			}, bad)
		}, nil
	case keypad.Driver:
		return func(ctx context.Context, l *port.Line) error {
			var bounce keypad.Bounce
			return port.Decode(ctx, l, d.Decode, func(k keypad.Press) bool { return k.Op != "" }, func(k keypad.Press) {
				if bounce.Pass(time.Since(begun), k) {
					fmt.Fprintln(p, "key", k.Op, k.Arg)
				}
			}, bad)
		}, nil
	}
	return nil, fmt.Errorf("%T reads neither cards nor keys", driver)
}
