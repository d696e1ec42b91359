package main

import (
	"context"
	"runtime/debug"
	"time"

	"quhao/daemon/broker"
)

// tidyEvery is how often tidy looks, and how long nobody must have come or gone.
const tidyEvery = time.Second

// tidy gives memory back to the system after the start and after each rush of devices: a thousand that connect at once
// leave the controller with as much garbage as they need themselves, which the collector would keep for the next rush.
// connected is how many devices there are.
func tidy(ctx context.Context, connected func() int) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for last, due := connected(), true; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if now := connected(); now != last {
			last, due = now, true
			continue
		}
		if due {
			debug.FreeOSMemory() // a collection: tens of milliseconds of one core
			due = false
		}
	}
}

// connected is how many devices the embedded broker holds; 0 where it is elsewhere.
func (p *publisher) connected() int {
	if b, embedded := p.pipe.(*broker.Broker); embedded {
		return b.Counters().Connected
	}
	return 0
}
