package e2e

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"sync"
	"testing"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// crew runs functions at once and keeps the first error. The zero value is ready to use.
type crew struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error
}

// Go starts f.
func (c *crew) Go(f func() error) {
	c.wg.Go(func() {
		if err := f(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.err == nil {
				c.err = err
			}
		}
	})
}

// Wait waits for all and returns the first error.
func (c *crew) Wait() error {
	c.wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// given are the numbers that were answered, by the id of the request.
type given struct {
	mu      sync.Mutex
	numbers map[proto.ID]string
}

func newGiven() *given { return &given{numbers: map[proto.ID]string{}} }

// add notes an answer; it is an error if the same request was answered with another number before.
func (g *given) add(id proto.ID, res proto.Res) error {
	if res.S != proto.ResOK || res.Ticket == nil || res.Ticket.TID != id {
		return fmt.Errorf("request %s was answered %q (%s) with ticket %+v", id, res.S, res.Why, res.Ticket)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if was, again := g.numbers[id]; again && was != res.Ticket.Num {
		return fmt.Errorf("request %s was answered %s and then %s", id, was, res.Ticket.Num)
	}
	g.numbers[id] = res.Ticket.Num
	return nil
}

func (g *given) copy() map[proto.ID]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.numbers)
}

// against compares what was answered with the database: lost are answers that are not in it as they were given,
// doubles are numbers on two of its tickets.
func (g *given) against(t *testing.T, s *queue.State, answered map[proto.ID]string) (distinct, doubles, lost int) {
	t.Helper()
	seen := map[string]bool{}
	for _, ticket := range s.Tickets {
		if seen[ticket.Number] {
			doubles++
			t.Errorf("the database has two tickets %s", ticket.Number)
		}
		seen[ticket.Number] = true
	}
	for id, number := range answered {
		if ticket := s.Tickets[queue.TicketID(id)]; ticket == nil || ticket.Number != number {
			lost++
			t.Errorf("%s was given to request %s; the database has %+v", number, id, ticket)
		}
	}
	return len(seen), doubles, lost
}

// kiosks connects n kiosks.
func kiosks(t *testing.T, d *daemon, n int) []*client {
	t.Helper()
	out := make([]*client, n)
	for i := range out {
		out[i] = connect(t, d, fmt.Sprintf("kiosk-%d", i+1), proto.KindKiosk)
	}
	return out
}

