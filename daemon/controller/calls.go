package controller

import (
	"slices"
	"strings"
	"time"

	"quhao/daemon/queue"
)

// callsOnBoard is how many calls are remembered, of all departments together and of each.
const callsOnBoard = 8

// call is one call on the boards.
type call struct {
	visit   queue.VisitID
	number  string
	counter queue.CounterID
	at      time.Time
}

// calls are the last calls of the open day, newest first.
type calls struct {
	hall []call
	// dept holds, for each department, the calls of its own series only: a visitor who was handed over says nothing of
	// how far a department's own numbers are.
	dept map[queue.DeptID][]call
}

// last is the number of a department's own series called last today, "" for none.
func (c *calls) last(d queue.DeptID) string {
	if own := c.dept[d]; len(own) > 0 {
		return own[0].number
	}
	return ""
}

// note takes in an event that s has just applied. A call that was undone was none.
func (c *calls) note(rules *queue.Rules, s *queue.State, e queue.Event) {
	var visit queue.VisitID
	switch body := e.Body.(type) {
	case queue.Called:
		visit = body.Visit
	case queue.Recalled:
		visit = body.Visit
	case queue.Undid:
		undone := func(o call) bool {
			v := s.Visits[o.visit]
			return v != nil && v.Outcome == queue.Undone
		}
		c.hall = slices.DeleteFunc(c.hall, undone)
		for d, own := range c.dept {
			c.dept[d] = slices.DeleteFunc(own, undone)
		}
		return
	case queue.DayOpened:
		*c = calls{dept: map[queue.DeptID][]call{}}
		return
	default:
		return
	}
	v := s.Visits[visit]
	is := call{visit: visit, number: s.Tickets[v.Ticket].Number, counter: v.Counter, at: e.At}
	c.hall = ahead(c.hall, is)
	if prefixed(is.number, rules.Departments[v.Dept].Series.Prefix) {
		c.dept[v.Dept] = ahead(c.dept[v.Dept], is)
	}
}

// ahead puts a call before the others; the same number stands once.
func ahead(all []call, is call) []call {
	all = slices.DeleteFunc(all, func(o call) bool { return o.number == is.number })
	all = slices.Insert(all, 0, is)
	return all[:min(len(all), callsOnBoard)]
}

// prefixed says whether a number belongs to a series: behind its letters come digits, or the letters of a kiosk that gave it
// while it was cut off. Those are U to Z, which no series has.
func prefixed(number, prefix string) bool {
	rest, ok := strings.CutPrefix(number, prefix)
	return ok && rest != "" && (rest[0] >= '0' && rest[0] <= '9' || rest[0] >= 'U' && rest[0] <= 'Z')
}
