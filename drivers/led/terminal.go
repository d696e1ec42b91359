package led

import (
	"fmt"
	"strings"
	"unicode"
)

// maxCells is the width of the centre's counter displays: one row of eight full-width cells.
const maxCells = 8

// Terminal shows the display as lines of UTF-8, for a bench, a log or a program that draws it:
//
//	[calling blink] 请A012号办理
//
// One line a picture: the mode, the word blink while the number has just been called, off in the dark half of a blink,
// dim=40 where the brightness is not full, the text.
type Terminal struct{}

// NewTerminal returns a Terminal; it has no options.
func NewTerminal() *Terminal { return &Terminal{} }

// Encode returns the line. Control characters in the text are dropped: a terminal would obey them.
func (t *Terminal) Encode(s Show) []byte {
	effects := ""
	if s.Blink {
		effects = " blink"
	}
	if s.Off {
		effects += " off"
	}
	if s.Dim > 0 && s.Dim < 100 {
		effects += fmt.Sprintf(" dim=%d", s.Dim)
	}
	return fmt.Appendf(nil, "[%s%s] %s\n", visible(string(s.Mode)), effects, visible(s.Text))
}

// Dims implements Dimmer: the line says the brightness.
func (t *Terminal) Dims() bool { return true }

// Fits refuses a text wider than eight cells or with characters that cannot be shown.
func (t *Terminal) Fits(s Show) error {
	if n := Cells(s.Text); n > maxCells {
		return fmt.Errorf("show %q: %d cells, the display has %d", s.Text, n, maxCells)
	}
	if v := visible(s.Text); v != s.Text {
		return fmt.Errorf("show %q: it has characters that cannot be shown", s.Text)
	}
	return nil
}

// visible keeps what has a picture, and plain spaces.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) && r != '\u3000' {
			return -1
		}
		return r
	}, s)
}
