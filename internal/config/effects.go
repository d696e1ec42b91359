package config

import (
	"strings"

	"quhao/drivers/led"
)

// The effects of a call.
const (
	Mark   = "mark"   // until the call is 15 s old the display shows it in its own way: another colour, brighter, blinking
	Blink  = "blink"  // a second lit and dark, so many times
	Scroll = "scroll" // it comes in from the right, and stands
	Steady = "steady" // as any other picture
)

// Effects say how a display shows a call, and how bright it is at which time of the day.
type Effects struct {
	Call   string   `yaml:"call" oneof:"mark blink scroll steady"` // default mark
	Times  int      `yaml:"times" range:"1..15"`                   // of blink, for a call; default 5
	Recall int      `yaml:"recall" range:"1..15"`                  // of blink, for a number called again; default as times
	Bright []Bright `yaml:"bright" count:"1..24"`                  // in the order of their times; the last one lasts over midnight
}

func (e *Effects) defaults() { e.Call, e.Times, e.Recall = Mark, 5, 5 }

// Bright is a brightness from a time of the day on, by the controller's clock in the centre's time zone.
type Bright struct {
	From    string `yaml:"from" must:"from when, such as 18:00" form:"clock"`
	Percent int    `yaml:"percent" must:"how bright, in percent of what the driver's options say" range:"1..100"`
}

// effects checks the effects of a display against what its driver can do. Of anything else there are none.
func (d *decoder) effects(o owned) {
	e := &o.p.Effects
	switch {
	case !d.given[e] || !d.ok(e):
		return
	case o.key != "led":
		d.at(e, "effects belong to a led; remove them")
		return
	case e.Call != Blink && d.ok(&e.Call) && (d.given[&e.Times] || d.given[&e.Recall]):
		d.at(e, "times and recall belong to call: blink; write that, or remove them")
	}
	if d.given[&e.Times] && !d.given[&e.Recall] {
		e.Recall = e.Times
	}
	for i := range e.Bright[:max(0, len(e.Bright)-1)] {
		if a, b := &e.Bright[i].From, &e.Bright[i+1].From; d.ok(a, b) && strings.Compare(*a, *b) >= 0 {
			d.at(b, "the times of bright must grow from line to line; %s is not after %s", *b, *a)
		}
	}
	if !d.ok(&o.p.Driver, &o.p.Options) || o.p.Options == nil {
		return
	}
	if s, ok := o.p.Options.(led.Scroller); e.Call == Scroll && d.ok(&e.Call) && (!ok || !moves(s)) {
		d.at(&e.Call, "the display %s cannot scroll; allowed: mark, blink, steady", o.p.Driver)
	}
	if dims, ok := o.p.Options.(led.Dimmer); len(e.Bright) > 0 && d.ok(&e.Bright) && (!ok || !dims.Dims()) {
		d.at(&e.Bright, "the brightness of the display %s cannot be set; remove bright", o.p.Driver)
	}
}

// moves says whether a display lets a call come in.
func moves(s led.Scroller) bool {
	in, _ := s.Scroll(led.Show{Mode: led.Calling, Text: "请A012号办理", Number: "A012"})
	return in > 0
}

// speaksAlike says whether two peripherals with one address may be one thing on a line: the display and the keys of a pad
// whose display does not answer.
func speaksAlike(a, b owned) bool {
	if b.key == "led" {
		a, b = b, a
	}
	return a.key == "led" && (b.key == "keypad" || b.key == "rater") && a.p.Driver == b.p.Driver && a.p.Counter == b.p.Counter && !answers(a.p)
}

// answers says whether a peripheral is a display that answers.
func answers(p *Peripheral) bool {
	_, ok := p.Options.(led.Answerer)
	return ok
}
