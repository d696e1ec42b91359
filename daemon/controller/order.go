package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// orderAgain is how often an order is sent until the device has carried it out: it does that once, and it may be busy
// with a visitor, or the message may be lost.
const orderAgain = 2 * time.Second

// order is an order that somebody waits for.
type order struct {
	dev  string
	done chan string // how its paper came out; room for one word
}

// Errors of Order. Its others say in words what makes no sense.
var (
	ErrNotThere = errors.New("the device is not connected")
	ErrNoAnswer = errors.New("the device has not said that it is done")
)

// Order has a device do something once: reprint, test, identify or restart (proto.DoReprint and so on); number is the
// ticket to reprint, of today, and empty otherwise. It waits until the device says that it is done, and returns how the
// paper came out (proto.HowAsked and so on), empty if there is none.
//
// The error wraps ErrNotThere, ErrNoAnswer when ctx has ended, or says what makes no sense. An order lives in memory only:
// one that the device has not carried out is gone with its session.
func (c *Controller) Order(ctx context.Context, dev, op, number string) (how string, err error) {
	wish := proto.Order{V: proto.Version, Op: op}
	var done chan string
	look := func(f func()) error { return c.Look(ctx, func(View) { f() }) }
	if lost := look(func() { wish, done, err = c.newOrder(dev, wish, number) }); lost != nil || err != nil {
		return "", errors.Join(lost, err)
	}
	defer func() {
		// The loop may have ended: then nobody reads the orders any more.
		forget, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderAgain)
		defer cancel()
		if lost := c.Look(forget, func(View) { delete(c.orders, wish.ID) }); lost != nil {
			c.log.Debug("an order is not forgotten", "device", dev, "err", lost)
		}
	}()
	again := time.NewTicker(orderAgain)
	defer again.Stop()
	for {
		if lost := look(func() { err = c.sendOrder(dev, wish) }); lost != nil || err != nil {
			return "", errors.Join(lost, err)
		}
		select {
		case how := <-done:
			return how, nil
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("%w: it may be busy, or switched off", ErrNoAnswer)
		}
	}
}

// newOrder checks an order and gives it an id. It runs in the loop.
func (c *Controller) newOrder(dev string, o proto.Order, number string) (proto.Order, chan string, error) {
	d := c.devices[dev]
	known := []string{proto.DoIdentify, proto.DoTest, proto.DoRestart, proto.DoReprint}
	switch {
	case d == nil:
		return o, nil, fmt.Errorf("there is no device %q; quhaod status shows them", dev)
	case !slices.Contains(known, o.Op):
		return o, nil, fmt.Errorf("there is no order %q, but: %s", o.Op, strings.Join(known, ", "))
	case o.Op == proto.DoReprint && d.conf.Kind != string(proto.KindKiosk):
		return o, nil, fmt.Errorf("%s is no kiosk and prints nothing", dev)
	case o.Op == proto.DoReprint && number == "":
		return o, nil, errors.New("reprint which number?")
	case o.Op == proto.DoReprint:
		t := c.today(number)
		if t == nil {
			return o, nil, fmt.Errorf("there is no ticket %s today", number)
		}
		if !t.State.Live() {
			return o, nil, fmt.Errorf("the ticket %s is %s: nobody can use another paper of it", t.Number, t.State)
		}
		o.TID = proto.ID(t.ID)
	}
	o.ID = proto.ID(c.o.Random())
	done := make(chan string, 1)
	c.orders[o.ID] = order{dev: dev, done: done}
	return o, done, nil
}

// today finds a ticket of the open day by its number.
func (c *Controller) today(number string) *queue.Ticket {
	for _, t := range c.state.Tickets {
		if strings.EqualFold(t.Number, number) && t.Twin == 0 && t.Day == c.state.Day {
			return t
		}
	}
	return nil
}

// sendOrder sends an order in the device's present session. It runs in the loop.
func (c *Controller) sendOrder(dev string, o proto.Order) error {
	s := c.sessions[dev]
	if s == nil {
		return fmt.Errorf("%s: %w; quhaod status says since when", dev, ErrNotThere)
	}
	o.Sess = s.id
	c.tell(dev, proto.DownDo, o)
	return nil
}

// carriedOut tells whoever waits for it that an order was carried out. It runs in the loop, after the commit of the fact.
func (c *Controller) carriedOut(dev string, f proto.Fact) {
	if o, ok := c.orders[f.ID]; ok && o.dev == dev {
		select {
		case o.done <- f.How:
		default: // it was told before
		}
	}
}
