package queue

import (
	"slices"
	"strconv"
)

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
	case !provides(d.r.Counters[c], t.Needs):
		return ReasonNeeds
	}
	if n := d.s.busy[t.Holder]; n > 1 || n == 1 && t.Holder != free {
		return ReasonBusy
	}
	return ""
}

func provides(c Counter, needs []string) bool {
	for _, n := range needs {
		if !slices.Contains(c.Provides, n) {
			return false
		}
	}
	return true
}

// candidate is the department's next ticket among those that may be called.
func (d *decider) candidate(dept DeptID, may func(*Ticket) bool) (t *Ticket, cycle bool) {
	heads := map[string]*Ticket{} // the first of each class
	bound := d.maxPassed(dept)
	var first *Ticket
	for _, t := range d.s.lines[dept] {
		if !may(t) {
			continue
		}
		if t.Passed >= bound {
			return t, false
		}
		if heads[t.Class] == nil {
			heads[t.Class] = t
		}
		if first == nil {
			first = t
		}
	}
	if first == nil {
		return nil, false
	}
	switch d.r.Departments[dept].Policy {
	case Strict:
		return d.highest(heads, nil), false
	case Ratio:
		return d.byShare(dept, heads)
	}
	return first, false
}

// highest returns the head of the highest class that want accepts.
func (d *decider) highest(heads map[string]*Ticket, want func(class string) bool) *Ticket {
	var best *Ticket
	for class, t := range heads {
		if want != nil && !want(class) {
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

// byShare takes the highest class that has not had its share in this round; if all present have, a new round begins.
func (d *decider) byShare(dept DeptID, heads map[string]*Ticket) (*Ticket, bool) {
	given, shares := d.s.cycle[dept], d.r.Departments[dept].Shares
	left := func(class string) bool { return given[class] < max(shares[class], 1) }
	if t := d.highest(heads, left); t != nil {
		return t, false
	}
	return d.highest(heads, nil), true
}

// ahead returns the tickets of the department that would be called before t if nobody else came:
// for ratio, at least those with an earlier place or a higher class within their shares.
func (d *decider) ahead(t *Ticket) []*Ticket {
	var out []*Ticket
	policy := d.r.Departments[t.Dept].Policy
	for _, o := range d.s.lines[t.Dept] {
		if o.ID == t.ID && t.ID != "" {
			continue
		}
		earlier := o.Place.Before(t.Place)
		switch policy {
		case Strict:
			earlier = d.before(o, t) || earlier && o.Passed >= d.maxPassed(t.Dept)
		case Ratio:
			earlier = earlier && d.r.rank(o.Class) <= d.r.rank(t.Class) || d.r.rank(o.Class) < d.r.rank(t.Class)
		}
		if earlier {
			out = append(out, o)
		}
	}
	return out
}
