package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
)

// openDay begins a service day if none is open.
func openDay(ctx context.Context, ctl *controller.Controller, log *slog.Logger) error {
	_, err := ctl.Do(ctx, queue.Command{Actor: "start", Request: newRequest(time.Now()), Do: queue.OpenDay{}})
	if no, ok := errors.AsType[*queue.Refusal](err); ok && no.Code == queue.Conflict {
		log.Info("the service day goes on")
		return nil
	}
	if err == nil {
		log.Info("a service day was opened")
	}
	return err
}

// beginDay opens a service day, now if it can be done, and otherwise as soon as it can.
func beginDay(ctx context.Context, g *errgroup.Group, ctl *controller.Controller, log *slog.Logger) {
	if err := openDay(ctx, ctl, log); err != nil {
		log.Warn("no service day was opened; it is tried again until one is", "err", err)
		g.Go(func() error { return keepOpening(ctx, ctl, log) })
	}
}

// keepOpening tries to open a service day each second until one is open: a disk that failed at that moment must not leave a
// hall closed that nobody told to stay so.
func keepOpening(ctx context.Context, ctl *controller.Controller, log *slog.Logger) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if openDay(ctx, ctl, log) == nil { // what is wrong is said by the controller's own fault
			return nil
		}
	}
}
