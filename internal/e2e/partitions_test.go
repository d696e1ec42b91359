package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/drivers/virtual"
)

const (
	pairs     = 4 // kiosks and counter units at once, each on its own cable
	schedules = 5 // for each pair

	rightWithin = 5 * time.Second // after the network is right, if each end knows of the loss of its connection
	// Of a connection whose other end has gone without a word a device hears at its next message, a heartbeat at the
	// latest (10 s), or after 15 s without the controller; then it dials.
	rightWithinHalf = 20 * time.Second
	actsWithin      = 5 * time.Second // after the tap or press: it is given up after 3 s, and held back for at most 1 s
)

// worst is what a schedule of faults did, and how long it took to be right again after it.
type worst struct {
	mu          sync.Mutex
	faults      map[string]int
	right, half []time.Duration // until everything was right: without and with half open connections
	taps, calls int
}

// TestPartitions: between device and broker the network does its worst while visitors tap and officers press. After each
// schedule displays are right within 5 s and every fact is taken; nothing acts late, and no number is on two papers.
func TestPartitions(t *testing.T) {
	d := newDaemon(t, writeCentre(t, pairs, pairs))
	seed := seedOf(t)
	t.Logf("seed %d", seed) // also when the test fails
	var all []*pair
	for i := range pairs {
		n := i + 1
		all = append(all, &pair{
			kiosk: startKiosk(t, d, fmt.Sprintf("kiosk-%d", n)), unit: startUnit(t, d, fmt.Sprintf("unit-%d", n), fmt.Sprintf("c%d", n)),
			rng: rand.New(rand.NewPCG(uint64(n), seed)),
		})
	}
	d.start()
	for i, p := range all {
		d.tell("sign", "on", p.unit.counter, fmt.Sprintf("officer-%d", i+1))
		p.kiosk.ready()
		p.unit.page("lit keys", unitPage.lit)
	}
	w := &worst{faults: map[string]int{}}
	var group sync.WaitGroup
	for _, p := range all {
		group.Go(func() {
			t.Run(p.kiosk.id, func(t *testing.T) {
				p.kiosk.t, p.unit.t = t, t
				for i := range schedules {
					p.schedule(t, w, i)
				}
			})
		})
	}
	group.Wait()
	still(t, d)
	said := d.tell("status")
	d.stop()
	var papers []string
	for _, p := range all {
		papers = append(papers, p.kiosk.slot.numbers()...)
	}
	if len(w.right) == 0 || len(w.half) == 0 || len(papers) == 0 {
		t.Fatalf("the schedules are no good: %+v, %d papers", w, len(papers))
	}
	lateTicket, lateCall, without := w.books(t, d, papers)
	t.Logf("seed %d: %d schedules, faults %v; taps %d, papers %d, presses of next %d; right again after %s at most (%d schedules), with half open connections %s (%d)",
		seed, pairs*schedules, w.faults, w.taps, len(papers), w.calls, slices.Max(w.right), len(w.right), slices.Max(w.half), len(w.half))
	t.Logf("latest ticket %s after its tap, latest call %s after its press; tickets called without paper %d; %s; %s",
		lateTicket, lateCall, without, oldSessions(said), d.verify())
}

// pair is a kiosk with its visitors and a counter with its officer.
type pair struct {
	kiosk *kioskProgram
	unit  *counterProgram
	rng   *rand.Rand
}

// schedule spoils the cables of the pair a few times while its people go on, puts them right, and waits until everything is.
func (p *pair) schedule(t *testing.T, w *worst, n int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	people.Go(func() { w.add(&w.taps, every(ctx, 350*time.Millisecond, func(int) { p.kiosk.tap() })) })
	people.Go(func() {
		presses := every(ctx, 300*time.Millisecond, func(i int) { p.unit.press([]string{"next", "start"}[i%2]) })
		w.add(&w.calls, (presses+1)/2)
	})
	half := false
	for range 3 + n%2 {
		for _, cable := range p.some() {
			name := p.spoil(cable)
			half = half || name == "half open far"
			w.count(name)
		}
		hold := time.NewTimer(200*time.Millisecond + time.Duration(p.rng.IntN(800))*time.Millisecond)
		<-hold.C // how long the fault lasts
		if p.rng.IntN(2) == 0 {
			p.kiosk.net.Plug()
			p.unit.net.Plug()
		}
	}
	stop()
	people.Wait()
	p.kiosk.net.Plug()
	p.unit.net.Plug()
	within := rightWithin
	if half {
		within = rightWithinHalf
	}
	p.right(t, w, within, half)
}

