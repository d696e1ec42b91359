package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quhao/daemon/queue"
)

// walk is a random run of a centre: commands as they may come, decided and applied by the real rules.
type walk struct {
	rng   *rand.Rand
	rules *queue.Rules
	state *queue.State
	now   time.Time
	name  string // makes its request ids different from those of other walks
	n     int
}

func newWalk(seed uint64) *walk {
	return &walk{
		rng: rand.New(rand.NewPCG(seed, 1)), rules: walkRules(), state: queue.New(),
		now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), name: fmt.Sprintf("q%d", seed),
	}
}

func walkRules() *queue.Rules {
	missed := queue.Missed{Recalls: 0, After: 2, Times: 2}
	return &queue.Rules{
		Classes: []string{"priority", "booked", "ordinary"},
		Departments: map[queue.DeptID]queue.Department{
			"finance": {ID: "finance", Series: queue.Series{Prefix: "A"}, Policy: queue.FIFO, Missed: missed, MaxPassed: 3},
			"staff":   {ID: "staff", Series: queue.Series{Prefix: "B", Over: queue.Widen}, Policy: queue.Strict, Missed: missed},
			"student": {
				ID: "student", Series: queue.Series{Prefix: "C", Limit: 400}, Policy: queue.Ratio, Missed: missed,
				Shares: map[string]int{"priority": 2, "booked": 1, "ordinary": 1},
			},
		},
		Counters: map[queue.CounterID]queue.Counter{
			"1": {ID: "1", Depts: []queue.DeptID{"finance"}, Provides: []string{"low_desk"}},
			"2": {ID: "2", Depts: []queue.DeptID{"staff", "student"}},
			"3": {ID: "3", Depts: []queue.DeptID{"finance", "student"}},
		},
		Officers: map[queue.OfficerID]bool{"o1": true, "o2": true, "o3": true},
	}
}

// run makes n events and gives them as one batch, with what they have changed, as the controller hands it to Append.
func (w *walk) run(t testing.TB, n int) ([]queue.Event, []queue.Ticket, []queue.Visit) {
	t.Helper()
	events, tickets, visits, err := w.steps(n)
	if err != nil {
		t.Fatal(err)
	}
	return events, tickets, visits
}

func (w *walk) steps(n int) (events []queue.Event, tickets []queue.Ticket, visits []queue.Visit, _ error) {
	for tries := 0; len(events) < n; tries++ {
		if tries > 2000+100*n {
			return nil, nil, nil, fmt.Errorf("the walk is stuck at event %d", w.state.Seq)
		}
		e, no := queue.Decide(w.rules, w.state, w.command(), w.now)
		if no != nil {
			continue
		}
		c, err := w.state.Apply(e)
		if err != nil {
			return nil, nil, nil, err
		}
		events = append(events, e)
		for _, x := range c.Tickets {
			tickets = append(tickets, *x)
		}
		for _, v := range c.Visits {
			visits = append(visits, *v)
		}
	}
	return events, tickets, visits, nil
}

func pick[T any](w *walk, of []T) (none T) {
	if len(of) == 0 {
		return none
	}
	return of[w.rng.IntN(len(of))]
}

func (w *walk) command() queue.Command {
	w.n++
	w.now = w.now.Add(time.Duration(w.rng.IntN(20_000)) * time.Millisecond)
	c := queue.Command{Request: queue.RequestID(fmt.Sprintf("%s-%06d", w.name, w.n)), Actor: "walk", Device: "kiosk-1"}
	switch s := w.state; {
	case s.Epoch == 0:
		c.Do = queue.RaiseEpoch{Boot: w.name, Why: "start"}
	case len(s.Devices) < 2:
		d := fmt.Sprintf("kiosk-%d", len(s.Devices)+1)
		c.Do = queue.Bind{Device: d, Install: queue.InstallID("install of " + d)}
	case !s.Open && w.rng.IntN(4) > 0:
		c.Do = queue.OpenDay{}
	case w.rng.IntN(4) == 0:
		return w.fact()
	default:
		c.Do = w.wish()
	}
	return c
}

