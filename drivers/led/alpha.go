package led

import (
	"errors"
	"fmt"
	"strings"
)

// The frame of the Alpha Sign Communications Protocol (Adaptive Micro Systems, 97088061, also printed as M-Protocol;
// BetaBrite, Alpha and their like, RS-232 or RS-485, 9600 baud):
//
//	00×5 01 type address(2 hexadecimal digits) 02 command data 04
//
// By the five zeros a sign finds the speed. Type Z is every sign, address 00 everybody. Command A writes a text file: its
// label, 1B, a position and a mode, the text in ASCII. Label 0 is the priority file, which is shown instead of all others.
const (
	alphaAll      = 'Z'
	alphaWrite    = 'A'
	alphaPriority = '0'
	alphaMiddle   = ' '
	alphaHold     = 'b'
	alphaFlash    = 'c'
)

// Alpha drives message signs that speak the Alpha protocol, such as BetaBrite. They have no Chinese characters: the sign
// shows the number, Rest where there is none, and Lost while the controller is not heard, never the old number. A number
// just called flashes by the sign itself. Signs do not answer; several share one line by their addresses.
type Alpha struct {
	Addr  int    `yaml:"addr"`  // 1 to 255; 0 is every sign on the line
	Width int    `yaml:"width"` // of the sign in characters, 4 to 40
	Rest  string `yaml:"rest"`  // shown where there is no number; ASCII
	Lost  string `yaml:"lost"`  // shown while the controller is not heard; ASCII
}

// NewAlpha returns a sign of fourteen characters, the only one on its line, dark without a number.
func NewAlpha() *Alpha { return &Alpha{Width: 14, Lost: "- - -"} }

// Check judges all options and returns every mistake, joined.
func (a *Alpha) Check() error {
	var errs []error
	if a.Addr < 0 || a.Addr > 255 {
		errs = append(errs, fmt.Errorf("addr: %d is not from 0 to 255", a.Addr))
	}
	if a.Width < 4 || a.Width > 40 {
		errs = append(errs, fmt.Errorf("width: %d is not from 4 to 40", a.Width))
	}
	for _, o := range []struct{ key, text string }{{"rest", a.Rest}, {"lost", a.Lost}} {
		if len(o.text) > a.Width || !isLarge(o.text) {
			errs = append(errs, fmt.Errorf("%s: %q is not up to %d characters of ASCII", o.key, o.text, a.Width))
		}
	}
	if strings.TrimSpace(a.Lost) == "" {
		errs = append(errs, errors.New("lost: must show something, or the sign would go dark in silence"))
	}
	return errors.Join(errs...)
}

// Fits refuses a number that is wider than the sign or beyond ASCII.
func (a *Alpha) Fits(s Show) error {
	if len(s.Number) > a.Width || !isLarge(s.Number) {
		return fmt.Errorf("show %q: the sign has room for %d characters of ASCII", s.Number, a.Width)
	}
	return nil
}

// Encode returns the one frame that shows s.
func (a *Alpha) Encode(s Show) []byte {
	text, mode := a.Rest, byte(alphaHold)
	switch {
	case s.Mode == Stale:
		text = a.Lost
	case (s.Mode == Calling || s.Mode == Serving) && s.Number != "" && a.Fits(s) == nil:
		text = s.Number
		if s.Blink {
			mode = alphaFlash
		}
	}
	if text == "" {
		text = " " // without a text the sign would go back to what it was set up to show
	}
	return fmt.Appendf(nil, "\x00\x00\x00\x00\x00\x01%c%02X\x02%c%c\x1b%c%c%s\x04",
		alphaAll, a.Addr, alphaWrite, alphaPriority, alphaMiddle, mode, text)
}
