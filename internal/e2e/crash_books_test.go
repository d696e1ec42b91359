package e2e

import (
	"fmt"
	"slices"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/proto"
)

// crashBooks is what the database of a crash loop says.
type crashBooks struct {
	c      *crash
	state  *queue.State
	calls  map[queue.TicketID]int  // how often each ticket was called
	by     map[queue.RequestID]int // calls by one press
	rated  map[queue.VisitID]int   // scores of one visit
	office int                     // calls at the office while people were there
	odd    []string                // facts that fit nowhere
}

// audit reads the database of the stopped daemon and compares it with what was answered and printed. What it returns
// says what was there and what was found; after drained only the test pressed keys.
func (c *crash) audit(drained time.Time) string {
	c.t.Helper()
	b := c.open(drained)
	papers := c.papers()
	answered := c.given.copy()
	distinctNumbers, doubles, missing := c.given.against(c.t, b.state, answered)
	doubles += b.papers(papers, answered)
	lost, ghosts := b.fates(papers)
	gaps := b.gaps()
	b.presses()
	if ghosts > c.deaths() {
		c.t.Errorf("%d numbers were called without a paper, and only %d programs were killed", ghosts, c.deaths())
	}
	if len(b.odd) > 0 {
		c.t.Errorf("facts that fit nowhere: %v", b.odd)
	}
	if c.repeats.Load() == 0 || len(papers) == 0 || len(answered) == 0 {
		c.t.Errorf("the loop is no good: %d papers, %d answers, %d repeats", len(papers), len(answered), c.repeats.Load())
	}
	return fmt.Sprintf("numbers given %d, papers %d (%d of them offline), requests made twice %d; doubles %d, lost %d, replied but missing %d, gaps %d, called without paper %d (kills %d); presses of next %d, calls %d; scores %d",
		distinctNumbers, len(papers)+len(answered), offlineAmong(papers), c.repeats.Load(), doubles, lost, missing+c.lost, gaps, ghosts, c.deaths(),
		c.nexts.Load(), b.office, len(b.rated))
}

// open replays the whole log.
func (c *crash) open(drained time.Time) *crashBooks {
	c.t.Helper()
	st, err := store.Open(c.d.data, store.Options{Who: "the test"})
	if err != nil {
		c.t.Fatal(err)
	}
	defer st.Close()
	b := &crashBooks{
		c: c, state: queue.New(), calls: map[queue.TicketID]int{}, by: map[queue.RequestID]int{}, rated: map[queue.VisitID]int{},
	}
	if err := st.Load(func(e queue.Event) error {
		switch body := e.Body.(type) {
		case queue.Called:
			b.calls[body.Ticket]++
			b.by[e.Request]++
			if body.Counter != postCounter && e.At.Before(drained) {
				b.office++
			}
		case queue.Rated:
			b.rated[body.Visit]++
		case queue.FactKept:
			if body.Odd != "" {
				b.odd = append(b.odd, body.What+": "+body.Odd)
			}
		}
		_, err := b.state.Apply(e)
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	return b
}

// papers are the numbers on what came out of the printers.
func (c *crash) papers() (out []string) {
	for _, m := range c.kiosks {
		out = append(out, m.kiosk.slot.numbers()...)
	}
	return out
}

// papers looks for numbers that two people hold.
func (b *crashBooks) papers(papers []string, answered map[proto.ID]string) (doubles int) {
	held := map[string]int{}
	for _, number := range papers {
		held[number]++
	}
	for _, number := range answered {
		held[number]++
	}
	for number, n := range held {
		if n > 1 {
			doubles++
			b.c.t.Errorf("%d people hold %s", n, number)
		}
	}
	return doubles
}

// fates looks what became of the office's papers: each has been called, and each ticket that was called has a paper, or
// somebody was killed between the two.
func (b *crashBooks) fates(papers []string) (lost, ghosts int) {
	has := map[string]*queue.Ticket{}
	for _, ticket := range b.state.Tickets {
		if ticket.Dept == "office" {
			has[ticket.Number] = ticket
		}
		if b.calls[ticket.ID] > 1 {
			b.c.t.Errorf("%s was called %d times", ticket.Number, b.calls[ticket.ID])
		}
	}
	for _, number := range papers {
		if ticket := has[number]; ticket == nil || ticket.State != queue.Done || b.calls[ticket.ID] != 1 {
			lost++
			b.c.t.Errorf("the paper %s was not called: %+v", number, ticket)
		}
	}
	for number, ticket := range has {
		switch {
		case slices.Contains(papers, number), ticket.State == queue.Void:
		case ticket.State == queue.Done:
			ghosts++
		default:
			b.c.t.Errorf("%s has no paper and is %s in an empty hall: %v", number, ticket.State, ticket.Papers)
		}
	}
	return lost, ghosts
}

// gaps counts numbers of the controller's own series that no ticket has.
func (b *crashBooks) gaps() (gaps int) {
	for dept, last := range b.state.LastNum {
		have := map[int]bool{}
		for _, ticket := range b.state.Tickets {
			if ticket.Dept == dept && ticket.Off == 0 {
				have[ticket.Num] = true
			}
		}
		for n := range last {
			if !have[n+1] {
				gaps++
				b.c.t.Errorf("%s %d was given to nobody, and no event says why", dept, n+1)
			}
		}
	}
	return gaps
}

// presses looks whether a press called twice, and a visit was rated twice.
func (b *crashBooks) presses() {
	for request, n := range b.by {
		if n > 1 {
			b.c.t.Errorf("the press %s called %d visitors", request, n)
		}
	}
	for request := range b.c.called.Range {
		if b.by[request.(queue.RequestID)] != 1 {
			b.c.t.Errorf("the press %s was answered, and called %d visitors", request, b.by[request.(queue.RequestID)])
		}
	}
	if presses := int(b.c.nexts.Load()); b.office > presses {
		b.c.t.Errorf("%d presses made %d calls", presses, b.office)
	}
	for visit, n := range b.rated {
		if n > 1 {
			b.c.t.Errorf("visit %s has %d scores", visit, n)
		}
	}
}

// offlineAmong counts the numbers that a kiosk gave by itself.
func offlineAmong(papers []string) (n int) {
	for _, number := range papers {
		if len(number) > 2 && number[1] >= 'U' {
			n++
		}
	}
	return n
}
