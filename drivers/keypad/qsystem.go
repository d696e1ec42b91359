package keypad

import (
	"bytes"
	"errors"
	"fmt"
)

// The frames of QSystem's pads, both ways: 01 addr code 07. A pad sends by itself, without being asked; two that send at
// once spoil each other's frames. Origin: the open source of QSystem (ru.apertum.qsystem.ub485, classes ActionTransmit
// and ButtonDevice); no manual of the maker was found. The number display of the same pad is led.QSystem.
const (
	qsystemStart = 0x01
	qsystemEnd   = 0x07
	qsystemSize  = 4
)

// The codes of the keys, and those of the key lamp: its green light steady or blinking each half second, or dark.
const (
	qsystemCall     = 0x31
	qsystemBegin    = 0x32
	qsystemRedirect = 0x33
	qsystemFinish   = 0x34

	qsystemDark     = 0x30
	qsystemGreen    = 0x32
	qsystemBlinking = 0x36
)

// QSystem is the four-key pad of QSystem on RS-485, 9600 8N1. Pads share one line by their addresses, and each shares
// it with its own number display: the entry under led then has the same port and the same addr.
type QSystem struct {
	Addr int `yaml:"addr"` // of this pad, 1 to 255
	// Redirect is the number of the department that the third key transfers to, 1 to 99, in the order of centre.yaml;
	// 0: the key does nothing.
	Redirect int `yaml:"redirect"`
	// Light is what the key lamp does while a key is taken: none, steady or blinking. Steady has the code of the second
	// key: with it the adapter must not hear what it sends.
	Light string `yaml:"lamp"`
}

// NewQSystem returns the pad at address 1, without a lamp.
func NewQSystem() *QSystem { return &QSystem{Addr: 1, Light: "none"} }

// Check judges the options; it names every mistake.
func (q *QSystem) Check() error {
	var errs []error
	if q.Addr < 1 || q.Addr > 255 {
		errs = append(errs, fmt.Errorf("addr %d: must be 1 to 255", q.Addr))
	}
	if q.Redirect < 0 || q.Redirect > 99 {
		errs = append(errs, fmt.Errorf("redirect %d: must be 1 to 99, or 0 for none", q.Redirect))
	}
	if q.Light != "none" && q.Light != "steady" && q.Light != "blinking" {
		errs = append(errs, fmt.Errorf("lamp %q: must be none, steady or blinking", q.Light))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies. The lamp's codes that are no keys are passed over: they are our own
// frames, where an adapter hears what it sends.
func (q *QSystem) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	start := bytes.IndexByte(buf, qsystemStart)
	switch {
	case len(buf) == 0:
		return 0, Press{}, nil, nil
	case start < 0:
		return len(buf), Press{}, nil, fmt.Errorf("qsystem: %d bytes without a start: %w", len(buf), ErrFrame)
	case start > 0:
		return start, Press{}, nil, fmt.Errorf("qsystem: %d bytes before a start: %w", start, ErrFrame)
	case len(buf) < qsystemSize:
		return 0, Press{}, nil, nil
	case buf[3] != qsystemEnd || buf[1] == 0:
		return 1, Press{}, nil, fmt.Errorf("qsystem: % X is no frame; two pads at once: %w", buf[:qsystemSize], ErrFrame)
	}
	p.Addr = int(buf[1])
	switch code := buf[2]; {
	case code == qsystemCall:
		p.Op = Call
	case code == qsystemBegin:
		p.Op = Start
	case code == qsystemFinish:
		p.Op = End
	case code == qsystemRedirect && q.Redirect > 0:
		p.Op, p.Arg = Transfer, q.Redirect
	case code == qsystemDark || code == qsystemBlinking:
		return qsystemSize, Press{}, nil, nil
	default:
		return qsystemSize, Press{}, nil, fmt.Errorf("qsystem: address %d: the key %02X means nothing: %w", p.Addr, code, ErrFrame)
	}
	return qsystemSize, p, nil, nil
}

// Lamp implements the interface Lamp for the pad at q.Addr.
func (q *QSystem) Lamp(on bool) []byte {
	code := byte(qsystemDark)
	switch {
	case q.Light == "none":
		return nil
	case on && q.Light == "steady":
		code = qsystemGreen
	case on:
		code = qsystemBlinking
	}
	return []byte{qsystemStart, byte(q.Addr), code, qsystemEnd}
}
