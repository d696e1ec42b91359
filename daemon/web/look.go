package web

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
)

const (
	lookWithin = 2 * time.Second        // of a controller that answers; then it counts as away
	lookAgain  = 250 * time.Millisecond // so often at most the controller is asked, however many look at the pages
)

// shot is the centre at one moment, as far as the pages show it. It holds no person, and is never changed once made.
type shot struct {
	at      time.Time // the controller's clock
	epoch   uint64
	seq     uint64 // the last event in it
	day     queue.Day
	open    bool
	fault   error // why nothing is given out or called; nothing else of the shot is to be trusted then
	calls   []call
	depts   map[queue.DeptID]deptShot
	desks   map[queue.CounterID]deskShot
	devices []controller.Device
}

// call is one number called to one counter.
type call struct {
	visit   queue.VisitID
	number  string
	counter queue.CounterID
	dept    queue.DeptID
	at      time.Time
}

// deptShot is a department at one moment.
type deptShot struct {
	waiting   int
	last      string // number of its own series called last, empty for none today
	accepting bool   // it gives out numbers
}

// deskShot is a counter at one moment.
type deskShot struct {
	state  queue.DeskState
	number string // called or served, empty for none
}

// looker looks at the controller for all pages together. The pages ask it each half second instead of being told by a hook:
// that is under a second from the press to the board, changes nothing in the controller, and a crowd of
// visitors costs the one writer no more than a single screen.
type looker struct {
	ctl *controller.Controller

	mu   sync.Mutex
	last *shot
	err  error
	when time.Time // of last and err
}

// now returns the centre as it was at most lookAgain ago, or an error if the controller does not answer.
func (l *looker) now(ctx context.Context) (*shot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := time.Since(l.when); d >= 0 && d < lookAgain && (l.last != nil || l.err != nil) {
		return l.last, l.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Others wait for the same look: it does not end with the one who happened to ask first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
	defer cancel()
	var s *shot
	err := l.ctl.Look(ctx, func(v controller.View) { s = take(v, time.Now()) })
	if err == nil {
		s.sort()
	}
	l.last, l.err, l.when = s, err, time.Now()
	return l.last, l.err
}

// take makes a shot. It runs between two commands, so what can be done later is left for later.
func take(v controller.View, now time.Time) *shot {
	st := v.State()
	s := &shot{
		at: now, epoch: st.Epoch, seq: st.Seq, day: st.Day, open: st.Open, fault: v.Faulted(), devices: v.Devices(),
		depts: map[queue.DeptID]deptShot{}, desks: map[queue.CounterID]deskShot{},
	}
	for id := range v.Rules().Departments {
		s.depts[id] = deptShot{waiting: len(st.Line(id)), accepting: st.Accepting(id), last: v.LastCalled(id)}
	}
	for id := range v.Rules().Counters {
		desk := st.Desk(id)
		d := deskShot{state: desk.State}
		if visit := st.Visits[desk.Visit]; visit != nil {
			d.number = st.Tickets[visit.Ticket].Number
		}
		s.desks[id] = d
	}
	if !st.Open {
		return s
	}
	s.takeCalls(st)
	return s
}

// takeCalls finds the calls of the open day: of each ticket the latest.
func (s *shot) takeCalls(st *queue.State) {
	latest := map[queue.TicketID]*queue.Visit{}
	for _, visit := range st.Visits {
		if visit.Day != st.Day || visit.Outcome == queue.Undone {
			continue
		}
		if o := latest[visit.Ticket]; o == nil || later(visit, o) {
			latest[visit.Ticket] = visit
		}
	}
	for id, visit := range latest {
		s.calls = append(s.calls, call{
			visit: visit.ID, number: st.Tickets[id].Number, counter: visit.Counter, dept: visit.Dept, at: visit.LastCall,
		})
	}
}

// later says whether a was called after b. Of two calls in one instant the later visit decides.
func later(a, b *queue.Visit) bool {
	if c := a.LastCall.Compare(b.LastCall); c != 0 {
		return c > 0
	}
	return byID(a.ID, b.ID) > 0
}

// byID compares two visits of one start of the controller: their ids end in the number of the event that began them.
func byID(a, b queue.VisitID) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// sort puts the calls in order, newest first.
func (s *shot) sort() {
	slices.SortFunc(s.calls, func(a, b call) int { return cmp.Or(b.at.Compare(a.at), byID(b.visit, a.visit)) })
}
