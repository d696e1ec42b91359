package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// plan is which great misfortunes a run has. They are drawn together more often than by chance: most faults of a recovery
// need two of them, and several batches of facts.
type plan struct {
	own     int  // numbers that a kiosk may give by itself; 0 is none
	restore bool // an old backup takes the place of the log
	dead    bool // at that time a kiosk is taken away, and an administrator ends the recovery
	storm   bool // and the power fails everywhere
	hasty   bool // an administrator ends the recovery although nobody is missing
	lose    bool // a kiosk loses its disk
	back    bool // or gets an old copy of it
	week    bool // between the backup and the restore a week passes: the journals have dropped facts that the backup lacks
}

func drawPlan(r *rand.Rand) plan {
	some := func(p float64) bool { return r.Float64() < p }
	p := plan{own: []int{0, 3, 99, 99}[r.IntN(4)]}
	switch r.IntN(8) {
	case 0, 1:
		p.restore, p.dead, p.storm, p.hasty, p.lose = true, some(0.5), some(0.5), some(0.2), some(0.4)
		p.week = some(0.25)
	case 2:
		p.lose = true
	case 3:
		p.back = true
	}
	return p
}

// atLeast is how long the faults must last for a plan to come true.
func (p plan) atLeast() time.Duration {
	if p.restore {
		return 50 * time.Second
	}
	return 0
}

// visits is how often somebody comes to a kiosk: what a restore loses must be more than one message of facts.
func (p plan) visits() time.Duration {
	if p.restore {
		return 1200 * time.Millisecond
	}
	return 2500 * time.Millisecond
}

// misfortune lets the plan come true.
func (w *world) misfortune() {
	k := w.kiosks[w.rng.IntN(len(w.kiosks))]
	if w.plan.own > 0 {
		for _, k := range w.kiosks {
			w.each(12*time.Second, func() {
				k.rest = w.now + w.some(2*time.Second, 15*time.Second)
				w.say("%s will be cut off until %s", k.dev, k.rest)
				k.cut()
			})
		}
	}
	if w.plan.restore {
		at := w.some(time.Second, 15*time.Second)
		w.after(at, func() { w.centre.backup = slices.Clone(w.centre.log) })
		lost := w.some(2*time.Second, 15*time.Second)
		w.after(at+lost, func() { w.restore(k) })
		if w.plan.week {
			w.after(at+w.some(0, lost), w.week)
		}
	}
	if w.plan.lose {
		w.after(w.some(2*time.Second, 35*time.Second), func() { k.replaced(nil) })
	}
	if w.plan.back {
		w.after(w.some(time.Second, 15*time.Second), k.copied)
	}
	w.administrator(w.now)
}

// week lets a week pass in which nobody comes: whoever held a paper has gone home.
func (w *world) week() {
	w.passed, w.weekAt = device.KeepFor+24*time.Hour, w.now
	w.say("a week passes")
}

// restore puts the backup in the place of the log, as quhaod restore does: its last event is that the recovery has begun.
func (w *world) restore(k *kiosk) {
	c := w.centre
	if n := len(c.backup); n == 0 || !c.shadow.Open || c.backup[n-1].Day != c.shadow.Day {
		return // a backup of another day: its numbers are not those of this day's papers (PROTOCOL.md, limits)
	}
	w.stats.restores++
	w.say("the backup with %d events of %d is put in place", len(c.backup), len(c.log))
	if c.ctl != nil {
		c.died()
	}
	w.books.goBack(w, c.backup)
	c.log, c.shadow = nil, queue.New()
	rough := w.faults
	w.faults, w.restoring = faults{}, true
	c.commit(c.backup)
	ctl, err := c.load()
	if err != nil {
		w.fail("the backup cannot be loaded: %v", err)
		return
	}
	ctl.Handle(c.time(), []controller.Input{{
		Do: &queue.Command{Request: queue.RequestID(w.newID()), Actor: "cli", Do: queue.BeginRecovery{Why: "restore"}},
		Reply: func(_ controller.Result, err error) {
			if err != nil {
				w.fail("the recovery cannot begin: %v", err)
			}
		},
	}})
	w.faults, w.restoring = rough, false
	for _, k := range w.kiosks {
		j := k.disk.journal()
		if j == nil {
			return
		}
		for f := range j.Facts() {
			if f.K == proto.FactStart {
				w.books.owed[k.dev] = append(w.books.owed[k.dev], f.ID)
			}
		}
	}
	w.strike(k)
}

