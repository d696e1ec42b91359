package keypad

import (
	"errors"
	"fmt"
	"time"

	"quhao/drivers/evdev"
)

// The bounds of a number that a person types.
const (
	evdevPause  = 5 * time.Second // after it the digits are another person's, who has gone
	evdevDigits = 2
	evdevWindow = 170 // records without an end are noise; they fit into the 4 KiB that drivers/port keeps
)

// Evdev reads keypads that pose as a USB keyboard: five-key raters, which type 1 to 5, and number pads.
// Its port is evdev, which takes the keyboard away from the console. Origin of records and codes: see package evdev.
type Evdev struct {
	// Op is what a digit means: rate (a score, 1 to 5) or choose (a kiosk's department key; 0 is the tenth).
	Op string `yaml:"op"`
	// Enter says that a number 1 to 99 is typed and ended by Enter; only with choose. Without it each digit is a press.
	Enter bool `yaml:"enter"`
	// Best is the digit that means "very good", 5 or 1: raters count in both directions.
	Best int `yaml:"best"`

	size int // of a record in bytes
}

// NewEvdev returns the options with their defaults: a rater on which 5 is very good.
func NewEvdev() *Evdev { return &Evdev{Op: string(Rate), Best: 5, size: evdev.Size()} }

// Check judges the options; it names every mistake.
func (k *Evdev) Check() error {
	var errs []error
	if k.Op != string(Rate) && k.Op != string(Choose) {
		errs = append(errs, fmt.Errorf("op %q: must be %s or %s", k.Op, Rate, Choose))
	}
	if k.Enter && k.Op != string(Choose) {
		errs = append(errs, fmt.Errorf("enter: belongs to op %s; a score is one key", Choose))
	}
	if k.Best != 1 && k.Best != 5 {
		errs = append(errs, fmt.Errorf("best %d: must be 5 or 1", k.Best))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies. A key that is held counts once: its repetitions are passed over.
// Records come whole and in their places, as the kernel gives them; a piece of one is waited for.
func (k *Evdev) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	number, digits := 0, 0
	var last time.Duration
	for n+k.size <= len(buf) {
		if digits > 0 && n >= evdevWindow*k.size {
			return n, Press{}, nil, fmt.Errorf("keypad evdev: no Enter within %d records: %w", evdevWindow, ErrFrame)
		}
		e, ok := evdev.Parse(buf[n:], k.size)
		pressed := ok && e.Type == evdev.Key && e.Value == evdev.Pressed
		if pressed && digits > 0 && e.Time-last > evdevPause {
			return n, Press{}, nil, fmt.Errorf("keypad evdev: a number without Enter: %w", ErrFrame)
		}
		n += k.size
		switch {
		case !ok:
			return n, Press{}, nil, fmt.Errorf("keypad evdev: %d bytes are no event: %w", k.size, ErrFrame)
		case e.Type == evdev.Syn && e.Code == evdev.Dropped:
			return n, Press{}, nil, fmt.Errorf("keypad evdev: the kernel has dropped events: %w", ErrFrame)
		case !pressed:
			continue
		case !k.Enter:
			p, err = k.single(e.Code)
			return n, p, nil, err
		}
		last = e.Time
		c := evdev.Char(e.Code)
		switch {
		case digits == 0 && n > k.size:
			return n - k.size, Press{}, nil, nil // what stands before a number is done with
		case evdev.IsEnter(e.Code) && digits > 0:
			p, err = chosen(number)
			return n, p, nil, err
		case '0' <= c && c <= '9' && digits < evdevDigits:
			number, digits = 10*number+int(c-'0'), digits+1
		case '0' <= c && c <= '9':
			return n, Press{}, nil, fmt.Errorf("keypad evdev: more than %d digits: %w", evdevDigits, ErrFrame)
		case digits > 0: // Backspace, or whatever else stands where one would look for it
			return n, Press{}, nil, nil
		}
	}
	if digits > 0 {
		n = 0
	}
	return n, Press{}, nil, nil
}

// Releases implements Releaser for keys that are a press by themselves.
func (k *Evdev) Releases(frame []byte) (out []Press) {
	for ; !k.Enter && len(frame) >= k.size; frame = frame[k.size:] {
		e, ok := evdev.Parse(frame, k.size)
		if !ok || e.Type != evdev.Key || e.Value != evdev.Released {
			continue
		}
		if p, err := k.single(e.Code); err == nil && p.Op != "" {
			out = append(out, p)
		}
	}
	return out
}

// single reads a key that is a press by itself. What is no digit is passed over: num lock, Enter.
func (k *Evdev) single(code uint16) (Press, error) {
	c := evdev.Char(code)
	if c < '0' || c > '9' {
		return Press{}, nil
	}
	v := int(c - '0')
	if k.Op == string(Choose) {
		if v == 0 {
			v = 10
		}
		return chosen(v)
	}
	if v < 1 || v > 5 {
		return Press{}, fmt.Errorf("keypad evdev: the score %d, allowed are 1 to 5: %w", v, ErrFrame)
	}
	if k.Best == 1 {
		v = 6 - v
	}
	return Press{Op: Rate, Arg: v}, nil
}

// chosen is the press of a department key.
func chosen(v int) (Press, error) {
	if v == 0 {
		return Press{}, fmt.Errorf("keypad evdev: there is no key 0: %w", ErrFrame)
	}
	return Press{Op: Choose, Arg: v}, nil
}
