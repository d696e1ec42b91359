package sim

import (
	"fmt"
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
	slow    bool // the administrator is slow to let it in, and nobody ends the recovery by hand
	swap    bool // a kiosk's disk dies before its last paper is handed in; later an old copy of it takes the place of the new one
	rival   bool // another controller speaks for a while
	week    bool // between the backup and the restore a week passes: the journals have dropped facts that the backup lacks
}

// drawPlan draws a plan; with a bias it is one of that kind.
func drawPlan(r *rand.Rand, bias string) plan {
	some := func(p float64) bool { return r.Float64() < p }
	p := plan{own: []int{0, 3, 99, 99}[r.IntN(4)]}
	kind := []string{"restore", "restore", "lose", "back", "rival", "swap"}
	draw := r.IntN(10)
	switch {
	case bias != "":
		kind, draw = []string{bias}, 0
	case draw >= len(kind):
		return p
	}
	switch kind[draw] {
	case "restore", "week", "slow":
		p.restore, p.dead, p.storm, p.hasty, p.lose = true, some(0.5), some(0.5), some(0.2), some(0.4)
		p.week = some(0.25) || bias == "week"
		p.lose = p.lose || bias == "slow"
		if p.lose && some(0.4) || bias == "slow" {
			p.slow, p.dead, p.hasty = true, false, false
		}
	case "lose":
		p.lose = true
	case "back":
		p.back = true
	case "rival":
		p.rival = true
	case "swap":
		// Without numbers of its own: a medium that is set back while it is cut off can repeat one (PROTOCOL.md, limits).
		p.swap, p.own = true, 0
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
	if w.plan.back || w.plan.swap {
		w.after(w.some(time.Second, 15*time.Second), k.copied)
	}
	if w.plan.rival {
		w.after(w.some(2*time.Second, 15*time.Second), func() { w.centre.rival(w.random(), 2+w.rng.IntN(3)) })
	}
	w.administrator(w.now)
}

// rival is another controller with a later epoch that speaks on the broker, so many times; then an administrator has found it,
// switches it off and starts ours again, which must say and do nothing from the moment that it hears the other.
func (c *centre) rival(boot string, times int) {
	w := c.w
	if times == 0 {
		if w.say("the other controller is gone"); c.ctl == nil {
			return
		}
		if c.silent && !c.shadow.Recovering && w.stats.refused == c.refusedAt {
			w.fail("the controller has given way, and its next start would go on with its numbers")
		}
		c.died()
		return
	}
	text, err := proto.Encode(proto.Ctl{
		V: proto.Version, S: "on", Epoch: proto.Epoch(c.shadow.Epoch + 1 + uint64(w.rng.IntN(3))), Boot: proto.Boot(boot), T: c.time().UnixMilli(),
	})
	if err != nil {
		w.fail("%v", err)
		return
	}
	w.say("another controller says %s", text)
	w.stats.rivals++
	m := proto.Message{Topic: w.topics.Ctl(), Payload: text}
	for _, l := range w.links {
		if l.connected {
			l.deliver(m, false)
		}
	}
	c.hear("quhaod", m)
	w.after(5*time.Second, func() { c.rival(boot, times-1) })
}

// later says whether a batch that was handled holds the word of a controller that is still a later one: then ours has to be silent.
func (c *centre) later(batch []controller.Input) bool {
	for _, in := range batch {
		if in.Message != nil && in.Message.Topic == c.w.topics.Ctl() {
			ctl, err := proto.Decode[proto.Ctl](in.Message.Payload)
			return err == nil && uint64(ctl.Epoch) > c.shadow.Epoch
		}
	}
	return false
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
	if k.w.plan.swap {
		k.after(old, len(k.disk.facts()), 40)
		return
	}
	k.w.after(k.w.some(2*time.Second, 15*time.Second), func() { k.setBack(old) })
}

// after lets the disk die as soon as it holds a fact more than its copy, best before that fact is handed in. The old copy is
// put in once an administrator has let the new disk in: what the copy says then of the last request is wrong.
func (k *kiosk) after(old []byte, facts, tries int) {
	w := k.w
	switch {
	case w.calm() || tries == 0:
	case len(k.disk.facts()) == facts:
		w.after(50*time.Millisecond, func() { k.after(old, facts, tries-1) })
	default:
		if w.chance(0.7) {
			k.cut()
		}
		w.after(w.some(0, 500*time.Millisecond), func() { k.replaced(nil) })
		w.after(w.some(6*time.Second, 15*time.Second), func() {
			if in := w.centre.shadow.Devices[k.dev]; !w.calm() && in != k.copyOf(old) {
				k.replaced(old)
			}
		})
	}
}

// copyOf is the installation that a copy of a disk belongs to.
func (k *kiosk) copyOf(old []byte) queue.InstallID {
	if j := (&disk{w: k.w, who: "the copy of " + k.dev, b: old}).journal(); j != nil {
		return queue.InstallID(j.Install())
	}
	return ""
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
			if w.plan.slow && w.now > w.calmAt+waitsFor && w.calmAt > 0 && v.State().Recovering {
				w.heardMeanwhile(v)
			}
			if w.plan.slow && (w.calmAt == 0 || w.now < w.calmAt+waitsFor) && v.State().Recovering {
				return
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

// waitsFor is how long after the faults a slow administrator lets an installation in.
const waitsFor = 15 * time.Second

// heardMeanwhile checks that an installation which waited for so long has handed in all it has.
func (w *world) heardMeanwhile(v controller.View) {
	for _, d := range v.Devices() {
		for _, k := range w.kiosks {
			if k.dev != d.ID || !k.alive || w.now-k.since < waitsFor {
				continue
			}
			j := k.session.Journal()
			for f := range j.Facts() {
				if name := fmt.Sprint(j.Install(), " ", f.Seq); slices.Contains(d.Pending, string(j.Install())) && !w.books.facts[name] && !w.books.skipped[name] {
					w.fail("%s waits for an administrator, and nobody has taken its fact %+v", k.dev, f)
				}
			}
		}
	}
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
