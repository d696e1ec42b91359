package card

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quhao/drivers/evdev"
)

// The character sets of a code.
const (
	Digits = "digits" // 0-9
	Alnum  = "alnum"  // 0-9, A-Z, a-z
	Text   = "text"   // printable ASCII
	// Hex: 0-9, A-F, a-f
)

// The bounds of a code's length, in characters, its prefix included.
const (
	codeMin    = 4
	codeMax    = 128
	codeWindow = 256 // a line that has not ended within so many bytes is noise
)

// codeSpace stands before the number that comes of a code. No card has a colon in its number, so whatever is written
// into a code, it cannot pose as a card.
const codeSpace = "code:"

// Code says which scanned codes identify somebody, such as the campus code of a phone: the options that scanners have
// in common. A code identifies and does not authenticate, as little as a card does; a code that changes every minute
// makes a new visitor each time, so choose one that stays.
type Code struct {
	// Prefix is what a code begins with, case and all; it does not belong to the number. Others are refused.
	Prefix string `yaml:"prefix"`
	// Charset is Digits, Hex, Alnum or Text: of what a code behind its prefix is made.
	Charset string `yaml:"charset"`
	// Least and Most are the length of a code behind its prefix, 4 to 128 characters.
	Least int `yaml:"least"`
	Most  int `yaml:"most"`
	// AsCard says that the code behind its prefix is the number of the holder's card, in the form in which this
	// centre's readers give it: then code and card are one visitor. Anybody who can print a code can then pose as any
	// card, so it must be asked for, and needs a charset of Digits (ten of them, filled up with zeros) or Hex.
	AsCard bool `yaml:"as_card"`
}

// codes are the defaults of Code.
func codes() Code { return Code{Charset: Alnum, Least: 6, Most: 64} }

// Check judges the options; it names every mistake.
func (c *Code) Check() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if len(c.Prefix) > 32 || !all(c.Prefix, Text) {
		bad("prefix %q: must be up to 32 characters of ASCII", c.Prefix)
	}
	if !slices.Contains([]string{Digits, Hex, Alnum, Text}, c.Charset) {
		bad("charset %q: must be %s, %s, %s or %s", c.Charset, Digits, Hex, Alnum, Text)
	}
	if c.Least < codeMin || c.Least > codeMax {
		bad("least %d: must be %d to %d", c.Least, codeMin, codeMax)
	}
	if c.Most < c.Least || c.Most+len(c.Prefix) > codeMax {
		bad("most %d: must be from least, %d, to what is left of %d behind the prefix", c.Most, c.Least, codeMax)
	}
	if c.AsCard && c.Charset != Digits && c.Charset != Hex {
		bad("as_card: the number of a card has digits or hex; set charset to %s or %s", Digits, Hex)
	}
	if limit := 32; c.AsCard && c.Most > limit {
		bad("most %d: a card's number has at most %d characters", c.Most, limit)
	}
	return errors.Join(errs...)
}

// number judges a code. The error wraps ErrFrame and never quotes the code.
func (c *Code) number(code string) (Number, error) {
	rest, ok := strings.CutPrefix(code, c.Prefix)
	switch {
	case !ok:
		return "", fmt.Errorf("scanner: a code that does not begin with the prefix: %w", ErrFrame)
	case len(rest) < c.Least || len(rest) > c.Most:
		return "", fmt.Errorf("scanner: a code of %d characters, allowed are %d to %d: %w", len(rest), c.Least, c.Most, ErrFrame)
	case !all(rest, c.Charset):
		return "", fmt.Errorf("scanner: a character that is not of the charset %s: %w", c.Charset, ErrFrame)
	case !c.AsCard:
		return Number(codeSpace + rest), nil
	case c.Charset == Digits:
		return Number(strings.Repeat("0", max(0, 10-len(rest))) + rest), nil
	}
	return Number(strings.ToUpper(rest)), nil
}

// all says whether a text is of a charset.
func all(s, charset string) bool {
	for i := range len(s) {
		c := s[i]
		ok := ' ' <= c && c <= '~'
		switch charset {
		case Digits:
			ok = '0' <= c && c <= '9'
		case Hex:
			ok = isHex(c)
		case Alnum:
			ok = isAlnum(c)
		}
		if !ok {
			return false
		}
	}
	return true
}

