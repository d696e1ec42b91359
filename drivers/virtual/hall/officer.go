package main

import (
	"context"
	"fmt"
	"time"

	"quhao/daemon/queue"
	"quhao/drivers/keypad"
	"quhao/internal/proto"
)

const (
	rateWithin = 5 * time.Second         // the rating is offered
	callAgain  = 5200 * time.Millisecond // configs/hall allows a recall or no-show 5 s after a call
	paperLate  = 2 * time.Second         // a number is called and its paper not yet in the visitor's hand
)

// officer works a counter of the demo, from what stands on the board and on the unit.
type officer struct {
	d      *demo
	u      *counterUnit
	onHold int

	pressed keypad.Op // the key that is to end the visit atDesk
	atDesk  string
	served  int // since somebody was put on hold
}

// state is the officer's counter in an overview.
func (o *officer) state(ov overview) proto.CounterState { return ov.Counters[o.u.counter] }

func (o *officer) waiting(ov overview) (n int) {
	for _, dept := range o.u.depts {
		n += ov.Waiting[dept]
	}
	return n
}

// work goes on until nobody is in the hall.
func (o *officer) work(ctx context.Context) error {
	for {
		ov, err := o.d.h.board.await(ctx, func(ov overview) bool {
			return o.state(ov).S != "idle" || o.atDesk != "" || o.waiting(ov) > 0 || o.onHold > 0 || o.d.ledger.over()
		})
		if err != nil {
			return err
		}
		st := o.state(ov)
		if err := o.settle(ctx, st); err != nil {
			return err
		}
		switch {
		case st.S == "calling":
			err = o.receive(ctx, st)
		case st.S == "serving":
			err = o.serve(ctx, st, ov)
		case st.S != "idle":
			return fmt.Errorf("counter %d is %s in the middle of the morning", o.u.number, st.S)
		case o.onHold > 0 && (o.served > 0 || o.waiting(ov) == 0):
			_, err = o.press(ctx, st, keypad.Unpark)
		case o.waiting(ov) > 0:
			_, err = o.press(ctx, st, keypad.Next)
		case o.d.ledger.over():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// press presses a key, unless the display over the counter shows something newer than what the officer decided on, as it
// may when a machine is so busy that an answer came after the officer had stopped waiting for it: then it is false, and the
// officer looks again. A second next would send away the visitor whom the first has called.
func (o *officer) press(ctx context.Context, decided proto.CounterState, op keypad.Op) (changed bool, err error) {
	var shown proto.At
	if _, err := o.d.h.unit(ctx, o.u, lampWithin, func(v unitView) bool {
		shown = v.Held
		return v.Lamp && !v.Busy && !decided.At().After(v.Held)
	}); err != nil {
		return false, err
	}
	if shown.After(decided.At()) {
		_, err := o.d.h.board.await(ctx, func(ov overview) bool { return !shown.After(o.state(ov).At()) })
		return false, err
	}
	return o.d.h.press(ctx, o.u, op, 0)
}

// receive is what happens after a call: the visitor comes, or does not.
func (o *officer) receive(ctx context.Context, st proto.CounterState) error {
	if o.d.ledger.visit(st.Call, seenVisit{number: st.Num, dept: st.Dept, counter: o.u.counter}) {
		o.d.h.out.event("%d 号窗口叫 %s", "counter %d calls %s", o.u.number, st.Num)
	}
	v, err := o.awaitVisitor(ctx, st.Num)
	if err != nil {
		return err
	}
	if v != nil && !v.absent && (!v.late || st.RN > 0) {
		if err := pause(ctx, v.walk); err != nil {
			return err
		}
		_, err := o.press(ctx, st, keypad.Start)
		return err
	}
	if err := pause(ctx, time.Until(time.UnixMilli(st.T).Add(callAgain))); err != nil {
		return err
	}
	if st.RN == 0 {
		o.d.h.out.event("%d 号窗口重呼 %s", "counter %d calls %s again", o.u.number, st.Num)
		_, err := o.press(ctx, st, keypad.Recall)
		return err
	}
	return o.end(ctx, st, keypad.NoShow)
}

// awaitVisitor finds who has the paper of a number: they may still stand at the kiosk. Nobody has that of a request
// whose answer was lost with the daemon.
func (o *officer) awaitVisitor(ctx context.Context, number string) (*visitor, error) {
	late := time.NewTimer(paperLate)
	defer late.Stop()
	for {
		rung := o.d.ledger.bell.next()
		v, paper := o.d.ledger.holder(number)
		if v != nil {
			return v, nil
		}
		timeout := late.C
		if paper {
			timeout = nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-rung:
		case <-timeout:
			return nil, nil
		}
	}
}

// serve does the matter and ends the visit in one of the ways there are.
func (o *officer) serve(ctx context.Context, st proto.CounterState, ov overview) error {
	v, _ := o.d.ledger.holder(st.Num)
	if v == nil {
		return fmt.Errorf("counter %d serves %s, whose paper nobody has", o.u.number, st.Num)
	}
	if err := pause(ctx, v.matter); err != nil {
		return err
	}
	switch {
	case v.parks && !v.parked:
		return o.end(ctx, st, keypad.Park)
	case v.hurried && o.waiting(ov) > 0:
		return o.end(ctx, st, keypad.Next)
	}
	return o.end(ctx, st, keypad.Complete)
}

// end presses the key that ends the visit; settle writes it down once it is seen to have ended.
func (o *officer) end(ctx context.Context, st proto.CounterState, op keypad.Op) error {
	o.pressed, o.atDesk = op, st.Call
	_, err := o.press(ctx, st, op)
	return err
}

// settle writes down how the visit ended for which a key was pressed, if it has ended.
func (o *officer) settle(ctx context.Context, st proto.CounterState) error {
	if o.atDesk == "" || st.Call == o.atDesk {
		return nil
	}
	visit, op := o.atDesk, o.pressed
	o.atDesk = ""
	outcome := map[keypad.Op]string{
		keypad.NoShow: queue.NoShow, keypad.Park: queue.Parked, keypad.Complete: queue.Direct, keypad.Next: queue.Direct,
	}[op]
	var v *visitor
	var number string
	o.d.ledger.note(func() {
		seen := o.d.ledger.visits[visit]
		seen.outcome, number = outcome, seen.number
		if v = o.d.ledger.holders[number]; v == nil {
			return
		}
		switch op {
		case keypad.Park:
			v.parked = true
		default:
			v.settled = true
		}
	})
	o.served++
	switch op {
	case keypad.Park:
		o.onHold, o.served = o.onHold+1, 0
	case keypad.Complete, keypad.Next:
		if v.parked {
			o.onHold--
		}
		return o.rate(ctx, visit, v)
	}
	o.d.h.out.event("%[1]d 号窗口：%[2]s %[4]s", "counter %[1]d: %[2]s is %[3]s", o.u.number, number, outcome,
		map[string]string{queue.NoShow: "过号", queue.Parked: "挂起"}[outcome])
	return nil
}

// rate lets the visitor press a rating key, or go without.
func (o *officer) rate(ctx context.Context, visit string, v *visitor) error {
	if v.score == 0 {
		o.d.h.out.event("%d 号窗口：%s 办结，未评价", "counter %d: %s is done, not rated", o.u.number, v.number)
		return nil
	}
	offered := func(ov overview) bool { r := o.state(ov).Rating; return r != nil && r.Tok == visit }
	soon, cancel := context.WithTimeout(ctx, rateWithin)
	defer cancel()
	_, err := o.d.h.board.await(soon, offered)
	if err == nil {
		_, err = o.d.h.unit(soon, o.u, rateWithin, func(u unitView) bool { return u.Rating })
	}
	if err != nil {
		o.d.ledger.complain("the visitor of %s could not rate: no rating was offered", v.number)
		return ctx.Err()
	}
	if err := pause(ctx, v.thinks); err != nil {
		return err
	}
	if err := o.u.keys.press(keypad.Rate, v.score); err != nil {
		return err
	}
	o.d.ledger.note(func() { o.d.ledger.visits[visit].score = v.score })
	o.d.h.out.event("%d 号窗口：%s 办结，评价 %d", "counter %d: %s is done, rated %d", o.u.number, v.number, v.score)
	if taken, err := o.d.h.unit(ctx, o.u, rateWithin, func(u unitView) bool { return !u.Rating }); err != nil || !taken {
		o.d.ledger.complain("the unit at counter %d has not taken the rating of %s", o.u.number, v.number)
	}
	return ctx.Err()
}
