package flow

import (
	"time"

	"quhao/drivers/led"
	"quhao/internal/proto"
)

// The states of a counter on the wire.
const (
	closed  = "closed"
	idle    = "idle"
	calling = "calling"
	serving = "serving"
	paused  = "paused"
)

// counter is one counter of the unit with all that is known of it.
type counter struct {
	Counter
	held  proto.CounterState
	known bool     // a state is held
	shown proto.At // the newest state that the display has taken

	news       bool          // the call held is to be announced, once its age is known
	announced  Announce      // the last announcement
	blinkUntil time.Duration // the number has just been called
	calledAt   time.Duration // when it was announced
	passes     moving        // the text that passes through the display
	notice     string        // shown for a moment in place of the state's text
	noticeEnds time.Duration

	rating  rating
	request *request
	presume *bool         // whether the counter is open, as a card said after the state held
	flashAt time.Duration // when the lamp began to signal
	flashed bool          // it has signalled at all

	drawn  bool // show, at and lit are what was last asked for
	show   led.Show
	at     proto.At
	lit    bool
	turns  bool // the picture changes every turnEvery
	redoAt time.Duration
}

// hear takes a counter's state if it is newer than the one held.
func (u *Unit) hear(c *counter, st proto.CounterState) {
	if c.known && !st.At().After(c.held.At()) {
		return
	}
	was, first := c.held, !c.known
	c.held, c.known, c.presume = st, true, nil
	again := !first && st.Call == was.Call
	switch {
	case st.S != calling:
		c.news, c.blinkUntil = false, 0
	case !again || st.RN > was.RN:
		c.news, c.blinkUntil = true, 0
	}
	if !again || st.S != was.S || st.Num != was.Num || st.RN != was.RN {
		c.noticeEnds = 0 // what is new goes before thanks
	}
	u.invite(c, st.Rating)
}

// stale says that the state held must not be shown as present: the controller is not heard, or has started anew
// since and has not spoken of this counter.
func (u *Unit) stale(c *counter) bool {
	return !c.known || u.s.Stale(u.now) || c.held.Epoch < u.s.Epoch()
}

// settle brings a counter up to the present time, and asks for what people see of it.
func (u *Unit) settle(c *counter) {
	u.announce(c)
	u.follow(c)
	if c.redoAt != 0 && u.now.Up >= c.redoAt {
		c.drawn, c.redoAt = false, 0
	}
	show, at := u.picture(c)
	if c.LED && (!c.drawn || show != c.show || at != c.at) {
		u.out = append(u.out, Display{Counter: c.ID, Show: show, At: at})
	}
	lit := u.lamp(c)
	if !c.drawn || lit != c.lit {
		u.out = append(u.out, Lamp{Counter: c.ID, On: lit})
	}
	c.drawn, c.show, c.at, c.lit = true, show, at, lit
}

// announce says a new call, once it is known that the call is young and the state present.
func (u *Unit) announce(c *counter) {
	if !c.news || u.stale(c) {
		return
	}
	ms, ok := u.s.Time(u.now)
	if !ok {
		return // the welcome brings the time
	}
	c.news = false
	age := time.Duration(ms-c.held.T) * time.Millisecond
	if ms-c.held.T >= freshFor.Milliseconds() {
		return
	}
	c.calledAt, c.blinkUntil = u.now.Up, u.now.Up+c.Effects.lasts(age, c.held.RN)
	c.announced = Announce{Counter: c.ID, Num: c.held.Num, Repeat: c.held.RN}
	u.out = append(u.out, c.announced)
}

// picture is what the display is to show now, and the version of the state that this shows, if it does.
func (u *Unit) picture(c *counter) (led.Show, proto.At) {
	show, at := u.base(c)
	if u.now.Up < c.noticeEnds {
		show.Text, show.Blink = c.notice, false
	}
	return u.effect(c, show), at
}

func (u *Unit) base(c *counter) (led.Show, proto.At) {
	num, at := c.held.Num, c.held.At()
	c.turns = false
	invited := u.open(c)
	switch {
	case u.s.Refused() != "":
		return led.Show{Mode: led.Stale, Text: textRefused, Number: num}, proto.At{}
	case u.stale(c):
	case c.held.S == closed:
		return led.Show{Mode: led.Closed, Text: textClosed}, at
	case c.held.S == idle && invited:
		return led.Show{Mode: led.Rating, Text: textRate}, at
	case c.held.S == idle:
		return led.Show{Mode: led.Idle, Text: u.turn(c, u.names(c)...)}, at
	case c.held.S == paused && invited:
		return led.Show{Mode: led.Paused, Text: u.turn(c, textPaused, textRate)}, at
	case c.held.S == paused:
		return led.Show{Mode: led.Paused, Text: textPaused}, at
	case c.held.S == calling:
		return led.Show{Mode: led.Calling, Text: textCall(num), Number: num, Blink: u.now.Up < c.blinkUntil}, at
	case c.held.S == serving:
		return led.Show{Mode: led.Serving, Text: textServe(num), Number: num}, at
	}
	// Of a state that this version does not know nothing can be said, and a display never goes blank.
	return Lost(num), proto.At{}
}

// names is what an idle counter shows: its own name and those of its departments.
func (u *Unit) names(c *counter) []string {
	depts := c.held.Depts
	if len(depts) == 0 {
		depts = c.Depts
	}
	texts := []string{c.name()}
	for _, id := range depts {
		texts = append(texts, u.cfg.dept(id))
	}
	return texts
}

// turn chooses one text after the other.
func (u *Unit) turn(c *counter, texts ...string) string {
	if text, ok := c.together(texts); ok {
		return text
	}
	c.turns = len(texts) > 1
	return texts[int(u.now.Up/turnEvery)%len(texts)]
}

// notify shows a text for a moment. It gives way to a new call.
func (c *counter) notify(now time.Duration, text string) {
	c.notice, c.noticeEnds = text, now+noticeFor
}

// signal makes the lamp flash three times: the press, or the card, was not taken.
func (c *counter) signal(now time.Duration) { c.flashAt, c.flashed = now, true }

// lamp says whether the key lamp is to be lit: lit means that a press is taken now. While it signals, every other
// flash shows the opposite.
func (u *Unit) lamp(c *counter) bool {
	lit := c.request == nil && u.s.Ready(u.now) && !u.stale(c)
	if phase := (u.now.Up - c.flashAt) / flash; c.flashed && phase < flashes && phase%2 == 0 {
		return !lit
	}
	return lit
}

// Due is when a Tick must come at the latest, in the time of device.Now.Up.
func (u *Unit) Due() (at time.Duration, ok bool) {
	due := func(t time.Duration) {
		if t > u.now.Up && (!ok || t < at) {
			at, ok = t, true
		}
	}
	if t, has := u.s.Due(); has {
		due(t)
	}
	for _, c := range u.counters {
		due(c.blinkUntil)
		u.effectDue(c, due)
		due(c.noticeEnds)
		due(c.redoAt)
		if u.open(c) {
			due(c.rating.until)
		}
		if c.turns {
			due((u.now.Up/turnEvery + 1) * turnEvery)
		}
		if r := c.request; r != nil {
			due(r.at + darkFor)
			if !r.again {
				due(r.at + resendAt)
			}
		}
		if since := u.now.Up - c.flashAt; c.flashed && since < flashes*flash {
			due(c.flashAt + (since/flash+1)*flash)
		}
	}
	return at, ok
}
