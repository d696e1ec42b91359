package main

import (
	"context"
	"errors"
	"slices"
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
	answerWait = 600 * time.Millisecond // for the four bytes of a status
	noPaperFor = 8 * time.Second        // a printer that takes nothing for so long is given up
	quiet      = 100 * time.Millisecond // after so much silence nothing of an old answer is to come
)

// maxAnswer bounds what is looked through for a status, in bytes: a printer that talks so much answers nothing.
const maxAnswer = 256

// errDown and errBusy are why a ticket is not taken.
var (
	errDown = errors.New("the printer is not connected")
	errBusy = errors.New("the printer is printing")
)

// press is the printer at work: one goroutine owns the line, so that a question never stands in the middle of a ticket.
type press struct {
	driver printer.Driver
	asker  printer.Asker // nil if the printer cannot be asked
	layout func(flow.Job) printer.Paper
	baud   int // 0 if it is no serial line
	tell   func(ctx context.Context, ev flow.Event)
	bad    *tally

	jobs chan flow.Job
	mu   sync.Mutex
	up   bool

	muddled bool // the last question had no whole answer: what comes late must not be taken for the next
}

func newPress(d printer.Driver, baud int, layout func(flow.Job) printer.Paper, tell func(context.Context, flow.Event), bad *tally) *press {
	p := &press{driver: d, baud: baud, layout: layout, tell: tell, bad: bad, jobs: make(chan flow.Job, 1)}
	if a, ok := d.(printer.Asker); ok && len(a.Ask()) > 0 {
		p.asker = a
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
	p.up, p.muddled = true, false
	p.mu.Unlock()
	defer p.leave(ctx)
	poll := time.NewTimer(0)
	defer poll.Stop()
	if p.asker == nil {
		p.tell(ctx, flow.PrinterState{State: printer.OK})
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
			s, err := p.ask(ctx, l, h)
			if err != nil {
				return err
			}
			p.tell(ctx, flow.PrinterState{State: s})
			poll.Reset(pollEvery)
		case <-h.came: // nobody asked
		case <-h.done:
			return h.err
		}
	}
}

// ear is what a line hears, so that a ticket need not wait until a read of silence has ended.
type ear struct {
	came chan []byte
	done chan struct{} // closed when nothing will come any more, and err says why
	err  error
}

// listen reads a line until it fails or ctx ends, which is seen within 100 ms.
func listen(ctx context.Context, l *port.Line) *ear {
	h := &ear{came: make(chan []byte), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		buf := make([]byte, 64)
		for {
			n, err := l.Read(buf)
			switch {
			case ctx.Err() != nil:
				h.err = ctx.Err()
				return
			case errors.Is(err, port.ErrTimeout):
				continue
			case err != nil:
				h.err = err
				return
			}
			select {
			case h.came <- slices.Clone(buf[:n]):
			case <-ctx.Done():
			}
		}
	}()
	return h
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

// print prints one ticket in one stream and finds out how it came out. An error is one of the line, which is then opened
// anew: what the printer has not taken yet is thrown away with it.
func (p *press) print(ctx context.Context, l *port.Line, h *ear, j flow.Job) (how string, err error) {
	if p.asker != nil {
		s, err := p.ask(ctx, l, h)
		if err != nil {
			return proto.HowNone, err
		}
		if s != printer.Gone && !s.CanPrint() {
			p.tell(ctx, flow.PrinterState{State: s})
			return proto.HowNone, nil
		}
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
	if p.asker == nil {
		return proto.HowSent, nil
	}
	p.muddled = true // the printer may have said something by itself meanwhile
	s, err := p.ask(ctx, l, h)
	if err != nil {
		return proto.HowUnknown, err
	}
	p.tell(ctx, flow.PrinterState{State: s})
	switch {
	case s.CanPrint():
		return proto.HowAsked, nil
	case s == printer.Gone:
		return proto.HowSent, nil
	}
	return proto.HowUnknown, nil // the paper may have ended in the middle, or behind the ticket
}

// patience is how long n bytes may take: twice what the line needs, and the time without any progress.
func (p *press) patience(n int) time.Duration {
	if p.baud == 0 {
		return noPaperFor
	}
	return 2*time.Duration(n)*10*time.Second/time.Duration(p.baud) + noPaperFor
}

// ask asks for the status; gone stands for no answer.
func (p *press) ask(ctx context.Context, l *port.Line, h *ear) (printer.State, error) {
	for p.muddled {
		_, err := h.within(ctx, quiet)
		if errors.Is(err, port.ErrTimeout) {
			break
		} else if err != nil {
			return "", err
		}
	}
	p.muddled = true
	if _, err := l.Write(p.asker.Ask()); err != nil {
		return "", err
	}
	var buf []byte
	for until := time.Now().Add(answerWait); len(buf) < maxAnswer; {
		b, err := h.within(ctx, time.Until(until))
		if errors.Is(err, port.ErrTimeout) {
			break
		} else if err != nil {
			return "", err
		}
		buf = append(buf, b...)
		used, s := p.decode(buf)
		if s != "" {
			p.muddled = false
			return s, nil
		}
		buf = buf[used:]
	}
	return printer.Gone, nil
}

// within waits for bytes. port.ErrTimeout says that none have come in d.
func (h *ear) within(ctx context.Context, d time.Duration) ([]byte, error) {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case b := <-h.came:
		return b, nil
	case <-late.C:
		return nil, port.ErrTimeout
	case <-h.done:
		return nil, h.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// decode looks for a state in buf and returns how much of it is done with.
func (p *press) decode(buf []byte) (used int, s printer.State) {
	for used < len(buf) {
		n, s, err := p.asker.DecodeStatus(buf[used:])
		switch {
		case s != "":
			return used + n, s
		case err != nil:
			p.bad.add()
			n = max(n, 1)
		case n == 0:
			return used, ""
		}
		used += n
	}
	return used, ""
}
