package config

import (
	"fmt"
	"math"
	"slices"
	"time"

	"quhao/drivers/led"
)

// ids are the names of a centre that devices and its own parts refer to.
type ids struct {
	departments, items, halls, counters, classes, needs, officers names
}

// centre checks what the tags of the fields cannot say, and fills the defaults that depend on other fields.
func (d *decoder) centre(c *Centre) ids {
	n := ids{
		departments: unique(d, "department", c.Departments, func(x *Department) *string { return &x.ID }),
		halls:       unique(d, "hall", c.Halls, func(x *Hall) *string { return &x.ID }),
		counters:    unique(d, "counter", c.Counters, func(x *Counter) *string { return &x.ID }),
		classes:     unique(d, "class", c.Classes, func(x *Class) *string { return &x.ID }),
		needs:       unique(d, "need", c.Needs, func(x *Need) *string { return &x.ID }),
		officers:    unique(d, "officer", c.Officers, func(x *Officer) *string { return &x.ID }),
		items:       names{what: "item", line: map[string]Pos{}, sure: true},
	}
	n.departments.sure = n.departments.sure && d.ok(&c.Departments)
	n.halls.sure = n.halls.sure && d.ok(&c.Halls)
	n.counters.sure = n.counters.sure && d.ok(&c.Counters)
	n.classes.sure = n.classes.sure && d.ok(&c.Classes)
	n.needs.sure = n.needs.sure && d.ok(&c.Needs)
	n.officers.sure = n.officers.sure && d.ok(&c.Officers)
	d.version(&c.Version)
	d.zone(&c.Zone)
	d.broker(&c.Broker)
	d.address(&c.HTTP, "http")
	d.status(&c.Ticket)
	if d.ok(&c.Rating.Minimum, &c.Rating.For) && c.Rating.Minimum > c.Rating.For {
		d.at(&c.Rating.Minimum, "minimum (%s) must not be longer than for (%s)", c.Rating.Minimum, c.Rating.For)
	}
	for i := range c.Departments {
		d.department(c, &c.Departments[i], &n)
	}
	d.prefixes(c.Departments)
	d.counters(c, n)
	d.desks(c, n)
	d.officers(c, n)
	d.hours(&c.Hours, n)
	return n
}

// zone checks the time zone against the tzdata that is compiled in.
func (d *decoder) zone(p *string) {
	if !d.ok(p) {
		return
	}
	if _, err := time.LoadLocation(*p); err != nil || *p == "Local" {
		d.at(p, "zone must be the name of a time zone such as Asia/Shanghai, not %s", show(*p))
	}
}

// department checks one department by itself and collects its items.
func (d *decoder) department(c *Centre, p *Department, n *ids) {
	d.series(&p.Series)
	d.refersAll(p.Needs, n.needs)
	d.order(&p.Order, len(c.Classes), n.classes.sure)
	if !d.given[&p.Short] {
		p.Short = p.Name
	}
	if short := &p.Short.ZH; d.ok(&p.Name, &p.Name.ZH, &p.Short, short) && led.Cells(*short) > 8 {
		what := "short"
		if !d.given[&p.Short] {
			short, what = &p.Name.ZH, "without a short name, the name"
		}
		d.at(short, "%s is shown on counter displays of eight cells, and %q takes %d: give a short name of at most eight Chinese characters", what, *short, led.Cells(*short))
	}
	if !d.ok(&p.Items) {
		n.items.sure = false
	}
	for i := range p.Items {
		if item := &p.Items[i]; d.ok(item, &item.ID) {
			n.items.add(d, &item.ID)
		} else {
			n.items.sure = false
		}
	}
}

// series checks that a number series has numbers, and fills its limit.
func (d *decoder) series(s *Series) {
	if !d.ok(&s.Width, &s.First, &s.Limit) {
		return
	}
	nines := int(math.Pow10(s.Width)) - 1
	if !d.given[&s.Limit] {
		s.Limit = nines
	}
	if s.Limit > nines {
		d.at(&s.Limit, "limit must be at most %d, the largest number of width %d, not %d", nines, s.Width, s.Limit)
		return
	}
	if s.First > s.Limit {
		d.at(&s.First, "first (%d) must not be above limit (%d)", s.First, s.Limit)
	}
}

// order checks that a ratio has one number for each class of the centre.
func (d *decoder) order(o *Order, classes int, sure bool) {
	if !d.ok(&o.Policy, &o.Ratio) {
		return
	}
	switch {
	case o.Policy == PolicyRatio && !d.given[&o.Ratio]:
		d.at(&o.Policy, "policy ratio needs the key ratio with one number for each class, such as ratio: [1, 1, 3]")
	case o.Policy != PolicyRatio && d.given[&o.Ratio]:
		d.at(&o.Ratio, "ratio is only for policy ratio; remove it, or write policy: ratio")
	case o.Policy == PolicyRatio && sure && len(o.Ratio) != classes:
		d.at(&o.Ratio, "ratio must have one number for each class of the centre, which are %d, not %d", classes, len(o.Ratio))
	}
}

