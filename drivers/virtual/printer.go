package virtual

import (
	"context"
	"image"
	"io"
	"sync"
	"time"
)

// Paper is one piece of paper that left the printer.
type Paper struct {
	Lines []string    // the text, line by line as printed, spaces at both ends removed; pictures and QR codes are not in it
	QR    []string    // contents of the QR codes the printer drew itself
	Image image.Image // as it looks, one pixel a dot, 203 dpi
	Bytes int         // bytes of the stream that made it
	Cut   bool        // by the cutter; false: torn off, or the end of a roll
	// Broken counts lines that were too long, so that the printer broke them itself.
	Broken int
}

// PrinterOptions describes the printer; the zero value is an 80 mm printer with GBK that prints at once.
type PrinterOptions struct {
	Dots       int         // printable width, 384 or 576 (default)
	Baud       int         // speed of its line in bit/s; 0 takes everything at once
	GB18030    bool        // its font has the four-byte characters
	SmallHanzi bool        // an old one: GS ! does not magnify Chinese characters, only FS ! does
	Tells      bool        // it has automatic status on from the power switch on, as by a DIP switch
	Latches    bool        // a fault of the cutter stays after its cause is gone, until DLE ENQ
	XonXoff    bool        // it stops its line by XOFF while its buffer is full, and lets it go on by XON
	OnPaper    func(Paper) // called for each piece of paper, one after the other
}

// inputBuffer is the size of the receive buffer of common printers, in bytes. A printer that cannot print stops
// reading when it is full.
const inputBuffer = 4096

// Printer is a ticket printer that speaks ESC/POS. What it cannot print for want of paper it keeps and prints later,
// as the real ones do.
type Printer struct {
	opt PrinterOptions

	mu         sync.Mutex
	out, low   bool
	cover      bool
	cutter     bool
	latched    bool // the cutter has failed, whatever it is like now
	hot        bool
	mute       bool
	outAfter   int    // bytes until the paper ends; -1: never
	input      []byte // received and not yet obeyed
	realtime   realtime
	automatic  bool // GS a
	sheet      *sheet
	unknown    int
	finished   []Paper
	delivering bool
	tx         chan []byte   // to the line being served, nil without one
	changed    chan struct{} // closed and made anew at each change of a switch
}

// NewPrinter returns a printer with paper, its cover closed.
func NewPrinter(o PrinterOptions) *Printer {
	if o.Dots == 0 {
		o.Dots = 576
	}
	return &Printer{opt: o, automatic: o.Tells, outAfter: -1, sheet: newSheet(o), changed: make(chan struct{})}
}

// Serve prints what comes and answers what is asked, until ctx ends or the line is cut.
func (p *Printer) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	tx := make(chan []byte, 64)
	p.mu.Lock()
	p.tx = tx
	p.mu.Unlock()
	go transmit(ctx, rw, tx) // ends with ctx, or with the line it may be stuck in
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.tx == tx {
			p.tx = nil
		}
	}()
	return p.receive(ctx, rw)
}

// transmit writes answers; an error of the line shows in the read as well.
func transmit(ctx context.Context, w io.Writer, tx <-chan []byte) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-tx:
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
}

