package card

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Binary is a way in which the field of a Frame is written; Decimal and HexTyped are digits in ASCII, as for a Wedge.
const Binary = "binary" // the card's bytes themselves

// The checksums of a Frame.
const (
	NoSum      = "none"
	Xor        = "xor"          // of all bytes
	Sum8       = "sum8"         // the lowest byte of their sum
	NegSum8    = "negsum8"      // what makes the sum zero
	CRC16      = "crc16"        // polynomial A001 reflected, start FFFF, low byte first, as in Modbus
	CRC16ARC   = "crc16_arc"    // the same, start 0000
	CRC16CCITT = "crc16_ccitt"  // polynomial 1021, start FFFF, high byte first (CCITT-FALSE)
	CRC16X     = "crc16_xmodem" // polynomial 1021, start 0000, high byte first (XMODEM)
)

// none stands for no bytes, where a frame has neither beginning nor end of its own.
const none = "none"

// frameMax is the longest frame in bytes.
const frameMax = 256

// Frame reads any serial reader whose frame can be described: start bytes, then a length or a terminator, a checksum,
// and in it a field with the card. It is for readers nobody has written a driver for; the description comes from the
// reader's manual, or from a look at what it sends (quhao-kiosk try card -trace).
//
// A frame is Start, then so many bytes that the whole has Length, or as many as the byte at LengthAt says plus
// LengthPlus, or up to End. At least one of Length, LengthAt and End is given; End with one of the others must stand
// at the end of the frame. All places count from the first byte of the frame, which is 0.
type Frame struct {
	Numbering `yaml:",inline"`
	// UID is First or Last if the numbers are UIDs of four bytes; see Wedge.
	UID string `yaml:"uid"`

	Start      string `yaml:"start"`       // hex digits of the bytes a frame begins with, up to 8 bytes, or none
	Length     int    `yaml:"length"`      // of the whole frame in bytes, 0 if it is not always the same
	LengthAt   int    `yaml:"length_at"`   // place of a byte that tells the length, 0 if there is none
	LengthPlus int    `yaml:"length_plus"` // what has to be added to that byte to have the length of the whole frame, -8 to 64
	End        string `yaml:"end"`         // hex digits of the bytes a frame ends with, up to 8, or none

	Sum      string `yaml:"sum"`       // the checksum, one of the names above; none
	SumHex   bool   `yaml:"sum_hex"`   // it is written as hex digits in ASCII
	SumFrom  int    `yaml:"sum_from"`  // place of the first byte that it covers
	SumDigit bool   `yaml:"sum_digit"` // it covers the bytes that the hex digits stand for, not the digits; RDM6300

	FieldAt     int    `yaml:"field_at"`     // place of the card's first byte
	FieldLength int    `yaml:"field_length"` // of the field in bytes; 0 takes all up to the checksum
	Field       string `yaml:"field"`        // Binary, HexTyped or Decimal
}

// NewFrame returns the options with their defaults: hex digits between 02 and 03, as many readers send them.
func NewFrame() *Frame {
	return &Frame{Numbering: usual(), Start: "02", End: "03", FieldAt: 1, Sum: NoSum, Field: HexTyped}
}

// Check judges the options; it names every mistake.
func (f *Frame) Check() error {
	errs := append(f.mistakes(Decimal10, Hex), endMistakes(f.UID)...)
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for _, o := range []struct{ key, value string }{{"start", f.Start}, {"end", f.End}} {
		if b, err := hex.DecodeString(o.value); o.value != none && (err != nil || len(b) < 1 || len(b) > 8) {
			bad("%s %q: must be the hex digits of 1 to 8 bytes, such as 02FF, or none", o.key, o.value)
		}
	}
	if f.Start == none && f.End == none {
		bad("start or end: one of them must be given, or nobody could find a frame again after noise")
	}
	if f.Length == 0 && f.LengthAt == 0 && f.End == none {
		bad("length, length_at or end: one of them must say where a frame ends")
	}
	if f.Length != 0 && f.LengthAt != 0 {
		bad("length_at %d: a frame has a length that is always the same, or one that it tells; remove one", f.LengthAt)
	}
	for _, o := range []struct {
		key                string
		value, least, most int
	}{
		{"length", f.Length, 0, frameMax}, {"length_at", f.LengthAt, 0, 15}, {"length_plus", f.LengthPlus, -8, 64},
		{"sum_from", f.SumFrom, 0, 15}, {"field_at", f.FieldAt, 0, frameMax}, {"field_length", f.FieldLength, 0, frameMax},
	} {
		if o.value < o.least || o.value > o.most {
			bad("%s %d: must be %d to %d", o.key, o.value, o.least, o.most)
		}
	}
	if sums := []string{NoSum, Xor, Sum8, NegSum8, CRC16, CRC16ARC, CRC16CCITT, CRC16X}; !slices.Contains(sums, f.Sum) {
		bad("sum %q: must be one of %s", f.Sum, strings.Join(sums, ", "))
	}
	if !slices.Contains([]string{Binary, HexTyped, Decimal}, f.Field) {
		bad("field %q: must be %s, %s or %s", f.Field, Binary, HexTyped, Decimal)
	}
	if len(errs) == 0 && f.Length > 0 && f.Length < f.shortest() {
		bad("length %d: start, field, sum and end need %d bytes", f.Length, f.shortest())
	}
	return errors.Join(errs...)
}

