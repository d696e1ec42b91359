package card

import (
	"bytes"
	"fmt"
)

// A typed line: its bounds in bytes, without the CR or LF that ends it.
const (
	lineMin    = 4
	lineMax    = 32
	lineWindow = 256 // a line that has not ended within so many bytes is noise
)

// Terminal reads card numbers typed by a person at a terminal, or sent by a reader that writes plain lines:
// 4 to 32 characters 0-9, A-Z, a-z, ended by CR or LF. Letters are made upper case, as hex numbers are written.
type Terminal struct{}

// NewTerminal returns the driver; it has no options.
func NewTerminal() *Terminal { return &Terminal{} }

// Decode implements Driver. It never replies. Empty lines, as between CR and LF, are passed over.
//
// Of a line without an end only the last bytes are kept, one more than a number may have:
// so the rest of a too long line is never taken for a number. An error never quotes the line.
func (t *Terminal) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	i := bytes.IndexAny(buf[:min(len(buf), lineWindow)], "\r\n")
	switch {
	case i == 0:
		return 1, "", nil, nil
	case i < 0 && len(buf) < lineWindow:
		return 0, "", nil, nil
	case i < 0:
		return lineWindow - (lineMax + 1), "", nil, fmt.Errorf("card terminal: no end of line within %d bytes: %w", lineWindow, ErrFrame)
	case i < lineMin || i > lineMax:
		return i + 1, "", nil, fmt.Errorf("card terminal: a line of %d bytes, allowed are %d to %d: %w", i, lineMin, lineMax, ErrFrame)
	}
	for _, c := range buf[:i] {
		if !isAlnum(c) {
			return i + 1, "", nil, fmt.Errorf("card terminal: a character other than 0-9, A-Z, a-z: %w", ErrFrame)
		}
	}
	return i + 1, Number(bytes.ToUpper(buf[:i])), nil, nil
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
