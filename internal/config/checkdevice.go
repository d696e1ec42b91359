package config

import (
	"cmp"
	"slices"
	"strings"
)

// device checks a device file by itself. With pardon set, its profile is missing, and what the profile
// would have brought is not asked for.
func (d *decoder) device(p *Device) {
	d.version(&p.Version)
	whole := d.pardon == nil
	switch {
	case !d.ok(&p.Kind) || p.Kind == "":
		return
	case p.Kind == Kiosk:
		d.kiosk(p, whole)
	default:
		d.unit(p, whole)
	}
	d.peripherals(p)
	d.lines(p)
}

// foreign refuses keys that belong to the other kind of device.
func (d *decoder) foreign(kind, other string, fields map[string]any) {
	for name, field := range fields {
		if d.given[field] {
			d.at(field, "%s belongs to devices of kind %s, and this is a %s; remove it", name, other, kind)
		}
	}
}

// kiosk checks what only a kiosk has.
func (d *decoder) kiosk(p *Device, whole bool) {
	d.foreign(Kiosk, CounterUnit, map[string]any{"counters": &p.Counters, "led": &p.LED, "rater": &p.Rater})
	seen := map[int]int{}
	for i := range p.Keys {
		k := &p.Keys[i]
		if !d.ok(&k.Key) || k.Key == 0 {
			continue
		}
		if line, again := seen[k.Key]; again {
			d.at(&k.Key, "the key %d stands for something already, in line %d", k.Key, line)
			continue
		}
		seen[k.Key] = d.places[&k.Key].Line
	}
	if len(p.Keypad) > 1 {
		d.at(&p.Keypad, "a kiosk has one keypad, not %d", len(p.Keypad))
	}
	if !whole {
		return
	}
	for _, must := range []struct {
		name, why string
		field     any
	}{
		{"hall", "the id of the hall where the kiosk stands", &p.Hall},
		{"letter", "the letter from U to Z that marks the numbers it issues while cut off", &p.Letter},
		{"keys", "what its keys stand for; without a keypad, the one department of every tap", &p.Keys},
		{"printer", "a kiosk prints tickets", &p.Printer},
	} {
		if !d.given[must.field] && d.ok(must.field) {
			d.at(must.field, "%s is missing: %s", must.name, must.why)
		}
	}
	if p.Keypad == nil && d.ok(&p.Keypad, &p.Keys) && len(p.Keys) > 1 {
		d.at(&p.Keys, "without a keypad nobody can choose among %d keys; add a keypad, or leave one key", len(p.Keys))
	}
	if !d.given[&p.Keypad] && !d.given[&p.CardReader] && !d.given[&p.Scanner] {
		d.at(&p.ID, "a kiosk needs a keypad or a card_reader, or nobody can ask it for a ticket")
	}
}

// unit checks what only a counter unit has.
func (d *decoder) unit(p *Device, whole bool) {
	d.foreign(CounterUnit, Kiosk, map[string]any{
		"hall": &p.Hall, "letter": &p.Letter, "card": &p.Card, "lang": &p.Lang, "keys": &p.Keys, "printer": &p.Printer,
		"scanner": &p.Scanner,
	})
	if !whole {
		return
	}
	if !d.given[&p.Counters] {
		d.at(&p.Counters, "counters is missing: the ids of the counters that the unit serves, usually one")
	}
	if !d.given[&p.LED] && !d.given[&p.Keypad] && !d.given[&p.Rater] {
		d.at(&p.ID, "a counter unit needs at least one of led, keypad and rater")
	}
}

// owned is a peripheral with the key it stands under.
type owned struct {
	key string
	p   *Peripheral
}

// all lists the peripherals of a device.
func (p *Device) all() []owned {
	var out []owned
	for _, one := range []owned{{"printer", p.Printer}, {"card_reader", p.CardReader}, {"scanner", p.Scanner}} {
		if one.p != nil {
			out = append(out, one)
		}
	}
	for _, many := range []struct {
		key  string
		list []*Peripheral
	}{{"led", p.LED}, {"keypad", p.Keypad}, {"rater", p.Rater}} {
		for _, one := range many.list {
			if one != nil {
				out = append(out, owned{many.key, one})
			}
		}
	}
	return out
}

