package link

import (
	"math/rand/v2"
	"time"
)

// outcome is how far a connection got. The farther, the more it has cost the other side.
type outcome int

const (
	nobody  outcome = iota // nobody listens, or the network does not reach that far: it has cost one packet
	unheard                // somebody took the connection and ended it, or said nothing
	refused                // the broker has said no: to the name, the secret or the filters
	wasUp                  // signed in and subscribed, and lost later
)

// pauses decides how long a link stays away before it dials again.
//
// A hall must go on within 2 s after its controller is back, so while nobody listens a device knocks once or twice a
// second, which costs one packet each; a thousand devices that come back together spread themselves over a second. Who
// is not heard, because so many sign in, comes more and more rarely, and who is told no still more so.
type pauses struct {
	least, most, slow time.Duration
	unheard, refused  time.Duration       // before the next dial, growing
	spread            func(n int64) int64 // a random number below n
}

func newPauses(o Options) *pauses {
	p := &pauses{least: o.MinWait, most: o.MaxWait, slow: max(o.MaxWait, refusedWait), spread: rand.Int64N}
	p.reset()
	return p
}

func (p *pauses) reset() { p.unheard, p.refused = p.least, p.least }

// after is the pause after a connection that got so far.
func (p *pauses) after(got outcome) time.Duration {
	switch got {
	case nobody:
		p.unheard = p.least // the crowd has gone with who was crowded
		return p.about(p.least)
	case unheard:
		d := p.about(p.unheard)
		p.unheard = min(2*p.unheard, p.most)
		return min(d, p.most)
	case refused:
		d := p.about(p.refused)
		p.refused = min(2*p.refused, p.slow)
		return min(d, p.slow)
	}
	p.reset()
	return time.Duration(p.spread(int64(2 * p.least)))
}

// about is d to 2d.
func (p *pauses) about(d time.Duration) time.Duration { return d + time.Duration(p.spread(int64(d))) }
