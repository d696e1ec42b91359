package controller

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

func refuse(format string, args ...any) *queue.Refusal {
	return &queue.Refusal{Code: queue.Fault, Why: fmt.Sprintf(format, args...)}
}

// send hands a message to the broker. A message that is lost here is said again later.
func (c *Controller) send(m proto.Message) {
	if c.aside != nil {
		return
	}
	if err := c.o.Publisher.Publish(m); err != nil {
		c.count["publish_failed"]++
		c.log.Debug("not published", "topic", m.Topic, "err", err)
	}
}

func (c *Controller) retain(topic string, v any) {
	p, err := proto.Encode(v)
	if err != nil {
		c.count["publish_failed"]++
		c.log.Error("a state cannot be written", "topic", topic, "err", err)
		return
	}
	c.send(proto.Message{Topic: topic, Payload: p, Retain: true, QoS: 1})
}

func (c *Controller) publishCtl(word string) {
	c.retain(c.topics.Ctl(), proto.Ctl{
		V: proto.Version, S: word, Epoch: proto.Epoch(c.epoch), Boot: c.boot, T: c.leaves(),
	})
}

// publish says what the batch has changed, after its commit.
func (b *batch) publish() {
	if b.day {
		b.newDay()
	}
	if b.day || b.epoch {
		b.publishCtl(b.ctlWord())
		b.publishAll(b.now)
		return
	}
	for _, id := range slices.Sorted(maps.Keys(b.desks)) {
		b.publishCounter(b.now, id)
	}
	if len(b.desks) > 0 || len(b.depts) > 0 {
		b.publishHalls(b.desks, b.depts)
	}
}

// newDay lets every device say hello again: the day's key is another.
func (b *batch) newDay() {
	if !b.state.Open {
		if err := b.o.Keys.Forget(); err != nil {
			b.log.Error("the key of the closed day cannot be deleted", "err", err)
		}
	}
	b.endSessions()
}

func (c *Controller) publishAll(now time.Time) {
	for _, counter := range c.o.Config.Centre.Counters {
		c.publishCounter(now, queue.CounterID(counter.ID))
	}
	c.publishHalls(nil, nil)
}

func (c *Controller) publishCounter(now time.Time, id queue.CounterID) {
	s := c.counterState(now, id)
	if p := c.published[string(id)]; p.at != s.At() {
		c.published[string(id)] = published{at: s.At(), when: now}
	}
	c.retain(c.topics.Counter(string(id)), s)
}

// counterState is a counter as its unit shows it.
func (c *Controller) counterState(now time.Time, id queue.CounterID) proto.CounterState {
	desk := c.state.Desk(id)
	s := proto.CounterState{
		V: proto.Version, Epoch: proto.Epoch(c.state.Epoch), Boot: c.boot, Ver: proto.Ver(desk.Ver), CV: proto.Ver(desk.CV),
		S: string(desk.State),
	}
	for _, d := range c.rules.Counters[id].Depts {
		s.Depts = append(s.Depts, string(d))
	}
	if v := c.state.Visits[desk.Visit]; v != nil {
		t := c.state.Tickets[v.Ticket]
		s.Num, s.Call, s.RN, s.Dept, s.T = t.Number, string(v.ID), v.Recalls, string(t.Dept), v.LastCall.UnixMilli()
	}
	if left := desk.RatingUntil.Sub(now); desk.RatingOf != "" && left > 0 {
		// The clock may have been set back: never longer than it was meant to be.
		left = min(left, desk.RatingUntil.Sub(desk.RatingFrom))
		s.Rating = &proto.RatingState{Tok: string(desk.RatingOf), For: int(left.Round(time.Second).Seconds())}
	}
	return s
}

// publishHalls says the state of the halls that a change touches; with nil, of all.
func (c *Controller) publishHalls(desks map[queue.CounterID]bool, depts map[queue.DeptID]bool) {
	c.hallVer++
	for _, h := range c.o.Config.Centre.Halls {
		if desks != nil && !c.touches(h.ID, desks, depts) {
			continue
		}
		c.retain(c.topics.Hall(h.ID), c.hallState(h.ID))
	}
}

func (c *Controller) touches(hall string, desks map[queue.CounterID]bool, depts map[queue.DeptID]bool) bool {
	for _, counter := range c.o.Config.Centre.Counters {
		if counter.Hall != hall {
			continue
		}
		if desks[queue.CounterID(counter.ID)] {
			return true
		}
		for _, d := range counter.Departments {
			if depts[queue.DeptID(d)] {
				return true
			}
		}
	}
	return false
}

// hallState is a hall as its board shows it: the departments that have a counter there, and the last calls to its counters.
func (c *Controller) hallState(hall string) proto.HallState {
	s := proto.HallState{V: proto.Version, Epoch: proto.Epoch(c.state.Epoch), Boot: c.boot, Ver: c.hallVer, Calls: []proto.CallState{}}
	here := map[queue.CounterID]bool{}
	var depts []string
	for _, counter := range c.o.Config.Centre.Counters {
		if counter.Hall != hall {
			continue
		}
		here[queue.CounterID(counter.ID)] = true
		for _, d := range counter.Departments {
			if !slices.Contains(depts, d) {
				depts = append(depts, d)
			}
		}
	}
	for _, d := range depts {
		s.Depts = append(s.Depts, c.deptState(queue.DeptID(d)))
	}
	for _, call := range c.calls.hall {
		if here[call.counter] {
			s.Calls = append(s.Calls, proto.CallState{Num: call.number, Counter: string(call.counter), T: call.at.UnixMilli()})
		}
	}
	return s
}

func (c *Controller) deptState(d queue.DeptID) proto.DeptState {
	s := proto.DeptState{ID: string(d), Waiting: len(c.state.Line(d)), Issued: c.state.LastNum[d], Open: c.state.Accepting(d) && !c.tight()}
	s.Last = c.calls.last(d)
	switch {
	case !c.state.Open:
		s.Why = "day_closed"
	case c.tight():
		s.Why = "disk_full"
	case !s.Open:
		s.Why = "issuing_closed"
	}
	return s
}