// Scanner reads codes from a scanner on a serial line, or one with a USB plug that poses as one (CDC): each code is a
// line of text, ended by CR or LF, as scanners come from the factory or are set by a code of their manual.
type Scanner struct {
	Code `yaml:",inline"`
}

// NewScanner returns the options with their defaults: 6 to 64 letters and digits without a prefix.
func NewScanner() *Scanner { return &Scanner{codes()} }

// Decode implements Driver. It never replies. Of a line without an end only the last bytes are kept, one more than a
// code may have: so the rest of a too long line is never taken for a code.
func (s *Scanner) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	i := bytes.IndexAny(buf[:min(len(buf), codeWindow)], "\r\n")
	switch {
	case i == 0:
		return 1, "", nil, nil
	case i < 0 && len(buf) < codeWindow:
		return 0, "", nil, nil
	case i < 0:
		return codeWindow - (codeMax + 1), "", nil, fmt.Errorf("scanner: no end of line within %d bytes: %w", codeWindow, ErrFrame)
	case i > codeMax:
		return i + 1, "", nil, fmt.Errorf("scanner: a line of %d bytes, allowed are %d: %w", i, codeMax, ErrFrame)
	}
	num, err = s.number(string(buf[:i]))
	return i + 1, num, nil, err
}

// ScannerWedge reads codes from a scanner that poses as a keyboard, the usual kind with a USB plug. Its port is evdev,
// as for a Wedge; the end of a code is Enter or a silence of 100 ms. It understands the American layout, which is how
// scanners come; the kiosk's own layout has no influence.
type ScannerWedge struct {
	Code `yaml:",inline"`

	size  int // of a record in bytes
	typed []byte
	wrong bool // a key without a character has come, or too many
	shift int  // of the two shift keys, those that are held
	last  time.Duration
}

// NewScannerWedge returns the options with their defaults, those of NewScanner.
func NewScannerWedge() *ScannerWedge { return &ScannerWedge{Code: codes(), size: evdev.Size()} }

// Decode implements Driver. It never replies. It uses one record at a time and keeps what was typed.
func (s *ScannerWedge) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	if len(buf) < s.size {
		return 0, "", nil, nil
	}
	e, ok := evdev.Parse(buf, s.size)
	switch {
	case !ok:
		s.forget()
		return s.size, "", nil, fmt.Errorf("scanner: %d bytes are no event: %w", s.size, ErrFrame)
	case e.Type == evdev.Syn && e.Code == evdev.Dropped:
		s.forget()
		return s.size, "", nil, fmt.Errorf("scanner: the kernel has dropped events: %w", ErrFrame)
	case e.Type == evdev.Syn && e.Code == evdev.Silence:
		num, err = s.end()
	case e.Type == evdev.Key:
		late := e.Time-s.last > wedgeSilence
		s.last = e.Time
		if late || e.Value == evdev.Pressed && evdev.IsEnter(e.Code) {
			num, err = s.end()
		}
		s.key(e)
	}
	return s.size, num, nil, err
}

// key takes note of a key.
func (s *ScannerWedge) key(e evdev.Event) {
	bit := map[uint16]int{evdev.KeyShiftL: 1, evdev.KeyShiftR: 2}[e.Code]
	switch {
	case bit != 0 && e.Value == evdev.Pressed:
		s.shift |= bit
	case bit != 0 && e.Value == evdev.Released:
		s.shift &^= bit
	case bit != 0, e.Value != evdev.Pressed, evdev.IsEnter(e.Code), e.Code == evdev.KeyNumLock:
	default:
		c := evdev.Text(e.Code, s.shift != 0)
		s.wrong = s.wrong || c == 0 || len(s.typed) >= codeMax
		if !s.wrong {
			s.typed = append(s.typed, c)
		}
	}
}

// end judges what was typed, and forgets it.
func (s *ScannerWedge) end() (num Number, err error) {
	switch {
	case s.wrong:
		err = fmt.Errorf("scanner: a key without a character, or more than %d: %w", codeMax, ErrFrame)
	case len(s.typed) > 0:
		num, err = s.number(string(s.typed))
	}
	s.typed, s.wrong = s.typed[:0], false
	return num, err
}

// forget lets go of a code of which a part is missing, the rest of it included, and of the shift keys, whose state is
// not known any more.
func (s *ScannerWedge) forget() { s.typed, s.wrong, s.shift = s.typed[:0], true, 0 }
