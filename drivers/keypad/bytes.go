package keypad

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bytes reads serial raters and pads that send one byte for each key and nothing else. Which byte means what stands in
// the options, because every maker chose his own.
type Bytes struct {
	// Keys says for each byte, two hexadecimal digits, what it means, in the words of the driver terminal:
	// "31 rate 1". A byte that is not named is noise.
	Keys []string `yaml:"keys"`
}

// NewBytes returns a five-key rater that sends the characters 1 (very bad) to 5 (very good).
func NewBytes() *Bytes {
	return &Bytes{Keys: []string{"31 rate 1", "32 rate 2", "33 rate 3", "34 rate 4", "35 rate 5"}}
}

// parse reads one item of Keys.
func (b *Bytes) parse(item string) (code byte, p Press, err error) {
	words := strings.Fields(strings.ToLower(item))
	if len(words) == 0 || len(words[0]) != 2 {
		return 0, Press{}, fmt.Errorf("keys: %q does not begin with a byte of two hexadecimal digits, such as 31", item)
	}
	v, err := strconv.ParseUint(words[0], 16, 8)
	if err != nil {
		return 0, Press{}, fmt.Errorf("keys: %q does not begin with a byte of two hexadecimal digits, such as 31", item)
	}
	p, ok := typed(words[1:])
	if !ok {
		return 0, Press{}, fmt.Errorf("keys: %q: after the byte stands one of %s", item, allowed)
	}
	return byte(v), p, nil
}

// Check judges the options; it names every mistake.
func (b *Bytes) Check() error {
	var errs []error
	seen := map[byte]string{}
	for _, item := range b.Keys {
		code, _, err := b.parse(item)
		if other, again := seen[code]; err == nil && again {
			err = fmt.Errorf("keys: the byte of %q means %q already", item, other)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seen[code] = item
	}
	if len(b.Keys) == 0 {
		errs = append(errs, errors.New("keys: name at least one, such as 31 rate 1"))
	}
	return errors.Join(errs...)
}

// Decode implements Driver, a byte at a time. It never replies.
func (b *Bytes) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	if len(buf) == 0 {
		return 0, Press{}, nil, nil
	}
	for _, item := range b.Keys {
		if code, p, err := b.parse(item); err == nil && code == buf[0] {
			return 1, p, nil, nil
		}
	}
	return 1, Press{}, nil, fmt.Errorf("keypad bytes: %02X is no key: %w", buf[0], ErrFrame)
}