func (w *walk) wish() queue.Wish {
	desk := pick(w, []queue.CounterID{"1", "2", "3"})
	dept := pick(w, []queue.DeptID{"finance", "staff", "student"})
	ticket := w.ticket()
	switch w.rng.IntN(40) {
	case 0:
		return queue.CloseDay{Force: true}
	case 1:
		return queue.SetIssuing{Dept: dept, Open: w.rng.IntN(3) > 0}
	case 2:
		return queue.Tick{}
	case 3:
		return queue.RaiseEpoch{Boot: fmt.Sprintf("%s-%d", w.name, w.n), Why: "seen"}
	case 4, 5, 6:
		return queue.SignOn{Counter: desk, Officer: pick(w, []queue.OfficerID{"o1", "o2", "o3"})}
	case 7:
		return queue.SignOff{Counter: desk}
	case 8:
		return queue.Pause{Counter: desk, Reason: "<会议 & 学习>"}
	case 9, 10:
		return queue.Unpause{Counter: desk}
	case 11:
		return queue.Recall{Counter: desk}
	case 12, 13, 14, 15:
		return queue.Start{Counter: desk}
	case 16, 17:
		return queue.Miss{Counter: desk}
	case 18:
		return queue.Park{Counter: desk}
	case 19, 20:
		return queue.Unpark{Counter: desk, Ticket: pick(w, []queue.TicketID{"", ticket})}
	case 21:
		return queue.Transfer{Counter: desk, To: dept, ToCounter: pick(w, []queue.CounterID{"", "1", "2", "3"})}
	case 22, 23:
		return queue.Complete{Counter: desk, Outcome: pick(w, []string{queue.Direct, queue.Promised, queue.Joint, queue.Refused})}
	case 24:
		return queue.Reinstate{Ticket: ticket}
	case 25, 26:
		return queue.Undo{Counter: desk}
	case 27, 28, 29, 30, 31:
		return queue.Next{Counter: desk}
	}
	return queue.Take{
		Dept: dept, Holder: pick(w, []string{"", "", "h1", "h2", "h3", "h4", "h5"}), Lang: pick(w, []string{"zh", "en"}),
		Class: pick(w, []string{"", "priority", "booked"}), Needs: pick(w, [][]string{nil, {}, {"low_desk"}}),
	}
}

// ticket is any that the state holds, those of the day before included.
func (w *walk) ticket() queue.TicketID { return pick(w, slices.Sorted(maps.Keys(w.state.Tickets))) }

// fact is a fact of a device; now and then some before it are lost for good.
func (w *walk) fact() queue.Command {
	device := pick(w, []string{"kiosk-1", "kiosk-2"})
	in := w.state.Installs[w.state.Devices[device]]
	if w.rng.IntN(20) == 0 {
		return queue.Command{Actor: "dev:" + device, Device: device, Do: queue.SkipGap{Install: in.ID, First: in.Ack + 4, Papers: in.HW + 1}}
	}
	f := &queue.Fact{Install: in.ID, Seq: in.Ack + 1, Sum: fmt.Sprintf("sum%d", w.n), What: "walk", Raw: `{"k":"walk"}`}
	c := queue.Command{Actor: "dev:" + device, Device: device, Fact: f}
	switch w.rng.IntN(6) {
	case 0:
		c.Do = queue.Rate{Visit: pick(w, slices.Sorted(maps.Keys(w.state.Visits))), Score: w.rng.IntN(7)}
	case 1:
		c.Do = queue.Presence{Counter: pick(w, []queue.CounterID{"1", "2", "3"}), Officer: "o2", On: w.rng.IntN(2) == 0}
	case 2:
		c.Do = queue.Unknown{Why: "of a later version"}
	case 3:
		c.Do = queue.ReportPaper{
			Ticket: queue.TicketID(fmt.Sprintf("%s-paper-%d", w.name, w.n)), Paper: queue.PaperStarted, Dept: "finance",
			Answer: "x", Number: fmt.Sprintf("AX%02d", 1+w.rng.IntN(20)), Day: w.state.Day,
		}
	default:
		id := w.ticket()
		c.Do = queue.ReportPaper{
			Ticket: id, Answer: queue.RequestID(id), Day: w.state.Day,
			Paper: pick(w, []queue.Paper{
				queue.PaperStarted, queue.PaperConfirmed, queue.PaperSent, queue.PaperUnknown, queue.PaperNone, queue.PaperAbandoned,
			}),
		}
	}
	return c
}
