package main

import (
	"fmt"

	"quhao/drivers/keypad"
	"quhao/drivers/virtual"
)

// reader is a place to tap a card, by the number printed on it.
type reader interface{ tap(number uint32) error }

// newReader makes the twin that speaks to a card driver.
func newReader(driver string) (reader, virtual.Server) {
	if driver == "terminal" {
		t := virtual.NewTypist()
		return typedReader{t}, t
	}
	r := virtual.NewReader()
	return radioReader{r}, r
}

// typedReader sends the ten digits, as a reader of the same cards does that writes plain lines.
type typedReader struct{ *virtual.Typist }

func (r typedReader) tap(number uint32) error { return r.Type(fmt.Sprintf("%010d", number)) }

// radioReader is the RDM6300. The customer byte is not printed on the card; any will do.
type radioReader struct{ *virtual.Reader }

func (r radioReader) tap(number uint32) error { return r.Tap(virtual.CardHex(0x10, number)) }

// pad is what fingers press at a counter: the officer's call keys and the visitor's five.
type pad interface {
	press(op keypad.Op, arg int) error
}

// newPad makes the twin that speaks to a keypad driver.
func newPad(driver string, addr int) (pad, virtual.Server) {
	if driver == "terminal" {
		t := virtual.NewTypist()
		return typedPad{t}, t
	}
	c := virtual.NewCaller68(byte(addr))
	return callerPad{c}, c
}

// typedPad says the words of the operations.
type typedPad struct{ *virtual.Typist }

func (p typedPad) press(op keypad.Op, arg int) error {
	if arg == 0 {
		return p.Type(string(op))
	}
	return p.Type(fmt.Sprintf("%s %d", op, arg))
}

// callerPad has keys with numbers on them; 0F confirms the digit pressed before it.
type callerPad struct{ *virtual.Caller68 }

func (p callerPad) press(op keypad.Op, arg int) error {
	switch op {
	case keypad.Next:
		return p.Press(0x0c)
	case keypad.Recall:
		return p.Press(0x0d)
	case keypad.Invite:
		return p.Press(0x0b)
	case keypad.Pause:
		return p.Press(0x12)
	case keypad.Park:
		return p.Press(0x00, 0x0f)
	case keypad.Start:
		return p.Press(0x01, 0x0f)
	case keypad.Complete:
		return p.Press(0x02, 0x0f)
	case keypad.Unpark:
		return p.Press(0x03, 0x0f)
	case keypad.NoShow:
		return p.Press(0x06, 0x0f)
	case keypad.Transfer:
		if arg < 10 {
			return p.Press(byte(arg), 0x13)
		}
		return p.Press(byte(arg/10), byte(arg%10), 0x13)
	case keypad.Rate:
		return p.Rate(byte(arg))
	}
	return fmt.Errorf("this pad has no key for %s", op)
}
