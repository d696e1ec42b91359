package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"

	"quhao/display/flow"
	"quhao/drivers/led"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// subscriptions are the states a unit wants: of its own counters only, so that a broker has little to keep for it.
func subscriptions(t proto.Topics, d *config.Device) []string {
	var out []string
	for _, c := range d.Counters {
		out = append(out, t.Counter(c))
	}
	return out
}

// setup says what the unit serves. Without the centre's file counters and departments go by their ids.
func setup(d *config.Device, c *config.Centre, topics proto.Topics) flow.Config {
	out := flow.Config{Dev: d.ID, Topics: topics, Names: map[string]string{}, Zone: zone(c)}
	transfer := map[int]string{} // the transfer key's numbers count the departments as centre.yaml lists them
	if c != nil {
		for i, dept := range c.Departments {
			transfer[i+1] = dept.ID
			out.Names[dept.ID] = cmp.Or(dept.Short.ZH, dept.Name.ZH)
		}
	}
	for _, id := range d.Counters {
		counter := flow.Counter{ID: id, Transfer: transfer}
		dress(&counter, d.LED)
		if c != nil {
			if own := c.Counter(id); own != nil {
				counter.Name, counter.Depts = cmp.Or(own.Name.ZH, flow.WindowName(own.Number)), own.Departments
			}
		}
		out.Counters = append(out.Counters, counter)
	}
	return out
}

// examples are a number of each department that a counter serves, as its display will have to show it.
func examples(counter flow.Counter, c *config.Centre) []string {
	var out []string
	for _, id := range counter.Depts {
		if c == nil || c.Department(id) == nil {
			continue
		}
		d := c.Department(id)
		out = append(out, fmt.Sprintf("%s%0*d", d.Prefix, d.Series.Width, d.Series.First))
	}
	if len(out) == 0 {
		out = []string{"A001"}
	}
	return out
}

// warn names the pictures that a counter's display cannot show. The unit starts all the same: a number without its
// words is better than none.
func warn(log *slog.Logger, cfg flow.Config, c *config.Centre, leds []*config.Peripheral) {
	for _, p := range leds {
		i := slices.IndexFunc(cfg.Counters, func(c flow.Counter) bool { return c.ID == p.Counter })
		driver, ok := p.Options.(led.Driver)
		if i < 0 || !ok {
			continue
		}
		told := map[string]bool{}
		for _, number := range examples(cfg.Counters[i], c) {
			for _, show := range cfg.Pictures(cfg.Counters[i], number) {
				if err := driver.Fits(show); err != nil && !told[err.Error()] {
					told[err.Error()] = true
					log.Warn("the display cannot show this", "counter", p.Counter, "err", err)
				}
			}
		}
	}
}
