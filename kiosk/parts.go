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

	noise  map[string]*tally
	nobody map[string]*tally // cards that identify nobody

	mu    sync.Mutex
	state map[string]string
}

func newParts(tell func(context.Context, flow.Event)) *parts {
	return &parts{tell: tell, state: map[string]string{}, noise: map[string]*tally{}, nobody: map[string]*tally{}}
}

// add makes a part known, before anything runs, and returns where to count what it sends that nobody understands.
func (p *parts) add(name string) *tally {
	t := new(tally)
	p.noise[name] = t
	p.nobody[name] = new(tally)
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
	p.report(ctx)
}

// nobodyCame counts a card that identifies nobody, and reports it.
func (p *parts) nobodyCame(ctx context.Context, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nobody[name].add()
	p.report(ctx)
}

// report tells how all parts are. p.mu is held.
func (p *parts) report(ctx context.Context) {
	h := proto.Health{Parts: maps.Clone(p.state), Count: map[string]uint64{}}
	for part, n := range p.counts() {
		h.Count[part+".bad"] = n
	}
	for part, t := range p.nobody {
		if n := t.n.Load(); n > 0 {
			h.Count[part+".nobody"] = n
		}
	}
	p.tell(ctx, flow.Parts{Health: h})
}

// counts returns how many frames of each part were not understood. The parts are all known before anything runs.
func (p *parts) counts() map[string]uint64 {
	out := map[string]uint64{}
	for part, t := range p.noise {
		out[part] = t.n.Load()
	}
	return out
}
