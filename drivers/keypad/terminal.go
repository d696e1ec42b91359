package keypad

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of a typed line in bytes, without the CR or LF that ends it.
const (
	lineMax    = 32
	lineWindow = 256 // a line that has not ended within so many bytes is noise
)

// allowed is what a line may say, as told to the person who typed something else.
const allowed = "next, recall, start, no_show, park, unpark, pause, complete, invite, call, end, " +
	"transfer 1 to 99, rate 1 to 5, choose 1 to 99"

// Terminal reads presses typed by a person, one a line, ended by CR or LF: "next", "transfer 2", "rate 5".
// The words are those of Op, in letters of any case, with spaces before the number.
type Terminal struct{}

// NewTerminal returns the driver; it has no options.
func NewTerminal() *Terminal { return &Terminal{} }

// Decode implements Driver. It never replies. Empty lines, as between CR and LF, are passed over.
// An unknown line is an error that says what is allowed.
//
// Of a line without an end only the last bytes are kept, one more than a line may have:
// so the rest of a too long line is never taken for a press.
func (t *Terminal) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	i := bytes.IndexAny(buf[:min(len(buf), lineWindow)], "\r\n")
	switch {
	case i == 0:
		return 1, Press{}, nil, nil
	case i < 0 && len(buf) < lineWindow:
		return 0, Press{}, nil, nil
	case i < 0:
		return lineWindow - (lineMax + 1), Press{}, nil, fmt.Errorf("keypad terminal: no end of line within %d bytes: %w", lineWindow, ErrFrame)
	case i > lineMax:
		return i + 1, Press{}, nil, fmt.Errorf("keypad terminal: a line of %d bytes, allowed are %d: %w", i, lineMax, ErrFrame)
	}
	p, ok := typed(strings.Fields(strings.ToLower(string(buf[:i]))))
	if !ok {
		return i + 1, Press{}, nil, fmt.Errorf("keypad terminal: unknown line %q, allowed are %s: %w", buf[:i], allowed, ErrFrame)
	}
	return i + 1, p, nil, nil
}

// typed turns the words of a line into a press.
func typed(words []string) (Press, bool) {
	if len(words) == 0 {
		return Press{}, false
	}
	p := Press{Op: Op(words[0])}
	top := 0
	switch p.Op {
	case Next, Recall, Start, NoShow, Park, Unpark, Pause, Complete, Invite, Call, End:
		return p, len(words) == 1
	case Rate:
		top = 5
	case Transfer, Choose:
		top = 99
	default:
		return Press{}, false
	}
	if len(words) != 2 {
		return Press{}, false
	}
	v, err := strconv.Atoi(words[1])
	p.Arg = v
	return p, err == nil && 1 <= v && v <= top
}
