package sim

import (
	"errors"
	"fmt"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/device"
	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// kiosk is a kiosk's program with its printer, which has a power supply of its own.
type kiosk struct {
	*program
	flow *flow.Kiosk
}

var errPrinter = errors.New("the printer does not answer")

func newKiosk(w *world, id string) *kiosk {
	k := &kiosk{program: &program{link: &link{w: w, dev: id}, disk: &disk{w: w, who: id}, most: 2}}
	k.link.runs = func() bool { return k.alive }
	k.link.up = func() { k.event(flow.PipeUp{}) }
	k.link.down = func() { k.event(flow.PipeDown{}) }
	k.link.take = k.message
	k.link.want = func(topic string) bool {
		dev, _, down := w.topics.ReadDown(topic)
		return topic == w.topics.Ctl() || topic == w.topics.Hall("hall") || down && dev == id
	}
	c := flow.Config{
		Dev: id, Hall: "hall", Topics: w.topics, Lang: "zh", Choices: []flow.Choice{{Key: 1, Q: "law"}, {Key: 2, Q: "tax"}},
		Departments: map[string]flow.Department{
			"law": {Prefix: "A", Card: flow.CardOptional}, "tax": {Prefix: "B", Card: flow.CardRequired},
		},
	}
	k.begin = func(j *device.Journal) {
		k.flow = flow.New(k.time(), c, k.open(proto.KindKiosk, j), k.newID)
		life := k.life
		w.after(w.some(0, time.Second), func() {
			if k.life == life {
				k.event(flow.PrinterState{State: printer.OK})
			}
		})
	}
	k.tick = func() { k.handle(flow.Tick{}) }
	k.due = func() (time.Duration, bool) { return k.flow.Due() }
	return k
}

func (k *kiosk) event(ev flow.Event) { k.run(func() { k.handle(ev) }) }

// message hands a message over; an answer of another session, or to another request, must not move paper.
func (k *kiosk) message(m proto.Message) {
	foreign := false
	if _, what, ok := k.w.topics.ReadDown(m.Topic); ok && what == proto.DownRes {
		res, err := proto.Decode[proto.Res](m.Payload)
		foreign = err == nil && res.Sess != k.session.Sess()
	}
	before := len(k.w.books.prints)
	k.event(flow.Message{M: m})
	if foreign && len(k.w.books.prints) != before {
		k.w.fail("%s printed the answer of another session: %s", k.dev, m.Payload)
	}
}

// handle is the program's loop: actions in order, a failed one stops the rest and comes back.
func (k *kiosk) handle(ev flow.Event) {
	for range 8 {
		failed := false
		for _, a := range k.flow.Handle(k.time(), ev) {
			k.stumble()
			if err := k.do(a); err != nil {
				ev, failed = flow.Failed{Action: a, Err: err}, true
				break
			}
		}
		if !failed {
			return
		}
	}
}

func (k *kiosk) do(a flow.Action) error {
	switch a := a.(type) {
	case flow.Print:
		return k.print(a.Job)
	case flow.Publish:
		return k.send(a.M)
	case flow.Drop:
		k.drop(a.Rest)
	case flow.Screen, flow.Lamp:
		if k.w.chance(k.w.faults.led) {
			return errLED
		}
	}
	return nil
}

// print is what the printer makes of a ticket, and what it says of it.
func (k *kiosk) print(job flow.Job) error {
	w := k.w
	w.say("%s prints %s for %s", k.dev, job.Ticket.Num, job.ID)
	w.books.print(w, k, job)
	f, _ := k.started(job.ID)
	trouble := w.chance(w.faults.paper)
	if trouble {
		w.stats.trouble++
	}
	if trouble && w.chance(0.25) {
		return errPrinter
	}
	out, how := true, []string{proto.HowConfirmed, proto.HowAsked, proto.HowSent}[w.rng.IntN(3)]
	if trouble {
		out, how = w.chance(0.5), proto.HowUnknown
		if !out && w.chance(0.5) {
			how = proto.HowNone
		}
	}
	life, outAt := k.life, w.some(200*time.Millisecond, 2*time.Second)
	cutShort := w.chance(0.5) // if the program dies, what it has not sent yet never comes
	w.after(outAt, func() {
		if out && (k.life == life || !cutShort) {
			w.books.paper(w, k.dev, job.ID, job.Ticket, f)
		}
	})
	w.after(outAt+w.some(time.Millisecond, time.Second), func() {
		if k.life == life {
			k.event(flow.Printed{ID: job.ID, How: how})
		}
	})
	return nil
}

// visit is somebody in front of the kiosk, with a card or without, who knows what he wants or dithers.
func (k *kiosk) visit() {
	if !k.alive {
		return
	}
	card, key := flow.Tap{Digest: proto.CardDigest(visitors[k.w.rng.IntN(len(visitors))])}, flow.Key{N: 1 + k.w.rng.IntN(2)}
	acts := []flow.Event{card, key}
	switch k.w.rng.IntN(6) {
	case 0:
		acts = []flow.Event{key, card}
	case 1:
		acts = []flow.Event{key}
	case 2:
		acts = []flow.Event{card, card, key, key}
	case 3:
		acts = []flow.Event{card, flow.Cancel{}, key}
	}
	for _, ev := range acts {
		k.w.say("%s: %T %+v", k.dev, ev, ev)
		k.event(ev)
	}
	if k.w.chance(0.05) {
		k.event(flow.PrinterState{State: printer.Out})
		k.w.after(k.w.some(time.Second, 5*time.Second), func() {
			if k.alive {
				k.event(flow.PrinterState{State: printer.OK})
			}
		})
	}
}

// visitors are the cards in their pockets: few, so that they come twice.
var visitors = []string{"1001", "1002", "1003", "1004", "1005", "1006"}

// keeps says whether the journal would still tell of a paper: what is acknowledged and a week old it would not.
func (k *kiosk) keeps(id proto.ID) bool {
	if j := k.disk.journal(); j != nil {
		for f := range j.Facts() {
			if f.K == proto.FactStart && f.ID == id {
				return !k.w.books.skipped[fmt.Sprint(j.Install(), " ", f.Seq)] // it is older than a week, and only by chance still on the disk
			}
		}
	}
	return false
}

// started says whether the disk holds the start of a paper.
func (k *kiosk) started(id proto.ID) (proto.Fact, bool) {
	for _, f := range k.disk.facts() {
		if f.K == proto.FactStart && f.ID == id {
			return f, true
		}
	}
	return proto.Fact{}, false
}
