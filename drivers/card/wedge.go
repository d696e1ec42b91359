package card

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"quhao/drivers/evdev"
)

// Typed is a written form of a wedge's card: as the reader types it, and so not the same as another reader's.
const Typed = "typed"

// What a wedge types.
const (
	Decimal  = "decimal"  // a whole number: ten digits of 32 bits (8H10D), or eight of 24 bits (6H8D)
	HexTyped = "hex"      // the card's bytes, two digits each: 8H, 10H, 14H
	Facility = "facility" // a byte as three digits and two bytes as five, with or without a comma between: 134,62532
)

// The bounds of a number that is typed.
const (
	wedgeSilence = 100 * time.Millisecond // the end of a number from a reader that types no Enter
	wedgeMax     = 20                     // of the option digits
	// A number that has not ended within so many records is noise. A key is six records at most (scan code, key,
	// synchronisation; pressed and let go), and 170 of them fit into the 4 KiB that drivers/port keeps.
	wedgeWindow = 170
	// So many are dropped then. What stays is more keys than any number has, so the tail of a long text, of a code
	// scanned by a wedge for instance, is never taken for a card.
	wedgeDrop = 40
)

// Wedge reads cards from a keyboard wedge: a reader that poses as a keyboard and types the card's number, ended by
// Enter or by a silence of 100 ms. Its port is evdev, which takes it away from the console and tells the silence.
//
// It understands the digits of both rows and A to F; shift and num lock are passed over. Any other key spoils the
// number. Origin of records and codes: see package evdev.
type Wedge struct {
	// Numbering's Form may be Typed as well; then its other options have no meaning.
	Numbering `yaml:",inline"`
	// Types is what the reader types: Decimal, HexTyped or Facility.
	// A reader that types eight decimal digits, or facility and card, has seen 24 bits of the card: they are the same
	// number as that of a reader of 32 bits only on cards whose first byte is zero, or with bits: 24 for both.
	Types string `yaml:"types"`
	// Digits is how many characters the reader types, 4 to 20; 0 takes what is usual: 8 or 10 decimal digits;
	// 6, 8, 10, 14 or 20 hex digits; 8 of facility and card.
	Digits int `yaml:"digits"`
	// UID is First or Last if the numbers are UIDs of four bytes, so that those of phones are known: which end of
	// the number holds the first byte of the UID.
	UID string `yaml:"uid"`

	size int // of a record in bytes
}

// NewWedge returns the options with their defaults: ten decimal digits, from a reader that types 8 or 10.
func NewWedge() *Wedge { return &Wedge{Numbering: usual(), Types: Decimal, size: evdev.Size()} }

