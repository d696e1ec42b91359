package card

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ErrNoIdentity is wrapped by the error for a card that was read well and whose number identifies nobody:
// a phone that makes up a number at each tap, a blank card, a type-B card. Its holder has to be told.
var ErrNoIdentity = errors.New("no identity")

// The written forms of a card's number.
const (
	Decimal10 = "decimal10" // ten decimal digits: 0008844356; an identifier of more than five bytes is written as Hex
	Hex       = "hex"       // all bytes as upper-case hex digits: 0086F444
)

// The orders of a card's bytes.
const (
	MSB = "msb" // the byte that is sent first is the most significant one
	LSB = "lsb" // the byte that is sent first is the least significant one
)

// Which end of a number holds the first byte of a card's UID, for readers that do not say what they read.
const (
	First = "first"
	Last  = "last"
)

// Numbering says how the bytes that a reader gives become the number of a card: the options that all readers of
// bytes have in common.
//
// One card has one canonical number, whichever reader has read it. An identifier of up to five bytes (EM4100, the
// UIDs of four bytes, Wiegand) is a whole number, its first byte the most significant one; its lowest 32 bits are
// written as ten decimal digits, as they are printed on many cards (8H10D). A longer one (UIDs of 7 and 10 bytes,
// FeliCa) is written as hex digits, in the order in which the card sends its bytes.
//
// A reader that turns the bytes round is set right by order: lsb. Where one of a centre's readers sees 24 bits only
// (Wiegand 26, eight typed digits), bits: 24 makes all others leave away the rest: then the numbers agree, and two
// cards that differ in the rest only have the same number.
type Numbering struct {
	// Form is Decimal10 or Hex.
	Form string `yaml:"form"`
	// Order is MSB or LSB.
	Order string `yaml:"order"`
	// Bits is how many of the lowest bits count, 24 or 32, of an identifier of any length;
	// 0 takes 32 of a short one and all of a long one.
	Bits int `yaml:"bits"`
	// NoIdentity are further numbers that identify nobody, as the reader's number is written, or as hex digits of
	// the card's bytes. All zeros, all ones and bytes that count up from 01 are known.
	NoIdentity []string `yaml:"no_identity"`
}

// usual are the defaults of Numbering.
func usual() Numbering { return Numbering{Form: Decimal10, Order: MSB} }

// Check judges the options; it names every mistake.
func (n *Numbering) Check() error { return errors.Join(n.mistakes(Decimal10, Hex)...) }

// mistakes are all that is wrong with the options, where these forms are possible.
func (n *Numbering) mistakes(forms ...string) []error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if !slices.Contains(forms, n.Form) {
		bad("form %q: must be %s", n.Form, strings.Join(forms, " or "))
	}
	if n.Order != MSB && n.Order != LSB {
		bad("order %q: must be %s or %s", n.Order, MSB, LSB)
	}
	if n.Bits != 0 && n.Bits != 24 && n.Bits != 32 {
		bad("bits %d: must be 24 or 32, or 0 for all that count", n.Bits)
	}
	word := regexp.MustCompile(`^[0-9A-Fa-f]{4,32}$`)
	for _, s := range n.NoIdentity {
		if !word.MatchString(s) {
			bad("no_identity %q: must be a number of 4 to 32 digits, decimal or hex, in quotes", s)
		}
	}
	return errs
}

// number writes the identifier id, 3 to 10 bytes in the order in which they came. The error wraps ErrNoIdentity, and
// never quotes the number.
func (n *Numbering) number(id []byte) (Number, error) {
	id = n.ordered(id)
	num := n.write(id)
	switch {
	case constant(id):
		return "", fmt.Errorf("a number that many blank cards have: %w", ErrNoIdentity)
	case slices.ContainsFunc(n.NoIdentity, func(s string) bool {
		return strings.EqualFold(s, string(num)) || strings.EqualFold(s, hex.EncodeToString(id))
	}):
		return "", fmt.Errorf("a number of the list no_identity: %w", ErrNoIdentity)
	}
	return num, nil
}

// uid is number for the UID of a card of 13.56 MHz, in the order in which the card has sent it.
func (n *Numbering) uid(id []byte) (Number, error) {
	if random(id) {
		return "", errRandom()
	}
	return n.number(id)
}

func errRandom() error {
	return fmt.Errorf("a UID made up for this tap, as phones do: %w", ErrNoIdentity)
}

// endMistakes judges the option uid, for readers of which the bytes alone do not tell whether they are a UID.
func endMistakes(uid string) []error {
	if uid != "" && uid != First && uid != Last {
		return []error{fmt.Errorf("uid %q: must be %s or %s, or be left out if the cards have no UID of 13.56 MHz", uid, First, Last)}
	}
	return nil
}

// anything is number for an identifier that is a UID if end is First or Last: the end of the whole number at which the
// first byte of the UID stands.
func (n *Numbering) anything(id []byte, end string) (Number, error) {
	uid := n.ordered(id)
	if end == Last {
		slices.Reverse(uid)
	}
	if end != "" && random(uid) {
		return "", errRandom()
	}
	return n.number(id)
}

// ordered is id with its most significant byte first; id itself is never changed.
func (n *Numbering) ordered(id []byte) []byte {
	id = slices.Clone(id)
	if n.Order == LSB {
		slices.Reverse(id)
	}
	return id
}

// write writes an identifier whose most significant byte stands first.
func (n *Numbering) write(id []byte) Number {
	if n.Bits > 0 {
		id = id[max(0, len(id)-n.Bits/8):]
	}
	if n.Form == Hex || len(id) > emBytes {
		return Number(strings.ToUpper(hex.EncodeToString(id)))
	}
	var v uint32 // more than 32 bits fall out on the left
	for _, b := range id {
		v = v<<8 | uint32(b)
	}
	return Number(fmt.Sprintf("%010d", v))
}

// emBytes is the length of an EM4100 identifier: its first byte is that of the customer.
const emBytes = 5

// random says whether a UID was made up for this tap. Origin: ISO/IEC 14443-3, table of single-size UIDs: the first
// byte 08 marks a number that is drawn anew at each activation; NXP AN10927 names it as what phones and cards with
// random identifiers send. UIDs of 7 and 10 bytes are never random.
func random(uid []byte) bool { return len(uid) == 4 && uid[0] == 0x08 }

// constant says whether an identifier is one that blank and copied cards share: all bytes zero, all of them FF, or
// counting up from 01 in either direction. Of five bytes the first one, the customer's, does not count.
func constant(id []byte) bool {
	if len(id) == emBytes {
		id = id[1:]
	}
	up := make([]byte, len(id))
	for i := range up {
		up[i] = byte(i + 1)
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	counts := len(id) >= 4 && (bytes.Equal(id, up) || bytes.Equal(id, down))
	return counts || same(id, 0x00) || same(id, 0xff)
}

// same says whether all bytes are c.
func same(id []byte, c byte) bool {
	return !slices.ContainsFunc(id, func(b byte) bool { return b != c })
}