// shape is the parts of the options that every frame needs, read once for each call; checked options have no errors.
func (f *Frame) shape() (start, end []byte) {
	if f.Start != none {
		start, _ = hex.DecodeString(f.Start)
	}
	if f.End != none {
		end, _ = hex.DecodeString(f.End)
	}
	return start, end
}

// shortest is the least number of bytes that a frame has.
func (f *Frame) shortest() int {
	start, end := f.shape()
	field := max(f.FieldLength, 1)
	return max(len(start), f.LengthAt+1, f.FieldAt+field) + f.sumWidth() + len(end)
}

// Decode implements Driver. It never replies, and an error never quotes digits of a card.
// It gives up the first byte of what cannot be a frame and looks for the next beginning.
func (f *Frame) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	start, end := f.shape()
	switch at := beginning(buf, start); {
	case len(buf) == 0:
		return 0, "", nil, nil
	case at > 0:
		return at, "", nil, fmt.Errorf("frame: %d bytes outside a frame: %w", at, ErrFrame)
	}
	length, wait := f.length(buf, end)
	switch {
	case wait && len(buf) < frameMax:
		return 0, "", nil, nil
	case wait || length < f.shortest() || length > frameMax:
		return f.next(buf, start), "", nil, fmt.Errorf("frame: no frame has this length: %w", ErrFrame)
	case len(buf) < length:
		return 0, "", nil, nil
	case !bytes.HasSuffix(buf[:length], end):
		return f.next(buf, start), "", nil, fmt.Errorf("frame: it does not end as it should: %w", ErrFrame)
	}
	body := buf[:length-len(end)]
	if !f.sound(body) {
		return f.next(buf, start), "", nil, fmt.Errorf("frame: the checksum does not match: %w", ErrFrame)
	}
	num, err = f.card(body[:len(body)-f.sumWidth()])
	return length, num, nil, err
}

// beginning is the place of the first byte that may begin a frame: whole, or cut off by the end of buf.
func beginning(buf, start []byte) int {
	for at := range buf {
		rest := buf[at:]
		if bytes.HasPrefix(rest, start) || bytes.HasPrefix(start, rest) {
			return at
		}
	}
	return len(buf)
}

// next is how far to go on after a broken frame: to the next beginning behind its first byte.
func (f *Frame) next(buf, start []byte) int {
	if len(start) == 0 { // a frame without a beginning begins behind the end of the one before
		if _, end := f.shape(); len(end) > 0 {
			if i := bytes.Index(buf, end); i >= 0 {
				return i + len(end)
			}
			return max(1, len(buf)-len(end)+1)
		}
	}
	return 1 + beginning(buf[1:], start)
}

// length is how long the frame at the start of buf is; wait is true if that cannot be told yet.
func (f *Frame) length(buf, end []byte) (n int, wait bool) {
	switch {
	case f.Length > 0:
		return f.Length, false
	case f.LengthAt > 0:
		if len(buf) <= f.LengthAt {
			return 0, true
		}
		return int(buf[f.LengthAt]) + f.LengthPlus, false
	}
	least := f.shortest() - len(end) // an end byte may stand in a binary field
	if f.Field != Binary {
		start, _ := f.shape()
		least = len(start)
	}
	if len(buf) < least {
		return 0, true
	}
	i := bytes.Index(buf[least:], end)
	if i < 0 {
		return 0, true
	}
	return least + i + len(end), false
}

// card reads the field.
func (f *Frame) card(body []byte) (Number, error) {
	to := len(body)
	if f.FieldLength > 0 {
		to = f.FieldAt + f.FieldLength
	}
	if f.FieldAt >= to || to > len(body) {
		return "", fmt.Errorf("frame: too short for the field: %w", ErrFrame)
	}
	id, err := f.bytes(body[f.FieldAt:to])
	if err != nil {
		return "", err
	}
	num, err := f.anything(id, f.UID)
	if err != nil {
		return "", fmt.Errorf("frame: %w", err)
	}
	return num, nil
}

// bytes turns the field into the card's bytes.
func (f *Frame) bytes(field []byte) (id []byte, err error) {
	switch f.Field {
	case HexTyped:
		id = make([]byte, hex.DecodedLen(len(field)))
		if _, err := hex.Decode(id, field); err != nil {
			return nil, fmt.Errorf("frame: the field is not hex digits in pairs: %w", ErrFrame)
		}
	case Decimal:
		v, err := strconv.ParseUint(string(field), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("frame: the field is no decimal number of 32 bits: %w", ErrFrame)
		}
		id = []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
		if len(field) <= 8 && id[0] == 0 {
			id = id[1:] // of a reader of 24 bits
		}
	default:
		id = field
	}
	if len(id) < 3 || len(id) > 10 {
		return nil, fmt.Errorf("frame: a card of %d bytes, possible are 3 to 10: %w", len(id), ErrFrame)
	}
	return id, nil
}
