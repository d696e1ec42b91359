package queue

import "slices"

// aheadOf counts those of a department who would be called before a ticket if nobody else came and each who waits could be
// called by every counter. It is exact unless a bound is reached on the way; then it is at most as much too high as the
// bound is away.
type aheadOf struct {
	earlier int // who came before it
	higher  int // who have priority before it
	share   int // whose class has its turn before it, in the ratio policy
}

func (n aheadOf) total() int { return n.earlier + n.higher + n.share }

// ahead counts who stands before t. A ticket that is not in the line yet counts as if it stood at its place.
func (d *decider) ahead(t *Ticket) aheadOf {
	line := d.s.lines[t.Dept]
	before, _ := slices.BinarySearchFunc(line, t.Place, byPlace)
	policy := d.r.Departments[t.Dept].Policy
	if policy != Strict && policy != Ratio {
		return aheadOf{earlier: before}
	}
	bound := d.maxPassed(t.Dept)
	if t.Passed >= bound {
		n := aheadOf{}
		for _, o := range line[:before] {
			if o.Passed >= bound {
				n.earlier++
			}
		}
		return n
	}
	var n aheadOf
	if policy == Strict {
		n = d.aheadByClass(t, line)
	} else {
		n = d.aheadByShare(t, line)
	}
	// Of those who came later no more can be called before it than the bound allows.
	over := max(0, n.total()-before-(bound-t.Passed))
	n.share, over = max(0, n.share-over), max(0, over-n.share)
	n.higher = max(0, n.higher-over)
	return n
}

// aheadByClass counts for the strict policy.
func (d *decider) aheadByClass(t *Ticket, line []*Ticket) aheadOf {
	var n aheadOf
	own, bound := d.r.rank(t.Class), d.maxPassed(t.Dept)
	for _, o := range line {
		rank, earlier := d.r.rank(o.Class), o.Place.Before(t.Place)
		switch {
		case o.Place == t.Place:
		case rank < own:
			n.higher++
		case earlier && (rank == own || o.Passed >= bound):
			n.earlier++
		}
	}
	return n
}

// aheadByShare counts for the ratio policy: t is called in this round of shares if its class has enough left in it;
// otherwise all present classes have what is left of this round and their shares of the whole rounds in between first.
func (d *decider) aheadByShare(t *Ticket, line []*Ticket) aheadOf {
	waiting := map[string]int{} // per class; of its own only who came before it
	for _, o := range line {
		if o.Place != t.Place && (o.Class != t.Class || o.Place.Before(t.Place)) {
			waiting[o.Class]++
		}
	}
	n := aheadOf{earlier: waiting[t.Class]}
	rounds := 0 // whole rounds between the rest of this one and the one that t is called in
	later := n.earlier + 1 - d.left(t.Dept, t.Class)
	if later > 0 {
		rounds = (later - 1) / d.share(t.Dept, t.Class)
	}
	for class, w := range waiting {
		turns := d.left(t.Dept, class) + rounds*d.share(t.Dept, class)
		switch higher := d.r.rank(class) < d.r.rank(t.Class); {
		case class == t.Class:
		case higher && later > 0:
			n.higher += min(w, turns+d.share(t.Dept, class))
		case higher:
			n.higher += min(w, d.left(t.Dept, class))
		case later > 0:
			n.share += min(w, turns)
		}
	}
	return n
}
