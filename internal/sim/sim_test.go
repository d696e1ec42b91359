package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// TestMain lets the garbage wait: a run leaves much of it and keeps little, so that collecting it was a third of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(96 << 20)
	os.Exit(m.Run())
}

// run is one run of the hall, by its seed and the bias of its plan alone.
func run(seed uint64, bias string, traced bool) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0x717568616f)), traced: traced, topics: proto.NewTopics(""), books: newBooks()}
	w.stats.runs = 1
	w.plan = drawPlan(w.rng, bias)
	w.conf = hallConfig(w.chance(0.3), w.plan.own)
	w.centre = &centre{w: w, shadow: queue.New()}
	for _, d := range w.conf.Devices {
		if d.Kind == "kiosk" {
			k := newKiosk(w, d.ID)
			w.kiosks, w.links = append(w.kiosks, k), append(w.links, k.link)
		} else {
			u := newUnit(w, d.ID, d.Counters)
			w.units, w.links = append(w.units, u), append(w.links, u.link)
		}
	}
	w.centre.start()
	w.morning()
	w.until(3 * time.Second)
	w.faults = drawFaults(w.rng)
	w.say("faults %+v", w.faults)
	w.busy()
	w.misfortune()
	if w.chance(0.2) {
		w.after(w.some(5*time.Second, 40*time.Second), w.nextDay)
	}
	w.until(w.now + max(w.plan.atLeast(), w.some(20*time.Second, 60*time.Second)))
	w.say("the faults end")
	w.faults, w.calmAt = faults{}, w.now
	w.until(w.now + healsIn)
	w.healed()
	w.serveAll()
	w.until(w.now + 2*time.Second)
	w.equal()
	w.stats.steps = w.steps
	return w
}

// healsIn is how long everything may take to be as if nothing had happened: a controller that starts, a dead connection
// that is found out, a session, the facts, the states.
const healsIn = 45 * time.Second

// morning opens the day and starts the devices.
func (w *world) morning() {
	w.centre.console(queue.OpenDay{})
	w.centre.console(queue.SignOn{Counter: "c1", Officer: "li"})
	w.centre.console(queue.SignOn{Counter: "c2", Officer: "wu"})
	for _, k := range w.kiosks {
		k.start()
	}
	for _, u := range w.units {
		u.start()
	}
}

// busy lets people come and things go wrong.
func (w *world) busy() {
	for _, k := range w.kiosks {
		w.each(w.plan.visits(), k.visit)
	}
	for _, u := range w.units {
		w.each(1500*time.Millisecond, u.officer)
		w.each(2*time.Second, u.rater)
	}
	w.each(4*time.Second, w.atTheConsole)
	w.each(9*time.Second, w.atTheDesk)
	for _, l := range w.links {
		w.each(time.Second, func() {
			switch {
			case w.chance(w.faults.cut):
				l.cut()
			case w.chance(w.faults.deaf) && l.connected:
				w.say("%s is deaf and does not know it", l.dev)
				l.deaf = true
			}
		})
	}
	w.each(time.Second, func() {
		if w.chance(w.faults.clock) {
			w.centre.skew += w.some(-10*time.Minute, 10*time.Minute)
			w.say("the controller's clock is off by %s", w.centre.skew)
		}
	})
}

// nextDay closes the first day, with everything that is open, and opens the second; it tries until it is done.
func (w *world) nextDay() {
	switch s := w.centre.shadow; {
	case s.Day > 1 && s.Open:
		return
	case s.Open:
		w.centre.console(queue.CloseDay{Force: true})
	default:
		w.centre.console(queue.OpenDay{})
	}
	w.after(w.some(time.Second, 3*time.Second), w.nextDay)
}

// atTheConsole is somebody at the console, beside the keys.
func (w *world) atTheConsole() {
	c := queue.CounterID([]string{"c1", "c2"}[w.rng.IntN(2)])
	var missed queue.TicketID
	for id, t := range w.centre.shadow.Tickets {
		if t.State == queue.Gone && id > missed { // the last one, so that a run depends on its seed alone
			missed = id
		}
	}
	w.centre.console([]queue.Wish{
		queue.Next{Counter: c}, queue.Next{Counter: c}, queue.Start{Counter: c}, queue.Complete{Counter: c, Outcome: queue.Promised},
		queue.Undo{Counter: c}, queue.Transfer{Counter: c, To: "law"}, queue.Reinstate{Ticket: missed}, queue.Unpause{Counter: c},
		queue.SetIssuing{Dept: "law", Open: w.chance(0.7)}, queue.SignOn{Counter: c, Officer: "he"}, queue.Park{Counter: c},
	}[w.rng.IntN(11)])
}

