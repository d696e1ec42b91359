package queue

import "strconv"

func formatSeq(n uint64) string { return strconv.FormatUint(n, 10) }

// maxPassed is the bound on how often a ticket of a department may be passed over by later ones.
func (d *decider) maxPassed(dept DeptID) int { return or(d.r.Departments[dept].MaxPassed, 10) }

// choose returns the ticket that a counter calls next, or nil; cycle says that with it a new round of shares begins.
// leaving is the counter's open visit, which ends with the call: its holder is free.
func (d *decider) choose(c CounterID, leaving VisitID) (best *Ticket, cycle bool) {
	free := ""
	if v := d.s.Visits[leaving]; v != nil {
		free = d.s.Tickets[v.Ticket].Holder
	}
	may := func(t *Ticket) bool { return d.blocked(t, c, free) == "" }
	for _, dept := range d.r.Counters[c].Depts {
		t, anew := d.candidate(dept, may)
		if t != nil && (best == nil || t.Place.Before(best.Place)) {
			best, cycle = t, anew
		}
	}
	return best, cycle
}

// blocked says why a counter cannot call a ticket now, or nothing.
func (d *decider) blocked(t *Ticket, c CounterID, free string) Reason {
	switch {
	case t.State == Printing:
		return ReasonPrinting
	case t.OnlyAt != "" && t.OnlyAt != c:
		return ReasonOtherCounter
	case missing(d.r.Counters[c], t.Needs) != "":
		return ReasonNeeds
	}
	if n := d.s.busy[t.Holder]; n > 1 || n == 1 && t.Holder != free {
		return ReasonBusy
	}
	return ""
}

// candidate is the department's next ticket among those that may be called. In fifo nobody later is ever called before
// somebody earlier who could be called, so no bound is needed.
func (d *decider) candidate(dept DeptID, may func(*Ticket) bool) (t *Ticket, cycle bool) {
	policy := d.r.Departments[dept].Policy
	byClass := policy == Strict || policy == Ratio
	bound := d.maxPassed(dept)
	var heads []*Ticket // the first of each class, by place
	for _, t := range d.s.lines[dept] {
		reached := byClass && t.Passed >= bound
		if !reached && hasClass(heads, t.Class) || !may(t) {
			continue
		}
		if reached || !byClass {
			return t, false
		}
		heads = append(heads, t)
	}
	if policy == Ratio {
		return d.byShare(dept, heads)
	}
	return d.highest(heads, nil), false
}

// hasClass looks through the few heads; the first question of each step, for a line is long and its classes are few.
func hasClass(heads []*Ticket, class string) bool {
	for _, t := range heads {
		if t.Class == class {
			return true
		}
	}
	return false
}

// highest returns the head of the highest class that want accepts, or nil.
func (d *decider) highest(heads []*Ticket, want func(class string) bool) *Ticket {
	var best *Ticket
	for _, t := range heads {
		if want != nil && !want(t.Class) {
			continue
		}
		if best == nil || d.before(t, best) {
			best = t
		}
	}
	return best
}

// before is the strict order: class, then place.
func (d *decider) before(a, b *Ticket) bool {
	if ra, rb := d.r.rank(a.Class), d.r.rank(b.Class); ra != rb {
		return ra < rb
	}
	return a.Place.Before(b.Place)
}

// share is how often a class is called in a round of the ratio policy, and left how often it still is in this one.
func (d *decider) share(dept DeptID, class string) int {
	return max(d.r.Departments[dept].Shares[class], 1)
}

func (d *decider) left(dept DeptID, class string) int {
	given := 0
	if now := d.s.rounds[dept]; now != nil {
		given = now.given[class]
	}
	return max(d.share(dept, class)-given, 0)
}

// byShare takes the highest class that has not had its share in this round; if all present have, a new round begins.
func (d *decider) byShare(dept DeptID, heads []*Ticket) (t *Ticket, cycle bool) {
	if t := d.highest(heads, func(class string) bool { return d.left(dept, class) > 0 }); t != nil {
		return t, false
	}
	t = d.highest(heads, nil)
	return t, t != nil
}
