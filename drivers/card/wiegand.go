package card

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
)

// Wiegand reads readers with the two data lines of an access control system: a pulse on D0 is a bit 0, one on D1 a
// bit 1. Its port is wiegand: it tells each pulse as the character 0 or 1, and 25 ms of silence as the end of a line
// (drivers/port/wiegand.go; the form is ours).
//
// It takes the formats of 26 and 34 bits: a parity bit, 24 or 32 bits of the card with the highest first, a parity
// bit; the first one makes the number of ones in the first half even, the last one makes that in the second half odd.
// Origin: SIA AC-01-1996.10, "26-bit Wiegand reader interface standard", and its usual extension to 34 bits.
//
// Wiegand 26 has lost a byte of the card: see Numbering's bits.
type Wiegand struct {
	Numbering `yaml:",inline"`
	// UID is First or Last if the numbers are UIDs of four bytes; see Wedge. With 26 bits it has no meaning, because
	// the byte that marks a random number may be the lost one.
	UID string `yaml:"uid"`
	D0  string `yaml:"d0"` // name of the GPIO line of D0 (green wire), such as GPIO17
	D1  string `yaml:"d1"` // name of the GPIO line of D1 (white wire)
}

const (
	wiegandMax  = 64 // bits of one card; readers of longer formats are refused
	wiegandKeep = 35 // one bit more than the longest format has
)

// NewWiegand returns the options with their defaults; the lines have to be named.
func NewWiegand() *Wiegand { return &Wiegand{Numbering: usual()} }

// Lines are the names of both lines, D0 first, for the port to open; none if one of them has no name.
func (w *Wiegand) Lines() []string {
	if w.D0 == "" || w.D1 == "" {
		return nil
	}
	return []string{w.D0, w.D1}
}

// Check judges the options; it names every mistake. That a line has no name is for the caller to judge.
func (w *Wiegand) Check() error {
	errs := append(w.mistakes(Decimal10, Hex), endMistakes(w.UID)...)
	word := regexp.MustCompile(`^[A-Za-z0-9_.:/+-]{0,32}$`)
	for _, o := range []struct{ key, line string }{{"d0", w.D0}, {"d1", w.D1}} {
		if !word.MatchString(o.line) {
			errs = append(errs, fmt.Errorf("%s: %q is no name of a line, such as GPIO17", o.key, o.line))
		}
	}
	if w.D0 != "" && w.D0 == w.D1 {
		errs = append(errs, fmt.Errorf("d1: the line %s is d0 already", w.D1))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies, and an error never quotes bits of a card.
func (w *Wiegand) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	i := bytes.IndexByte(buf[:min(len(buf), wiegandMax+1)], '\n')
	switch {
	case i == 0:
		return 1, "", nil, nil
	case i < 0 && len(buf) <= wiegandMax:
		return 0, "", nil, nil
	case i < 0: // so much stays that the rest is never taken for a card
		return wiegandMax + 1 - wiegandKeep, "", nil, fmt.Errorf("wiegand: no end within %d bits: %w", wiegandMax, ErrFrame)
	}
	num, err = w.card(buf[:i])
	return i + 1, num, nil, err
}

// card judges the bits of one card.
func (w *Wiegand) card(bits []byte) (Number, error) {
	if len(bits) != 26 && len(bits) != 34 {
		return "", fmt.Errorf("wiegand: %d bits, known are 26 and 34: %w", len(bits), ErrFrame)
	}
	var ones [2]int
	id := make([]byte, (len(bits)-2)/8)
	for i, c := range bits {
		if c != '0' && c != '1' {
			return "", fmt.Errorf("wiegand: a bit that is neither 0 nor 1: %w", ErrFrame)
		}
		bit := c - '0'
		ones[i/(len(bits)/2)] += int(bit)
		if k := i - 1; k >= 0 && k < 8*len(id) {
			id[k/8] = id[k/8]<<1 | bit
		}
	}
	if ones[0]%2 != 0 || ones[1]%2 != 1 {
		return "", fmt.Errorf("wiegand: parity does not match; if it never does, D0 and D1 may be crossed: %w", ErrFrame)
	}
	num, err := w.anything(id, w.UID)
	if err != nil {
		return "", fmt.Errorf("wiegand: %w", err)
	}
	return num, nil
}