// atTheDesk is somebody at the guide desk: mostly with a certificate that gives priority, with a card or without; with a card
// that has a number already it is that number. The desk's own printer prints it.
func (w *world) atTheDesk() {
	take := queue.Take{Dept: []queue.DeptID{"law", "tax"}[w.rng.IntN(2)], Class: []string{"priority", "priority", "normal"}[w.rng.IntN(3)]}
	if take.Dept == "tax" || w.chance(0.7) {
		key, err := w.centre.Key(w.centre.shadow.Day)
		if err != nil {
			w.fail("%v", err)
		}
		take.Holder = proto.CardHash(key, proto.CardDigest(visitors[w.rng.IntN(len(visitors))]))
	}
	w.centre.ask(take, func(id queue.RequestID, r controller.Result) {
		t := proto.TicketRes{TID: proto.ID(r.Ticket.ID), Num: r.Ticket.Number, Day: proto.Day(r.Ticket.Day)}
		w.books.paper(w, "the desk", proto.ID(id), t, proto.Fact{Card: take.Holder})
	})
}

// healed checks that nothing is left of the faults.
func (w *world) healed() {
	if w.bad != nil {
		return
	}
	s := w.centre.shadow
	if w.centre.ctl == nil {
		w.fail("the controller does not run")
		return
	}
	if s.Recovering {
		w.fail("the recovery does not end")
	}
	for _, k := range w.kiosks {
		w.settled(k.program)
		if v := k.flow.View(k.time()); v.Screen.State == "asking" || v.Screen.State == "printing" || v.Fault {
			w.fail("%s has not settled: %s", k.dev, v.Screen.State)
		}
	}
	for _, u := range w.units {
		w.settled(u.program)
		w.scored(u)
	}
	w.papersKept()
	for _, t := range s.Tickets {
		if t.State == queue.Waiting && !w.books.sent[t.ID] && known(t) == 0 {
			w.fail("%s waits and is known to have no paper: %+v", t.Number, t.Papers)
		}
	}
	w.equal()
}

// settled checks one device: alive, in session, and every fact of its journal taken as it is.
func (w *world) settled(p *program) {
	if !p.alive || !p.session.Ready(p.time()) {
		w.fail("%s is not in session: alive %t, connected %t, deaf %t", p.dev, p.alive, p.connected, p.deaf)
		return
	}
	j := p.session.Journal()
	w.permitted(p, j)
	if len(j.Pending()) > 0 || j.Acked()+1 != j.Next() {
		w.fail("%s has facts that are not taken: %d of %d", p.dev, j.Acked(), j.Next()-1)
	}
	for f := range j.Facts() {
		if name := fmt.Sprint(j.Install(), " ", f.Seq); !w.books.facts[name] && !w.books.skipped[name] {
			w.stats.unaudited++
			w.fail("the fact %+v of %s is acknowledged, and the log does not hold it", f, p.dev)
		}
	}
}

// scored checks that every score in a journal is in the log: the first of each visit, unless the visit was taken back.
func (w *world) scored(u *unit) {
	seen := map[string]bool{}
	for _, f := range u.ratings() {
		id := queue.VisitID(f.Tok)
		// A visit that was taken back, or lost with the log, may be ended anew; a week later the unit does not know its first score any more.
		if w.books.undone[id] || w.books.forgotten[id] {
			continue
		}
		if v := w.centre.shadow.Visits[id]; !seen[f.Tok] && (v == nil || v.Score != f.V) {
			w.fail("%s: visit %s was rated %d, the log says %+v", u.dev, f.Tok, f.V, v)
		}
		if seen[f.Tok] {
			w.fail("%s has taken two scores of visit %s", u.dev, f.Tok)
		}
		seen[f.Tok] = true
	}
}

// equal checks that every display shows what the controller holds, and that the controller holds what the log says.
func (w *world) equal() {
	if w.bad != nil {
		return
	}
	var counters map[string]proto.CounterState
	var state *queue.State
	w.centre.view(func(v controller.View) {
		state, counters = v.State(), map[string]proto.CounterState{}
		for _, c := range w.conf.Centre.Counters {
			counters[c.ID] = v.Counter(w.centre.time(), queue.CounterID(c.ID))
		}
		if v.Faulted() != nil {
			w.fail("the controller is faulted: %v", v.Faulted())
		}
	})
	again := queue.New()
	for _, e := range w.centre.log {
		if _, err := again.Apply(e); err != nil {
			w.fail("the log cannot be replayed: %v", err)
			return
		}
	}
	if !reflect.DeepEqual(again, state) {
		w.fail("the controller's memory is not what the log says")
	}
	for _, u := range w.units {
		for _, c := range u.flow.View().Counters {
			if want := counters[c.Counter]; c.Held != want.At() || c.Shown != want.At() || u.on[c.Counter] != want.At() || c.S != want.S || c.Number != want.Num {
				w.fail("%s shows %+v of counter %s, the controller holds %+v", u.dev, c, c.Counter, want)
			}
		}
	}
}

