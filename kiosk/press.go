package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/internal/proto"
	"quhao/kiosk/flow"
)

// The times of the printer.
const (
	pollEvery  = 5 * time.Second        // the status is asked for so often while nothing is printed
	pollFirst  = time.Second            // and so often until the first answer has come, or none is expected any more
	pollMute   = 30 * time.Second       // and so often after that: a ticket waits while a question does
	answerWait = 600 * time.Millisecond // for the four bytes of a status
	obeyWait   = 8 * time.Second        // until a ticket that was taken is printed: 20 cm at 50 mm/s, and its cut
	noPaperFor = 8 * time.Second        // a printer that takes nothing for so long is given up
	quiet      = 100 * time.Millisecond // after so much silence nothing of an old answer is to come
	cureAtMost = 5 * time.Minute        // between two tries to end a fault; the pauses are 5 s, 10 s, 20 s and so on
)

// muteAfter is how many questions in a row, from the start of the program, have no answer before the printer counts as
// one that answers nothing: one that is being switched on together with us answers the second.
const muteAfter = 3

// errDown and errBusy are why a ticket is not taken.
var (
	errDown = errors.New("the printer is not connected")
	errBusy = errors.New("the printer is printing")
)

// press is the printer at work: one goroutine owns the line, so that a question never stands in the middle of a ticket.
type press struct {
	driver printer.Driver
	asker  printer.Asker // nil if the printer cannot be asked
	teller bool          // it also tells by itself
	layout func(flow.Job) printer.Paper
	baud   int // 0 if it is no serial line
	tell   func(ctx context.Context, ev flow.Event)
	bad    *tally

	jobs chan flow.Job
	mu   sync.Mutex
	up   bool

	// The rest belongs to the goroutine of use.
	heard    []byte        // of something that is not whole yet
	muddled  bool          // the last question had no whole answer: what comes late must not be taken for the next
	last     printer.State // as last told; empty when the line has just been opened
	answered bool          // ever, since the program started
	silent   int           // questions without an answer before that
	curing   time.Time     // when the next try to end a fault is due
	cures    int           // tries for the present fault
}

func newPress(d printer.Driver, baud int, layout func(flow.Job) printer.Paper, tell func(context.Context, flow.Event), bad *tally) *press {
	p := &press{driver: d, baud: baud, layout: layout, tell: tell, bad: bad, jobs: make(chan flow.Job, 1)}
	if a, ok := d.(printer.Asker); ok && len(a.Ask()) > 0 {
		p.asker, p.teller = a, len(a.Enable()) > 0
	}
	return p
}

// accept takes a ticket, or says at once why not. It is answered by flow.Printed.
func (p *press) accept(j flow.Job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return errDown
	}
	select {
	case p.jobs <- j:
		return nil
	default:
		return errBusy
	}
}

// use works with an open line until it fails or ctx ends.
func (p *press) use(ctx context.Context, l *port.Line) error {
	ctx, cancel := context.WithCancel(ctx)
	h := listen(ctx, l)
	defer func() { // the line must not be opened anew while somebody still reads it
		cancel()
		<-h.done
	}()
	p.mu.Lock()
	p.up = true
	p.mu.Unlock()
	p.heard, p.muddled, p.last, p.cures = nil, false, "", 0
	defer p.leave(ctx)
	poll := time.NewTimer(0)
	defer poll.Stop()
	if p.asker == nil {
		p.say(ctx, printer.Said{State: printer.OK})
		poll.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j := <-p.jobs:
			how, err := p.print(ctx, l, h, j)
			p.tell(ctx, flow.Printed{ID: j.ID, How: how})
			if err != nil {
				return err
			}
			if p.asker != nil {
				poll.Reset(pollEvery)
			}
		case <-poll.C:
			if err := p.poll(ctx, l, h); err != nil {
				return err
			}
			poll.Reset(p.pause())
		case b := <-h.came: // nobody asked
			p.overhear(ctx, b)
		case <-h.done:
			return h.err
		}
	}
}

// leave takes no more tickets and hands back the one that was never begun.
func (p *press) leave(ctx context.Context) {
	p.mu.Lock()
	p.up = false
	p.mu.Unlock()
	select {
	case j := <-p.jobs:
		p.tell(ctx, flow.Printed{ID: j.ID, How: proto.HowNone})
	default:
	}
}

// pause is the time until the next poll.
func (p *press) pause() time.Duration {
	switch {
	case p.last == printer.Mute:
		return pollMute
	case p.answered:
		return pollEvery
	}
	return pollFirst
}

// poll finds out how the printer is, and tries to end a fault that can end so.
func (p *press) poll(ctx context.Context, l *port.Line, h *ear) error {
	s, err := p.look(ctx, l, h)
	if err != nil {
		return err
	}
	p.say(ctx, s)
	if !s.Curable {
		p.cures, p.curing = 0, time.Time{}
		return nil
	}
	// Each try moves the cutter: one that is jammed for the night must not be ground down.
	cure := p.asker.Recover()
	if now := time.Now(); len(cure) > 0 && !now.Before(p.curing) {
		p.curing = now.Add(min(pollEvery<<min(p.cures, 16), cureAtMost))
		p.cures++
		_, err = l.Write(cure)
	}
	return err
}

// say tells how the printer is.
func (p *press) say(ctx context.Context, s printer.Said) {
	p.last = s.State
	p.tell(ctx, flow.PrinterState{State: s.State})
}

// print prints one ticket in one stream and finds out how it came out. An error is one of the line, which is then opened
// anew: what the printer has not taken yet is thrown away with it.
func (p *press) print(ctx context.Context, l *port.Line, h *ear, j flow.Job) (how string, err error) {
	alive := false
	if p.asker != nil && p.last != printer.Mute {
		s, err := p.look(ctx, l, h)
		if err != nil {
			return proto.HowNone, err
		}
		if s.State != printer.Gone && !s.State.CanPrint() {
			p.say(ctx, s)
			return proto.HowNone, nil
		}
		alive = s.State != printer.Gone
	}
	b := p.driver.Encode(p.layout(j))
	n, err := l.Write(b)
	switch {
	case err != nil && n == 0:
		return proto.HowNone, err
	case err != nil:
		return proto.HowUnknown, err
	}
	if err := l.Drain(p.patience(len(b))); err != nil {
		return proto.HowUnknown, err
	}
	if p.asker == nil || p.last == printer.Mute {
		return proto.HowSent, nil
	}
	p.muddled = true // the printer may have said something by itself meanwhile
	s, err := p.outcome(ctx, l, h, alive)
	if err != nil {
		return proto.HowUnknown, err
	}
	p.say(ctx, s)
	switch {
	case s.State == printer.Gone, s.State == printer.Mute:
		return proto.HowSent, nil
	case s.State.CanPrint():
		return proto.HowAsked, nil
	}
	return proto.HowUnknown, nil // the paper may have ended in the middle, or behind the ticket
}

// outcome finds out how the printer is when it has the whole ticket. One that tells by itself does it when the ticket is
// printed, or has told before that it has stopped in the middle.
func (p *press) outcome(ctx context.Context, l *port.Line, h *ear, alive bool) (printer.Said, error) {
	if p.teller && alive {
		if s, err := p.fence(ctx, l, h, obeyWait); err != nil || s.State != "" {
			return s, err
		}
	}
	return p.ask(ctx, l, h)
}

// patience is how long n bytes may take: twice what the line needs, and the time without any progress.
func (p *press) patience(n int) time.Duration {
	if p.baud == 0 {
		return noPaperFor
	}
	return 2*time.Duration(n)*10*time.Second/time.Duration(p.baud) + noPaperFor
}
