package keypad

import (
	"bytes"
	"errors"
	"fmt"
)

// The frame of the caller: FF 68 L L 68 addr func data sum 16.
//
// L, sent twice, counts the bytes from addr to the last data byte, so data has L-2.
// sum is the low byte of the sum of exactly these L bytes.
// Origin: the open source of a system in use in Chinese service halls; no manual of the maker was found.
const (
	callerHead  = 5 // FF 68 L L 68
	callerTail  = 2 // sum 16
	callerStart = 0xFF
	callerMark  = 0x68
	callerEnd   = 0x16
	// A press has at least its key as data. The upper bound is ours: with it a frame cut short
	// is known to be broken as soon as the next whole frame has come, so that press is not held back.
	callerMinL = 3
	callerMaxL = 8
)

// The values of func. Every value but callerRate is taken for a call key: the source names no other.
const (
	callerRate = 0x11 // the last data byte is the visitor's score
	callerLamp = 0x21 // our guess, see Lamp
)

// The keys: the last data byte. Digits pressed before stand in front of it, one in each byte, 00 to 09.
const (
	callerInvite   = 0x0B
	callerNext     = 0x0C
	callerRecall   = 0x0D
	callerConfirm  = 0x0F
	callerPause    = 0x12
	callerTransfer = 0x13
)

// Caller68 is the Chinese call key pad with rater whose frames begin with FF 68, usually on RS-485.
// One line can carry several pads, told apart by Press.Addr.
//
// The adapter must not hear itself: every frame is answered by the same frame, and an adapter
// that returns what it sends would make that a circle.
type Caller68 struct {
	// Addr is the address of the pad whose lamp is lit, 0 to 255. Keys are taken from every address.
	Addr int `yaml:"addr"`
	// Best is the value the rater sends for "very good", 5 or 1: raters count in both directions.
	Best int `yaml:"best"`
}

// NewCaller68 returns the options with their defaults: lamp at address 1, five is very good.
func NewCaller68() *Caller68 { return &Caller68{Addr: 1, Best: 5} }

// Check judges the options; it names every mistake.
func (c *Caller68) Check() error {
	var errs []error
	if c.Addr < 0 || c.Addr > 255 {
		errs = append(errs, fmt.Errorf("addr %d: must be 0 to 255", c.Addr))
	}
	if c.Best != 1 && c.Best != 5 {
		errs = append(errs, fmt.Errorf("best %d: must be 5 or 1", c.Best))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. A frame with a right sum is always acknowledged by its echo, also if its key
// is unknown (then with an error), because the pad would send it again for ever. The echo of our own lamp frame is taken silently.
func (c *Caller68) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	if len(buf) == 0 {
		return 0, Press{}, nil, nil
	}
	if bad := brokenAt(buf); bad >= 0 {
		n = skipTo(buf)
		return n, Press{}, nil, fmt.Errorf("caller68: byte %d belongs to no frame, %d bytes dropped: %w", bad, n, ErrFrame)
	}
	if len(buf) < callerHead || len(buf) < callerHead+int(buf[2])+callerTail {
		return 0, Press{}, nil, nil
	}
	n = callerHead + int(buf[2]) + callerTail
	body := buf[callerHead : n-callerTail]
	if sum8(body) != buf[n-2] || buf[n-1] != callerEnd {
		n = skipTo(buf)
		return n, Press{}, nil, fmt.Errorf("caller68: wrong sum or end, %d bytes dropped: %w", n, ErrFrame)
	}
	if body[1] == callerLamp {
		return n, Press{}, nil, nil // the pad's acknowledgement of our lamp frame: an echo of it would never end
	}
	p, err = c.press(body)
	return n, p, bytes.Clone(buf[:n]), err
}

// brokenAt returns the place of the first byte of a frame's head that cannot be right, or -1.
func brokenAt(buf []byte) int {
	for i := range min(len(buf), callerHead) {
		ok := false
		switch i {
		case 0:
			ok = buf[i] == callerStart
		case 1, 4:
			ok = buf[i] == callerMark
		case 2:
			ok = callerMinL <= buf[i] && buf[i] <= callerMaxL
		case 3:
			ok = buf[i] == buf[2]
		}
		if !ok {
			return i
		}
	}
	return -1
}

// skipTo returns where the next frame may start, behind the first byte.
func skipTo(buf []byte) int {
	if i := bytes.IndexByte(buf[1:], callerStart); i >= 0 {
		return 1 + i
	}
	return len(buf)
}

func sum8(b []byte) (s byte) {
	for _, c := range b {
		s += c
	}
	return s
}

// press reads addr, func and data of a good frame.
func (c *Caller68) press(body []byte) (Press, error) {
	addr, data := int(body[0]), body[2:]
	key, digits := data[len(data)-1], data[:len(data)-1]
	p := Press{Addr: addr}
	switch {
	case body[1] == callerRate:
		if key < 1 || key > 5 {
			return Press{}, fmt.Errorf("caller68: address %d rates %d, allowed are 1 to 5: %w", addr, key, ErrFrame)
		}
		p.Op, p.Arg = Rate, int(key)
		if c.Best == 1 {
			p.Arg = 6 - p.Arg
		}
	case key == callerTransfer:
		p.Op, p.Arg = Transfer, number(digits)
		if p.Arg == 0 {
			return Press{}, fmt.Errorf("caller68: address %d: transfer without its number 1 to 99: %w", addr, ErrFrame)
		}
	default:
		p.Op = callerOp(key, digits)
		if p.Op == "" {
			return Press{}, fmt.Errorf("caller68: address %d: unknown key % X: %w", addr, data, ErrFrame)
		}
	}
	return p, nil
}

// callerOp names a key. Of confirm the digit pressed before decides; 01 and 02 are an extension of ours
// (nothing was found about them), so that every operation can be reached from the pad.
func callerOp(key byte, digits []byte) Op {
	switch key {
	case callerNext:
		return Next
	case callerRecall:
		return Recall
	case callerInvite:
		return Invite
	case callerPause:
		return Pause
	case callerConfirm:
		if len(digits) == 0 {
			return ""
		}
		switch digits[len(digits)-1] {
		case 0x00:
			return Park
		case 0x01: // ours
			return Start
		case 0x02: // ours
			return Complete
		case 0x03:
			return Unpark
		case 0x06:
			return NoShow
		}
	}
	return ""
}

// number reads digits as a decimal number 1 to 99; 0 means it is none.
func number(digits []byte) int {
	v := 0
	for _, d := range digits {
		if d > 9 || v > 9 {
			return 0
		}
		v = 10*v + int(d)
	}
	return v
}

// Lamp implements the interface Lamp for the pad at c.Addr.
//
// This frame is a guess: func 21 with one data byte, 01 on, 00 off, in the pad's own framing.
// No manual and no capture was found. A pad that does not know it drops it.
func (c *Caller68) Lamp(on bool) []byte {
	var state byte
	if on {
		state = 1
	}
	body := []byte{byte(c.Addr), callerLamp, state}
	frame := []byte{callerStart, callerMark, byte(len(body)), byte(len(body)), callerMark}
	return append(append(frame, body...), sum8(body), callerEnd)
}
