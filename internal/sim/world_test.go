package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"quhao/internal/config"
	"quhao/internal/proto"
)

// began is the controller's clock when a run begins.
var began = time.UnixMilli(1_700_000_000_000).UTC()

// faults are how often things go wrong: chances between 0 and 1, or times.
type faults struct {
	loss, repeat, late float64       // of a message
	lateBy             time.Duration // at most
	cut, deaf          float64       // of a connection, each second; deaf: it seems to be there and carries nothing
	die                float64       // of a device's program, before each step
	tear, full         float64       // of a write to a journal: power fails, or the disk says no
	before, after      float64       // of a commit: the controller dies before it, or before it has answered
	refuse             float64       // of a commit: the database says no
	mute               float64       // of each message published: the controller dies before it
	led, paper         float64       // of a display or a lamp; of a print
	clock              float64       // each second: the controller's clock jumps
}

// drawFaults gives each run a mixture of its own: every fault is absent, rare or common.
func drawFaults(r *rand.Rand) faults {
	some := func(rare, common float64) float64 { return []float64{0, rare, rare, common}[r.IntN(4)] }
	return faults{
		loss: some(0.03, 0.3), repeat: some(0.05, 0.4), late: some(0.05, 0.4), lateBy: time.Duration(1+r.IntN(5)) * time.Second,
		cut: some(0.01, 0.1), deaf: some(0.005, 0.03), die: some(0.001, 0.02), tear: some(0.005, 0.08), full: some(0.002, 0.02),
		before: some(0.01, 0.1), after: some(0.01, 0.1), refuse: some(0.01, 0.15), mute: some(0.001, 0.01),
		led: some(0.01, 0.2), paper: some(0.05, 0.4), clock: some(0.002, 0.02),
	}
}

// stats is what the runs saw, added up.
type stats struct {
	runs, steps, issued, papers, calls, ratings, answers  int
	crashes, lost, repeated, late, refused, cuts, trouble int // what went wrong; trouble: prints
	offline, restores, replaced, rivals, skipped, gone    int // papers of the kiosks' own; facts; papers nobody knows of
	ghosts                                                int // numbers called without paper
	doubles, forgotten, missing, unaudited                int // broken rules: numbers, papers, answers, facts
}

// sums are the fields, to be added up.
func (s *stats) sums() []*int {
	return []*int{
		&s.runs, &s.steps, &s.issued, &s.papers, &s.calls, &s.ratings, &s.answers,
		&s.crashes, &s.lost, &s.repeated, &s.late, &s.refused, &s.cuts, &s.trouble,
		&s.offline, &s.restores, &s.replaced, &s.rivals, &s.skipped, &s.gone,
		&s.ghosts, &s.doubles, &s.forgotten, &s.missing, &s.unaudited,
	}
}

func (s *stats) add(o stats) {
	theirs := o.sums()
	for i, mine := range s.sums() {
		*mine += *theirs[i]
	}
}

// faults is how much went wrong that can make a number without paper.
func (s *stats) faults() int {
	return s.lost + s.late + s.crashes + s.refused + s.cuts + s.restores + s.replaced + s.rivals + s.trouble
}

func (s *stats) String() string {
	return fmt.Sprintf("%d runs, %d steps: %d numbers given, %d papers, %d calls, %d ratings; doubles %d, lost %d, replied but missing %d of %d, "+
		"facts skipped %d, not audited %d, numbers called without paper %d by %d faults\n"+
		"%d crashes, %d commits refused, %d connections cut, %d prints gone wrong, %d papers of the kiosks' own, %d restores, %d disks lost, "+
		"%d words of a rival, %d papers that nobody knows of, messages: %d lost, %d repeated, %d late",
		s.runs, s.steps, s.issued, s.papers, s.calls, s.ratings, s.doubles, s.forgotten, s.missing, s.answers,
		s.skipped, s.unaudited, s.ghosts, s.faults(),
		s.crashes, s.refused, s.cuts, s.trouble, s.offline, s.restores, s.replaced, s.rivals, s.gone, s.lost, s.repeated, s.late)
}

// crash is thrown where a program dies, and caught where it was stepped.
type crash struct{ who string }

// world is one run.
type world struct {
	rng    *rand.Rand
	now    time.Duration // since the run began
	agenda agenda
	n      uint64
	steps  int
	faults faults
	stats  stats
	traced bool
	trace  []string
	bad    error // the first rule that was broken

	restoring bool          // a backup is being put in place
	passed    time.Duration // that nobody has lived through
	weekAt    time.Duration // when it passed
	calmAt    time.Duration // when the faults ended

	plan   plan
	conf   *config.Config
	topics proto.Topics
	centre *centre
	links  []*link
	kiosks []*kiosk
	units  []*unit
	books  books
}

type appointment struct {
	at time.Duration
	n  uint64
	do func()
}

// agenda is a heap by time, and by order of entry for the same time.
type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].n < a[j].n
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// maxSteps is far above what any run needs: more means that somebody runs in a circle.
const maxSteps = 200_000

func (w *world) after(d time.Duration, do func()) {
	w.n++
	heap.Push(&w.agenda, appointment{w.now + max(0, d), w.n, do})
}

// until lets the world run to a time, or to the first broken rule.
func (w *world) until(end time.Duration) {
	for w.bad == nil && len(w.agenda) > 0 && w.agenda[0].at <= end {
		next := heap.Pop(&w.agenda).(appointment)
		w.now = next.at
		if w.steps++; w.steps > maxSteps {
			w.fail("%d steps: somebody runs in a circle", w.steps)
		}
		next.do()
	}
	w.now = end
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// some is a time between two.
func (w *world) some(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)+1))
}

func (w *world) random() string { return strconv.FormatUint(w.rng.Uint64(), 36) }

func (w *world) newID() proto.ID {
	var r [10]byte
	for i := range r {
		r[i] = byte(w.rng.Uint32())
	}
	return proto.NewID(began.Add(w.now).UnixMilli(), r)
}

// fail notes a broken rule and ends the run.
func (w *world) fail(format string, args ...any) {
	if w.bad == nil {
		w.bad = fmt.Errorf(format, args...)
		w.say("BROKEN: %v", w.bad)
	}
}

func (w *world) say(format string, args ...any) {
	if w.traced {
		w.trace = append(w.trace, fmt.Sprintf("%10s  ", w.now)+fmt.Sprintf(format, args...))
	}
}

// step runs a piece of a program; if it dies on the way, died is called.
func (w *world) step(f, died func()) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(crash)
			if !ok {
				panic(r) // a fault of the program or of the simulator
			}
			w.stats.crashes++
			w.say("%s dies", c.who)
			died()
		}
	}()
	f()
}

// each does something about every d, while the faults last.
func (w *world) each(d time.Duration, do func()) {
	w.after(w.some(d/2, d*3/2), func() {
		if !w.calm() {
			do()
			w.each(d, do)
		}
	})
}

func (w *world) calm() bool { return w.faults == faults{} }
