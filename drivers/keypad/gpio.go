package keypad

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// gpioMax is the length of the longest name of a line, in bytes; with its level it makes a line of text.
const gpioMax = 32

// GPIO reads single keys, each on a GPIO line of the board. Its port is gpio: it has the pull of the lines, waits
// until a contact has settled, and tells each change as a line of text, "GPIO17 low\n" (drivers/port/gpio.go; the
// form is ours). A level that means pressed is a press; the other one is the key let go.
//
// Lines go by their names, as gpioinfo prints them: the number of a line is another one on another board.
type GPIO struct {
	Next     string   `yaml:"next"`
	Recall   string   `yaml:"recall"`
	Start    string   `yaml:"start"`
	NoShow   string   `yaml:"no_show"`
	Park     string   `yaml:"park"`
	Unpark   string   `yaml:"unpark"`
	Pause    string   `yaml:"pause"`
	Complete string   `yaml:"complete"`
	Invite   string   `yaml:"invite"`
	Transfer []string `yaml:"transfer"` // the lines of the keys that transfer to 1, 2, … 99
	Rate     []string `yaml:"rate"`     // the lines of the five scores, from very bad to very good
	Choose   []string `yaml:"choose"`   // the lines of a kiosk's keys 1, 2, … 99
	// ActiveLow says that a pressed key reads as low: it connects its line to ground.
	ActiveLow bool `yaml:"active_low"`
	// LampLine is the line of the lamp in the call keys, empty for none; LampLow says that low lights it.
	LampLine string `yaml:"lamp"`
	LampLow  bool   `yaml:"lamp_low"`
}

// NewGPIO returns the options with their defaults: no keys, and pressed is low.
func NewGPIO() *GPIO { return &GPIO{ActiveLow: true} }

// key is a line and what it means.
type key struct {
	option, line string
	press        Press
}

// keys are all keys that have a line.
func (g *GPIO) keys() []key {
	var out []key
	for _, k := range []struct {
		line string
		op   Op
	}{
		{g.Next, Next}, {g.Recall, Recall}, {g.Start, Start}, {g.NoShow, NoShow}, {g.Park, Park}, {g.Unpark, Unpark},
		{g.Pause, Pause}, {g.Complete, Complete}, {g.Invite, Invite},
	} {
		if k.line != "" {
			out = append(out, key{string(k.op), k.line, Press{Op: k.op}})
		}
	}
	for _, k := range []struct {
		lines []string
		op    Op
	}{{g.Transfer, Transfer}, {g.Rate, Rate}, {g.Choose, Choose}} {
		for i, line := range k.lines {
			out = append(out, key{string(k.op), line, Press{Op: k.op, Arg: i + 1}})
		}
	}
	return out
}

// Lines are the names of all lines, for the port to open, in the order of the options.
func (g *GPIO) Lines() []string {
	var out []string
	for _, k := range g.keys() {
		out = append(out, k.line)
	}
	return out
}

// Lamps are the names of the lines that are written, for the port to open.
func (g *GPIO) Lamps() []string {
	if g.LampLine == "" {
		return nil
	}
	return []string{g.LampLine}
}

// Lamp implements the interface Lamp, in the words in which the port tells levels.
func (g *GPIO) Lamp(on bool) []byte {
	switch {
	case g.LampLine == "":
		return nil
	case on != g.LampLow:
		return []byte(g.LampLine + " high\n")
	}
	return []byte(g.LampLine + " low\n")
}

// lineName is how a GPIO line may be called.
func lineName(name string) bool {
	return regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_.:/+-]{1,%d}$`, gpioMax)).MatchString(name)
}

// Check judges the options; it names every mistake. That no key has a line at all is for the caller to judge.
func (g *GPIO) Check() error {
	var errs []error
	first := map[string]string{}
	all := g.keys()
	if g.LampLine != "" {
		all = append(all, key{option: "lamp", line: g.LampLine})
	}
	for _, k := range all {
		if !lineName(k.line) {
			errs = append(errs, fmt.Errorf("%s: %q is no name of a line, such as GPIO17", k.option, k.line))
			continue
		}
		if other, again := first[k.line]; again {
			errs = append(errs, fmt.Errorf("%s: the line %s is the key %s already", k.option, k.line, other))
			continue
		}
		first[k.line] = k.option
	}
	if len(g.Rate) != 0 && len(g.Rate) != 5 {
		errs = append(errs, fmt.Errorf("rate: %d lines, a rater has 5 keys", len(g.Rate)))
	}
	if len(g.Transfer) > 99 || len(g.Choose) > 99 {
		errs = append(errs, errors.New("transfer and choose: allowed are 99 lines each"))
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies. A key let go is passed over; Releases tells of it.
func (g *GPIO) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	const longest = gpioMax + len(" high\n")
	i := bytes.IndexByte(buf[:min(len(buf), longest)], '\n')
	switch {
	case i < 0 && len(buf) < longest:
		return 0, Press{}, nil, nil
	case i < 0:
		return longest, Press{}, nil, fmt.Errorf("keypad gpio: no end of line within %d bytes: %w", longest, ErrFrame)
	}
	p, down, err := g.change(string(buf[:i]))
	if !down {
		p = Press{}
	}
	return i + 1, p, nil, err
}

// Releases implements Releaser.
func (g *GPIO) Releases(frame []byte) []Press {
	p, down, err := g.change(strings.TrimSuffix(string(frame), "\n"))
	if err != nil || down {
		return nil
	}
	return []Press{p}
}

// change reads a line of text: which key it is, and whether it went down.
func (g *GPIO) change(text string) (p Press, down bool, err error) {
	name, level, _ := strings.Cut(text, " ")
	if level != "low" && level != "high" {
		return Press{}, false, fmt.Errorf("keypad gpio: %q is no line and its level: %w", text, ErrFrame)
	}
	for _, k := range g.keys() {
		if k.line == name {
			return k.press, g.ActiveLow == (level == "low"), nil
		}
	}
	return Press{}, false, fmt.Errorf("keypad gpio: the line %q is no key: %w", name, ErrFrame)
}
