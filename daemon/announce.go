package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"quhao/daemon/broker"
	"quhao/daemon/controller"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// announcer says on a broker that has just come up all that is retained there: each device's configuration, and every state.
type announcer struct {
	conf   *config.Config
	topics proto.Topics
	ctl    *controller.Controller
	out    interface{ Publish(proto.Message) error }
	log    *slog.Logger
	ver    uint64
}

// announce publishes everything. It fails with broker.ErrClosed while the embedded broker is not running yet.
func (a *announcer) announce(ctx context.Context) error {
	for _, d := range a.conf.Devices {
		text, err := a.conf.Serve(d.ID)
		if err != nil {
			return fmt.Errorf("configuration of %s: %w", d.ID, err)
		}
		b, err := json.Marshal(proto.NewCfg(a.ver, text))
		if err != nil {
			return fmt.Errorf("configuration of %s: %w", d.ID, err)
		}
		m := proto.Message{Topic: a.topics.Down(d.ID, proto.DownCfg), Payload: b, Retain: true, QoS: 1}
		if err := a.out.Publish(m); err != nil {
			return fmt.Errorf("configuration of %s: %w", d.ID, err)
		}
	}
	return a.ctl.Republish(ctx)
}

// untilUp announces as soon as the embedded broker takes messages.
func (a *announcer) untilUp(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := a.announce(ctx)
		if !errors.Is(err, broker.ErrClosed) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
