package led

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The frame of the Xunpeng number displays (Shenzhen Xunpeng Technology, "internal communication protocol", printed on
// the maker's product pages; RS-485, 9600 8N1):
//
//	3A colour value(low byte, high byte) info sum 0A
//
// sum is the low byte of the sum of the five bytes before it. Colour is 0 green, 1 yellow, 2 red. The manual does not
// say what info means; its only example has 01, and so has every frame here. There is no command to blink, no letter
// and no way to go dark. The example is 888 in green, 3A 00 78 03 01 B6 0A, answered by 2A 00 78 03 01 A6 0A.
const (
	xunpengStart  = 0x3a
	xunpengAnswer = 0x2a
	xunpengInfo   = 0x01
	xunpengEnd    = 0x0a
	xunpengSize   = 7
	xunpengMax    = 9999
)

// Xunpeng drives the four-digit number displays. It shows the digits of the number: A012 is 12. The letters are lost,
// so that A007, B007 and the offline number AX07 look alike here; the hall board carries them.
//
// It cannot blink: a number just called comes in another colour, and where it is to blink, in the two in turn. It has no words: with no number to show it shows
// rest, and when the controller is not heard, lost, never the old number.
type Xunpeng struct {
	Colour string `yaml:"colour"` // of a number: green, yellow or red
	Call   string `yaml:"call"`   // of a number just called
	Off    string `yaml:"off"`    // of rest and lost
	Rest   int    `yaml:"rest"`   // shown while closed, idle, paused or asking for a rating, 0 to 9999
	Lost   int    `yaml:"lost"`   // shown while the controller is not heard, 0 to 9999; 8888 lights every segment
}

// NewXunpeng returns green numbers, red ones when just called, and a yellow 0 for no number.
func NewXunpeng() *Xunpeng {
	return &Xunpeng{Colour: "green", Call: "red", Off: "yellow", Rest: 0, Lost: 8888}
}

// colours are in the order of their codes.
func colours() []string { return []string{"green", "yellow", "red"} }

// Check judges all options and returns every mistake, joined.
func (x *Xunpeng) Check() error {
	var errs []error
	for _, o := range []struct{ key, colour string }{{"colour", x.Colour}, {"call", x.Call}, {"off", x.Off}} {
		if !slices.Contains(colours(), o.colour) {
			errs = append(errs, fmt.Errorf("%s: %q is none of %q", o.key, o.colour, colours()))
		}
	}
	for _, o := range []struct {
		key   string
		value int
	}{{"rest", x.Rest}, {"lost", x.Lost}} {
		if o.value < 0 || o.value > xunpengMax {
			errs = append(errs, fmt.Errorf("%s: %d is not from 0 to %d", o.key, o.value, xunpengMax))
		}
	}
	return errors.Join(errs...)
}

// Encode returns the one frame that shows s. What does not fit (see Fits) is shown as rest.
func (x *Xunpeng) Encode(s Show) []byte {
	value, colour := x.Rest, x.Off
	switch s.Mode {
	case Stale:
		value = x.Lost
	case Calling, Serving:
		if n, err := digits(s.Number); err == nil {
			value, colour = n, x.Colour
			if s.Blink && !s.Off {
				colour = x.Call
			}
		}
	}
	code := byte(max(0, slices.Index(colours(), colour)))
	f := []byte{xunpengStart, code, byte(value), byte(value >> 8), xunpengInfo}
	return append(f, sum8(f), xunpengEnd)
}

// Fits refuses a number that this display cannot show, and one that it shows while there is none.
func (x *Xunpeng) Fits(s Show) error {
	if s.Number == "" {
		return nil
	}
	n, err := digits(s.Number)
	switch {
	case err != nil:
		return err
	case n == x.Lost:
		return fmt.Errorf("show %q: %d is what this display shows while the controller is not heard", s.Number, n)
	case n == x.Rest:
		return fmt.Errorf("show %q: %d is what this display shows while there is no number", s.Number, n)
	}
	return nil
}

// digits returns the number without its letters; n is 0 to 9999.
func digits(number string) (n int, err error) {
	rest := strings.TrimLeft(number, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if rest == "" {
		return 0, fmt.Errorf("show %q: it has no digits", number)
	}
	for _, r := range rest {
		if r < '0' || r > '9' {
			return 0, fmt.Errorf("show %q: digits only after the letters, not %q", number, r)
		}
		if n = n*10 + int(r-'0'); n > xunpengMax {
			return 0, fmt.Errorf("show %q: the display ends at %d", number, xunpengMax)
		}
	}
	return n, nil
}

// Answer takes the display's answer: the frame with 2A in front and its own sum.
func (x *Xunpeng) Answer(buf []byte) (n int, ok bool) {
	switch start := bytes.IndexByte(buf, xunpengAnswer); {
	case len(buf) == 0:
		return 0, false
	case start < 0:
		return len(buf), false
	case start > 0:
		return start, false
	case len(buf) < xunpengSize:
		return 0, false
	}
	if buf[5] != sum8(buf[:5]) || buf[6] != xunpengEnd {
		return 1, false
	}
	return xunpengSize, true
}

func sum8(b []byte) (sum byte) {
	for _, x := range b {
		sum += x
	}
	return sum
}
