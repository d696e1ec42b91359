package queue

import (
	"slices"
	"time"
)

// counterWish decides the operations of a counter.
func (d *decider) counterWish() (Body, *Refusal) {
	if no := d.fence(); no != nil {
		return nil, no
	}
	switch w := d.c.Do.(type) {
	case SignOn:
		return d.signOn(w)
	case SignOff:
		return d.signOff(w)
	case Pause:
		return d.pause(w)
	case Unpause:
		if no := d.want(w.Counter, DeskPaused); no != nil {
			return nil, no
		}
		return Unpaused(w), nil
	case Next:
		return d.next(w)
	case Recall:
		return d.recall(w)
	case Start:
		return d.start(w)
	case Miss:
		return d.miss(w)
	case Park:
		return d.end(w.Counter, Ended{Outcome: Parked})
	case Unpark:
		return d.unpark(w)
	case Transfer:
		return d.transfer(w)
	case Complete:
		return d.complete(w)
	case Undo:
		return d.undo(w)
	}
	return nil, refuse(Fault, "%T is not a command", d.c.Do)
}

// fence refuses a command of somebody who has not seen the counter as it is now: of two who press at once, one is too late.
func (d *decider) fence() *Refusal {
	c := counterOf(d.c.Do)
	if _, ok := d.r.Counters[c]; !ok {
		return refuse(Fault, "there is no counter %q", c)
	}
	desk := d.s.Desk(c)
	if v := d.c.IfVer; v != nil && *v != (Version{Epoch: d.s.Epoch, CV: desk.CV}) {
		return refuse(Conflict, "counter %s has changed: it is %s now", c, desk.State)
	}
	return nil
}

// counterOf returns the counter a wish speaks of.
func counterOf(w Wish) CounterID {
	switch w := w.(type) {
	case SignOn:
		return w.Counter
	case SignOff:
		return w.Counter
	case Pause:
		return w.Counter
	case Unpause:
		return w.Counter
	case Next:
		return w.Counter
	case Recall:
		return w.Counter
	case Start:
		return w.Counter
	case Miss:
		return w.Counter
	case Park:
		return w.Counter
	case Unpark:
		return w.Counter
	case Transfer:
		return w.Counter
	case Complete:
		return w.Counter
	case Undo:
		return w.Counter
	}
	return ""
}

// want refuses unless the counter is in one of the states.
func (d *decider) want(c CounterID, states ...DeskState) *Refusal {
	desk := d.s.Desk(c)
	switch {
	case slices.Contains(states, desk.State):
		return nil
	case desk.State == DeskClosed:
		return refuse(Closed, "counter %s is closed: sign on first", c)
	}
	return refuse(Conflict, "counter %s is %s", c, desk.State)
}

func (d *decider) signOn(w SignOn) (Body, *Refusal) {
	_, known := d.r.Counters[w.Counter]
	desk := d.s.Desk(w.Counter)
	switch {
	case !known:
		return nil, refuse(Fault, "there is no counter %q", w.Counter)
	case !d.r.Officers[w.Officer]:
		return nil, refuse(Fault, "there is no officer %q", w.Officer)
	case !d.s.Open:
		return nil, refuse(Closed, "the day is not open")
	case desk.State != DeskClosed && desk.Officer == w.Officer:
		return nil, refuse(Conflict, "%s sits at counter %s already", w.Officer, w.Counter)
	}
	b := SignedOn{Counter: w.Counter, Officer: w.Officer}
	for id, other := range d.s.Desks {
		if id != w.Counter && other.State != DeskClosed && other.Officer == w.Officer {
			if other.Visit != "" {
				return nil, refuse(Conflict, "%s has an open visit at counter %s", w.Officer, id)
			}
			b.Left = id
		}
	}
	return b, nil
}

func (d *decider) signOff(w SignOff) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskIdle, DeskPaused); no != nil {
		return nil, no
	}
	return SignedOff(w), nil
}

// ratingFor is how long a visit that ends now may be rated, in ms.
func (d *decider) ratingFor() int64 {
	return or(d.r.RatingFor, 120*time.Second).Milliseconds()
}

// pause completes what is being served. While a visitor is called it is refused: is that a no-show or is it not?
func (d *decider) pause(w Pause) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskIdle, DeskServing); no != nil {
		return nil, no
	}
	return Paused{Counter: w.Counter, Reason: w.Reason, Completed: d.s.Desk(w.Counter).Visit, RatingFor: d.ratingFor()}, nil
}

// visitID is the name of the visit this event opens. The boot is in it: after a restore the numbers of events begin again.
func (d *decider) visitID() VisitID {
	return VisitID(d.s.Boot + "-" + formatSeq(d.s.Seq+1))
}

