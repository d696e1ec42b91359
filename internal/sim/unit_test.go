package sim

import (
	"errors"
	"slices"
	"time"

	"quhao/display/flow"
	"quhao/drivers/keypad"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// unit is a counter unit's program with its displays and keys.
type unit struct {
	*program
	flow     *flow.Unit
	counters []string
	on       map[string]proto.At // what stands on each display since the program's start
}

var errLED = errors.New("the display does not answer")

func newUnit(w *world, id string, counters []string) *unit {
	u := &unit{program: &program{link: &link{w: w, dev: id}, disk: &disk{w: w, who: id}, most: 1}, counters: counters}
	u.link.runs = func() bool { return u.alive }
	u.link.up = func() { u.event(flow.PipeUp{}) }
	u.link.down = func() { u.event(flow.PipeDown{}) }
	u.link.take = func(m proto.Message) { u.event(flow.Message{Message: m}) }
	u.link.want = func(topic string) bool {
		dev, _, down := w.topics.ReadDown(topic)
		kind, name, _ := w.topics.ReadState(topic)
		return kind == "ctl" || kind == "counter" && slices.Contains(counters, name) || down && dev == id
	}
	c := flow.Config{Dev: id, Topics: w.topics}
	for _, name := range counters {
		c.Counters = append(c.Counters, flow.Counter{ID: name, LED: true, Transfer: map[int]string{1: "law", 2: "tax"}})
	}
	u.begin = func(j *device.Journal) {
		u.on = map[string]proto.At{}
		u.flow = flow.New(c, u.open(proto.KindCounter, j), u.newID)
	}
	u.tick = func() { u.handle(flow.Tick{}) }
	u.due = func() (time.Duration, bool) { return u.flow.Due() }
	return u
}

func (u *unit) event(ev flow.Event) { u.run(func() { u.handle(ev) }) }

func (u *unit) handle(ev flow.Event) {
	for range 8 {
		failed := false
		for _, a := range u.flow.Handle(u.time(), ev) {
			u.stumble()
			if err := u.do(a); err != nil {
				ev, failed = flow.Failed{Action: a, Err: err}, true
				break
			}
		}
		if !failed {
			return
		}
	}
}

func (u *unit) do(a flow.Action) error {
	w := u.w
	switch a := a.(type) {
	case flow.Publish:
		if _, what, _ := w.topics.ReadUp(a.Topic); what == proto.UpCmd {
			w.books.press(w, a.Payload)
		}
		return u.send(a.Message)
	case flow.Drop:
		u.drop(a.Rest)
	case flow.Display:
		if w.chance(w.faults.led) {
			return errLED
		}
		u.show(a)
	case flow.Lamp:
		if w.chance(w.faults.led) {
			return errLED
		}
	}
	return nil
}

// show puts a picture on the display: what is shown never goes back.
func (u *unit) show(a flow.Display) {
	w := u.w
	if a.At == (proto.At{}) {
		return
	}
	if u.on[a.Counter].After(a.At) {
		w.fail("%s shows %v of counter %s after %v", u.dev, a.At, a.Counter, u.on[a.Counter])
	}
	u.on[a.Counter] = a.At
	life := u.life
	w.after(w.some(time.Millisecond, 40*time.Millisecond), func() {
		if u.life == life {
			u.event(flow.Displayed{Counter: a.Counter, At: a.At})
		}
	})
}

func (u *unit) counter(id string) flow.CounterView {
	for _, c := range u.flow.View().Counters {
		if c.Counter == id {
			return c
		}
	}
	return flow.CounterView{}
}

// officer presses what the counter's state suggests, or anything at all.
func (u *unit) officer() {
	if !u.alive {
		return
	}
	w := u.w
	c := u.counters[w.rng.IntN(len(u.counters))]
	all := []keypad.Op{
		keypad.Next, keypad.Recall, keypad.Start, keypad.NoShow, keypad.Park, keypad.Unpark, keypad.Pause, keypad.Complete, keypad.Transfer,
	}
	sensible := map[string][]keypad.Op{
		"idle": {keypad.Next, keypad.Next, keypad.Next, keypad.Unpark}, "calling": {keypad.Start, keypad.Start, keypad.NoShow, keypad.Recall, keypad.Park, keypad.Next},
		"serving": {keypad.Next, keypad.Complete, keypad.Complete, keypad.Park, keypad.Transfer}, "paused": {keypad.Pause},
	}[u.counter(c).S]
	ops := all
	if len(sensible) > 0 && w.chance(0.9) {
		ops = sensible
	}
	switch {
	case u.counter(c).S == "closed" && w.chance(0.7) || w.chance(0.02):
		who := []string{"li", "wu", "he"}[w.rng.IntN(3)]
		w.say("%s: %s lays the card at %s", u.dev, who, c)
		u.event(flow.Card{Counter: c, Digest: proto.CardDigest(who)})
	default:
		press := keypad.Press{Op: ops[w.rng.IntN(len(ops))], Arg: 1 + w.rng.IntN(2)}
		w.say("%s: %s is pressed at %s", u.dev, press.Op, c)
		u.event(flow.Press{Counter: c, Press: press})
	}
}

// rater rates, once or impatiently, where the display invites to: what was pressed then must be on the disk.
func (u *unit) rater() {
	for _, c := range u.counters {
		if !u.alive || !u.counter(c).Rating || u.w.chance(0.5) {
			continue
		}
		before, score, life := len(u.ratings()), 1+u.w.rng.IntN(5), u.life
		u.w.say("%s: %d is pressed at %s", u.dev, score, c)
		u.event(flow.Press{Counter: c, Press: keypad.Press{Op: keypad.Rate, Arg: score}})
		if after := u.ratings(); u.life == life && u.alive && u.session.Journal().Err() == nil &&
			(len(after) != before+1 || after[before].V != score) {
			u.w.fail("%s: a score of %d was pressed at %s while it was open, and the journal holds %v", u.dev, score, c, after)
		}
		if u.alive && u.w.chance(0.3) {
			u.event(flow.Press{Counter: c, Press: keypad.Press{Op: keypad.Rate, Arg: 1}})
		}
	}
}

// ratings are the scores in the journal.
func (u *unit) ratings() (out []proto.Fact) {
	for _, f := range u.disk.facts() {
		if f.K == proto.FactRating {
			out = append(out, f)
		}
	}
	return out
}
