package e2e

import (
	"strings"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

// counterProgram is a counter unit with its display.
type counterProgram struct {
	*appliance
	led     *virtual.LED
	counter string
	d       *daemon
}

// startUnit starts a counter unit of writeCentre.
func startUnit(t *testing.T, d *daemon, id, counter string) *counterProgram {
	t.Helper()
	u := &counterProgram{led: virtual.NewTextLED(nil), counter: counter, d: d}
	keys := virtual.NewTypist()
	u.appliance = newAppliance(t, d, id, "quhao-display", keys, map[string]virtual.Server{"led": u.led, "keypad": keys})
	return u
}

// page waits until the unit's page is as wanted.
func (u *counterProgram) page(what string, want func(unitPage) bool) unitPage {
	u.t.Helper()
	return see(u.t, u.state(), u.id+": "+what, want)
}

// lit says whether a press is taken now.
func (p unitPage) lit() bool {
	return p.Ready && !p.Stale && len(p.Counters) == 1 && p.Counters[0].Lamp && !p.Counters[0].Busy
}

// next presses the key for the next visitor, who comes at once, and returns the number that was called, empty if nobody waits.
func (u *counterProgram) next() string {
	u.t.Helper()
	was := see(u.t, u.d.overview(), "the counter", func(o overviewPage) bool { return o.Counters[u.counter].S != "" }).Counters[u.counter]
	is := u.until("next", func(o overviewPage) bool {
		c := o.Counters[u.counter]
		return c.Num != "" && c.Call != was.Call || c.S == "idle" && o.Waiting["office"] == 0
	}).Counters[u.counter]
	if is.S == "idle" {
		return ""
	}
	u.page("the number on the display", func(p unitPage) bool {
		return len(p.Counters) == 1 && !is.At().After(p.Counters[0].Shown) && strings.Contains(u.led.Shown().Text, is.Num)
	})
	u.until("start", func(o overviewPage) bool { return o.Counters[u.counter].S == "serving" })
	return is.Num
}

// until presses a key, and again like an officer who sees that nothing has come of it: it may have been taken for a bounce.
func (u *counterProgram) until(key string, want func(overviewPage) bool) (o overviewPage) {
	u.t.Helper()
	var err error
	for range 40 {
		u.page("lit keys", unitPage.lit)
		u.press(key)
		if o, err = sight(u.t, u.d.overview(), u.id+": after "+key, 500*time.Millisecond, want); err == nil {
			return o
		}
	}
	u.t.Fatal(err)
	return o
}

// empty calls until nobody waits, and returns the numbers in the order they were called.
func (u *counterProgram) empty() (out []string) {
	u.t.Helper()
	for {
		number := u.next()
		if number == "" {
			return out
		}
		out = append(out, number)
	}
}