func (p *Printer) receive(ctx context.Context, rw io.ReadWriter) error {
	chunk := make([]byte, 256)
	if p.opt.Baud > 0 {
		chunk = chunk[:16]
	}
	for {
		n, err := rw.Read(chunk)
		if p.opt.Baud > 0 && n > 0 {
			pause(ctx, time.Duration(n)*10*time.Second/time.Duration(p.opt.Baud))
		}
		p.take(chunk[:n])
		if err != nil {
			return ended(ctx, err)
		}
		p.waitForRoom(ctx)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// waitForRoom is the flow control: while nothing is printed and the buffer is full, nothing more is read.
func (p *Printer) waitForRoom(ctx context.Context) {
	for told := false; ; {
		p.mu.Lock()
		full, changed := p.stopped() && len(p.input) >= inputBuffer, p.changed
		if p.opt.XonXoff && full != told {
			told = full
			p.send([]byte{map[bool]byte{true: xoff, false: xon}[full]})
		}
		p.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// take is what happens at the arrival of bytes: real-time commands at once, the rest in its turn.
func (p *Printer) take(b []byte) {
	p.mu.Lock()
	for _, x := range b {
		p.input = append(p.input, x)
		switch kind, n := p.realtime.next(x); kind {
		case askStatus:
			p.send([]byte{p.status(n)})
		case goOn:
			p.unlatch()
		case clearBuffer:
			p.input = nil
			p.sheet.reset()
			p.unlatch()
		}
	}
	p.work()
	p.mu.Unlock()
	p.deliver()
}

// work obeys the commands in the buffer as far as the printer can. p.mu is held.
func (p *Printer) work() {
	for !p.stopped() {
		n, c := ParseESCPOS(p.input)
		if n == 0 {
			return
		}
		if c.Unknown() {
			p.unknown++
		}
		if c.Name == "GS a" {
			p.automatic = c.Args[0] != 0
			p.report()
		}
		if paper, done := p.sheet.obey(c, n); done {
			p.finished = append(p.finished, paper)
		}
		p.input = p.input[n:]
		if p.outAfter >= 0 {
			if p.outAfter -= n; p.outAfter <= 0 {
				p.out, p.outAfter = true, -1
				p.report()
			}
		}
	}
}

// deliver hands out finished papers in order and without holding the lock, whoever gets here first doing it for all.
func (p *Printer) deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delivering {
		return
	}
	p.delivering = true
	for len(p.finished) > 0 {
		paper := p.finished[0]
		p.finished = p.finished[1:]
		if p.opt.OnPaper != nil {
			p.mu.Unlock()
			p.opt.OnPaper(paper)
			p.mu.Lock()
		}
	}
	p.delivering = false
}

// set changes a switch and goes on printing if that is possible now.
func (p *Printer) set(change func()) {
	p.mu.Lock()
	change()
	p.report()
	p.work()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	p.deliver()
}

// SetOut takes the paper out, or puts a new roll in: what was printed on the old one comes off as a paper not cut.
func (p *Printer) SetOut(on bool) {
	p.set(func() {
		if p.out && !on {
			p.tear()
		}
		p.out, p.outAfter = on, -1
	})
}

// SetOutAfter lets the paper end after n more bytes have been obeyed (at the end of the command they fall into).
func (p *Printer) SetOutAfter(n int) { p.set(func() { p.outAfter = max(n, 0) }) }

// SetLow moves the sensor of the near end.
func (p *Printer) SetLow(on bool) { p.set(func() { p.low = on }) }

// SetCover opens or closes the cover.
func (p *Printer) SetCover(open bool) { p.set(func() { p.cover = open }) }

// SetCutterError jams the cutter or frees it.
func (p *Printer) SetCutterError(on bool) {
	p.set(func() { p.cutter, p.latched = on, p.latched || on && p.opt.Latches })
}

// SetOverheated lets the print head get too hot, or cool down again: until then the printer waits.
func (p *Printer) SetOverheated(on bool) { p.set(func() { p.hot = on }) }

// SetMute breaks the wire that answers go by; printing goes on.
func (p *Printer) SetMute(on bool) { p.set(func() { p.mute = on }) }

// Tear tears off what has been printed, as one does without a cutter.
func (p *Printer) Tear() { p.set(p.tear) }

// PowerCycle forgets everything received and every setting; switches and paper stay.
func (p *Printer) PowerCycle() {
	p.set(func() {
		p.input, p.automatic, p.realtime, p.latched = nil, p.opt.Tells, realtime{}, false
		p.sheet.reset()
	})
}

// Unknown returns how many commands were not understood so far.
func (p *Printer) Unknown() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unknown
}

// Waiting returns how many bytes were received and not yet obeyed.
func (p *Printer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.input)
}

func (p *Printer) tear() {
	if paper, ok := p.sheet.take(false, 0); ok {
		p.finished = append(p.finished, paper)
	}
}
