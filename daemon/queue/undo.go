package queue

import (
	"errors"
	"slices"
	"time"
)

// remember keeps what an operation is about to change, so that it can be undone. Call it before the change.
func (a *applier) remember(c CounterID, tickets []TicketID, visits []VisitID) *slip {
	d := a.desk(c)
	sl := &slip{seq: a.e.Seq, at: a.e.At, desk: *d}
	sl.desk.last = nil
	for _, id := range tickets {
		if t := a.Tickets[id]; t != nil {
			was := *t
			was.Papers = nil // never brought back: a paper that has come out stays out
			sl.tickets = append(sl.tickets, was)
		}
	}
	for _, id := range visits {
		if v := a.Visits[id]; v != nil {
			sl.visits = append(sl.visits, *v)
		}
	}
	d.last = sl
	return sl
}

// undo takes back the last operation of a counter (a call, a start, or an end of a visit), unless something has happened
// since to what it changed. A clock that was set back does not stand in its way.
func (d *decider) undo(w Undo) (Body, *Refusal) {
	sl := d.s.Desk(w.Counter).last
	if sl == nil {
		return nil, refuse(Conflict, "counter %s has nothing to undo", w.Counter)
	}
	if limit := or(d.r.UndoFor, time.Minute); d.now.Sub(sl.at) > limit {
		return nil, refuse(Conflict, "the last operation is more than %s ago", limit)
	}
	for _, was := range sl.tickets {
		if d.s.Tickets[was.ID].moved != sl.seq {
			return nil, refuse(Conflict, "%s has gone on since", was.Number)
		}
		if was.State.atDesk() && d.elsewhere(was.Holder, sl) {
			return nil, refuse(Conflict, "the holder of %s is at another counter now", was.Number)
		}
	}
	for _, was := range sl.visits {
		if d.s.Visits[was.ID].Touched != sl.seq {
			return nil, refuse(Conflict, "the visit has gone on since")
		}
	}
	return Undid{Counter: w.Counter, Of: sl.seq}, nil
}

// elsewhere says whether a holder is at a counter with a ticket that the slip does not speak of.
func (d *decider) elsewhere(holder string, sl *slip) bool {
	n := d.s.busy[holder]
	for _, was := range sl.tickets {
		if t := d.s.Tickets[was.ID]; t.State.atDesk() && t.Holder == holder {
			n--
		}
	}
	return holder != "" && n > 0
}

// undo puts everything that the counter's last operation changed back as it was. A visit that it opened is marked undone.
func (a *applier) undo(b Undid) error {
	d := a.desk(b.Counter)
	sl := d.last
	if sl == nil || sl.seq != b.Of {
		return errors.New("nothing to undo")
	}
	opened := a.Visits[d.Visit]
	if opened != nil && !slices.ContainsFunc(sl.visits, func(was Visit) bool { return was.ID == opened.ID }) {
		opened.Ended, opened.Outcome, opened.Touched = a.e.At, Undone, a.e.Seq
		a.c.Visits = append(a.c.Visits, opened)
	}
	for _, was := range sl.tickets {
		t := a.Tickets[was.ID]
		a.setTicket(t, func(t *Ticket) {
			t.State, t.Dept, t.OnlyAt, t.At = was.State, was.Dept, was.OnlyAt, was.At
			if t.State.inLine() && t.noneBut("") {
				t.State = Void // that none of its papers came out was heard while it was at the counter
			}
		})
		t.Since = was.Since
	}
	for _, was := range sl.visits {
		v := a.Visits[was.ID]
		*v = was
		v.Touched = a.e.Seq
		a.c.Visits = append(a.c.Visits, v)
	}
	a.unpass(sl)
	a.setDesk(b.Counter, func(d *Desk) {
		*d = sl.desk
		if v := a.Visits[d.RatingOf]; v != nil && v.Score != 0 {
			d.RatingOf = "" // it was rated in between
		}
	})
	return nil
}

// unpass takes back what the undone call counted: against those it passed over, and of its class's share.
// Other counters may have called in between, so nothing is put back by value.
func (a *applier) unpass(sl *slip) {
	for _, o := range sl.passed {
		if o.t.Place == o.place {
			o.t.Passed--
		}
	}
	now := a.rounds[sl.dept]
	if now == nil || now.began != sl.round {
		return // the round is over
	}
	if now.given[sl.class]--; now.given[sl.class] == 0 {
		delete(now.given, sl.class)
	}
	switch {
	case len(now.given) > 0:
	case now.before == nil:
		delete(a.rounds, sl.dept)
	default:
		a.rounds[sl.dept] = now.before
	}
}