// next completes what is open at the counter as direct, a visitor who was called and not marked a no-show included:
// an officer with one key must be able to work. A no-show is always said by its own key.
func (d *decider) next(w Next) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskIdle, DeskCalling, DeskServing); no != nil {
		return nil, no
	}
	desk := d.s.Desk(w.Counter)
	t, cycle := d.choose(w.Counter, desk.Visit)
	switch {
	case t == nil && desk.Visit == "":
		return nil, refuse(Empty, "nobody is waiting whom counter %s can serve", w.Counter)
	case t == nil:
		return Ended{Counter: w.Counter, Visit: desk.Visit, Outcome: Direct, Empty: true, RatingFor: d.ratingFor()}, nil
	}
	return Called{
		Counter: w.Counter, Ticket: t.ID, Visit: d.visitID(), Completed: desk.Visit, Cycle: cycle, RatingFor: d.ratingFor(),
	}, nil
}

func (d *decider) recall(w Recall) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskCalling); no != nil {
		return nil, no
	}
	v := d.s.Visits[d.s.Desk(w.Counter).Visit]
	if every := d.r.Departments[v.Dept].Missed.Every; d.since(v.LastCall) < every {
		return nil, refuse(Early, "called %s ago: wait until %s have passed", d.since(v.LastCall).Round(time.Second), every)
	}
	return Recalled{Counter: w.Counter, Visit: v.ID}, nil
}

func (d *decider) start(w Start) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskCalling); no != nil {
		return nil, no
	}
	desk := d.s.Desk(w.Counter)
	least := or(d.r.RatingMin, 10*time.Second)
	left := min(max(0, least-d.now.Sub(desk.RatingFrom)), least) // also where the clock was set back
	return Started{Counter: w.Counter, Visit: desk.Visit, RatingFor: left.Milliseconds()}, nil
}

func (d *decider) miss(w Miss) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskCalling); no != nil {
		return nil, no
	}
	v := d.s.Visits[d.s.Desk(w.Counter).Visit]
	m := d.r.Departments[v.Dept].Missed
	if v.Recalls < m.Recalls {
		return nil, refuse(Early, "recalled %d times: %d recalls come before a no-show", v.Recalls, m.Recalls)
	}
	if d.since(v.LastCall) < m.Every {
		return nil, refuse(Early, "called %s ago: wait until %s have passed", d.since(v.LastCall).Round(time.Second), m.Every)
	}
	return Ended{Counter: w.Counter, Visit: v.ID, Outcome: NoShow}, nil
}

// end ends the open visit of a counter as b says.
func (d *decider) end(c CounterID, b Ended) (Body, *Refusal) {
	if no := d.want(c, DeskCalling, DeskServing); no != nil {
		return nil, no
	}
	b.Counter, b.Visit = c, d.s.Desk(c).Visit
	return b, nil
}

func (d *decider) complete(w Complete) (Body, *Refusal) {
	v := Visit{Outcome: w.Outcome}
	if !v.Rateable() {
		return nil, refuse(Fault, "%q is not an outcome", w.Outcome)
	}
	return d.end(w.Counter, Ended{Outcome: w.Outcome, RatingFor: d.ratingFor()})
}

func (d *decider) unpark(w Unpark) (Body, *Refusal) {
	if no := d.want(w.Counter, DeskIdle); no != nil {
		return nil, no
	}
	t := d.s.Tickets[w.Ticket]
	if w.Ticket == "" {
		for _, o := range d.s.Tickets {
			if o.State == OnHold && o.At == w.Counter && (t == nil || o.moved < t.moved) {
				t = o
			}
		}
	}
	switch {
	case t == nil:
		return nil, refuse(Empty, "counter %s has nobody on hold", w.Counter)
	case t.State != OnHold:
		return nil, refuse(Conflict, "%s is not on hold: it is %s", t.Number, t.State)
	case d.s.busy[t.Holder] > 0:
		return nil, refuse(Conflict, "the holder of %s is being served elsewhere", t.Number)
	}
	return Called{Counter: w.Counter, Ticket: t.ID, Visit: d.visitID(), Parked: true}, nil
}

func (d *decider) transfer(w Transfer) (Body, *Refusal) {
	if w.To == "" {
		w.To = d.deptFor(w)
	}
	_, dept := d.r.Departments[w.To]
	to, counter := d.r.Counters[w.ToCounter]
	switch {
	case !dept:
		return nil, refuse(Fault, "there is no department %q", w.To)
	case w.ToCounter != "" && !counter:
		return nil, refuse(Fault, "there is no counter %q", w.ToCounter)
	case w.ToCounter != "" && !slices.Contains(to.Depts, w.To):
		return nil, refuse(Fault, "counter %s does not serve department %s", w.ToCounter, w.To)
	}
	return d.end(w.Counter, Ended{Outcome: Transferred, To: w.To, ToCounter: w.ToCounter})
}

// deptFor is the department of a transfer that names a counter only: the visitor's own if that counter serves it,
// otherwise the counter's first.
func (d *decider) deptFor(w Transfer) DeptID {
	to := d.r.Counters[w.ToCounter].Depts
	if v := d.s.Visits[d.s.Desk(w.Counter).Visit]; v != nil && slices.Contains(to, v.Dept) {
		return v.Dept
	}
	if len(to) > 0 {
		return to[0]
	}
	return ""
}