// serveAll calls everybody who waits: each paper's number is called in the end.
func (w *world) serveAll() {
	if w.bad != nil {
		return
	}
	for i, c := range []queue.CounterID{"c1", "c2"} {
		w.centre.console(queue.SignOn{Counter: c, Officer: []queue.OfficerID{"li", "wu"}[i]})
		w.centre.console(queue.Unpause{Counter: c})
	}
	for range 200 {
		if len(w.centre.shadow.Line("law"))+len(w.centre.shadow.Line("tax")) == 0 {
			break
		}
		w.centre.console(queue.Next{Counter: "c1"})
		w.centre.console(queue.Next{Counter: "c2"})
		w.until(w.now + 50*time.Millisecond)
	}
	w.calledAll()
}

// seeds is the first seed that is wanted, and how many.
func seeds(t *testing.T) (from, n uint64) {
	t.Helper()
	from, n = 1, defaultRuns
	for name, to := range map[string]*uint64{"QUHAO_FROM": &from, "QUHAO_RUNS": &n} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		var err error
		if *to, err = strconv.ParseUint(text, 10, 32); err != nil || *to == 0 {
			t.Fatalf("%s=%s: %v", name, text, err)
		}
	}
	return from, n
}

// within is how long the runs may take: as long as they want, or the time that QUHAO_FOR gives.
func within(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("QUHAO_FOR")
	if text == "" {
		return 1 << 62
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("QUHAO_FOR=%s: %v", text, err)
	}
	return d
}

var errBroken = errors.New("a rule was broken")

// sweep makes n runs, until one breaks a rule or the time is over, and returns the seed of the one that broke it.
func sweep(from, n uint64, bias string, until time.Time) (sum stats, seed uint64, err error) {
	var next atomic.Uint64
	var mu sync.Mutex
	var all sync.WaitGroup
	next.Store(from - 1)
	last := from + n - 1
	seed = last + 1
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for s := next.Add(1); s <= last && time.Now().Before(until); s = next.Add(1) {
				w := run(s, bias, false)
				mu.Lock()
				sum.add(w.stats)
				if w.bad != nil && s < seed {
					seed, err = s, fmt.Errorf("%w: %w", errBroken, w.bad)
				}
				mu.Unlock()
				if w.bad != nil {
					next.Store(last)
				}
			}
		})
	}
	all.Wait()
	return sum, seed, err
}

// TestSim makes many runs, or with QUHAO_SEED one with its trace.
func TestSim(t *testing.T) {
	bias := os.Getenv("QUHAO_PLAN")
	if text := os.Getenv("QUHAO_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("QUHAO_SEED=%s: %v", text, err)
		}
		w := run(seed, bias, true)
		t.Logf("seed %d: %s\n%s", seed, &w.stats, strings.Join(w.trace, "\n"))
		if w.bad != nil {
			t.Errorf("seed %d: %v", seed, w.bad)
		}
		return
	}
	began := time.Now()
	from, n := seeds(t)
	sum, seed, err := sweep(from, n, bias, began.Add(within(t)))
	t.Logf("%s: %s", time.Since(began).Round(time.Second), &sum)
	if err != nil {
		w := run(seed, bias, true)
		t.Fatalf("seed %d: %v\nthe last steps (QUHAO_PLAN="+bias+" QUHAO_SEED=%d shows all):\n%s", seed, err, seed,
			strings.Join(w.trace[max(0, len(w.trace)-60):], "\n"))
	}
	if bias != "" {
		return
	}
	if sum.papers == 0 || sum.calls == 0 || sum.ratings == 0 || sum.crashes == 0 || sum.offline == 0 || sum.restores == 0 || sum.replaced == 0 || sum.rivals == 0 || sum.skipped == 0 {
		t.Error("the runs have tried nothing")
	}
}

// TestSeedDecides checks that a run can be made again.
func TestSeedDecides(t *testing.T) {
	for seed := range uint64(5) {
		a, b := run(seed, "", true), run(seed, "", true)
		if !slices.Equal(a.trace, b.trace) {
			i := 0
			for i < min(len(a.trace), len(b.trace)) && a.trace[i] == b.trace[i] {
				i++
			}
			t.Fatalf("seed %d gives another run from step %d on:\n%s\n%s", seed, i, a.trace[min(i, len(a.trace)-1)], b.trace[min(i, len(b.trace)-1)])
		}
	}
}
