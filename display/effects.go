package main

import (
	"time"

	"quhao/display/flow"
	"quhao/drivers/led"
	"quhao/internal/config"
)

// effects turns what the file says of a display's effects into what the flow wants.
func effects(e config.Effects) flow.Effects {
	out := flow.Effects{Call: e.Call, Times: e.Times, Recall: e.Recall}
	for _, b := range e.Bright {
		at, err := time.Parse("15:04", b.From)
		if err != nil {
			continue // the configuration was checked
		}
		out.Bright = append(out.Bright, flow.Bright{From: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Percent: b.Percent})
	}
	return out
}

// dress gives a counter what its display can do.
func dress(c *flow.Counter, leds []*config.Peripheral) {
	for _, p := range leds {
		if p.Counter != c.ID {
			continue
		}
		c.LED, c.Effects = true, effects(p.Effects)
		if s, ok := p.Options.(led.Scroller); ok {
			c.Scroll = s.Scroll
		}
	}
}

// zone is the centre's time zone, by which displays are dimmed; without the centre's file it is UTC.
func zone(c *config.Centre) *time.Location {
	if c == nil {
		return time.UTC
	}
	z, err := time.LoadLocation(c.Zone)
	if err != nil {
		return time.UTC // the configuration was checked
	}
	return z
}