// strike is what goes wrong together with the controller's disk.
func (w *world) strike(k *kiosk) {
	if w.plan.storm {
		for _, k := range w.kiosks {
			if k.alive {
				k.die()
			}
		}
	}
	if !w.plan.dead {
		return
	}
	w.say("%s is taken away", k.dev)
	k.away = true
	if k.alive {
		k.die()
	}
	if w.plan.lose {
		k.disk.b = nil
		w.stats.replaced++
	}
	w.after(w.some(8*time.Second, 18*time.Second), func() {
		k.away = false
		w.say("%s is back", k.dev)
		if !k.alive {
			k.start()
		}
	})
}

// goBack forgets what the log will not hold any more; what was in people's hands and seen by them stays.
func (b *books) goBack(w *world, log []queue.Event) {
	old, kept := *b, newBooks()
	kept.presses, kept.prints, kept.begun, kept.holder, kept.papers = old.presses, old.prints, old.begun, old.holder, old.papers
	kept.proofs, kept.forgotten = old.proofs, old.forgotten
	for id := range w.centre.shadow.Visits {
		kept.forgotten[id] = true
	}
	known := queue.New()
	for _, e := range log {
		if _, err := known.Apply(e); err != nil {
			w.fail("the backup is broken: %v", err)
			return
		}
	}
	for id, v := range known.Visits {
		if !v.Ended.IsZero() && v.Score != 0 {
			delete(kept.forgotten, id)
		}
	}
	*b = kept
}

// replaced puts another disk into the kiosk.
func (k *kiosk) replaced(b []byte) {
	k.w.stats.replaced++
	k.w.say("%s gets another disk, of %d bytes", k.dev, len(b))
	if k.alive {
		k.die()
	}
	k.disk.b = slices.Clone(b)
}

// copied takes a copy of the disk, best while a number is asked for: such a copy takes the paper that follows for abandoned.
func (k *kiosk) copied() {
	j := k.disk.journal()
	if j == nil {
		return
	}
	if intents, _ := j.Open(); len(intents) == 0 && k.w.chance(0.99) && !k.w.calm() {
		k.w.after(100*time.Millisecond, k.copied)
		return
	}
	k.w.say("the disk of %s is copied", k.dev)
	old := slices.Clone(k.disk.b)
	k.w.after(k.w.some(2*time.Second, 15*time.Second), func() { k.setBack(old) })
}

// setBack puts an old copy of its disk into the kiosk, if the controller can find out: a copy that lacks nothing which the
// controller has taken looks like the disk itself (PROTOCOL.md, limits).
func (k *kiosk) setBack(old []byte) {
	j := (&disk{w: k.w, who: "the copy of " + k.dev, b: old}).journal()
	if j == nil {
		return
	}
	if in := k.w.centre.shadow.Installs[queue.InstallID(j.Install())]; in == nil || in.Ack < j.Next() || k.w.calm() {
		return
	}
	k.replaced(old)
}

// administrator looks in now and then, also after the faults: lets new installations in, and ends a recovery that cannot end.
func (w *world) administrator(since time.Duration) {
	w.after(w.some(time.Second, 4*time.Second), func() {
		w.centre.put(controller.Input{View: func(v controller.View) {
			if !v.State().Recovering {
				since = w.now
			}
			for _, d := range v.Devices() {
				w.admit(d)
			}
			if w.now-since > 4*time.Second && (w.plan.hasty || w.plan.dead && w.missing(v.Missing())) {
				w.centre.console(queue.EndRecovery{Jump: 300, Heard: v.Heard(), Why: "a kiosk is dead"})
			}
		}})
		w.administrator(since)
	})
}

// missing says whether one of these kiosks cannot come.
func (w *world) missing(kiosks []string) bool {
	return slices.ContainsFunc(w.kiosks, func(k *kiosk) bool { return k.away && slices.Contains(kiosks, k.dev) })
}

// admit lets the installation that is in the kiosk now take the place of the old one.
func (w *world) admit(d controller.Device) {
	for _, k := range w.kiosks {
		if k.dev == d.ID && k.alive && k.session != nil && slices.Contains(d.Pending, string(k.session.Journal().Install())) {
			w.centre.console(queue.Bind{Device: d.ID, Install: queue.InstallID(k.session.Journal().Install()), Replace: true})
		}
	}
}
