package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"quhao/daemon/queue"
)

// batch is what is decided together and committed in one transaction.
type batch struct {
	*Controller
	now    time.Time
	events []queue.Event
	rows   map[queue.TicketID]*queue.Ticket
	vrows  map[queue.VisitID]*queue.Visit
	desks  map[queue.CounterID]bool
	depts  map[queue.DeptID]bool
	day    bool
	epoch  bool
	then   []func()      // after the commit, in order
	failed []func(error) // if the commit fails
	broken error         // a decision did not fit the state: nothing of the batch may be committed
}

func (c *Controller) begin(now time.Time) *batch {
	return &batch{
		Controller: c, now: now, rows: map[queue.TicketID]*queue.Ticket{}, vrows: map[queue.VisitID]*queue.Visit{},
		desks: map[queue.CounterID]bool{}, depts: map[queue.DeptID]bool{},
	}
}

// input takes one input; whatever it leads to is answered after the commit.
func (b *batch) input(in Input) {
	switch {
	case in.Message != nil:
		b.message(in.Dev, *in.Message)
	case in.Do != nil:
		b.command(*in.Do, in.Reply)
	case in.View != nil:
		b.then = append(b.then, func() { in.View(View{b.Controller}) })
		b.failed = append(b.failed, func(error) { in.View(View{b.Controller}) })
	}
}

// refuse answers an input while the database cannot be written. What needs no database goes on.
func (b *batch) refuse(in Input) {
	if in.Do != nil {
		b.then = append(b.then, func() { in.Reply(Result{}, ErrFaulted) })
		return
	}
	b.input(in)
}

// after does what had to wait for the commit.
func (b *batch) after() {
	for _, then := range b.then {
		then()
	}
}

// command carries out a command of the console, the command line or the timer.
func (b *batch) command(cmd queue.Command, reply func(Result, error)) {
	a, no := b.do(cmd)
	if no != nil {
		b.then = append(b.then, func() { reply(Result{}, no) })
		b.failed = append(b.failed, func(err error) { reply(Result{}, err) })
		return
	}
	r := Result{Answer: a}
	if t := b.state.Tickets[a.Ticket]; t != nil {
		r.Ticket = *t
	}
	b.then = append(b.then, func() { reply(r, nil) })
	b.failed = append(b.failed, func(err error) { reply(Result{}, err) })
}

// do decides a command and applies it. A request that was answered before gets its old answer.
func (b *batch) do(cmd queue.Command) (queue.Answer, *queue.Refusal) {
	if cmd.Request != "" {
		if a, ok := b.state.Answer(cmd.Request); ok {
			b.count["repeated"]++
			return a, nil
		}
	}
	switch {
	case b.aside != nil:
		return queue.Answer{}, refuse("%v", b.aside)
	case b.faulted != nil || b.broken != nil:
		return queue.Answer{}, refuse("%v", ErrFaulted)
	}
	if _, take := cmd.Do.(queue.Take); take && b.tight() {
		return queue.Answer{}, &queue.Refusal{Code: queue.Closed, Why: "服务器磁盘已满，暂停取号，叫号照常 (the controller's disk is full: no numbers, calling goes on)"}
	}
	if cmd.Request != "" && b.doubt {
		old, used, err := b.o.Store.ByRequest(context.Background(), cmd.Request)
		if err != nil {
			return queue.Answer{}, refuse("look up the request: %v", err)
		}
		if used {
			return queue.Answer{}, refuse("this request was used on day %d", old.Day)
		}
	}
	return b.decide(cmd)
}

// decide decides a command and applies it.
func (b *batch) decide(cmd queue.Command) (queue.Answer, *queue.Refusal) {
	e, no := queue.Decide(b.rules, b.state, cmd, b.now)
	if no != nil {
		return queue.Answer{}, no
	}
	changed, err := b.state.Apply(e)
	if err != nil {
		// Decide and Apply do not agree: a fault of the program. The state is built anew from the log.
		b.count["apply_failed"]++
		b.broken = errors.Join(b.broken, fmt.Errorf("a decision does not fit the state: %w", err))
		return queue.Answer{}, refuse("%v", err)
	}
	b.events = append(b.events, e)
	b.note(e, changed)
	b.calls.note(b.rules, b.state, e)
	a, ok := b.state.Answer(cmd.Request)
	if !ok {
		a = queue.Answer{Code: queue.OK, Seq: e.Seq}
	}
	return a, nil
}

// note collects what an event has changed, for the tables and for what is published.
func (b *batch) note(e queue.Event, ch queue.Changed) {
	for _, t := range ch.Tickets {
		b.rows[t.ID] = t
	}
	for _, v := range ch.Visits {
		b.vrows[v.ID] = v
	}
	for _, d := range ch.Desks {
		b.desks[d] = true
	}
	for _, d := range ch.Depts {
		b.depts[d] = true
	}
	b.day = b.day || ch.Day
	_, raised := e.Body.(queue.EpochRaised)
	b.epoch = b.epoch || raised
	switch body := e.Body.(type) {
	case queue.Bound:
		b.then = append(b.then, func() {
			if s := b.sessions[body.Device]; s != nil && string(s.install) != string(body.Install) {
				b.endSession(body.Device) // the installation that was replaced
			}
		})
	case queue.GapSkipped:
		b.count["facts_missing"] += e.FactGap
		b.log.Warn("facts of a device are missing for good", "install", e.Install, "count", e.FactGap, "papers", body.Papers)
	case queue.FactKept:
		if body.Odd != "" {
			b.count["facts_odd"]++
			b.log.Warn("a fact fits nowhere and is kept", "install", e.Install, "seq", e.FactSeq, "why", body.Odd)
		}
	case queue.Issued:
		if body.Odd != "" {
			b.count["tickets_odd"]++
			b.log.Warn("a ticket needs a look", "ticket", body.Number, "why", body.Odd)
		}
	}
}

// commit makes the batch durable, whole or not at all.
func (b *batch) commit() error {
	if b.broken != nil || len(b.events) == 0 {
		return b.broken
	}
	return b.o.Store.Append(b.events, b.tickets(), b.visits())
}

func (b *batch) tickets() []queue.Ticket {
	out := make([]queue.Ticket, 0, len(b.rows))
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		out = append(out, *b.rows[id])
	}
	return out
}

func (b *batch) visits() []queue.Visit {
	out := make([]queue.Visit, 0, len(b.vrows))
	for _, id := range slices.Sorted(maps.Keys(b.vrows)) {
		out = append(out, *b.vrows[id])
	}
	return out
}
