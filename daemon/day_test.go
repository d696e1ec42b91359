package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
)

// badDisk is a store whose next commits fail.
type badDisk struct {
	*store.Store
	fail atomic.Int32
}

func (d *badDisk) Append(events []queue.Event, tickets []queue.Ticket, visits []queue.Visit) error {
	if d.fail.Add(-1) >= 0 {
		return errors.New("input/output error")
	}
	return d.Store.Append(events, tickets, visits)
}

// A disk that fails just when the day is to be opened does not leave the hall closed.
func TestDayIsOpenedAfterAFault(t *testing.T) {
	conf, mistakes := config.Load(hallConfig)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	data := t.TempDir()
	st, err := store.Open(data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	disk, log := &badDisk{Store: st}, new(buffer)
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: disk, Publisher: noBroker{}, Keys: controller.NewFileKeys(data), Random: random, Log: slog.New(slog.DiscardHandler),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ctl.Run(gctx) })
	disk.fail.Store(2) // the opening, and the first probe after it
	beginDay(gctx, g, ctl, slog.New(slog.NewTextHandler(log, nil)))
	if said := log.String(); !strings.Contains(said, "no service day was opened") {
		t.Errorf("the log says %q", said)
	}
	until(t, "the day is open", func() (open bool) {
		if err := ctl.Look(ctx, func(v controller.View) { open = v.State().Open }); err != nil {
			t.Fatal(err)
		}
		return open
	})
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
