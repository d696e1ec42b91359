package controller

import (
	"quhao/daemon/queue"
	"quhao/internal/config"
)

// Rules are the rules of the queue that a configuration describes.
func Rules(c *config.Centre) *queue.Rules {
	r := &queue.Rules{
		Departments: map[queue.DeptID]queue.Department{}, Counters: map[queue.CounterID]queue.Counter{},
		Officers: map[queue.OfficerID]bool{}, RatingFor: c.Rating.For, RatingMin: c.Rating.Minimum,
	}
	for _, class := range c.Classes {
		r.Classes = append(r.Classes, class.ID)
	}
	for _, d := range c.Departments {
		r.Departments[queue.DeptID(d.ID)] = department(c, d)
	}
	for _, counter := range c.Counters {
		q := queue.Counter{ID: queue.CounterID(counter.ID), Provides: counter.Provides}
		for _, d := range counter.Departments {
			q.Depts = append(q.Depts, queue.DeptID(d))
		}
		r.Counters[q.ID] = q
	}
	for _, o := range c.Officers {
		r.Officers[queue.OfficerID(o.ID)] = true
	}
	return r
}

func department(c *config.Centre, d config.Department) queue.Department {
	q := queue.Department{
		ID:     queue.DeptID(d.ID),
		Series: queue.Series{Prefix: d.Prefix, Width: d.Series.Width, First: d.Series.First, Limit: d.Series.Limit, Over: queue.AtLimit(d.Series.AtLimit)},
		Policy: queue.Policy(d.Order.Policy), MaxPassed: d.Order.MaxPassed, CardOnly: d.Card == "required",
		Missed: queue.Missed(d.Missed),
	}
	for _, item := range d.Items {
		q.Items = append(q.Items, item.ID)
	}
	for i, share := range d.Order.Ratio {
		if i < len(c.Classes) {
			if q.Shares == nil {
				q.Shares = map[string]int{}
			}
			q.Shares[c.Classes[i].ID] = share
		}
	}
	return q
}
