package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"quhao/daemon/broker"
)

const (
	tidyEvery = time.Second // how often tidy looks, and how long nobody must have come or gone
	garbage   = 24 << 20    // bytes that a collector may leave lying about, before it works
)

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
			debug.FreeOSMemory()         // a collection: tens of milliseconds of one core
			if os.Getenv("GOGC") == "" { // who sets it knows better
				debug.SetGCPercent(share(inUse()))
			}
			due = false
		}
	}
}

// share is how much garbage the collector allows, in percent of what is in use: of a small centre's few megabytes four
// times as much, so that it seldom works while somebody waits for a number (that made one tap of fifty a half slower), and of
// a thousand devices' no more than the bound.
func share(inUse uint64) int { return int(min(400, max(20, garbage*100/max(inUse, 1)))) }

// inUse is how much there is, stacks and all, in bytes: right after a collection, what is alive.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// connected is how many devices the embedded broker holds; 0 where it is elsewhere.
func (p *publisher) connected() int {
	if b, embedded := p.pipe.(*broker.Broker); embedded {
		return b.Counters().Connected
	}
	return 0
}
