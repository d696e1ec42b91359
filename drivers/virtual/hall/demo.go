package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/internal/config"
)

const (
	longest      = 120 * time.Second // of a morning of 40; it takes about half a minute
	handInWithin = 15 * time.Second  // the devices' last facts
)

// demo is a morning in the hall.
type demo struct {
	h      *hall
	ledger *ledger
	turn   []chan struct{} // for each kiosk: whoever has put something in stands at it
}

// demo lets a morning pass, closes the hall's programs, and checks the books.
func (h *hall) demo(o options) error {
	devices := slices.DeleteFunc(slices.Clone(h.conf.Devices), func(d *config.Device) bool { return d.Kind != config.Kiosk })
	d := &demo{h: h, ledger: newLedger(invent(o.seed, o.visitors, h.conf, devices))}
	for range h.wires.kiosks {
		d.turn = append(d.turn, make(chan struct{}, 1))
	}
	if o.page != "" {
		h.out.say("在浏览器中观看 / watch it in a browser: http://%s/", h.opt.page)
	}
	h.out.event("大厅开门：%d 位访客，%d 个窗口，种子 %d", "the doors open: %d visitors, %d counters, seed %d", o.visitors, len(h.wires.units), o.seed)
	if err := d.morning(o); err != nil {
		return err
	}
	if err := d.handIn(); err != nil {
		return err
	}
	h.out.event("上午结束", "the morning is over")
	h.stopPrograms()
	return d.check(o.kill)
}

// morning lets visitors and officers do what they do until nobody is left.
func (d *demo) morning(o options) error {
	ctx, cancel := context.WithTimeout(d.h.ctx, longest+time.Duration(o.visitors)*time.Second)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, v := range d.ledger.visitors {
		g.Go(func() error { return d.come(ctx, v) })
	}
	for _, u := range d.h.wires.units {
		g.Go(func() error { return (&officer{d: d, u: u}).work(ctx) })
	}
	if o.kill {
		g.Go(func() error { return d.strike(ctx) })
	}
	err := g.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the morning does not end; still there:\n  %s", strings.Join(d.ledger.unsettled(), "\n  "))
	}
	return err
}

// strike kills the daemon when a third of the visitors have their numbers.
func (d *demo) strike(ctx context.Context) error {
	for {
		rung := d.ledger.bell.next()
		d.ledger.mu.Lock()
		n := len(d.ledger.holders)
		d.ledger.mu.Unlock()
		if n >= max(1, len(d.ledger.visitors)/3) {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-rung:
		}
	}
	d.h.out.event("强制结束 quhaod，此前已发 %d 个号", "kill -9 quhaod, after %d numbers", len(d.h.papers.list()))
	return d.h.daemon.kill()
}

// handIn waits until the journals of all devices are handed in, so that the books hold everything.
func (d *demo) handIn() error {
	windows := map[string]string{}
	for _, k := range d.h.wires.kiosks {
		windows[k.id] = k.window
	}
	for _, u := range d.h.wires.units {
		windows[u.id] = u.window
	}
	ctx, cancel := context.WithTimeout(d.h.ctx, handInWithin)
	defer cancel()
	for id, window := range windows {
		if err := d.handedIn(ctx, window); err != nil {
			return fmt.Errorf("%s has facts that the daemon does not take: %w", id, err)
		}
	}
	return nil
}

// handedIn waits until a device's journal holds nothing that was not taken.
func (d *demo) handedIn(ctx context.Context, window string) error {
	for {
		var page struct {
			Journal struct {
				Pending int    `json:"pending"` // of a unit
				Next    uint64 `json:"next"`    // of a kiosk
				Acked   uint64 `json:"acked"`
			} `json:"journal"`
		}
		err := get(ctx, &d.h.client, "http://"+window+"/state", &page)
		if j := page.Journal; err == nil && j.Pending == 0 && j.Next <= j.Acked+1 {
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}
