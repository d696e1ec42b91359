package controller

import (
	"fmt"
	"slices"
	"time"

	"quhao/internal/proto"
)

const (
	rivalSwaps  = 3                // so often one of two boots came back to the name within rivalWithin: they are two devices
	rivalWithin = time.Minute      // a device says hello every 2 s at most, and each throws the other out within a second
	rivalQuiet  = 30 * time.Second // three heartbeats: who has not been heard for so long has gone
	maxBoots    = 4                // of one name that are remembered
	maxNonces   = 8                // of one boot
)

// rivals tells two devices that use one name from one that was started again, which never says the boot it had before.
//
// Two such devices throw each other out of the broker without end: each connection with the name ends the one before. An
// SD card that was copied is such a second device, and the spare one that was switched on while the old one still works.
// Once the boots have taken turns, the one that was there first stays and the other is rejected, which keeps it away for
// 5 minutes at a time, until the first has gone.
type rivals struct {
	boots  []bootSeen // the earliest first
	last   proto.Boot // who said hello last
	swaps  []time.Time
	keeper proto.Boot // who stays; empty unless there are two
	away   proto.Boot // who was sent away
	at     time.Time  // when, the last time
}

// bootSeen is a start of a device that has said hello.
type bootSeen struct {
	boot    proto.Boot
	install proto.Install
	from    string // its address, if the broker knows it
	nonce   string // of this hello; a connection has one of its own

	nonces []string // the last of them
}

// hello takes note of a hello. It is false if the sender is a second device of this name and has to go. bound is the
// installation of the device; heard is when the one that stays was last heard.
func (r *rivals) hello(now time.Time, s bootSeen, bound proto.Install, heard func(proto.Boot) time.Time) bool {
	known := slices.IndexFunc(r.boots, func(o bootSeen) bool { return o.boot == s.boot })
	fresh := known < 0 || !slices.Contains(r.boots[known].nonces, s.nonce) // otherwise it may be a late copy, of a start that is over
	if known >= 0 {
		s.nonces = r.boots[known].nonces
	}
	if fresh {
		s.nonces = append(s.nonces[max(0, len(s.nonces)-maxNonces+1):], s.nonce)
	}
	if known < 0 {
		if len(r.boots) == maxBoots { // the one that stays is remembered, however often the other is started
			oldest := slices.IndexFunc(r.boots, func(o bootSeen) bool { return o.boot != r.keeper })
			r.boots = slices.Delete(r.boots, oldest, oldest+1)
		}
		r.boots = append(r.boots, s)
	} else {
		r.boots[known] = s // it may have moved, or have become a new installation
		if r.last != s.boot && fresh {
			r.swaps = append(r.swaps, now)
		}
	}
	if fresh {
		r.last = s.boot
	}
	r.swaps = slices.DeleteFunc(r.swaps, func(t time.Time) bool { return now.Sub(t) > rivalWithin })
	if r.keeper == "" && len(r.swaps) >= rivalSwaps {
		r.keeper = r.first(bound)
		return r.keeper == s.boot || r.sendAway(now, s.boot)
	}
	switch {
	case r.keeper == "" || r.keeper == s.boot:
		return true
	case now.Sub(heard(r.keeper)) > rivalQuiet, s.install == bound && r.seen(r.keeper).install != bound:
		*r = rivals{boots: []bootSeen{s}, last: s.boot} // it has the name to itself, or an administrator has given it the name
		return true
	}
	return r.sendAway(now, s.boot)
}

func (r *rivals) sendAway(now time.Time, boot proto.Boot) bool {
	r.away, r.at = boot, now
	return false
}

// first is the boot that stays: the one that was there first, of those with the device's own installation if there are any.
func (r *rivals) first(bound proto.Install) proto.Boot {
	i := slices.IndexFunc(r.boots, func(s bootSeen) bool { return s.install == bound })
	return r.boots[max(0, i)].boot
}

// seen is what is known of a boot.
func (r *rivals) seen(boot proto.Boot) bootSeen {
	i := slices.IndexFunc(r.boots, func(s bootSeen) bool { return s.boot == boot })
	if i < 0 {
		return bootSeen{boot: boot}
	}
	return r.boots[i]
}

// words say what an administrator has to know, empty while there is nothing: an alarm lasts as long as the second device
// comes back, which it does every 5 minutes.
func (r *rivals) words(now time.Time) string {
	if r.at.IsZero() || now.Sub(r.at) > 2*rejectedFor {
		return ""
	}
	return fmt.Sprintf("two devices use this name: %s stays, %s is sent away", r.where(r.keeper), r.where(r.away))
}

// where names a device by its address.
func (r *rivals) where(boot proto.Boot) string {
	if s := r.seen(boot); s.from != "" {
		return "the one at " + s.from
	}
	return fmt.Sprintf("the one with boot %.8s", string(boot))
}

// rejectedFor is how long a rejected device stays away (PROTOCOL.md, session).
const rejectedFor = 5 * time.Minute

// rival looks whether a hello comes from a second device of that name, and says then why it has to go.
func (b *batch) rival(dev string, d *deviceView, h proto.Hello) (why string) {
	if h.Boot == "" {
		return "" // nothing to tell them apart by
	}
	seen := bootSeen{boot: h.Boot, install: h.Install, nonce: h.Nonce}
	if b.o.Where != nil {
		seen.from = b.o.Where(dev)
	}
	heard := func(boot proto.Boot) time.Time {
		if s := b.sessions[dev]; s != nil && s.boot == boot {
			return s.heard
		}
		return time.Time{}
	}
	fresh := d.rivals.words(b.now) == ""
	if d.rivals.hello(b.now, seen, proto.Install(b.state.Devices[dev]), heard) {
		return ""
	}
	if fresh {
		b.count["rivals"]++
		b.log.Error("two devices use one name and throw each other out: give one of them a name of its own, or switch it off; if a card was copied, enrol that device anew",
			"device", dev, "stays", d.rivals.where(d.rivals.keeper), "sent away", d.rivals.where(d.rivals.away))
	}
	return "another device that works uses this name (" + d.rivals.where(d.rivals.keeper) + "): give this one a name of its own, or switch one of them off"
}
