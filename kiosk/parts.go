package main

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// tally counts what a line brought that no driver understood.
type tally struct{ n atomic.Uint64 }

func (t *tally) add() { t.n.Add(1) }

// parts is the state of everything that hangs on the kiosk.
type parts struct {
	tell func(ctx context.Context, ev flow.Event)

	mu    sync.Mutex
	state map[string]string
	noise map[string]*tally
}

func newParts(tell func(context.Context, flow.Event)) *parts {
	return &parts{tell: tell, state: map[string]string{}, noise: map[string]*tally{}}
}

// add makes a part known, and returns where to count what it sends that nobody understands.
func (p *parts) add(name string) *tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := new(tally)
	p.noise[name] = t
	return t
}

// set takes note of a part's state: ok, low, out, open, error or gone. The lock is held while a change is told, so that
// an older word never comes after a newer one.
func (p *parts) set(ctx context.Context, name, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state[name] == state {
		return
	}
	p.state[name] = state
	h := proto.Health{Parts: maps.Clone(p.state), Count: map[string]uint64{}}
	for part, t := range p.noise {
		h.Count[part+".bad"] = t.n.Load()
	}
	p.tell(ctx, flow.Parts{Health: h})
}

// counts returns the state and noise of all parts. It must not wait for set, which waits for the loop that calls it:
// so it only tries.
func (p *parts) counts() (state map[string]string, noise map[string]uint64, ok bool) {
	if !p.mu.TryLock() {
		return nil, nil, false
	}
	defer p.mu.Unlock()
	noise = map[string]uint64{}
	for part, t := range p.noise {
		noise[part] = t.n.Load()
	}
	return maps.Clone(p.state), noise, true
}
