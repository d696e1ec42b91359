package config

import (
	"maps"
	"slices"
	"strings"
)

// shelf holds the profiles while devices are read. A profile is parsed once, so its YAML mistakes are named once.
type shelf struct {
	mistakes *Mistakes
	profiles map[string]*node // nil where the profile could not be used
	used     map[string]bool
}

func newShelf(sources []Source, mistakes *Mistakes) shelf {
	s := shelf{mistakes, map[string]*node{}, map[string]bool{}}
	for _, src := range sources {
		s.profiles[src.Name] = s.profile(src)
	}
	return s
}

// profile reads a profile: a device file without what makes a device this one.
func (s shelf) profile(src Source) *node {
	n := parse(src.File, src.Data, s.mistakes)
	if n == nil {
		return nil
	}
	wrong := func(at Pos, what string) {
		*s.mistakes = append(*s.mistakes, Mistake{at.File, max(at.Line, 1), max(at.Col, 1), what})
	}
	if n.kind != mapping {
		wrong(n.at, "a profile must be "+string(mapping)+", not "+string(n.kind))
		return nil
	}
	if v := n.get("version"); !n.has("version") {
		wrong(n.at, "version is missing: the first line of every configuration file is version: 1")
	} else if v != nil && (v.kind != scalar || v.quoted || v.text != "1") {
		wrong(v.at, "version must be 1, the only version of this format")
	}
	out := &node{at: n.at, kind: mapping}
	for _, e := range n.entries {
		switch e.key {
		case "version":
		case "id", "profile", "letter", "counters":
			wrong(e.at, e.key+" belongs to one device, not to a profile; remove it here")
		default:
			out.entries = append(out.entries, e)
		}
	}
	return out
}

// device reads a device file over its profile. The Device is nil if there is nothing to check further;
// the decoder knows the places of its fields.
func (s shelf) device(file string, data []byte) (*Device, *decoder) {
	n := parse(file, data, s.mistakes)
	if n == nil {
		return nil, nil
	}
	d := newDecoder(s.mistakes)
	p := new(Device)
	name := ""
	if v := n.get("profile"); v != nil && v.kind == scalar {
		name = v.text
	}
	profile, found := s.profiles[name]
	if name != "" {
		s.used[name] = true
	}
	if profile == nil && name != "" {
		d.pardon = func(string) bool { return true }
	}
	d.root(merge(n, profile), p)
	d.device(p)
	if name != "" && !found && d.ok(&p.Profile) {
		known := slices.Sorted(maps.Keys(s.profiles))
		hint := didYouMean(name, known)
		if hint == "" && len(known) > 0 {
			hint = "; known: " + strings.Join(known, ", ")
		}
		d.at(&p.Profile, "there is no profile %s: no file %s.yaml in the folder profiles%s", show(name), name, hint)
	}
	return p, d
}

// among checks devices against each other.
type among struct {
	ids, letters, counters, tcp map[string]Pos
}

func newAmong() among {
	return among{map[string]Pos{}, map[string]Pos{}, map[string]Pos{}, map[string]Pos{}}
}

// add takes a device, or names what another device has already.
func (a among) add(d *decoder, p *Device) {
	claim := func(taken map[string]Pos, field *string, what string) {
		if *field == "" || !d.ok(field) {
			return
		}
		at := d.places[field]
		if first, again := taken[*field]; again {
			d.at(field, what, *field, nearby(first, at))
			return
		}
		taken[*field] = at
	}
	claim(a.ids, &p.ID, "the device id %q is taken already, in %s")
	if p.Letter != "" && d.ok(&p.Letter) {
		for _, letter := range slices.Sorted(maps.Keys(a.letters)) {
			first := a.letters[letter]
			if overlap(letter, p.Letter) {
				d.at(&p.Letter, "the letter %s overlaps with %s in %s; no letter of a kiosk may be the same as another or its beginning", p.Letter, letter, first)
				break
			}
		}
		if _, again := a.letters[p.Letter]; !again {
			a.letters[p.Letter] = d.places[&p.Letter]
		}
	}
	for i := range p.Counters {
		claim(a.counters, &p.Counters[i], "the counter %q has a unit already, in %s")
	}
	// Peripherals of one device may share a port, which is checked elsewhere; so its ports are noted after all were compared.
	own := map[string]Pos{}
	for _, o := range p.all() {
		tcp := &o.p.Port.TCP
		if *tcp == "" || !d.ok(tcp) {
			continue
		}
		own[*tcp] = d.places[tcp]
		if first, again := a.tcp[*tcp]; again {
			d.at(tcp, "the port %s is used already by another device, in %s; two machines cannot share it", *tcp, first)
		}
	}
	maps.Copy(a.tcp, own)
}

// overlap says whether one of two prefixes is the beginning of the other, or both are the same.
func overlap(a, b string) bool {
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	return long[:len(short)] == short
}

// named checks that a device file bears its device's name.
func (d *decoder) named(p *Device, base string) {
	if d.ok(&p.ID) && p.ID != "" && p.ID != base {
		d.at(&p.ID, "the id must be the name of its file: write id: %s, or rename the file to %s.yaml", base, p.ID)
	}
}
