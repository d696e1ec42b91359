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
	type class struct {
		name string
		n    int
	}
	var n aheadOf
	var others []class // few: looking through them is faster than a map, for each of a long line
	for _, o := range line {
		if o.Class == t.Class {
			if o.Place.Before(t.Place) {
				n.earlier++
			}
			continue
		}
		i := slices.IndexFunc(others, func(c class) bool { return c.name == o.Class })
		if i < 0 {
			i, others = len(others), append(others, class{name: o.Class})
		}
		others[i].n++
	}
	rounds := 0 // whole rounds between the rest of this one and the one that t is called in
	later := n.earlier + 1 - d.left(t.Dept, t.Class)
	if later > 0 {
		rounds = (later - 1) / d.share(t.Dept, t.Class)
	}
	for _, c := range others {
		left, share := d.left(t.Dept, c.name), d.share(t.Dept, c.name)
		switch higher := d.r.rank(c.name) < d.r.rank(t.Class); {
		case higher && later > 0:
			n.higher += min(c.n, left+(rounds+1)*share)
		case higher:
			n.higher += min(c.n, left)
		case later > 0:
			n.share += min(c.n, left+rounds*share)
		}
	}
	return n
}
