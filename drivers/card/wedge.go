package card

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"quhao/drivers/evdev"
)

// Typed is a written form of a wedge's card: as the reader types it.
const Typed = "typed"

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
	// Form is how the card's number is written: Typed, or Decimal10, which fills ten digits up with zeros.
	// A reader that types eight digits has seen 24 bits of the card: they are the same ten digits as those of a
	// reader of 32 bits only on cards whose first bytes are zero.
	Form string `yaml:"form"`
	// Digits is how many characters the reader types, 4 to 20; 0 takes 8 or 10, the usual ones.
	Digits int `yaml:"digits"`

	size int // of a record in bytes
}

// NewWedge returns the options with their defaults: ten decimal digits, from a reader that types 8 or 10.
func NewWedge() *Wedge { return &Wedge{Form: Decimal10, size: evdev.Size()} }

// Check judges the options; it names every mistake.
func (w *Wedge) Check() error {
	var errs []error
	if w.Form != Typed && w.Form != Decimal10 {
		errs = append(errs, fmt.Errorf("form %q: must be %s or %s", w.Form, Typed, Decimal10))
	}
	if w.Digits != 0 && (w.Digits < lineMin || w.Digits > wedgeMax) {
		errs = append(errs, fmt.Errorf("digits %d: must be %d to %d, or 0 for 8 or 10", w.Digits, lineMin, wedgeMax))
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
			c, counts := wedgeKey(e)
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

// wedgeKey returns the character of a key; counts is false for what is passed over, c is 0 for a key that spoils.
func wedgeKey(e evdev.Event) (c byte, counts bool) {
	if e.Value != evdev.Pressed || evdev.IsEnter(e.Code) || e.Code == evdev.KeyShiftL || e.Code == evdev.KeyShiftR || e.Code == evdev.KeyNumLock {
		return 0, false
	}
	return evdev.Char(e.Code), true
}

// number judges what was typed.
func (w *Wedge) number(typed []byte, spoilt bool) (Number, error) {
	switch {
	case spoilt:
		return "", fmt.Errorf("wedge: a key other than 0-9 and A-F: %w", ErrFrame)
	case w.Digits != 0 && len(typed) != w.Digits:
		return "", fmt.Errorf("wedge: %d characters in place of %d: %w", len(typed), w.Digits, ErrFrame)
	case w.Digits == 0 && len(typed) != 8 && len(typed) != 10:
		return "", fmt.Errorf("wedge: %d characters in place of 8 or 10: %w", len(typed), ErrFrame)
	case w.Form == Typed:
		return Number(typed), nil
	}
	v, err := strconv.ParseUint(string(typed), 10, 32)
	if err != nil { // it quotes what was typed
		return "", fmt.Errorf("wedge: not a decimal number of 32 bits: %w", ErrFrame)
	}
	return Number(fmt.Sprintf("%010d", v)), nil
}
