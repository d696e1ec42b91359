// Package evdevtest writes the records of an input device from a script, for tests and frame files.
package evdevtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"quhao/drivers/evdev"
)

// The events around a key that drivers pass over: EV_MSC with MSC_SCAN, the key's code on the USB.
const (
	msc  = 4
	scan = 4
)

// Records writes a script as records of so many bytes. Its words:
//
//	11       the key with code 11 is pressed and let go: EV_MSC, EV_KEY, EV_SYN, 4 ms later the same for letting go
//	down:11  it is pressed only, as above; up:11 it is let go; again:11 the kernel repeats it
//	+150ms   time passes; 4 ms pass between the words in any case
//	silence  what the port tells after 100 ms without events
//	dropped  the kernel has lost events
//	bad      a record that cannot be one
//
// The layout is what evtest shows of a USB keyboard on Linux 6.1: press, EV_SYN, release, EV_SYN.
func Records(script string, size int) ([]byte, error) {
	w := writer{size: size, now: 1000 * time.Second}
	for word := range strings.FieldsSeq(script) {
		if err := w.word(word); err != nil {
			return nil, fmt.Errorf("script %q: %w", word, err)
		}
	}
	return w.out, nil
}

type writer struct {
	size int
	now  time.Duration
	out  []byte
}

func (w *writer) word(word string) error {
	if wait, ok := strings.CutPrefix(word, "+"); ok {
		d, err := time.ParseDuration(wait)
		w.now += d
		return err
	}
	switch word {
	case "silence":
		w.out = evdev.Event{Type: evdev.Syn, Code: evdev.Silence}.Append(w.out, w.size)
		return nil
	case "dropped":
		w.event(evdev.Syn, evdev.Dropped, 0)
		return nil
	case "bad":
		w.event(0xff, 0, 0)
		return nil
	}
	kind, number, found := strings.Cut(word, ":")
	if !found {
		kind, number = "", word
	}
	code, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return err
	}
	switch kind {
	case "":
		w.key(uint16(code), evdev.Pressed)
		w.key(uint16(code), evdev.Released)
	case "down":
		w.key(uint16(code), evdev.Pressed)
	case "up":
		w.key(uint16(code), evdev.Released)
	case "again":
		w.event(evdev.Key, uint16(code), evdev.Repeated)
		w.event(evdev.Syn, 0, 1)
	default:
		return fmt.Errorf("unknown word %q", kind)
	}
	return nil
}

func (w *writer) key(code uint16, value int32) {
	w.event(msc, scan, 0x70000+int32(code))
	w.event(evdev.Key, code, value)
	w.event(evdev.Syn, 0, 0)
	w.now += 4 * time.Millisecond
}

func (w *writer) event(kind, code uint16, value int32) {
	w.out = evdev.Event{Time: w.now, Type: kind, Code: code, Value: value}.Append(w.out, w.size)
}
