package port

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// The times of a matrix.
const (
	scanEvery = 10 * time.Millisecond
	// steadyScans is how many scans in a row must be alike before they count: contacts bounce for up to 10 ms.
	steadyScans = 3
	// rowSettles is how long a row and half a metre of its wire take to reach their level.
	rowSettles = 50 * time.Microsecond
)

// pressed are the keys of a matrix that are down: a bit for each column, a number for each row.
type pressed []uint64

// ghost says whether the wires cannot tell which keys are down: where two rows have two columns in common, three keys on
// the corners of a rectangle look like four.
func (p pressed) ghost() bool {
	for i, a := range p {
		for _, b := range p[:i] {
			if bits.OnesCount64(a&b) > 1 {
				return true
			}
		}
	}
	return false
}

// settler turns scans into changes that have settled. What may be a ghost changes nothing: it is neither a press nor the
// end of one until fingers are taken away.
type settler struct {
	stable, last pressed
	alike        int
}

// take takes a scan and returns what has changed, in words.
func (s *settler) take(scan pressed) (words string) {
	if !slices.Equal(scan, s.last) {
		s.last, s.alike = scan, 1
		return ""
	}
	if s.alike++; s.alike != steadyScans || scan.ghost() {
		return ""
	}
	var out strings.Builder
	for row := range scan {
		for changed := scan[row] ^ s.stable[row]; changed != 0; changed &= changed - 1 {
			column, word := bits.TrailingZeros64(changed), "up"
			if scan[row]&(1<<column) != 0 {
				word = "down"
			}
			fmt.Fprintf(&out, "r%d c%d %s\n", row+1, column+1, word)
		}
	}
	s.stable = scan
	return out.String()
}

// newMatrix makes one line of a keypad of rows and columns: it reads as text, "r1 c2 down\n" for each change that has
// settled, rows and columns counted from 1. The keys that are down at the start are no change until they are let go.
//
// While no key is down all rows are driven and the columns looked at, a hundred times a second; then one row after the
// other is driven, with the others let go, so that two keys in one column never connect two outputs.
func newMatrix(o Options, find func(name string) (contact, error)) (*Line, error) {
	m := &matrix{active: gpio.Low}
	pull := gpio.Float
	switch o.Pull {
	case Up:
		pull = gpio.PullUp
	case Down:
		pull, m.active = gpio.PullDown, gpio.High
	}
	if err := m.take(o, pull, find); err != nil {
		giveBack(m.all())
		return nil, err
	}
	in := newSource(m.watch, func() error { giveBack(m.all()); return nil })
	return &Line{name: o.Rows + " / " + o.GPIO, in: in, out: mute{}, stuck: o.StuckAfter}, nil
}

// matrix scans a keypad.
type matrix struct {
	rows    []pin
	columns []contact
	active  gpio.Level // of a driven row, and so of the column of a key that is down
}

// take takes the lines: columns as inputs, rows driven.
func (m *matrix) take(o Options, pull gpio.Pull, find func(name string) (contact, error)) error {
	inUse := func(name string, err error) error {
		if errors.Is(err, unix.EBUSY) {
			err = ErrInUse
		}
		return fmt.Errorf("line %s: %w", name, err)
	}
	for name := range strings.FieldsSeq(o.GPIO) {
		c, err := find(name)
		if err == nil {
			m.columns = append(m.columns, c)
			err = c.In(pull, gpio.NoEdge)
		}
		if err != nil {
			return inUse(name, err)
		}
	}
	for name := range strings.FieldsSeq(o.Rows) {
		p, err := takePin(name, find)
		if err != nil {
			return err
		}
		m.rows = append(m.rows, p)
		if err := p.Out(m.active); err != nil {
			return inUse(name, err)
		}
	}
	return nil
}

// all are all lines.
func (m *matrix) all() []contact {
	out := slices.Clone(m.columns)
	for _, p := range m.rows {
		out = append(out, p)
	}
	return out
}

// watch scans until the end and tells what changes.
func (m *matrix) watch(out *source) error {
	first, err := m.scan()
	if err != nil {
		return err
	}
	s := settler{stable: first, last: first}
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		select {
		case <-out.ctx.Done():
			return nil
		case <-tick.C:
		}
		scan, err := m.scan()
		if err != nil {
			return err
		}
		if words := s.take(scan); words != "" {
			out.say(words)
		}
	}
}

// scan looks which keys are down.
func (m *matrix) scan() (pressed, error) {
	out := make(pressed, len(m.rows))
	if m.read() == 0 {
		return out, nil
	}
	for _, p := range m.rows {
		if err := p.In(gpio.Float, gpio.NoEdge); err != nil {
			return nil, fmt.Errorf("line %s: %w", p.Name(), err)
		}
	}
	for row, p := range m.rows {
		if err := p.Out(m.active); err != nil {
			return nil, fmt.Errorf("line %s: %w", p.Name(), err)
		}
		time.Sleep(rowSettles)
		out[row] = m.read()
		if err := p.In(gpio.Float, gpio.NoEdge); err != nil {
			return nil, fmt.Errorf("line %s: %w", p.Name(), err)
		}
	}
	for _, p := range m.rows {
		if err := p.Out(m.active); err != nil {
			return nil, fmt.Errorf("line %s: %w", p.Name(), err)
		}
	}
	return out, nil
}

// read looks at the columns.
func (m *matrix) read() (down uint64) {
	for i, c := range m.columns {
		if c.Read() == m.active {
			down |= 1 << i
		}
	}
	return down
}
