package virtual

// The kinds of real-time command.
type realtimeKind int

const (
	nothing realtimeKind = iota
	askStatus
	goOn        // DLE ENQ 1: recover, and print what is left
	clearBuffer // DLE ENQ 2: recover, and forget it
)

// realtime watches the raw stream for DLE EOT n and DLE ENQ n, which a printer obeys at their arrival, even in the
// middle of a picture.
type realtime struct{ last, before byte }

func (r *realtime) next(x byte) (realtimeKind, byte) {
	a, b := r.before, r.last
	r.before, r.last = r.last, x
	switch {
	case a == 0x10 && b == 0x04 && x >= 1 && x <= 4:
		return askStatus, x
	case a == 0x10 && b == 0x05 && x == 1:
		return goOn, x
	case a == 0x10 && b == 0x05 && x == 2:
		return clearBuffer, x
	}
	return nothing, 0
}

// stopped says whether nothing can be printed now. p.mu is held.
func (p *Printer) stopped() bool { return p.out || p.cover || p.jammed() || p.hot }

// jammed says whether the cutter is in a fault. p.mu is held.
func (p *Printer) jammed() bool { return p.cutter || p.latched }

// unlatch ends the fault of a cutter that has been freed. p.mu is held.
func (p *Printer) unlatch() {
	if p.latched && !p.cutter {
		p.latched = false
		p.report()
	}
}

// The bytes of flow control in the stream.
const (
	xon  = 0x11
	xoff = 0x13
)

// status is the answer to DLE EOT n. p.mu is held.
func (p *Printer) status(n byte) byte {
	x := byte(0x12)
	set := func(on bool, bits byte) {
		if on {
			x |= bits
		}
	}
	switch n {
	case 1:
		set(p.stopped(), 0x08)
	case 2:
		set(p.cover, 0x04)
		set(p.out, 0x20)
		set(p.jammed() || p.hot, 0x40)
	case 3:
		set(p.jammed(), 0x08)
		set(p.hot, 0x40)
	case 4:
		set(p.low || p.out, 0x0c)
		set(p.out, 0x60)
	}
	return x
}

// report sends the automatic status, if GS a has asked for it. p.mu is held.
func (p *Printer) report() {
	if !p.automatic {
		return
	}
	b := [4]byte{0x10}
	if p.stopped() {
		b[0] |= 0x08
	}
	if p.cover {
		b[0] |= 0x20
	}
	if p.jammed() {
		b[1] |= 0x08
	}
	if p.hot {
		b[1] |= 0x40
	}
	if p.low || p.out {
		b[2] |= 0x03
	}
	if p.out {
		b[2] |= 0x0c
	}
	p.send(b[:])
}

// send queues an answer; with nobody reading for long, answers are lost, as on a real line. p.mu is held.
func (p *Printer) send(b []byte) {
	if p.mute || p.tx == nil {
		return
	}
	select {
	case p.tx <- b:
	default:
	}
}