// Check judges the options; it names every mistake.
func (w *Wedge) Check() error {
	errs := append(w.mistakes(Decimal10, Hex, Typed), endMistakes(w.UID)...)
	if w.Types != Decimal && w.Types != HexTyped && w.Types != Facility {
		errs = append(errs, fmt.Errorf("types %q: must be %s, %s or %s", w.Types, Decimal, HexTyped, Facility))
	}
	if w.Digits != 0 && (w.Digits < lineMin || w.Digits > wedgeMax) {
		errs = append(errs, fmt.Errorf("digits %d: must be %d to %d, or 0 for what is usual", w.Digits, lineMin, wedgeMax))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies, and an error never quotes what was typed.
// Records come whole and in their places, as the kernel gives them; a piece of one is waited for.
func (w *Wedge) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	var typed []byte
	var last time.Duration
	spoilt := false
	for n+w.size <= len(buf) {
		begun := len(typed) > 0 || spoilt
		if begun && n >= wedgeWindow*w.size {
			return wedgeDrop * w.size, "", nil, fmt.Errorf("wedge: no end within %d records: %w", wedgeWindow, ErrFrame)
		}
		e, ok := evdev.Parse(buf[n:], w.size)
		key := ok && e.Type == evdev.Key
		if begun && key && e.Time-last > wedgeSilence {
			num, err = w.number(typed, spoilt)
			return n, num, nil, err
		}
		n += w.size
		switch {
		case !ok:
			return n, "", nil, fmt.Errorf("wedge: %d bytes are no event: %w", w.size, ErrFrame)
		case e.Type == evdev.Syn && e.Code == evdev.Dropped:
			return n, "", nil, fmt.Errorf("wedge: the kernel has dropped events: %w", ErrFrame)
		case begun && (e.Type == evdev.Syn && e.Code == evdev.Silence || key && e.Value == evdev.Pressed && evdev.IsEnter(e.Code)):
			num, err = w.number(typed, spoilt)
			return n, num, nil, err
		case key:
			last = e.Time
			c, counts := w.key(e)
			if counts && !begun && n > w.size {
				return n - w.size, "", nil, nil // what stands before a number is done with
			}
			if counts && c != 0 {
				typed = append(typed, c)
			}
			spoilt = spoilt || counts && c == 0
		}
	}
	if len(typed) > 0 || spoilt {
		n = 0
	}
	return n, "", nil, nil
}

// key returns the character of a key; counts is false for what is passed over, c is 0 for a key that spoils.
func (w *Wedge) key(e evdev.Event) (c byte, counts bool) {
	switch {
	case e.Value != evdev.Pressed || evdev.IsEnter(e.Code) || e.Code == evdev.KeyShiftL || e.Code == evdev.KeyShiftR || e.Code == evdev.KeyNumLock:
		return 0, false
	case w.Types == Facility && e.Code == evdev.KeyComma:
		return 0, false // it stands between the two, and says nothing
	}
	return evdev.Char(e.Code), true
}

// number judges what was typed.
func (w *Wedge) number(typed []byte, spoilt bool) (Number, error) {
	usual := map[string][]int{Decimal: {8, 10}, HexTyped: {6, 8, 10, 14, 20}, Facility: {8}}[w.Types]
	switch {
	case spoilt:
		return "", fmt.Errorf("wedge: a key other than 0-9 and A-F: %w", ErrFrame)
	case w.Digits != 0 && len(typed) != w.Digits:
		return "", fmt.Errorf("wedge: %d characters in place of %d: %w", len(typed), w.Digits, ErrFrame)
	case w.Digits == 0 && !slices.Contains(usual, len(typed)):
		return "", fmt.Errorf("wedge: %d characters, usual are %v: %w", len(typed), usual, ErrFrame)
	case w.Form == Typed:
		return Number(typed), nil
	}
	id, err := w.bytes(string(typed))
	if err != nil {
		return "", err
	}
	num, err := w.anything(id, w.UID)
	if err != nil {
		return "", fmt.Errorf("wedge: %w", err)
	}
	return num, nil
}

// bytes turns digits back into the bytes that the reader has read. What the library says of them it quotes, so its
// words are left away.
func (w *Wedge) bytes(typed string) ([]byte, error) {
	if w.Types == HexTyped {
		if id, err := hex.DecodeString(typed); err == nil && len(id) >= 3 {
			return id, nil
		}
		return nil, fmt.Errorf("wedge: not three hex bytes or more: %w", ErrFrame)
	}
	var facility uint64
	if w.Types == Facility {
		var err error
		at := max(0, len(typed)-5)
		if facility, err = strconv.ParseUint(typed[:at], 10, 8); err != nil {
			return nil, fmt.Errorf("wedge: the facility is no decimal number of 8 bits: %w", ErrFrame)
		}
		typed = typed[at:]
	}
	bits := 32
	if w.Types == Facility {
		bits = 16
	}
	v, err := strconv.ParseUint(typed, 10, bits)
	if err != nil {
		return nil, fmt.Errorf("wedge: not a decimal number of %d bits: %w", bits, ErrFrame)
	}
	id := binary.BigEndian.AppendUint32(nil, uint32(facility<<16|v))
	if len(typed) <= 8 && id[0] == 0 {
		id = id[1:] // of a reader of 24 bits
	}
	return id, nil
}
