package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// decoder fills structs from trees by their yaml tags and collects every mistake instead of stopping at the first.
//
// Besides yaml:"name" it reads these tags, so that what is allowed stands beside each field:
//
//	must:"why"        the key is required; why finishes the sentence of the message
//	range:"1..5"      bounds of a number or a duration; of a text, its length in characters
//	oneof:"a b"       the allowed words
//	form:"id"         a pattern of table forms
//	count:"1..50"     how many items a list may have
//	one:"yes"         a list that may be written as its single item
//
// It remembers the place of every field by the field's address, so that later checks can name it.
type decoder struct {
	mistakes *Mistakes
	places   map[any]Pos   // field address → its value's place, or that of its group if the key is absent
	given    map[any]bool  // field address → the key stands in the file
	bad      map[any]bool  // field address → the value was refused; later checks leave it alone
	raw      map[any]*node // address of a field of type any → its tree, decoded when its type is known

	// pardon says of a required key that it may be absent, where the reason is known and named elsewhere:
	// a device file whose profile is missing, or a served file without its guides. nil pardons none.
	pardon func(key string) bool
}

func newDecoder(mistakes *Mistakes) *decoder {
	return &decoder{mistakes: mistakes, places: map[any]Pos{}, given: map[any]bool{}, bad: map[any]bool{}, raw: map[any]*node{}}
}

// rule is what a field's tags say.
type rule struct {
	name, must, rng, form, count string
	oneof                        []string
	one                          bool
}

// defaulter is implemented by configuration structs whose zero value is not their default.
type defaulter interface{ defaults() }

// wrong adds a mistake at a place.
func (d *decoder) wrong(at Pos, format string, args ...any) {
	*d.mistakes = append(*d.mistakes, Mistake{at.File, max(at.Line, 1), max(at.Col, 1), fmt.Sprintf(format, args...)})
}

// at adds a mistake at a decoded field, given by its address, and marks the field bad.
func (d *decoder) at(field any, format string, args ...any) {
	d.bad[field] = true
	d.wrong(d.places[field], format, args...)
}

// ok says whether a field, given by its address, was decoded and is usable in further checks.
func (d *decoder) ok(fields ...any) bool {
	return !slices.ContainsFunc(fields, func(f any) bool { return d.bad[f] })
}

// root decodes a whole file into the struct that p points to.
func (d *decoder) root(n *node, p any) {
	v := reflect.ValueOf(p).Elem()
	fill(v)
	d.value(n, v, rule{name: "a configuration file"})
}

// fill sets the defaults of a struct and of the structs inside it, the outer ones last.
func fill(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			fill(v.Field(i))
		}
	}
	if s, ok := v.Addr().Interface().(defaulter); ok {
		s.defaults()
	}
}

// value decodes one value into v, which is addressable. A refused value leaves v's default and marks it bad.
func (d *decoder) value(n *node, v reflect.Value, r rule) {
	field := v.Addr().Interface()
	if n == nil { // refused while the file was read
		d.bad[field] = true
		return
	}
	d.places[field], d.given[field] = n.at, true
	if n.kind == scalar && n.tag == "!!null" && !n.quoted {
		d.at(field, "%s has no value; write one, or remove the line", r.name)
		return
	}
	if t, ok := field.(encoding.TextUnmarshaler); ok && n.kind == scalar {
		if err := t.UnmarshalText([]byte(n.text)); err != nil {
			d.at(field, "%s: %v", r.name, err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
		d.value(n, v.Elem(), r)
	case reflect.Interface:
		d.raw[field] = n
	case reflect.Struct:
		if d.shape(n, mapping, field, r) {
			d.fields(n, v)
		}
	case reflect.Slice:
		d.slice(n, v, r)
	default:
		if d.shape(n, scalar, field, r) {
			d.scalar(n, v, r)
		}
	}
}

// shape refuses a value of the wrong shape.
func (d *decoder) shape(n *node, want kind, field any, r rule) bool {
	if n.kind == want {
		return true
	}
	d.at(field, "%s must be %s, not %s", r.name, want, n.kind)
	return false
}

// slice decodes a list. The slice is made in its full length first: the addresses of its items are their names.
func (d *decoder) slice(n *node, v reflect.Value, r rule) {
	field := v.Addr().Interface()
	items := n.items
	if r.one && n.kind == mapping {
		items = []*node{n}
	} else if !d.shape(n, list, field, r) {
		return
	}
	if least, most, ok := bounds(r.count); ok && (len(items) < least || len(items) > most) {
		d.at(field, "%s must have %s, not %d", r.name, span(least, most, "item", "items"), len(items))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	item := r
	item.name = "an item of " + r.name
	for i, c := range items {
		fill(v.Index(i))
		d.value(c, v.Index(i), item)
		if d.bad[v.Index(i).Addr().Interface()] {
			d.bad[field] = true
		}
	}
}

// fields decodes a mapping into a struct: known keys, unknown keys with a suggestion, missing keys.
func (d *decoder) fields(n *node, v reflect.Value) {
	names, rules := d.layout(v, n.at)
	var meant []string
	for _, e := range n.entries {
		i := slices.Index(names, e.key)
		if i >= 0 {
			d.value(e.value, rules[i].v, rules[i].rule)
			continue
		}
		hint := ""
		if near, ok := nearest(e.key, names); ok {
			hint = fmt.Sprintf("did you mean %q? ", near)
			meant = append(meant, near)
		}
		d.wrong(e.at, "unknown key %s; %sallowed here: %s", show(e.key), hint, strings.Join(slices.Sorted(slices.Values(names)), ", "))
	}
	for i, name := range names {
		field := rules[i].v.Addr().Interface()
		if rules[i].rule.must == "" || d.given[field] || n.has(name) {
			continue
		}
		d.bad[field] = true
		if !slices.Contains(meant, name) && (d.pardon == nil || !d.pardon(name)) { // the misspelt key has already been named
			d.wrong(n.at, "%s is missing: %s", name, rules[i].rule.must)
		}
	}
}

// has says whether a key stands in the mapping, even with a value that was refused.
func (n *node) has(key string) bool {
	return n != nil && slices.ContainsFunc(n.entries, func(e entry) bool { return e.key == key })
}

// bound is a struct field ready to be decoded.
type bound struct {
	v    reflect.Value
	rule rule
}

// layout lists the keys of a struct, embedded structs with yaml:",inline" included,
// and gives every field the place of the struct until its own key is found.
func (d *decoder) layout(v reflect.Value, at Pos) (names []string, fields []bound) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if option == "inline" && f.Type.Kind() == reflect.Struct {
			n, b := d.layout(v.Field(i), at)
			names, fields = append(names, n...), append(fields, b...)
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		d.settle(v.Field(i), at)
		names = append(names, name)
		fields = append(fields, bound{v.Field(i), rule{
			name: name, must: f.Tag.Get("must"), rng: f.Tag.Get("range"), form: f.Tag.Get("form"),
			count: f.Tag.Get("count"), oneof: strings.Fields(f.Tag.Get("oneof")), one: f.Tag.Get("one") != "",
		}})
	}
	return names, fields
}

// settle gives a field, and the fields of a struct that is absent as a whole, the place of what contains them.
func (d *decoder) settle(v reflect.Value, at Pos) {
	d.places[v.Addr().Interface()] = at
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				d.settle(v.Field(i), at)
			}
		}
	}
}