// TestNumbersAtOnce: eight kiosks take 2,000 numbers of one department at once. All are distinct, none is missing, and
// a repeated request gets the number it got before.
func TestNumbersAtOnce(t *testing.T) {
	const clients, each = 8, 250
	d := newDaemon(t, writeCentre(t, clients, 1))
	all := kiosks(t, d, clients)
	d.start()
	g := newGiven()
	repeated := 0
	var group crew
	for _, c := range all {
		group.Go(func() error {
			for i := range each {
				id := newID()
				for range 1 + i%4/3 { // every fourth request is made twice
					res, err := c.take(id)
					if err == nil {
						err = g.add(id, res)
					}
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		repeated += each / 4
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	d.stop()
	answered := g.copy()
	s := d.books()
	distinct, doubles, lost := g.against(t, s, answered)
	if len(answered) != clients*each || distinct != clients*each || len(s.Tickets) != clients*each {
		t.Errorf("%d answered, %d distinct, %d tickets; want %d of each", len(answered), distinct, len(s.Tickets), clients*each)
	}
	missing := map[string]bool{}
	for n := range clients * each {
		missing[fmt.Sprintf("A%04d", n+1)] = true
	}
	for _, number := range answered {
		delete(missing, number)
	}
	if len(missing) > 0 {
		t.Errorf("%d numbers were given to nobody: %v", len(missing), missing)
	}
	t.Logf("numbers given %d, distinct %d, doubles %d, lost %d, missing %d, requests repeated %d; %s", len(answered), distinct, doubles, lost, len(missing), repeated, d.verify())
}

// TestOfficersAtOnce: two officers press next at the same moment, 500 times, and never call the same ticket.
func TestOfficersAtOnce(t *testing.T) {
	const times = 500
	d := newDaemon(t, writeCentre(t, 4, 2))
	taking := kiosks(t, d, 4)
	var units []*client
	for i := range 2 {
		counter := fmt.Sprintf("c%d", i+1)
		units = append(units, connect(t, d, fmt.Sprintf("unit-%d", i+1), proto.KindCounter, proto.NewTopics("").Counter(counter)))
	}
	d.start()
	var group crew
	for _, c := range taking {
		group.Go(func() error {
			for range 2 * times / len(taking) {
				id := newID()
				res, err := c.take(id)
				if err == nil && res.Ticket == nil {
					err = fmt.Errorf("request %s was answered %q: %s", id, res.S, res.Why)
				}
				if err == nil {
					err = c.print(id, res.Ticket)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	d.tell("sign", "on", "c1", "officer-1")
	d.tell("sign", "on", "c2", "officer-2")
	callers := map[string]string{}
	for i := range times {
		called, err := pressTogether(units)
		if err != nil {
			t.Fatalf("press %d: %v", i+1, err)
		}
		for counter, number := range called {
			if other := callers[number]; other != "" {
				t.Fatalf("press %d: %s was called by %s and by %s", i+1, number, other, counter)
			}
			callers[number] = counter
		}
	}
	d.stop()
	s := d.books()
	visits := map[queue.TicketID]queue.VisitID{}
	for _, v := range s.Visits {
		if other := visits[v.Ticket]; other != "" {
			t.Errorf("ticket %s has two visits, %s and %s", s.Tickets[v.Ticket].Number, other, v.ID)
		}
		visits[v.Ticket] = v.ID
	}
	if len(callers) != 2*times || len(visits) != 2*times {
		t.Errorf("%d numbers were called, the database has %d visits; want %d", len(callers), len(visits), 2*times)
	}
	t.Logf("pressed together %d times, tickets called %d, visits in the database %d, called twice 0; %s", times, len(callers), len(visits), d.verify())
}

// pressTogether presses next at all counters at the same moment and returns which numbers stand there then.
func pressTogether(units []*client) (map[string]string, error) {
	var mu sync.Mutex
	called := map[string]string{}
	gate := make(chan struct{})
	var group crew
	for i, u := range units {
		counter := fmt.Sprintf("c%d", i+1)
		st, err := u.await(counter, func(st proto.CounterState) bool { return st.S != "" && st.S != "closed" })
		if err != nil {
			return nil, err
		}
		group.Go(func() error {
			<-gate
			res, err := u.do(proto.Cmd{ID: newID(), Op: proto.OpNext, Counter: counter, IfVer: &proto.At{Epoch: st.Epoch, Ver: st.CV}})
			if err != nil {
				return err
			}
			if res.S != proto.ResOK || res.Ver == nil {
				return fmt.Errorf("%s: next was answered %q: %s", counter, res.S, res.Why)
			}
			now, err := u.await(counter, func(st proto.CounterState) bool { return !res.Ver.After(st.At()) })
			mu.Lock()
			defer mu.Unlock()
			called[counter] = now.Num
			return err
		})
	}
	close(gate)
	return called, group.Wait()
}

// rounds is how often something is done: as often as QUHAO_ROUNDS says, for a long soak.
func rounds(t *testing.T, usual int) int {
	t.Helper()
	word := os.Getenv("QUHAO_ROUNDS")
	if word == "" {
		return usual
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		t.Fatalf("QUHAO_ROUNDS=%q is no number above 0", word)
	}
	return n
}

// repeatAll asks again for what was given by another start of the daemon: the answer must be the same.
func repeatAll(t *testing.T, all []*client, g *given) {
	t.Helper()
	var group crew
	n := 0
	for id := range g.copy() {
		if n++; n > 400 {
			break
		}
		c := all[n%len(all)]
		group.Go(func() error {
			res, err := c.take(id)
			if err != nil {
				return err
			}
			return g.add(id, res)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
