// Package card turns the bytes of card readers into card numbers, one file per reader family.
//
// A driver here is an options struct and a translation: it never opens a port, waits or logs.
// drivers/port owns the line and calls Decode with what has arrived.
package card

import (
	"errors"
	"fmt"
	"log/slog"
)

// Number identifies a card: the reader's own form, decimal digits or upper-case hex, 4 to 32 characters.
// It identifies and does not authenticate: cards can be copied.
// It masks itself wherever it is printed, logged or marshalled; call Reveal where the digits are really needed.
type Number string

// String shows the last two characters only.
func (n Number) String() string {
	if len(n) <= 2 {
		return "**"
	}
	return "**" + string(n[len(n)-2:])
}

// Format makes every fmt verb print the masked form, %q, %x and %#v included.
func (n Number) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(n.String())) }

// LogValue makes slog print the masked form.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText makes encoding/json write the masked form, so that a card number cannot leak through a message or a page by accident.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Reveal returns the digits themselves, for hashing or for the wire inside TLS.
func (n Number) Reveal() string { return string(n) }

// ErrFrame is wrapped by every error that a Decode returns for bytes it had to throw away:
// a wrong checksum, an impossible length, noise. The caller counts it and goes on with the rest.
var ErrFrame = errors.New("bad frame")

// Driver is what a card reader family has to know.
//
// Decode looks at the start of buf and returns how many bytes it has used.
// n == 0 with err == nil means: not enough yet, call again with more.
// A number is valid only if it is not empty; reply, if any, is written back to the reader.
// With err != nil (it wraps ErrFrame) n > 0 bytes were noise. Decode never panics and never keeps buf.
type Driver interface {
	Decode(buf []byte) (n int, num Number, reply []byte, err error)
}
