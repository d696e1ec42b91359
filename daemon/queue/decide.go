package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Decide answers a command with the one event that it causes, or with a refusal. It changes nothing.
//
// A request that changed something before is refused with Nothing: its answer is State.Answer.
// A fact of a bound installation is refused only with Nothing, when it was taken before or comes before its turn;
// one that fits nowhere is kept as it is. A fact of an installation that was never bound is refused with Fault.
func Decide(r *Rules, s *State, c Command, now time.Time) (Event, *Refusal) {
	if c.Request != "" {
		if _, done := s.Answer(c.Request); done {
			return Event{}, refuse(Nothing, "request %s was answered before", c.Request)
		}
	}
	d := &decider{r: r, s: s, c: c, now: now.UTC().Truncate(time.Millisecond)}
	e := Event{Seq: s.Seq + 1, At: d.now, Day: s.Day, Request: c.Request, Actor: c.Actor}
	var no *Refusal
	if c.Fact != nil {
		if no := d.markFact(&e); no != nil {
			return Event{}, no
		}
		e.Body, no = d.fact()
		if no != nil {
			e.Body = FactKept{What: c.Fact.What, Raw: c.Fact.Raw, Odd: no.Error(), Closes: d.abandoned()}
		}
		return e, nil
	}
	e.Body, no = d.wish()
	if no != nil {
		return Event{}, no
	}
	switch b := e.Body.(type) {
	case DayOpened:
		e.Day = s.Day + 1
	case GapSkipped:
		e.Install = c.Do.(SkipGap).Install
		e.FactGap = b.First - s.Installs[e.Install].Ack - 1
	}
	return e, nil
}

// decider is one decision on its way.
type decider struct {
	r   *Rules
	s   *State
	c   Command
	now time.Time
}

func (d *decider) wish() (Body, *Refusal) {
	switch w := d.c.Do.(type) {
	case Take:
		return d.take(w)
	case Reinstate:
		return d.reinstate(w)
	case OpenDay:
		return d.openDay()
	case CloseDay:
		return d.closeDay(w)
	case SetIssuing:
		if _, ok := d.r.Departments[w.Dept]; !ok {
			return nil, refuse(Fault, "there is no department %q", w.Dept)
		}
		return IssuingSet(w), nil
	case Tick:
		return d.tick()
	case RaiseEpoch:
		return EpochRaised{Epoch: max(w.To, d.s.Epoch+1), Boot: w.Boot, Why: w.Why}, nil
	case Bind:
		return d.bind(w)
	case LetHandIn:
		return d.letHandIn(w)
	case SkipGap:
		return d.skipGap(w)
	case Permit:
		return d.permit(w)
	case BeginRecovery:
		return RecoveryBegun(w), nil
	case EndRecovery:
		return d.endRecovery(w)
	}
	return d.counterWish()
}

func (d *decider) take(w Take) (Body, *Refusal) {
	dept, ok := d.r.Departments[w.Dept]
	switch {
	case !ok:
		return nil, refuse(Fault, "there is no department %q", w.Dept)
	case w.Item != "" && !slices.Contains(dept.Items, w.Item):
		return nil, refuse(Fault, "department %s has no item %q", w.Dept, w.Item)
	case d.c.Request == "":
		return nil, refuse(Fault, "a ticket needs a request id")
	case d.s.Recovering:
		return nil, refuse(Recovering, "restored from a backup: the kiosks have not all handed in their journals yet")
	case !d.s.Accepting(w.Dept):
		return nil, refuse(Closed, "department %s takes no tickets now", w.Dept)
	case dept.CardOnly && w.Holder == "":
		return nil, refuse(NotEligible, "department %s gives tickets to cards only", w.Dept)
	}
	if t := d.s.liveOf(w.Dept, w.Holder); t != nil {
		return Shown{Ticket: t.ID, Ahead: d.ahead(t).total()}, nil
	}
	n := max(d.s.LastNum[w.Dept]+1, dept.Series.first())
	for d.s.numbers[dept.Series.Label(n)] > 0 {
		n++
	}
	if last := dept.Series.last(); n > last {
		return nil, refuse(Full, "department %s has given out its last number, %s", w.Dept, dept.Series.Label(last))
	}
	t := &Ticket{Dept: w.Dept, Class: d.r.class(w.Class), Place: Place{After: d.s.Seq + 1}, State: Waiting}
	return Issued{
		Ticket: TicketID(d.c.Request), Dept: w.Dept, Item: w.Item, Num: n, Number: dept.Series.Label(n),
		Class: t.Class, Needs: w.Needs, Holder: w.Holder, Lang: w.Lang, Device: d.c.Device,
		Place: t.Place, Ahead: d.ahead(t).total(),
	}, nil
}

