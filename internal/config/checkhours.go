package config

import "time"

// hours checks that the timetables leave no day of the year in doubt.
func (d *decoder) hours(h *Hours, n ids) {
	unique(d, "regime", h.Regimes, func(x *Regime) *string { return &x.ID })
	var owner [366]*Regime // by day of a leap year, so that 02-29 has its own
	sure := d.ok(&h.Regimes)
	for i := range h.Regimes {
		r := &h.Regimes[i]
		d.sittings(r)
		from, ok1 := d.dayOfYear(&r.From, "from")
		until, ok2 := d.dayOfYear(&r.Until, "until")
		if sure = sure && ok1 && ok2; !ok1 || !ok2 {
			continue
		}
		for day := from; ; day = (day + 1) % len(owner) {
			if other := owner[day]; other != nil {
				d.at(&r.From, "the regime %q overlaps with %q on %s; every day belongs to one regime", r.ID, other.ID, dayName(day))
				sure = false
				break
			}
			owner[day] = r
			if day == until {
				break
			}
		}
	}
	for day := range owner {
		if sure && len(h.Regimes) > 0 && owner[day] == nil {
			d.at(&h.Regimes, "no regime covers %s; the regimes together cover the whole year", dayName(day))
			break
		}
	}
	for i := range h.Weekly {
		d.refersAll(h.Weekly[i].Except, n.departments)
	}
}

// sittings checks that the stretches of one day follow each other.
func (d *decoder) sittings(r *Regime) {
	end := ""
	for i := range r.Sittings {
		s := &r.Sittings[i]
		if !d.ok(s, &s.From, &s.Until) {
			continue
		}
		// Clock times of the form HH:MM sort like their text.
		if s.From >= s.Until {
			d.at(&s.Until, "until (%s) must be later than from (%s) on the same day", s.Until, s.From)
		}
		if s.From < end {
			d.at(&s.From, "this sitting begins at %s, before the one above it ends at %s", s.From, end)
		}
		end = s.Until
	}
}

// dayOfYear turns MM-DD into 0 to 365.
func (d *decoder) dayOfYear(p *string, name string) (int, bool) {
	if !d.ok(p) || *p == "" {
		return 0, false
	}
	t, err := time.Parse("2006-01-02", "2000-"+*p)
	if err != nil {
		d.at(p, "%s: there is no day %s in any year", name, *p)
		return 0, false
	}
	return t.YearDay() - 1, true
}

// dayName turns 0 to 365 into MM-DD.
func dayName(day int) string {
	return time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC).Format("01-02")
}
