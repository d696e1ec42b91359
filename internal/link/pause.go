package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"time"
)

// outcome is how far a connection got. The farther, the more it has cost the other side.
type outcome int

const (
	nobody  outcome = iota // nobody listens, or the network does not reach that far: it has cost a packet or two
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
	p := &pauses{least: o.MinWait, most: o.MaxWait, slow: o.Refused, spread: rand.Int64N}
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

// atOnce is how soon a connection ends that somebody has taken who has nobody behind him: a forwarder, or a switch that
// balances load. A broker that is crowded gives everybody at least twice as long.
const atOnce = 50 * time.Millisecond

// hungUp says whether a connection of that age was ended at once by the other side, without a word.
func hungUp(age time.Duration, err error) bool {
	return age < atOnce && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

// sayAgain is how long the log is spared another cause, but for a refusal after there was nobody, or the other way round.
const sayAgain = time.Minute

// complaint is what was last said of connections that could not be made: the same again and again would fill the log of
// an SD card.
type complaint struct {
	refused bool
	cause   string
	at      time.Time
}

// isNew says whether there is something to say, and takes note of it.
func (c *complaint) isNew(got outcome, err error, now time.Time) bool {
	if got == wasUp {
		*c = complaint{}
		return false
	}
	cause := err.Error()
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		cause = no.Error() // without the port of this side, which is another each time
	}
	if c.cause != "" && c.refused == (got == refused) && (c.cause == cause || now.Sub(c.at) < sayAgain) {
		return false
	}
	*c = complaint{got == refused, cause, now}
	return true
}
