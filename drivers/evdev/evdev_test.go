package evdev

import (
	"bytes"
	"testing"
	"time"
)

// KEY_5 pressed at 1700000000.250000, written by hand from linux/input.h.
func TestParse(t *testing.T) {
	want := Event{Time: 1700000000*time.Second + 250*time.Millisecond, Type: Key, Code: 6, Value: Pressed}
	for _, record := range [][]byte{
		{0x00, 0xf1, 0x53, 0x65, 0, 0, 0, 0, 0x90, 0xd0, 0x03, 0x00, 0, 0, 0, 0, 1, 0, 6, 0, 1, 0, 0, 0},
		{0x00, 0xf1, 0x53, 0x65, 0x90, 0xd0, 0x03, 0x00, 1, 0, 6, 0, 1, 0, 0, 0},
	} {
		e, ok := Parse(record, len(record))
		if !ok || e != want {
			t.Errorf("%d bytes: %+v, %t", len(record), e, ok)
		}
		if back := e.Append(nil, len(record)); !bytes.Equal(back, record) {
			t.Errorf("written again: % x", back)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, record := range map[string][]byte{
		"a second of microseconds": {0, 0, 0, 0, 0x40, 0x42, 0x0f, 0, 1, 0, 6, 0, 1, 0, 0, 0},
		"a type above EV_MAX":      {0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 6, 0, 1, 0, 0, 0},
		"text":                     []byte("0008844356\n00088"),
		"a time before 1970":       {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 6, 0, 1, 0, 0, 0},
	} {
		if e, ok := Parse(record, len(record)); ok {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// The whole table: linux/input-event-codes.h, KEY_1 2 to KEY_0 11, the letters, KEY_KP7 71 to KEY_KP0 82.
func TestChar(t *testing.T) {
	want := map[uint16]byte{
		2: '1', 3: '2', 4: '3', 5: '4', 6: '5', 7: '6', 8: '7', 9: '8', 10: '9', 11: '0',
		30: 'A', 48: 'B', 46: 'C', 32: 'D', 18: 'E', 33: 'F',
		71: '7', 72: '8', 73: '9', 75: '4', 76: '5', 77: '6', 79: '1', 80: '2', 81: '3', 82: '0',
	}
	for code := range uint16(0x300) {
		if got := Char(code); got != want[code] {
			t.Errorf("code %d is %q, want %q", code, got, want[code])
		}
		if got := IsEnter(code); got != (code == 28 || code == 96) {
			t.Errorf("code %d: enter %t", code, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Event{Time: time.Hour, Type: Key, Code: 6, Value: Pressed}.Append(nil, Size64))
	f.Add(Event{Type: Syn, Code: Silence}.Append(nil, Size32))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int{Size32, Size64} {
			if len(b) < size {
				continue
			}
			if e, ok := Parse(b, size); ok && !bytes.Equal(e.Append(nil, size), b[:size]) {
				t.Errorf("% x is %+v", b[:size], e)
			}
		}
	})
}
