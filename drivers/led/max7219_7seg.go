package led

import (
	"errors"
	"fmt"
	"strings"
)

// Max7219Digits drives digits of seven segments on one MAX7219, on an SPI bus: the red or green modules of eight, or four
// large digits with the chip on their back. Its port is spi. The chip's own decoder (code B) knows only the letters H, E,
// L and P and is left off: the segments are sent as they are (Maxim 19-4452, table 6: bit 7 the point, bits 6 to 0 the
// segments A to G).
//
// It shows a number as large as it is and has no words: with no number to show it shows Rest, when the controller is not
// heard Lost, never the old number. A letter whose form is that of a digit or of another letter has its point lit, see
// segments; points turns that off. A number just called is brighter, and dark in between where it is to blink.
type Max7219Digits struct {
	Digits   int    `yaml:"digits"`    // 3 to 8
	Bright   int    `yaml:"bright"`    // 0 to 15, as usual
	Call     int    `yaml:"call"`      // 0 to 15, while a number has just been called
	FromLeft bool   `yaml:"from_left"` // digit 0 of the chip is the left one; on the usual modules it is the right one
	Points   bool   `yaml:"points"`    // mark the letters S, Z, O, I and X by the decimal point
	Rest     string `yaml:"rest"`      // shown where there is no number; digits, letters, "-", "_" and spaces
	Lost     string `yaml:"lost"`      // shown while the controller is not heard
}

// NewMax7219Digits returns eight digits, not bright, with a dash for no number.
func NewMax7219Digits() *Max7219Digits {
	return &Max7219Digits{Digits: 8, Bright: 4, Call: 15, Points: true, Rest: "-", Lost: "--?"}
}

// Check judges all options and returns every mistake, joined.
func (m *Max7219Digits) Check() error {
	var errs []error
	for _, o := range []struct {
		key                string
		value, least, most int
	}{{"digits", m.Digits, 3, 8}, {"bright", m.Bright, 0, 15}, {"call", m.Call, 0, 15}} {
		if o.value < o.least || o.value > o.most {
			errs = append(errs, fmt.Errorf("%s: %d is not from %d to %d", o.key, o.value, o.least, o.most))
		}
	}
	return errors.Join(append(errs, checkSigns(m.Rest, m.Lost, m.Digits)...)...)
}

// checkSigns judges what a display of digits shows where it has no number.
func checkSigns(rest, lost string, digits int) (errs []error) {
	for _, o := range []struct{ key, text string }{{"rest", rest}, {"lost", lost}} {
		switch {
		case !isSegments(o.text):
			errs = append(errs, fmt.Errorf("%s: %q has characters without a form on seven segments; allowed are digits, A to Z, - _ ? and spaces", o.key, o.text))
		case o.key == "lost" && strings.TrimSpace(o.text) == "":
			errs = append(errs, errors.New("lost: must show something, or the display would go dark in silence"))
		case len(o.text) > digits:
			errs = append(errs, fmt.Errorf("%s: %q is wider than the display", o.key, o.text))
		}
	}
	return errs
}

// Fits refuses a number that is wider than the display or has a character without a form.
func (m *Max7219Digits) Fits(s Show) error { return fitsDigits(s, m.Digits, m.Rest, m.Lost) }

// fitsDigits refuses what a display of digits cannot show, and what it shows for something else.
func fitsDigits(s Show, digits int, rest, lost string) error {
	switch {
	case s.Number == "":
		return nil
	case len(s.Number) > digits || !isSegments(s.Number):
		return fmt.Errorf("show %q: the display has room for %d letters and digits", s.Number, digits)
	case s.Number == lost:
		return fmt.Errorf("show %q: the display shows this while the controller is not heard", s.Number)
	case s.Number == rest:
		return fmt.Errorf("show %q: the display shows this while there is no number", s.Number)
	}
	return nil
}

// signOf is what a display of digits shows of s.
func signOf(s Show, digits int, rest, lost string) string {
	switch {
	case s.Mode == Stale:
		return lost
	case (s.Mode == Calling || s.Mode == Serving) && s.Number != "" && fitsDigits(s, digits, rest, lost) == nil:
		return s.Number
	}
	return rest
}

// Encode returns the transactions that show s, each behind one byte with its length: five settings, then the digits.
func (m *Max7219Digits) Encode(s Show) []byte {
	light := m.Bright
	if s.Blink {
		light = m.Call
	}
	out := maxSettings(1, s.dimmed(light), m.Digits, !s.Off)
	for i, form := range onDigits(signOf(s, m.Digits, m.Rest, m.Lost), m.Digits) {
		if !m.Points {
			form &^= point
		}
		digit := m.Digits - 1 - i
		if m.FromLeft {
			digit = i
		}
		out = append(out, 2, byte(maxRow1+digit), maxSegments(form))
	}
	return out
}

// maxSegments turns bits 0 to 6 for the segments A to G into the chip's bits 6 to 0; the point is bit 7 of both.
func maxSegments(form byte) byte {
	out := form & point
	for i := range 7 {
		if form&(1<<i) != 0 {
			out |= 0x40 >> i
		}
	}
	return out
}

// Dims implements Dimmer.
func (m *Max7219Digits) Dims() bool { return true }
