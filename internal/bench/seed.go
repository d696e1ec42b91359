package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// seeder fills a database as the controller would have, by the same rules and the same store, only faster: the time is
// its own, and many commands go into one transaction.
type seeder struct {
	st    *store.Store
	rules *queue.Rules
	state *queue.State
	now   time.Time

	events  []queue.Event
	tickets map[queue.TicketID]*queue.Ticket
	visits  map[queue.VisitID]*queue.Visit
}

// seedBatch is how many events go into one transaction.
const seedBatch = 5000

// openSeeder opens the database of a centre whose daemon does not run, with a clock that begins at now.
func openSeeder(c *centre, data string, now time.Time) (*seeder, error) {
	conf, mistakes := config.Load(c.dir)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	st, err := store.Open(data, store.Options{Who: "the benchmark", NoCheck: true})
	if err != nil {
		return nil, err
	}
	s := &seeder{st: st, rules: controller.Rules(conf.Centre), state: queue.New(), now: now}
	s.clear()
	err = st.Load(func(e queue.Event) error { _, err := s.state.Apply(e); return err })
	if err == nil && s.state.Epoch == 0 {
		err = s.do(queue.RaiseEpoch{Boot: "seed", Why: "start"})
	}
	return s, err
}

func (s *seeder) clear() {
	s.events, s.tickets, s.visits = s.events[:0], map[queue.TicketID]*queue.Ticket{}, map[queue.VisitID]*queue.Visit{}
}

// do carries out one command.
func (s *seeder) do(wish queue.Wish) error {
	var r [10]byte
	for i := range r {
		r[i] = byte(rand.Uint32())
	}
	cmd := queue.Command{Request: queue.RequestID(proto.NewID(s.now.UnixMilli(), r)), Actor: "dev:kiosk-1", Device: "kiosk-1", Do: wish}
	e, no := queue.Decide(s.rules, s.state, cmd, s.now)
	if no != nil {
		return fmt.Errorf("%T: %w", wish, no)
	}
	changed, err := s.state.Apply(e)
	if err != nil {
		return err
	}
	s.events = append(s.events, e)
	for _, t := range changed.Tickets {
		s.tickets[t.ID] = t
	}
	for _, v := range changed.Visits {
		s.visits[v.ID] = v
	}
	if len(s.events) >= seedBatch {
		return s.flush()
	}
	return nil
}

// flush commits what was decided.
func (s *seeder) flush() error {
	var tickets []queue.Ticket
	for _, t := range s.tickets {
		tickets = append(tickets, *t)
	}
	var visits []queue.Visit
	for _, v := range s.visits {
		visits = append(visits, *v)
	}
	slices.SortFunc(tickets, func(a, b queue.Ticket) int { return int(a.Touched) - int(b.Touched) })
	err := s.st.Append(s.events, tickets, visits)
	s.clear()
	return err
}

// close commits the rest and closes the database.
func (s *seeder) close() error {
	err := s.flush()
	if closed := s.st.Close(); err == nil {
		err = closed
	}
	return err
}

// open opens a day if none is open, and signs an officer on at each counter.
func (s *seeder) open(c *centre) error {
	if !s.state.Open {
		if err := s.do(queue.OpenDay{}); err != nil {
			return err
		}
	}
	for i := range max(c.units, 1) {
		err := s.do(queue.SignOn{Counter: queue.CounterID(c.counter(i)), Officer: queue.OfficerID(c.officer(i))})
		if err != nil {
			return err
		}
	}
	return nil
}

// queueUp lets n visitors take a number and wait.
func (s *seeder) queueUp(n int) error {
	for range n {
		s.now = s.now.Add(time.Millisecond)
		if err := s.do(queue.Take{Dept: "office", Item: "paper", Holder: random(), Lang: "zh"}); err != nil {
			return err
		}
	}
	s.now = s.now.Add(time.Minute) // their papers were printed
	return s.do(queue.Tick{})
}

// day lets a whole day pass: n visitors take numbers, are called, served and go.
func (s *seeder) day(c *centre, n int) error {
	if err := s.open(c); err != nil {
		return err
	}
	desk := queue.CounterID(c.counter(0))
	for left := n; left > 0; left -= min(left, 100) {
		if err := s.queueUp(min(left, 100)); err != nil {
			return err
		}
		for range min(left, 100) {
			s.now = s.now.Add(20 * time.Second)
			for _, w := range []queue.Wish{queue.Next{Counter: desk}, queue.Start{Counter: desk}} {
				if err := s.do(w); err != nil {
					return err
				}
			}
		}
	}
	if err := s.do(queue.CloseDay{Force: true}); err != nil {
		return err
	}
	s.now = s.now.Add(time.Hour)
	return nil
}

// seeded makes a centre in a new folder whose day has begun, with an officer at every counter and n visitors waiting.
func (b *bench) seeded(name string, kiosks, units, n int) (*daemon, error) {
	c, data, err := b.newCentre(name, kiosks, units)
	if err != nil {
		return nil, err
	}
	s, err := openSeeder(c, data, time.Now().Add(-2*time.Hour).Truncate(time.Millisecond))
	if err != nil {
		return nil, err
	}
	err = s.open(c)
	if err == nil && n > 0 {
		err = s.queueUp(n)
	}
	if closed := s.close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return c.run(b.program("quhaod"), data)
}
