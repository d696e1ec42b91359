package sim

import (
	"errors"
	"time"

	"quhao/internal/proto"
)

// link is a device's connection to the broker, which lives in the controller's program and dies with it.
type link struct {
	w    *world
	dev  string
	runs func() bool
	up   func()
	down func()
	take func(proto.Message)
	want func(topic string) bool // subscribed

	connected bool
	deaf      bool // it seems to be connected
	gen       int  // of the connection
	rest      time.Duration
	dialling  bool
}

var errNoLink = errors.New("not connected")

// transmit lets the network do its worst to one message.
func (w *world) transmit(what string, f func()) {
	if w.chance(w.faults.loss) {
		w.stats.lost++
		w.say("lost: %s", what)
		return
	}
	copies := 1
	if w.chance(w.faults.repeat) {
		w.stats.repeated++
		copies = 2
	}
	for range copies {
		d := w.some(time.Millisecond, 20*time.Millisecond)
		if w.chance(w.faults.late) {
			w.stats.late++
			d += w.some(0, w.faults.lateBy)
		}
		w.after(d, f)
	}
}

// send takes a message of the device to the controller. A copy that is under way arrives although the connection is cut.
func (l *link) send(m proto.Message) error {
	if !l.connected {
		return errNoLink
	}
	if l.deaf {
		return nil
	}
	c := l.w.centre
	life := c.life
	if l.w.traced { // asked here, and not in say, where most is said: what is not said costs nothing then
		l.w.say("%s> %s %s", l.dev, m.Topic, m.Payload)
	}
	l.w.transmit(m.Topic, func() {
		if c.life == life {
			c.hear(l.dev, m)
		}
	})
	return nil
}

// deliver takes a message of the broker to the device.
func (l *link) deliver(m proto.Message, retained bool) {
	gen := l.gen
	m.Retain = retained
	l.w.transmit(m.Topic, func() {
		if l.connected && l.gen == gen && !l.deaf && l.runs() {
			if l.w.traced {
				l.w.say("%s< %s %s", l.dev, m.Topic, m.Payload)
			}
			l.take(m)
		}
	})
}

// dial connects soon, if nobody is at it already.
func (l *link) dial() {
	if l.dialling || l.connected {
		return
	}
	l.dialling = true
	l.w.after(max(l.w.some(50*time.Millisecond, 2*time.Second), l.rest-l.w.now), func() {
		l.dialling = false
		switch {
		case !l.runs() || l.connected:
		case l.w.centre.ctl == nil:
			l.dial()
		default:
			l.connect()
		}
	})
}

// connect subscribes: what is retained comes, before or after the program hears that it is connected.
func (l *link) connect() {
	l.connected, l.deaf = true, false
	l.gen++
	gen := l.gen
	l.w.say("%s is connected", l.dev)
	for _, topic := range l.w.centre.kept {
		if l.want(topic) {
			l.deliver(l.w.centre.retained[topic], true)
		}
	}
	l.w.after(l.w.some(0, 30*time.Millisecond), func() {
		if l.connected && l.gen == gen && l.runs() {
			l.up()
		}
	})
}

// cut ends the connection; the program, if it lives, hears of it a little later.
func (l *link) cut() {
	if !l.connected {
		return
	}
	l.connected, l.deaf = false, false
	l.gen++
	l.w.stats.cuts++
	l.w.say("%s is cut off", l.dev)
	l.w.after(l.w.some(0, 300*time.Millisecond), func() {
		if l.runs() && !l.connected {
			l.down()
			l.dial()
		}
	})
}
