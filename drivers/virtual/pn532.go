package virtual

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
)

// PN532 is a PN532 module on a serial line, with at most one card in its field. It sleeps until it is woken, answers
// the commands that a reader of UIDs needs, and any other with the error frame.
//
// Origin: NXP UM0701-02, PN532 user manual rev. 02, 6.2.1 (frames) and 7 (commands).
type PN532 struct {
	mu      sync.Mutex
	awake   bool
	field   bool
	target  []byte // as InListPassiveTarget tells it, without Tg; nil for no card
	modulat byte   // of the card: 0 type A, 1 FeliCa, 3 type B
	deaf    bool
	spoil   int
	last    []byte // the last answer, for a NACK
	count   PN532Count
}

// PN532Count is what a twin has seen.
type PN532Count struct {
	Wakes, Searches, Releases, Nacks, Errors int
}

// NewPN532 returns a module that sleeps, without a card.
func NewPN532() *PN532 { return &PN532{} }

// LayA lays a card of type A on it.
func (p *PN532) LayA(uid []byte) {
	p.lay(0, append([]byte{0x00, 0x04, 0x08, byte(len(uid))}, uid...))
}

// LayB lays a card of type B on it, with that PUPI of four bytes.
func (p *PN532) LayB(pupi []byte) {
	atqb := append(append([]byte{0x50}, pupi...), 0x11, 0x22, 0x33, 0x44, 0x00, 0x71, 0x85)
	p.lay(3, append(atqb, 0x01, 0x00))
}

// LayF lays a FeliCa card on it, with that IDm of eight bytes.
func (p *PN532) LayF(idm []byte) {
	p.lay(1, append(append([]byte{0x12, 0x01}, idm...), make([]byte, 8)...))
}

// Take takes the card away.
func (p *PN532) Take() { p.lay(0, nil) }

func (p *PN532) lay(modulation byte, target []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.modulat, p.target = modulation, slices.Clone(target)
}

// SetDeaf takes its power away, or gives it back: then it sleeps.
func (p *PN532) SetDeaf(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.awake, p.field = deaf, false, false
}

// Spoil turns a bit round in each of the next n answers, as a bad line does.
func (p *PN532) Spoil(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoil = n
}

// Count is what it has seen so far.
func (p *PN532) Count() PN532Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Serve answers until ctx ends or the line is cut.
func (p *PN532) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		used, answer := p.hear(buf)
		if len(answer) == 0 {
			return used, nil
		}
		_, err := rw.Write(answer)
		return used, err
	})
}

// hear looks at the start of what was sent and returns how much it has used, and what to send back.
func (p *PN532) hear(buf []byte) (used int, answer []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf {
		return len(buf), nil
	}
	if !p.awake {
		at := bytes.Index(buf, []byte{0x55, 0x55})
		if at < 0 {
			return max(0, len(buf)-1), nil
		}
		p.awake = true
		p.count.Wakes++
		return at + 2, nil
	}
	at := bytes.Index(buf, []byte{0x00, 0xff})
	switch {
	case at < 0:
		return max(0, len(buf)-1), nil
	case len(buf) < at+4:
		return at, nil
	}
	size, check := buf[at+2], buf[at+3]
	switch {
	case size == 0x00 && check == 0xff: // ACK: break off
		return at + 4, nil
	case size == 0xff && check == 0x00: // NACK: once more
		p.count.Nacks++
		return at + 4, p.last
	case size+check != 0 || size < 2:
		return at + 2, nil
	case len(buf) < at+4+int(size)+1:
		return at, nil
	}
	body := buf[at+4 : at+4+int(size)]
	var sum byte
	for _, b := range buf[at+4 : at+5+int(size)] {
		sum += b
	}
	end := at + 5 + int(size)
	if sum != 0 || body[0] != 0xd4 {
		return end, nil
	}
	return end, p.obey(body[1:])
}

// obey carries out a command and returns the acknowledgement and the answer. p.mu is held.
func (p *PN532) obey(command []byte) []byte {
	ack := []byte{0x00, 0x00, 0xff, 0x00, 0xff, 0x00}
	answer := []byte{0xd5, command[0] + 1}
	switch {
	case command[0] == 0x14: // SAMConfiguration
	case command[0] == 0x32 && len(command) > 1: // RFConfiguration
		if command[1] == 0x01 && len(command) > 2 {
			p.field = command[2]&1 != 0
		}
	case command[0] == 0x52: // InRelease
		p.count.Releases++
		answer = append(answer, 0x00)
	case command[0] == 0x4a && len(command) > 2: // InListPassiveTarget
		p.count.Searches++
		p.field = true
		answer = append(answer, 0x00)
		if p.target != nil && command[2] == p.modulat {
			answer = append(append(answer[:2], 0x01, 0x01), p.target...)
		}
	default:
		p.count.Errors++
		return append(ack, 0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00)
	}
	p.last = framed532(answer)
	sent := slices.Clone(p.last)
	if p.spoil > 0 {
		p.spoil--
		sent[len(sent)-3] ^= 0x10
	}
	return append(ack, sent...)
}

// framed532 puts a normal information frame around data.
func framed532(data []byte) []byte {
	size := len(data)
	frame := []byte{0x00, 0x00, 0xff, byte(size), byte(256 - size)}
	total := 0
	for _, b := range data {
		total += int(b)
	}
	frame = append(frame, data...)
	return append(frame, byte(256-total%256), 0x00)
}