// peripherals checks every peripheral by itself and gives it its counter.
func (d *decoder) peripherals(p *Device) {
	taken := map[[2]string]Pos{}
	for _, o := range p.all() {
		d.driver(o)
		d.port(o)
		d.effects(o)
		if !d.ok(&p.Counters, &o.p.Counter) {
			continue
		}
		switch {
		case p.Kind == Kiosk || o.key == "card_reader":
			if d.given[&o.p.Counter] {
				d.at(&o.p.Counter, "counter belongs to the led, keypad and rater of a counter unit; remove it")
			}
			continue
		case d.given[&o.p.Counter] && !slices.Contains(p.Counters, o.p.Counter):
			d.at(&o.p.Counter, "counter must be one of the unit's counters, %s, not %s", either(p.Counters), show(o.p.Counter))
			continue
		case !d.given[&o.p.Counter] && len(p.Counters) > 1:
			d.at(&o.p.Counter, "counter is missing: the unit has several counters, so each %s says which of %s it belongs to", o.key, either(p.Counters))
			continue
		case !d.given[&o.p.Counter] && len(p.Counters) == 1:
			o.p.Counter = p.Counters[0]
		}
		place := [2]string{o.key, o.p.Counter}
		if first, again := taken[place]; again {
			d.at(o.p, "the counter %q has a %s already, in line %d", o.p.Counter, o.key, first.Line)
			continue
		}
		taken[place] = d.places[o.p]
	}
}

// lines refuses two peripherals on one line, unless all have addresses of their own and speak alike.
func (d *decoder) lines(p *Device) {
	all := p.all()
	for i, o := range all {
		for _, earlier := range all[:i] {
			a, b := earlier.p, o.p
			if twice := bothName(a, b); twice != "" && d.ok(b.Port.placed(), a.Port.placed()) {
				d.at(b.Port.placed(), "the GPIO line %s is taken by the %s in %s already", twice, earlier.key, nearby(d.places[a.Port.placed()], d.places[b.Port.placed()]))
				break
			}
			if !d.ok(&a.Port, &b.Port, a.Port.placed(), b.Port.placed()) || a.Port.where() == "" || a.Port.where() != b.Port.where() {
				continue
			}
			first := nearby(d.places[a.Port.placed()], d.places[b.Port.placed()])
			switch {
			case a.Addr == 0 || b.Addr == 0:
				d.at(b.Port.placed(), "the port %s is used already by the %s in %s; give each its own port", b.Port.where(), earlier.key, first)
			case a.Addr == b.Addr && !speaksAlike(earlier, o):
				d.at(b.Port.placed(), "the port %s with addr %d is used already by the %s in %s; give each its own port, or each its own option addr", b.Port.where(), b.Addr, earlier.key, first)
			case (earlier.key == "led") != (o.key == "led") && (answers(a) || answers(b)):
				d.at(b.Port.placed(), "the answers of a display on %s and the keys of a pad cannot be told apart; give each its own port; see %s", b.Port.where(), first)
			case a.Driver != b.Driver || a.Port.Baud != b.Port.Baud || a.Port.Flow != b.Port.Flow:
				d.at(b.Port.placed(), "peripherals that share %s must have the same driver, baud and flow; see %s", b.Port.where(), first)
			default:
				continue
			}
			break
		}
	}
}

// bothName is the first GPIO line that two peripherals both name, empty if there is none.
func bothName(a, b *Peripheral) string {
	names := strings.Fields(a.Port.named())
	for name := range strings.FieldsSeq(b.Port.named()) {
		if slices.Contains(names, name) {
			return name
		}
	}
	return ""
}

// named are the names of all GPIO lines of a port, with spaces between.
func (p *Port) named() string { return p.Lines + " " + p.Rows + " " + p.Lamps }

// where is the place a port leads to, empty if it has none of its own: GPIO lines go by their names.
func (p *Port) where() string { return cmp.Or(p.Serial, p.TCP, p.LP, p.Evdev, p.SPI, p.PCSC) }

// placed is the field of the port that names the place.
func (p *Port) placed() any {
	if _, fields := p.kinds(); len(fields) > 0 {
		return fields[0]
	}
	return &p.TCP
}

// fits checks a device against its centre: what it refers to exists, and its display can show what it will have to.
func (d *decoder) fits(p *Device, c *Centre, n ids) {
	if d.given[&p.Hall] {
		d.refers(&p.Hall, n.halls)
	}
	d.refersAll(p.Counters, n.counters)
	for i := range p.Keys {
		k := &p.Keys[i]
		known := d.refers(&k.Department, n.departments)
		if !d.given[&k.Item] || !d.refers(&k.Item, n.items) || !known {
			continue
		}
		if own := c.Department(k.Department); own != nil && own.Item(k.Item) == nil {
			d.at(&k.Item, "the item %q does not belong to the department %q", k.Item, k.Department)
		}
	}
	if p.Kind == Kiosk && !d.given[&p.CardReader] && !d.given[&p.Scanner] {
		for i := range p.Keys {
			k := &p.Keys[i]
			if own := c.Department(k.Department); own != nil && own.Card == CardRequired && d.ok(&k.Department) {
				d.at(&k.Department, "the department %q gives tickets to cards only, and this kiosk has no card_reader", k.Department)
			}
		}
	}
	for _, led := range p.LED {
		d.display(led, c)
	}
}
