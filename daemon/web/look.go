package web

import (
	"context"
	"slices"
	"strings"
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
	fault   error // why the database cannot be written; nothing else of the shot is to be trusted then
	calls   []call
	depts   map[queue.DeptID]deptShot
	desks   map[queue.CounterID]deskShot
	devices []controller.Device
}

// call is one number called to one counter.
type call struct {
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
		s.depts[id] = deptShot{waiting: len(st.Line(id)), accepting: st.Accepting(id)}
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
	latest := map[queue.TicketID]*queue.Visit{}
	for _, visit := range st.Visits {
		if visit.Day != st.Day || visit.Outcome == queue.Undone {
			continue
		}
		if o := latest[visit.Ticket]; o == nil || visit.LastCall.After(o.LastCall) {
			latest[visit.Ticket] = visit
		}
	}
	for id, visit := range latest {
		number := st.Tickets[id].Number
		s.calls = append(s.calls, call{number: number, counter: visit.Counter, dept: visit.Dept, at: visit.LastCall})
		own := strings.HasPrefix(number, v.Rules().Departments[visit.Dept].Series.Prefix)
		if !own {
			s.calls[len(s.calls)-1].dept = "" // handed over: it says nothing of how far the department's own numbers are
		}
	}
	return s
}

// sort puts the calls in order, newest first, and finds the last one of each department.
func (s *shot) sort() {
	slices.SortFunc(s.calls, func(a, b call) int {
		if c := b.at.Compare(a.at); c != 0 {
			return c
		}
		return strings.Compare(b.number, a.number)
	})
	for _, c := range s.calls {
		if d, ok := s.depts[c.dept]; ok && d.last == "" {
			d.last = c.number
			s.depts[c.dept] = d
		}
	}
}
