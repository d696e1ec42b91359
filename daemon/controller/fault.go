package controller

import (
	"maps"
	"slices"
	"time"

	"quhao/internal/proto"
)

// fault notes that a commit failed: what is in memory is ahead of the database, and is built anew from it.
func (c *Controller) fault(now time.Time, err error) {
	c.faulted, c.probeAt, c.ahead, c.doubt = err, now, true, true
	c.count["commit_failed"]++
	c.log.Error("the database cannot be written; nothing is issued until it can", "err", err)
	if err := c.load(); err != nil {
		c.log.Error("the database cannot be read either", "err", err)
	}
	c.ctlAt = time.Time{} // say so at once
}

// recover probes the database once a second while faulted: a higher epoch is committed on top of what it holds.
// The sessions end, for they remember answers that were never committed.
func (c *Controller) recover(now time.Time) bool {
	if since := now.Sub(c.probeAt); since >= 0 && since < probeEvery {
		return false
	}
	c.probeAt = now
	if c.ahead {
		if err := c.load(); err != nil {
			c.faulted = err
			return false
		}
	}
	if err := c.raise("fault", now); err != nil {
		c.faulted = err
		return false
	}
	c.log.Info("the database can be written again", "epoch", c.epoch)
	c.faulted, c.ctlAt, c.statesAt = nil, time.Time{}, time.Time{}
	c.endSessions()
	return true
}

// endSessions asks every device to say hello again.
func (c *Controller) endSessions() {
	for _, d := range c.devices {
		d.waiting = nil
	}
	for _, dev := range slices.Sorted(maps.Keys(c.sessions)) {
		c.endSession(dev)
	}
}

func (c *Controller) endSession(dev string) {
	if s := c.sessions[dev]; s != nil {
		delete(c.sessions, dev)
		c.tell(dev, proto.DownHello, proto.Welcome{V: proto.Version, S: proto.Again, Sess: s.id})
	}
}
