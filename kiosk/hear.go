package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
)

// maxHeard bounds what is kept of something that does not become whole, in bytes: a printer that talks so much says nothing.
const maxHeard = 256

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

// look finds out how the printer is. One that tells by itself, and is well, is asked in the order of the stream, which
// switches its telling on again if it was switched off meanwhile; one that has stopped would not obey that before it goes on.
func (p *press) look(ctx context.Context, l *port.Line, h *ear) (printer.Said, error) {
	if p.teller && (p.last == "" || p.last.CanPrint()) {
		if s, err := p.fence(ctx, l, h, answerWait); err != nil || s.State != "" {
			return s, err
		}
	}
	s, err := p.ask(ctx, l, h)
	if err != nil || s.State != printer.Gone {
		return s, err
	}
	switch stopped := p.last != "" && p.last != printer.Gone && !p.last.CanPrint(); {
	case p.answered && stopped:
		// A stopped printer may hold its line, or have its buffer full of questions, so that none reaches it. It has said why,
		// and whoever repairs it lets the questions through.
		return printer.Said{State: p.last}, nil
	case p.answered:
		return s, nil
	}
	if p.silent++; p.silent >= muteAfter {
		return printer.Said{State: printer.Mute}, nil
	}
	return s, nil
}

// ask asks for the status; gone stands for no answer.
func (p *press) ask(ctx context.Context, l *port.Line, h *ear) (printer.Said, error) {
	if err := p.hush(ctx, h); err != nil {
		return printer.Said{}, err
	}
	p.muddled = true
	if _, err := l.Write(p.asker.Ask()); err != nil {
		return printer.Said{}, err
	}
	s, err := p.await(ctx, h, answerWait, func(s printer.Said) bool { return !s.Unasked })
	if s.State == "" {
		s.State = printer.Gone
	} else {
		p.muddled = false
	}
	return s, err
}

// hush waits until nothing comes any more that belongs to an older question. What the printer tells by itself counts.
func (p *press) hush(ctx context.Context, h *ear) error {
	for p.muddled {
		b, err := h.within(ctx, quiet)
		if errors.Is(err, port.ErrTimeout) {
			break
		} else if err != nil {
			return err
		}
		p.overhear(ctx, b)
	}
	if p.muddled {
		p.heard = nil
	}
	return nil
}

// fence has a printer that tells by itself tell its status once it has obeyed all that was written before. A stop that
// it tells of earlier comes first. The zero value says that nothing was told within d.
func (p *press) fence(ctx context.Context, l *port.Line, h *ear, d time.Duration) (printer.Said, error) {
	if _, err := l.Write(p.asker.Enable()); err != nil {
		return printer.Said{}, err
	}
	return p.await(ctx, h, d, func(s printer.Said) bool { return s.Unasked })
}

// await waits up to d for something said that is wanted, and tells the rest.
func (p *press) await(ctx context.Context, h *ear, d time.Duration, wanted func(printer.Said) bool) (printer.Said, error) {
	for until := time.Now().Add(d); ; {
		b, err := h.within(ctx, time.Until(until))
		if errors.Is(err, port.ErrTimeout) {
			return printer.Said{}, nil
		} else if err != nil {
			return printer.Said{}, err
		}
		var found printer.Said
		for _, s := range p.take(b) {
			if wanted(s) && found.State == "" {
				found = s
			} else if s.Unasked {
				p.say(ctx, s)
			}
		}
		if found.State != "" {
			return found, nil
		}
	}
}

// overhear takes what has come while nothing was asked: only what the printer tells by itself means anything then.
func (p *press) overhear(ctx context.Context, b []byte) {
	for _, s := range p.take(b) {
		if s.Unasked {
			p.say(ctx, s)
		}
	}
}

// take returns what has become whole with the bytes that have come, and keeps the rest.
func (p *press) take(b []byte) (out []printer.Said) {
	if p.asker == nil {
		return nil
	}
	p.heard = append(p.heard, b...)
	for len(p.heard) > 0 {
		n, s, err := p.asker.DecodeStatus(p.heard)
		switch {
		case s.State != "":
			p.answered = true
			out = append(out, s)
		case err != nil:
			p.bad.add()
			n = max(n, 1)
		case n == 0 && len(p.heard) <= maxHeard:
			return out
		case n == 0:
			n = len(p.heard)
		}
		p.heard = p.heard[n:]
	}
	return out
}
