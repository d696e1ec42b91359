package flow

import (
	"strings"
	"time"

	"quhao/drivers/led"
	"quhao/internal/config"
)

// The times of the effects.
const (
	blinkHalf = 500 * time.Millisecond  // lit, and then dark as long
	comesIn   = 1200 * time.Millisecond // a call that scrolls in stands after this
	frame     = 50 * time.Millisecond   // while it comes in
	holdFor   = time.Second             // a text that passes stands so long at its beginning
	stepEvery = 100 * time.Millisecond  // and then moves on
	day       = 24 * time.Hour
)

// Effects are how a counter's display shows a call, and how bright it is. The zero value marks a call, at full
// brightness.
type Effects struct {
	Call   string   // one of config.Mark, Blink, Scroll and Steady; empty: Mark
	Times  int      // of Blink, on a call
	Recall int      // of Blink, on a number called again
	Bright []Bright // in the order of their times; before the first the last one holds
}

// Bright is a brightness in percent, 1 to 100, from a time since midnight on.
type Bright struct {
	From    time.Duration
	Percent int
}

// lasts is how long a call of that age is shown as one, again after so many recalls.
func (e Effects) lasts(age time.Duration, recalls int) time.Duration {
	times := e.Times
	if recalls > 0 {
		times = e.Recall
	}
	switch e.Call {
	case config.Steady:
		return 0
	case config.Blink:
		return min(freshFor, time.Duration(times)*2*blinkHalf)
	}
	return min(freshFor, freshFor-age)
}

// at is the brightness at a time since midnight, 0 if nothing is said of it, and how long it holds.
func (e Effects) at(clock time.Duration) (percent int, holds time.Duration) {
	if len(e.Bright) == 0 {
		return 0, 0
	}
	percent, holds = e.Bright[len(e.Bright)-1].Percent, e.Bright[0].From+day-clock
	for _, b := range e.Bright {
		if b.From > clock {
			return percent, b.From - clock
		}
		percent = b.Percent
	}
	return percent, holds
}

// moving is a text that passes through a display.
type moving struct {
	text string
	from time.Duration // when it begins to move
	past int           // steps until it is where it was
}

// effect puts the effects of the moment on a counter's picture.
func (u *Unit) effect(c *counter, show led.Show) led.Show {
	show.Dim, _ = u.bright(c)
	since := u.now.Up - c.calledAt
	switch in, past := c.scroll(show); {
	case show.Mode != led.Calling && past > 0:
		if c.passes.text != show.Text || c.passes.past != past {
			c.passes = moving{show.Text, u.now.Up + holdFor, past}
		}
		if moved := u.now.Up - c.passes.from; moved > 0 {
			show.Step = int(moved/stepEvery) % past
		}
		return show
	case show.Blink && c.Effects.Call == config.Blink:
		show.Off = since/blinkHalf%2 == 1
	case show.Blink && c.Effects.Call == config.Scroll && since < comesIn:
		show.Step = -int(time.Duration(in) * (comesIn - since) / comesIn)
	}
	c.passes = moving{}
	return show
}

// scroll asks the display how a picture moves on it.
func (c *counter) scroll(show led.Show) (in, past int) {
	if c.Scroll == nil {
		return 0, 0
	}
	return c.Scroll(show)
}

// together is what is shown in place of several texts in turn, if one of them passes through the display: all of them
// as one, so that none is cut off by the next.
func (c *counter) together(texts []string) (text string, ok bool) {
	for _, text := range texts {
		if _, past := c.scroll(led.Show{Mode: led.Idle, Text: text}); past > 0 {
			return strings.Join(texts, "  "), true
		}
	}
	return "", false
}

// bright is the brightness by the controller's clock, in percent, and how long it holds; 0 before the time is known.
func (u *Unit) bright(c *counter) (percent int, holds time.Duration) {
	ms, ok := u.s.Time(u.now)
	if !ok || len(c.Effects.Bright) == 0 {
		return 0, 0
	}
	zone := u.cfg.Zone
	if zone == nil {
		zone = time.UTC
	}
	now := time.UnixMilli(ms).In(zone)
	hour, minute, second := now.Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	return c.Effects.at(clock + time.Duration(now.Nanosecond()))
}

// effectDue calls due with each time at which a counter's effects change.
func (u *Unit) effectDue(c *counter, due func(time.Duration)) {
	if _, holds := u.bright(c); holds > 0 {
		due(u.now.Up + holds)
	}
	since := u.now.Up - c.calledAt
	switch {
	case u.now.Up >= c.blinkUntil:
	case c.Effects.Call == config.Blink:
		due(c.calledAt + (since/blinkHalf+1)*blinkHalf)
	case c.Effects.Call == config.Scroll && since < comesIn:
		due(u.now.Up + min(frame, comesIn-since))
	}
	if c.passes.past > 0 {
		due(c.passes.from + max(0, (u.now.Up-c.passes.from)/stepEvery+1)*stepEvery)
	}
}