// right waits until the display shows what the controller says, and every fact of both is taken.
func (p *pair) right(t *testing.T, w *worst, within time.Duration, half bool) {
	t.Helper()
	start := time.Now()
	_, err := sight(t, p.unit.state(), p.unit.id+" right", devicePatience, func(u unitPage) bool {
		var o overviewPage
		if get(p.unit.d.overview(), &o) != nil || len(u.Counters) != 1 {
			return false
		}
		is, led := o.Counters[p.unit.counter], p.unit.led.Shown()
		return !u.Stale && u.Ready && u.Counters[0].Held == is.At() && led.Mode != "stale" && strings.Contains(led.Text, is.Num) &&
			(is.S != "calling" || led.Mode == "calling") && (is.S != "serving" || led.Mode == "serving")
	})
	took := time.Since(start).Round(10 * time.Millisecond)
	if err != nil || took > within {
		t.Errorf("the display is right %s after the network, want %s: %v", took, within, err)
	}
	if _, err := sight(t, p.kiosk.state(), p.kiosk.id+" right", devicePatience, func(k kioskPage) bool {
		return k.ready() && k.Screen.State != "asking" && k.Screen.State != "printing"
	}); err != nil {
		t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if half {
		w.half = append(w.half, took)
		return
	}
	w.right = append(w.right, took)
}

// some chooses the kiosk's cable, the unit's, or both.
func (p *pair) some() []*virtual.Network {
	both := []*virtual.Network{p.kiosk.net, p.unit.net}
	switch p.rng.IntN(3) {
	case 0:
		return both[:1]
	case 1:
		return both[1:]
	}
	return both
}

// spoil makes one fault of a cable and names it.
func (p *pair) spoil(n *virtual.Network) string {
	switch p.rng.IntN(8) {
	case 0:
		n.Cut()
		return "cut"
	case 1:
		n.Reset()
		return "reset"
	case 2:
		n.Silence()
		return "silence"
	case 3:
		n.Silence(virtual.Far)
		return "silent broker"
	case 4:
		n.HalfOpen(virtual.Near)
		return "half open near"
	case 5:
		n.HalfOpen(virtual.Far)
		return "half open far"
	case 6:
		n.Delay(time.Duration(50+p.rng.IntN(400)) * time.Millisecond)
		return "delay"
	}
	n.Trickle(300 + p.rng.IntN(3000))
	return "trickle"
}

// every does something again and again until ctx ends, and says how often it did.
func every(ctx context.Context, d time.Duration, do func(i int)) (n int) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
			do(n)
			n++
		}
	}
}

func (w *worst) add(to *int, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to += n
}

func (w *worst) count(fault string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[fault]++
}

// still looks for 2 s at a centre where nobody does anything: nothing may happen.
func still(t *testing.T, d *daemon) {
	t.Helper()
	var first, o overviewPage
	if err := get(d.overview(), &first); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	every(ctx, 100*time.Millisecond, func(int) {
		if err := get(d.overview(), &o); err != nil {
			t.Error(err)
		}
		for id, c := range o.Counters {
			if c.Call != first.Counters[id].Call {
				t.Errorf("nobody presses a key, and %s calls %s", id, c.Num)
			}
		}
		if o.Waiting["office"] > first.Waiting["office"] {
			t.Errorf("nobody taps, and %d wait instead of %d", o.Waiting["office"], first.Waiting["office"])
		}
	})
}

// oldSessions is what the daemon counted of messages in sessions that are over.
func oldSessions(status string) string {
	for line := range strings.Lines(status) {
		if strings.Contains(line, "out_of_session") {
			return "messages of sessions that were over, refused: " + line[strings.LastIndex(strings.TrimSpace(line), " ")+1:len(line)-1]
		}
	}
	return "no message of a session that was over"
}

// books looks into the database: every paper is in it once, nothing in the line is without paper, each press called at
// most once, and no tap or press acted late. A request's id says when it was made.
func (w *worst) books(t *testing.T, d *daemon, papers []string) (lateTicket, lateCall time.Duration, without int) {
	t.Helper()
	st, err := store.Open(d.data, store.Options{Who: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	s, calls := queue.New(), 0
	if err := st.Load(func(e queue.Event) error {
		late := e.At.Sub(madeAt(e.Request))
		switch b := e.Body.(type) {
		case queue.Issued:
			if e.FactSeq == 0 && !b.Printed {
				lateTicket = max(lateTicket, late)
			}
		case queue.Called:
			calls++
			lateCall = max(lateCall, late)
		}
		_, err := s.Apply(e)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if lateTicket > actsWithin || lateCall > actsWithin {
		t.Errorf("a ticket %s after its tap, a call %s after its press", lateTicket, lateCall)
	}
	if calls > w.calls {
		t.Errorf("%d presses made %d calls", w.calls, calls)
	}
	known := map[string]int{}
	for _, ticket := range s.Tickets {
		known[ticket.Number]++
		switch paper := slices.Contains(papers, ticket.Number); {
		case paper && !ticket.State.Live() && ticket.State != queue.Done:
			t.Errorf("the paper %s is %s in the database", ticket.Number, ticket.State)
		case !paper && (ticket.State == queue.Waiting || ticket.State == queue.Printing):
			t.Errorf("the ticket %s waits without a paper: %v", ticket.Number, ticket.Papers)
		case !paper && ticket.State != queue.Void:
			without++
		}
	}
	for _, number := range papers {
		if known[number] != 1 {
			t.Errorf("the paper %s is %d times in the database", number, known[number])
		}
	}
	if len(distinct(papers)) != len(papers) {
		t.Errorf("a number is on two papers: %v", papers)
	}
	return lateTicket.Round(time.Millisecond), lateCall.Round(time.Millisecond), without
}

// madeAt reads the time in a request's id, a ULID: its first ten digits in Crockford's base 32 are ms since 1970.
func madeAt(id queue.RequestID) time.Time {
	ms := int64(0)
	for _, digit := range string(id[:min(10, len(id))]) {
		ms = ms<<5 | int64(strings.IndexRune("0123456789ABCDEFGHJKMNPQRSTVWXYZ", digit))
	}
	return time.UnixMilli(ms)
}
