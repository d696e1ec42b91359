package card

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// The frame of an RDM6300: STX, five bytes as ten hex digits, their XOR as two hex digits, ETX.
// Origin: RDM6300 data sheet, "Output data format", 9600 baud 8N1.
const (
	rdmSTX    = 0x02
	rdmETX    = 0x03
	rdmDigits = 12 // ten of the card, two of the check
	rdmLen    = 1 + rdmDigits + 1
)

// Hex10 is what the form Hex is also called for this reader: all 40 bits as ten hex digits, 100086F444.
const Hex10 = "hex10"

// RDM6300 reads EM4100 cards at 125 kHz through an RDM6300 or a reader that speaks its frame.
//
// The reader repeats the frame about every 50 ms while the card stays: pass the numbers through Held.
// Two cards that differ in the first byte only, the customer's, have the same Decimal10.
type RDM6300 struct {
	Numbering `yaml:",inline"`
}

// NewRDM6300 returns the options with their defaults: the form printed on the cards, decimal10.
func NewRDM6300() *RDM6300 { return &RDM6300{usual()} }

// Check judges the options.
func (r *RDM6300) Check() error {
	n := r.numbering()
	return n.Check()
}

// numbering is the options with Hex10 under its usual name.
func (r *RDM6300) numbering() Numbering {
	n := r.Numbering
	if n.Form == Hex10 {
		n.Form = Hex
	}
	return n
}

// Decode implements Driver. It never replies.
// It gives a frame up at the first byte that cannot belong to it and goes on at the next STX,
// so a broken frame costs no good one behind it. An error never quotes digits of a card.
func (r *RDM6300) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	if len(buf) == 0 {
		return 0, "", nil, nil
	}
	if buf[0] != rdmSTX {
		n = bytes.IndexByte(buf, rdmSTX)
		if n < 0 {
			n = len(buf)
		}
		return n, "", nil, fmt.Errorf("rdm6300: %d bytes outside a frame: %w", n, ErrFrame)
	}
	for i := 1; i < len(buf) && i < rdmLen; i++ {
		if i <= rdmDigits && isHex(buf[i]) || i > rdmDigits && buf[i] == rdmETX {
			continue
		}
		n = i + 1
		if buf[i] == rdmSTX { // the next frame starts here
			n = i
		}
		return n, "", nil, fmt.Errorf("rdm6300: frame broken at byte %d: %w", i, ErrFrame)
	}
	if len(buf) < rdmLen {
		return 0, "", nil, nil
	}
	num, err = r.number(buf[1 : 1+rdmDigits])
	return rdmLen, num, nil, err
}

// number turns twelve hex digits into the card's number and checks their XOR.
func (r *RDM6300) number(digits []byte) (Number, error) {
	var b [rdmDigits / 2]byte
	if _, err := hex.Decode(b[:], digits); err != nil {
		return "", fmt.Errorf("rdm6300: digits: %w", ErrFrame)
	}
	if b[0]^b[1]^b[2]^b[3]^b[4] != b[5] {
		return "", fmt.Errorf("rdm6300: check byte does not match: %w", ErrFrame)
	}
	n := r.numbering()
	num, err := n.number(b[:emBytes])
	if err != nil {
		return "", fmt.Errorf("rdm6300: %w", err)
	}
	return num, nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}