func (d *decider) reinstate(w Reinstate) (Body, *Refusal) {
	t := d.s.Tickets[w.Ticket]
	if t == nil {
		return nil, refuse(Fault, "there is no such ticket")
	}
	m := d.r.Departments[t.Dept].Missed
	if t.State == Expired {
		return d.bringBack(t, m.After)
	}
	if t.Day != d.s.Day {
		return nil, refuse(Fault, "there is no such ticket today")
	}
	switch {
	case t.State != Gone:
		return nil, refuse(Conflict, "%s is not a missed number: it is %s", t.Number, t.State)
	case !d.s.Open:
		return nil, refuse(Closed, "the day is closed")
	case m.Within > 0 && d.now.Sub(t.Since) > m.Within:
		return nil, refuse(Closed, "%s was missed more than %s ago", t.Number, m.Within)
	case t.Returned >= max(m.Times, 1):
		return nil, refuse(Closed, "%s has come back %d times already", t.Number, t.Returned)
	}
	if o := d.s.liveOf(t.Dept, t.Holder); o != nil {
		return nil, refuse(Conflict, "the holder of %s has taken %s since", t.Number, o.Number)
	}
	return Reinstated{Ticket: t.ID, Place: d.placeBehind(t.Dept, m.After)}, nil
}

// placeBehind is the place behind the n-th of those who wait in a department, or behind all if there are fewer.
// Of several who come back behind the same ticket, the first to come back is the first.
// The number of the present event is in it, so nobody else has this place or ever had it.
func (d *decider) placeBehind(dept DeptID, n int) Place {
	line := d.s.lines[dept]
	own := d.s.Seq + 1
	if n >= len(line) {
		return Place{After: own}
	}
	if n <= 0 {
		return Place{After: 0, Tie: own}
	}
	return Place{After: line[n-1].Place.After, Tie: own}
}

func (d *decider) openDay() (Body, *Refusal) {
	if d.s.Open {
		return nil, refuse(Conflict, "day %d is open already", d.s.Day)
	}
	carry := Carry{Epoch: d.s.Epoch, Boot: d.s.Boot, Devices: maps.Clone(d.s.Devices), Letters: maps.Clone(d.s.Letters), Recovering: d.s.Recovering}
	for _, in := range d.s.Installs {
		carry.Installs = append(carry.Installs, *in)
	}
	slices.SortFunc(carry.Installs, func(a, b Install) int { return cmp.Compare(a.ID, b.ID) })
	return DayOpened{Carry: carry}, nil
}

func (d *decider) closeDay(w CloseDay) (Body, *Refusal) {
	if !d.s.Open {
		return nil, refuse(Conflict, "no day is open")
	}
	if w.Force {
		return DayClosed{}, nil
	}
	for _, dept := range slices.Sorted(maps.Keys(d.r.Departments)) {
		if d.s.Accepting(dept) {
			return nil, refuse(Conflict, "department %s still gives out tickets: close issuing first", dept)
		}
	}
	for _, t := range d.s.atPrinter {
		return nil, refuse(Conflict, "%s is still %s", t.Number, t.State)
	}
	for _, c := range slices.Sorted(maps.Keys(d.s.Desks)) {
		if v := d.s.Visits[d.s.Desks[c].Visit]; v != nil {
			return nil, refuse(Conflict, "%s is still open at counter %s", d.s.Tickets[v.Ticket].Number, c)
		}
	}
	return DayClosed{}, nil
}

func (d *decider) bind(w Bind) (Body, *Refusal) {
	have := d.s.Devices[w.Device]
	switch {
	case w.Install == "" || w.Device == "":
		return nil, refuse(Fault, "a device and an installation are needed")
	case have == w.Install:
		return nil, refuse(Nothing, "already bound")
	case have != "" && !w.Replace:
		return nil, refuse(Conflict, "%s is bound to another installation: an administrator has to replace it", w.Device)
	}
	if in := d.s.Installs[w.Install]; in != nil && in.Device != w.Device {
		return nil, refuse(Conflict, "this installation belongs to %s", in.Device)
	}
	return Bound{Device: w.Device, Install: w.Install}, nil
}

// since is how long ago t was; a clock that was set back counts as for ever, so that nothing waits for it.
func (d *decider) since(t time.Time) time.Duration {
	if t.After(d.now) {
		return 1 << 62
	}
	return d.now.Sub(t)
}

func (d *decider) tick() (Body, *Refusal) {
	var late []TicketID
	for _, t := range d.s.atPrinter {
		if d.since(t.Since) >= or(d.r.PrintingFor, 20*time.Second) {
			late = append(late, t.ID)
		}
	}
	if len(late) == 0 {
		return nil, refuse(Nothing, "nothing is due")
	}
	return Ready{Tickets: late}, nil
}

// Due returns when the next Tick has something to do. A caller waits for it no longer than PrintingFor and then asks
// again: where the clock was set back it lies too far away, although a Tick would find something to do at once.
func (s *State) Due(r *Rules) (time.Time, bool) {
	var due time.Time
	for _, t := range s.atPrinter {
		if at := t.Since.Add(or(r.PrintingFor, 20*time.Second)); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due, !due.IsZero()
}
