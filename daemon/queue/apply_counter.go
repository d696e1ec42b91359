package queue

import (
	"fmt"
	"time"
)

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func (a *applier) signOn(b SignedOn) {
	if b.Left != "" {
		a.setDesk(b.Left, func(d *Desk) { d.State, d.Officer, d.Reason, d.last = DeskClosed, "", "", nil })
	}
	a.setDesk(b.Counter, func(d *Desk) {
		d.Officer, d.last = b.Officer, nil
		if d.State == DeskClosed || d.State == DeskPaused {
			d.State, d.Reason = DeskIdle, ""
		}
	})
}

// finish ends the visit of a counter with an outcome after which the visitor may rate.
func (a *applier) finish(d *Desk, id VisitID, outcome string, rating time.Duration) error {
	return a.withVisit(id, func(v *Visit, t *Ticket) {
		v.Ended, v.Outcome = a.e.At, outcome
		t.State = Done
		d.Visit = ""
		if rating > 0 {
			d.RatingOf, d.RatingFrom, d.RatingUntil = id, a.e.At, a.e.At.Add(rating)
		}
	})
}

func (a *applier) pause(b Paused) error {
	d := a.desk(b.Counter)
	if b.Completed != "" {
		if err := a.finish(d, b.Completed, Direct, ms(b.RatingFor)); err != nil {
			return err
		}
	}
	a.setDesk(b.Counter, func(d *Desk) { d.State, d.Reason, d.last = DeskPaused, b.Reason, nil })
	return nil
}

func (a *applier) call(b Called) error {
	t := a.Tickets[b.Ticket]
	if t == nil {
		return fmt.Errorf("no ticket %s", b.Ticket)
	}
	d := a.desk(b.Counter)
	touched := []TicketID{b.Ticket}
	if v := a.Visits[b.Completed]; v != nil {
		touched = append(touched, v.Ticket)
	}
	sl := a.remember(b.Counter, touched, []VisitID{b.Completed})
	if !b.Parked {
		a.passOver(t, sl)
		a.countShare(t, b.Cycle, sl)
	}
	if b.Completed != "" {
		if err := a.finish(d, b.Completed, Direct, ms(b.RatingFor)); err != nil {
			return err
		}
	}
	v := &Visit{
		ID: b.Visit, Ticket: t.ID, Day: a.e.Day, Dept: t.Dept, Counter: b.Counter, Officer: d.Officer,
		Called: a.e.At, LastCall: a.e.At, Touched: a.e.Seq,
	}
	a.Visits[v.ID] = v
	a.c.Visits = append(a.c.Visits, v)
	a.setTicket(t, func(t *Ticket) { t.State, t.At = Calling, b.Counter })
	a.setDesk(b.Counter, func(d *Desk) { d.State, d.Visit = DeskCalling, v.ID })
	return nil
}

// passOver counts the call against every ticket of the department that stood before t, whatever the reason was.
func (a *applier) passOver(t *Ticket, sl *slip) {
	for _, o := range a.lines[t.Dept] {
		if !o.Place.Before(t.Place) {
			break
		}
		if o.State == Waiting {
			o.Passed++
			sl.passed = append(sl.passed, overtaken{o, o.Place})
		}
	}
}

// countShare counts the call for the shares of the ratio policy.
func (a *applier) countShare(t *Ticket, anew bool, sl *slip) {
	now := a.rounds[t.Dept]
	if anew || now == nil {
		if now != nil {
			now.before = nil // or all rounds of the day would hang together
		}
		now = &round{began: a.e.Seq, given: map[string]int{}, before: now}
		a.rounds[t.Dept] = now
	}
	now.given[t.Class]++
	sl.dept, sl.class, sl.round = t.Dept, t.Class, now.began
}

func (a *applier) recall(b Recalled) error {
	if err := a.withVisit(b.Visit, func(v *Visit, _ *Ticket) { v.Recalls++; v.LastCall = a.e.At }); err != nil {
		return err
	}
	a.setDesk(b.Counter, func(d *Desk) { d.last = nil })
	return nil
}

func (a *applier) start(b Started) error {
	d := a.desk(b.Counter)
	a.remember(b.Counter, []TicketID{a.ticketOf(b.Visit)}, []VisitID{b.Visit})
	if err := a.withVisit(b.Visit, func(v *Visit, t *Ticket) { v.Started = a.e.At; t.State = Serving }); err != nil {
		return err
	}
	if until := a.e.At.Add(ms(b.RatingFor)); until.Before(d.RatingUntil) {
		d.RatingUntil = until
	}
	a.setDesk(b.Counter, func(d *Desk) { d.State = DeskServing })
	return nil
}

func (a *applier) ticketOf(id VisitID) TicketID {
	if v := a.Visits[id]; v != nil {
		return v.Ticket
	}
	return ""
}

func (a *applier) end(b Ended) error {
	a.remember(b.Counter, []TicketID{a.ticketOf(b.Visit)}, []VisitID{b.Visit})
	d := a.desk(b.Counter)
	if err := a.finish(d, b.Visit, b.Outcome, ms(b.RatingFor)); err != nil {
		return err
	}
	t := a.Tickets[a.ticketOf(b.Visit)]
	a.setTicket(t, func(t *Ticket) {
		switch b.Outcome {
		case NoShow:
			t.State = Gone
		case Parked:
			t.State = OnHold
		case Transferred:
			t.State, t.Dept, t.OnlyAt, t.At = Waiting, b.To, b.ToCounter, ""
		}
	})
	a.setDesk(b.Counter, func(d *Desk) { d.State = DeskIdle })
	if b.Empty {
		a.answerDesk(b.Counter, Empty)
	}
	return nil
}
