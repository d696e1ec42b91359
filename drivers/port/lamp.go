package port

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// pin is what is needed of a GPIO line that is written.
type pin interface {
	contact
	Out(level gpio.Level) error
}

// takePin finds a line and makes sure that it can be written.
func takePin(name string, find func(name string) (contact, error)) (pin, error) {
	c, err := find(name)
	if err != nil {
		return nil, fmt.Errorf("line %s: %w", name, err)
	}
	p, ok := c.(pin)
	if !ok {
		return nil, fmt.Errorf("line %s: it cannot be written: %w", name, errors.ErrUnsupported)
	}
	return p, nil
}

// lamps are GPIO lines that are written in the words in which contacts are told: "GPIO22 high\n".
type lamps struct {
	all  map[string]pin
	part []byte // of a word that has not ended; the writer's own
}

// newLamps takes the lines of the names, with spaces between. They keep the level they have until they are told one.
func newLamps(names string, find func(name string) (contact, error)) (*lamps, error) {
	l := &lamps{all: map[string]pin{}}
	for name := range strings.FieldsSeq(names) {
		p, err := takePin(name, find)
		if err != nil {
			giveBack(l.contacts())
			return nil, err
		}
		l.all[name] = p
	}
	return l, nil
}

// longestWord bounds a word in bytes: a name and a level.
const longestWord = 64

// Write sets a line for every word that has ended; the rest waits for more.
func (l *lamps) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		word, rest, ended := bytes.Cut(l.part, []byte("\n"))
		if !ended {
			if len(l.part) > longestWord {
				return 0, errors.New("a lamp's word without an end")
			}
			return len(p), nil
		}
		l.part = bytes.Clone(rest)
		name, level, _ := strings.Cut(string(word), " ")
		out, known := l.all[name]
		if !known || level != "low" && level != "high" {
			return 0, fmt.Errorf("%q is no lamp and its level", word)
		}
		if err := out.Out(level == "high"); err != nil {
			return 0, fmt.Errorf("line %s: %w", name, err)
		}
	}
}

// contacts are the lines, to be given back.
func (l *lamps) contacts() (all []contact) {
	for _, p := range l.all {
		all = append(all, p)
	}
	return all
}

// Close does nothing: the lines are given back with those that are read.
func (l *lamps) Close() error { return nil }

// SetWriteDeadline does nothing: a level is set at once.
func (l *lamps) SetWriteDeadline(time.Time) error { return nil }

// SyscallConn is not to be had.
func (l *lamps) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }
