package led

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The frames of QSystem's pads, host to pad: 01 addr mode n n n 07 for the three characters of the number display.
// mode is 20 steady, 21 blinking for ever, 22 to 7F blinking mode-21 times. Origin: the open source of QSystem
// (ru.apertum.qsystem.ub485, class ButtonDevice, its comments); no manual of the maker was found.
// The keys and the key lamp of the same pad are keypad.QSystem.
const (
	qsystemStart  = 0x01
	qsystemEnd    = 0x07
	qsystemSteady = 0x20
	qsystemBlink  = 0x21
	qsystemCells  = 3
)

// QSystem drives the three-character number display of the QSystem RS-485 pads (9600 8N1). Pads share one line by their
// addresses, and each shares its own with its keys: the entry under keypad then has the same port and the same addr.
//
// A number of three characters is shown whole, of a longer one its last three digits: A012 is 012, and AX07 is X07.
// The pad does not answer. It blinks by itself while a number has just been called.
type QSystem struct {
	Addr int    `yaml:"addr"` // 1 to 255
	Rest string `yaml:"rest"` // shown where there is no number; up to three characters of ASCII
	Lost string `yaml:"lost"` // shown while the controller is not heard
}

// NewQSystem returns the pad at address 1, dark without a number.
func NewQSystem() *QSystem { return &QSystem{Addr: 1, Rest: "", Lost: "---"} }

// Check judges all options and returns every mistake, joined.
func (q *QSystem) Check() error {
	var errs []error
	if q.Addr < 1 || q.Addr > 255 {
		errs = append(errs, fmt.Errorf("addr: %d is not from 1 to 255", q.Addr))
	}
	for _, o := range []struct{ key, text string }{{"rest", q.Rest}, {"lost", q.Lost}} {
		if len(o.text) > qsystemCells || !isLarge(o.text) {
			errs = append(errs, fmt.Errorf("%s: %q is not up to %d characters of ASCII", o.key, o.text, qsystemCells))
		}
	}
	if strings.TrimSpace(q.Lost) == "" {
		errs = append(errs, errors.New("lost: must show something, or the display would go dark in silence"))
	}
	return errors.Join(errs...)
}

// Encode returns the one frame that shows s.
func (q *QSystem) Encode(s Show) []byte {
	text, mode := q.Rest, byte(qsystemSteady)
	switch {
	case s.Mode == Stale:
		text = q.Lost
	case (s.Mode == Calling || s.Mode == Serving) && q.Fits(s) == nil && s.Number != "":
		text = s.Number[max(0, len(s.Number)-qsystemCells):]
		if s.Blink {
			mode = qsystemBlink
		}
	}
	return append(fmt.Appendf([]byte{qsystemStart, byte(q.Addr), mode}, "%*s", qsystemCells, text), qsystemEnd)
}

// Fits refuses a number with other characters than ASCII, and one whose last digits do not fit.
func (q *QSystem) Fits(s Show) error {
	if s.Number == "" {
		return nil
	}
	if !isLarge(s.Number) || !utf8.ValidString(s.Number) {
		return fmt.Errorf("show %q: the display has letters and digits of ASCII only", s.Number)
	}
	if digits := strings.TrimLeft(s.Number, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); len(digits) > qsystemCells {
		return fmt.Errorf("show %q: the display has room for %d digits", s.Number, qsystemCells)
	}
	if last := s.Number[max(0, len(s.Number)-qsystemCells):]; last == q.Lost || last == q.Rest {
		return fmt.Errorf("show %q: %s is what this display shows without a number or without the controller", s.Number, last)
	}
	return nil
}
