// Package evdev reads what Linux tells of input devices: the records of /dev/input/event*, struct input_event.
//
// It is shared by the drivers of things that type (card readers and keypads that pose as keyboards) and by the port
// that opens them, and does no I/O itself.
//
// Origin: linux/input.h (the struct) and linux/input-event-codes.h (types and codes). A record begins with the time,
// two words of the program's size, so it has 24 bytes in a 64-bit program and 16 in a 32-bit one; then type and code
// of 16 bits and a value of 32. All machines that we build for are little-endian.
package evdev

import (
	"encoding/binary"
	"strconv"
	"time"
)

// The sizes of a record in bytes.
const (
	Size64 = 24
	Size32 = 16
)

// The types of events that matter here.
const (
	Syn = 0x00
	Key = 0x01
)

// The codes of events of type Syn.
const (
	Dropped = 3 // SYN_DROPPED: the kernel's buffer was full and events are lost
	// Silence is SYN_MAX, which the kernel never sends. drivers/port puts one such record into the stream when
	// nothing has come for 100 ms after an event: by it a decoder, which has no clock, hears that a reader has ended.
	Silence = 0x0f
)

// The values of an event of type Key.
const (
	Released = 0
	Pressed  = 1
	Repeated = 2 // held down: the kernel repeats it
)

// The codes of keys, of those that drivers know by name.
const (
	KeyEsc       = 1
	KeyBackspace = 14
	KeyEnter     = 28
	KeyShiftL    = 42
	KeyComma     = 51
	KeyShiftR    = 54
	KeyNumLock   = 69
	KeyPadEnter  = 96
	KeyDelete    = 111
)

// Event is one record.
type Event struct {
	Time  time.Duration // of the clock that the port has chosen: it says how far two events are apart, and no more
	Type  uint16
	Code  uint16
	Value int32
}

// Size is the size of a record in this program: Size64 or Size32.
func Size() int {
	if strconv.IntSize == 64 {
		return Size64
	}
	return Size32
}

// Parse reads one record from the first size bytes of b, which must be that long. It is not ok if it cannot be
// a record: microseconds of a second or more, or a type above EV_MAX.
func Parse(b []byte, size int) (e Event, ok bool) {
	var sec, usec uint64
	if size == Size64 {
		sec, usec = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	} else {
		sec, usec = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
	}
	rest := b[size-8:]
	e = Event{
		Type: binary.LittleEndian.Uint16(rest), Code: binary.LittleEndian.Uint16(rest[2:]),
		Value: int32(binary.LittleEndian.Uint32(rest[4:])),
	}
	const maxType, maxSeconds = 0x1f, 1 << 32
	if usec >= 1e6 || e.Type > maxType || sec > maxSeconds {
		return Event{}, false
	}
	e.Time = time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
	return e, true
}

// Append writes e behind b as a record of so many bytes.
func (e Event) Append(b []byte, size int) []byte {
	sec, usec := uint64(e.Time/time.Second), uint64(e.Time%time.Second/time.Microsecond)
	if size == Size64 {
		b = binary.LittleEndian.AppendUint64(b, sec)
		b = binary.LittleEndian.AppendUint64(b, usec)
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(sec))
		b = binary.LittleEndian.AppendUint32(b, uint32(usec))
	}
	b = binary.LittleEndian.AppendUint16(b, e.Type)
	b = binary.LittleEndian.AppendUint16(b, e.Code)
	return binary.LittleEndian.AppendUint32(b, uint32(e.Value))
}

// IsEnter knows both Enter keys.
func IsEnter(code uint16) bool { return code == KeyEnter || code == KeyPadEnter }

// Char returns the character on a key, 0 to 9 in the upper row or on the number pad, A to F; 0 for any other key.
// It is the code of a place on the American keyboard, which is how readers type; num lock and shift are not looked at.
func Char(code uint16) byte {
	switch {
	case 2 <= code && code <= 10: // KEY_1 to KEY_9
		return '1' + byte(code-2)
	case code == 11: // KEY_0
		return '0'
	case 71 <= code && code <= 73: // KEY_KP7 to KEY_KP9
		return '7' + byte(code-71)
	case 75 <= code && code <= 77: // KEY_KP4 to KEY_KP6
		return '4' + byte(code-75)
	case 79 <= code && code <= 81: // KEY_KP1 to KEY_KP3
		return '1' + byte(code-79)
	}
	switch code {
	case 82: // KEY_KP0
		return '0'
	case 30:
		return 'A'
	case 48:
		return 'B'
	case 46:
		return 'C'
	case 32:
		return 'D'
	case 18:
		return 'E'
	case 33:
		return 'F'
	}
	return 0
}
