package main

import (
	"context"
	"os"
	"runtime/debug"
	runtimes "runtime/metrics"
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
	set := 0 // percent; 0: not by us
	for last, due := connected(), true; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if now := share(alive()); set > now { // what was right for a small centre is too much for one that has grown
			set = now
			debug.SetGCPercent(set)
		}
		if now := connected(); now != last {
			last, due = now, true
			continue
		}
		if due {
			debug.FreeOSMemory()         // a collection: tens of milliseconds of one core
			if os.Getenv("GOGC") == "" { // who sets it knows better
				set = share(alive())
				debug.SetGCPercent(set)
			}
			due = false
		}
	}
}

// share is how much garbage the collector allows, in percent of what is alive: of a small centre's few megabytes four times
// as much, so that it seldom works while somebody waits for a number (a collection made one tap in fifty half as slow again),
// and of a thousand devices' no more than the bound.
func share(alive uint64) int { return int(min(400, max(20, garbage*100/max(alive, 1)))) }

// alive is how much the last collection left, stacks and all, in bytes.
func alive() uint64 {
	s := []runtimes.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	runtimes.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}

// connected is how many devices the embedded broker holds; 0 where it is elsewhere.
func (p *publisher) connected() int {
	if b, embedded := p.pipe.(*broker.Broker); embedded {
		return b.Counters().Connected
	}
	return 0
}
