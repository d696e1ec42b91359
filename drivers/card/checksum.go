package card

import (
	"bytes"
	"encoding/hex"
)

// sumWidth is how many bytes the checksum takes in a frame.
func (f *Frame) sumWidth() int {
	width := 1
	switch f.Sum {
	case NoSum:
		return 0
	case CRC16, CRC16ARC, CRC16CCITT, CRC16X:
		width = 2
	}
	if f.SumHex {
		width *= 2
	}
	return width
}

// sound says whether the checksum at the end of body is right.
func (f *Frame) sound(body []byte) bool {
	width := f.sumWidth()
	if width == 0 {
		return true
	}
	at := len(body) - width
	if at < f.SumFrom {
		return false
	}
	covered, written := body[f.SumFrom:at], body[at:]
	if f.SumDigit {
		b := make([]byte, hex.DecodedLen(len(covered)))
		if _, err := hex.Decode(b, covered); err != nil {
			return false
		}
		covered = b
	}
	if f.SumHex {
		b := make([]byte, hex.DecodedLen(width))
		if _, err := hex.Decode(b, written); err != nil {
			return false
		}
		written = b
	}
	return bytes.Equal(f.sum(covered), written)
}

// sum is the checksum of b as it is sent. Origin of the CRCs: their usual descriptions; each has a check value for the
// text 123456789 in the tests.
func (f *Frame) sum(b []byte) []byte {
	var x, s byte
	for _, c := range b {
		x, s = x^c, s+c
	}
	switch f.Sum {
	case Xor:
		return []byte{x}
	case Sum8:
		return []byte{s}
	case NegSum8:
		return []byte{-s}
	case CRC16:
		v := crcLow(0xffff, b)
		return []byte{byte(v), byte(v >> 8)}
	case CRC16ARC:
		v := crcLow(0, b)
		return []byte{byte(v), byte(v >> 8)}
	case CRC16CCITT:
		v := crcHigh(0xffff, b)
		return []byte{byte(v >> 8), byte(v)}
	case CRC16X:
		v := crcHigh(0, b)
		return []byte{byte(v >> 8), byte(v)}
	}
	return nil
}

// crcLow is the CRC with the polynomial A001, the lowest bit first.
func crcLow(v uint16, b []byte) uint16 {
	for _, c := range b {
		v ^= uint16(c)
		for range 8 {
			carry := v & 1
			v = v>>1 ^ 0xa001*carry
		}
	}
	return v
}

// crcHigh is the CRC with the polynomial 1021, the highest bit first.
func crcHigh(v uint16, b []byte) uint16 {
	for _, c := range b {
		v ^= uint16(c) << 8
		for range 8 {
			carry := v >> 15
			v = v<<1 ^ 0x1021*carry
		}
	}
	return v
}