// prefixes refuses departments whose ticket numbers could be taken for each other's: A and AB, or A twice.
func (d *decoder) prefixes(all []Department) {
	for i := range all {
		p := &all[i]
		if !d.ok(&p.Prefix) {
			continue
		}
		for j := range i {
			q := &all[j]
			if d.ok(&q.Prefix) && (overlap(p.Prefix, q.Prefix)) {
				d.at(&p.Prefix, "the prefix %s overlaps with %s in line %d; no prefix may be the same as another or its beginning",
					p.Prefix, q.Prefix, d.places[&q.Prefix].Line)
				break
			}
		}
	}
}

// counters checks the desks: numbers, halls, departments, names.
func (d *decoder) counters(c *Centre, n ids) {
	numbers := map[int]Pos{}
	for i := range c.Counters {
		p := &c.Counters[i]
		if d.ok(&p.Number) {
			if first, again := numbers[p.Number]; again {
				d.at(&p.Number, "the counter number %d is taken already, in line %d; visitors are called to it, so it stands once", p.Number, first.Line)
			} else {
				numbers[p.Number] = d.places[&p.Number]
			}
		}
		if !d.given[&p.Name] {
			p.Name = Text{fmt.Sprintf("%d号窗口", p.Number), fmt.Sprintf("Counter %d", p.Number)}
		}
		d.refers(&p.Hall, n.halls)
		d.refersAll(p.Departments, n.departments)
		d.refersAll(p.Provides, n.needs)
	}
}

// desks checks from the departments' side that somebody serves them, with what their tickets may need.
func (d *decoder) desks(c *Centre, n ids) {
	unsure := false
	for i := range c.Counters {
		unsure = unsure || !d.ok(&c.Counters[i].Departments)
	}
	if unsure || !n.counters.sure || !n.departments.sure {
		return // what is wrong with the counters has been named; who is served can be said only after
	}
	floor := map[string]int{}
	for _, h := range c.Halls {
		floor[h.ID] = h.Floor
	}
	provided := map[string]bool{}
	for i := range c.Departments {
		p := &c.Departments[i]
		here, found := map[string]bool{}, false
		for _, k := range c.Counters {
			for _, need := range k.Provides {
				provided[need] = true
			}
			if !slices.Contains(k.Departments, p.ID) {
				continue
			}
			if !found && !d.given[&p.Floor] {
				p.Floor = floor[k.Hall]
			}
			found = true
			for _, need := range k.Provides {
				here[need] = true
			}
		}
		if !found {
			d.at(&p.ID, "no counter serves the department %q; name it in the departments of a counter", p.ID)
			continue
		}
		for j := range p.Needs {
			if need := &p.Needs[j]; d.ok(need) && !here[*need] {
				d.at(need, "a ticket here may need %q, but no counter of the department provides it, so it would wait for ever", *need)
			}
		}
	}
	for i := range c.Needs {
		if need := &c.Needs[i].ID; d.ok(need) && !provided[*need] {
			d.at(need, "nobody provides the need %q; name it in the provides of a counter", *need)
		}
	}
}

// officers checks posts: every A post has a B post (regulation, articles 17 to 20), and no card belongs to two.
func (d *decoder) officers(c *Centre, n ids) {
	cards, covered := map[string]Pos{}, map[string]bool{}
	for i := range c.Officers {
		p := &c.Officers[i]
		d.refersAll(p.Counters, n.counters)
		d.refersAll(p.SubstituteFor, n.officers)
		for j, id := range p.SubstituteFor {
			if id == p.ID {
				d.at(&p.SubstituteFor[j], "nobody can be their own substitute; name another officer")
				continue
			}
			covered[id] = true
		}
		if p.Card == "" || !d.ok(&p.Card) {
			continue
		}
		if first, again := cards[p.Card]; again {
			d.at(&p.Card, "this card belongs to another officer already, in line %d", first.Line)
			continue
		}
		cards[p.Card] = d.places[&p.Card]
	}
	for i := range c.Officers {
		p := &c.Officers[i]
		if n.officers.sure && d.ok(&p.ID, &p.Counters) && len(p.Counters) > 0 && !covered[p.ID] {
			d.at(&p.ID, "the officer %q has counters but no substitute; name %q in the substitute_for of another officer (every A post has a B post)", p.ID, p.ID)
		}
	}
}
