package led

import (
	"errors"
	"fmt"
)

// Modbus RTU, function 10 (write several registers): addr 10 first(2) count(2) bytes data crc(2), everything high byte
// first but the crc. The answer is addr 10 first(2) count(2) crc(2), or addr 90 code crc(2) for a refusal.
// Origin: MODBUS Application Protocol V1.1b3, section 6.12, and MODBUS over Serial Line V1.02, section 6.2.2 (CRC).
const (
	modbusWrite   = 0x10
	modbusRefused = 0x80 // added to the function
	modbusAnswer  = 8
	modbusError   = 5
	// modbusShape is where an LED-485 takes a text as segments: two digits in a register, the left one high, bits 0 to 6
	// the segments A to G, bit 7 the point. Origin: the open LED-485_setuptool, which was seen to work on an
	// LED-485-046; no manual was at hand.
	modbusShape = 0x0080
)

// LED485 drives the number displays LED-485-034, 043, 054, 055, 083, 046 and their like (RS-485, Modbus RTU, 9600 8N1):
// three to six digits of seven segments. Several share one line, each with its own address; the display's answer proves
// that it is there.
//
// It shows the letters of a number as seven segments allow. It has no words and no blinking of its own: with no number it
// shows Rest, when the controller is not heard Lost, never the old number; where a number is to blink it is dark in
// between. Its brightness is set at the display itself: the register for it is not public.
type LED485 struct {
	Addr   int    `yaml:"addr"`   // 1 to 247
	Digits int    `yaml:"digits"` // 3 to 6
	Rest   string `yaml:"rest"`   // shown where there is no number; digits, letters, "-", "_" and spaces
	Lost   string `yaml:"lost"`   // shown while the controller is not heard
}

// NewLED485 returns four digits at address 1, with a dash for no number.
func NewLED485() *LED485 { return &LED485{Addr: 1, Digits: 4, Rest: "-", Lost: "--?"} }

// Check judges all options and returns every mistake, joined.
func (l *LED485) Check() error {
	var errs []error
	if l.Addr < 1 || l.Addr > 247 {
		errs = append(errs, fmt.Errorf("addr: %d is not from 1 to 247", l.Addr))
	}
	if l.Digits < 3 || l.Digits > 6 {
		errs = append(errs, fmt.Errorf("digits: %d is not from 3 to 6", l.Digits))
	}
	return errors.Join(append(errs, checkSigns(l.Rest, l.Lost, l.Digits)...)...)
}

// Fits refuses a number that is wider than the display or has a character without a form.
func (l *LED485) Fits(s Show) error { return fitsDigits(s, l.Digits, l.Rest, l.Lost) }

// Encode returns the one frame that shows s.
func (l *LED485) Encode(s Show) []byte {
	forms := onDigits(signOf(s, l.Digits, l.Rest, l.Lost), l.Digits)
	if s.Off {
		clear(forms)
	}
	if len(forms)%2 == 1 {
		forms = append(forms, 0) // half a register is left
	}
	n := len(forms) / 2
	f := []byte{byte(l.Addr), modbusWrite, modbusShape >> 8, modbusShape & 0xff, 0, byte(n), byte(len(forms))}
	return withCRC(append(f, forms...))
}

// Answer takes this display's answer. Those of others on the line, and our own frames heard there, are passed over.
func (l *LED485) Answer(buf []byte) (n int, ok bool) {
	for ; n < len(buf); n++ {
		rest := buf[n:]
		if rest[0] != byte(l.Addr) {
			continue
		}
		if len(rest) < 2 {
			return n, false
		}
		size := modbusAnswer
		switch rest[1] {
		case modbusWrite:
		case modbusWrite | modbusRefused:
			size = modbusError
		default:
			continue
		}
		if n > 0 || len(rest) < size {
			return n, false // noise first; then what may become an answer
		}
		if !goodCRC(rest[:size]) {
			continue
		}
		return size, rest[1] == modbusWrite
	}
	return n, false
}

// crc16 is CRC-16/ARC with another start: the reflected polynomial A001. Modbus starts with FFFF, Onbon with 0.
func crc16(start uint16, b []byte) uint16 {
	for _, x := range b {
		start ^= uint16(x)
		for range 8 {
			low := start & 1
			start >>= 1
			if low != 0 {
				start ^= 0xa001
			}
		}
	}
	return start
}

// withCRC appends the check of Modbus, low byte first.
func withCRC(f []byte) []byte {
	crc := crc16(0xffff, f)
	return append(f, byte(crc), byte(crc>>8))
}

// goodCRC says whether the last two bytes are the check of those before.
func goodCRC(f []byte) bool { return crc16(0xffff, f) == 0 }
