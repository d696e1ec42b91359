package keypad

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The bounds of a matrix and of a line of its text.
const (
	matrixMost = 16 // rows, and columns
	matrixLine = 24 // bytes; the longest is "r16 c16 down\n"
)

// Matrix reads a keypad of rows and columns on GPIO lines of the board, such as the flat ones of 4 by 4 keys. Its port is
// gpio, with the pull of the columns: up is usual. The port scans the rows, waits until contacts have settled, refuses
// what the wires cannot tell apart (three keys on the corners of a rectangle look like four), and tells each change as
// a line of text, "r1 c2 down\n" (drivers/port/matrix.go; the form is ours).
type Matrix struct {
	RowLines []string `yaml:"rows"`    // the lines of the rows, from above; 1 to 16
	Columns  []string `yaml:"columns"` // the lines of the columns, from the left; 1 to 16
	// Keys says for each row what its keys mean, with spaces between, from the left: next, recall, transfer:2, rate:5 and
	// so on, "-" for a key without a meaning.
	Keys []string `yaml:"keys"`
}

// NewMatrix returns the options with their defaults: no lines and no keys.
func NewMatrix() *Matrix { return &Matrix{} }

// Lines are the names of the lines that are read, for the port to open.
func (m *Matrix) Lines() []string { return m.Columns }

// Rows are the names of the lines that are scanned, for the port to open.
func (m *Matrix) Rows() []string { return m.RowLines }

// key is what the key in a row and a column means, both from 0; its Op is empty for none.
func (m *Matrix) key(row, column int) (Press, error) {
	if row < 0 || row >= len(m.Keys) {
		return Press{}, nil
	}
	words := strings.Fields(m.Keys[row])
	if column < 0 || column >= len(words) || words[column] == "-" {
		return Press{}, nil
	}
	p, ok := typed(strings.Split(strings.ToLower(words[column]), ":"))
	if !ok {
		return Press{}, fmt.Errorf("keys: %q in row %d means nothing; allowed are %s, with a colon before the number, and - for none", words[column], row+1, allowed)
	}
	return p, nil
}

// Check judges the options; it names every mistake. That there are no lines at all is for the caller to judge.
func (m *Matrix) Check() error {
	var errs []error
	var seen []string
	for _, o := range []struct {
		key   string
		lines []string
	}{{"rows", m.RowLines}, {"columns", m.Columns}} {
		if len(o.lines) > matrixMost {
			errs = append(errs, fmt.Errorf("%s: %d lines, allowed are %d", o.key, len(o.lines), matrixMost))
		}
		for _, name := range o.lines {
			if !lineName(name) {
				errs = append(errs, fmt.Errorf("%s: %q is no name of a line, such as GPIO17", o.key, name))
			} else if slices.Contains(seen, name) {
				errs = append(errs, fmt.Errorf("%s: the line %s stands twice", o.key, name))
			}
			seen = append(seen, name)
		}
	}
	if len(m.RowLines) == 0 && len(m.Columns) > 0 {
		errs = append(errs, errors.New("rows: the columns have no rows"))
	}
	if len(m.Keys) != len(m.RowLines) {
		errs = append(errs, fmt.Errorf("keys: %d rows of keys for %d rows of lines", len(m.Keys), len(m.RowLines)))
	}
	for row, text := range m.Keys {
		if n := len(strings.Fields(text)); n != len(m.Columns) {
			errs = append(errs, fmt.Errorf("keys: %d keys in row %d for %d columns", n, row+1, len(m.Columns)))
		}
		for column := range strings.Fields(text) {
			if _, err := m.key(row, column); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Decode implements Driver. It never replies. A key let go is passed over; Releases tells of it.
func (m *Matrix) Decode(buf []byte) (n int, p Press, reply []byte, err error) {
	i := bytes.IndexByte(buf[:min(len(buf), matrixLine)], '\n')
	switch {
	case i < 0 && len(buf) < matrixLine:
		return 0, Press{}, nil, nil
	case i < 0:
		return matrixLine, Press{}, nil, fmt.Errorf("keypad matrix: no end of line within %d bytes: %w", matrixLine, ErrFrame)
	}
	p, down, err := m.change(string(buf[:i]))
	if !down {
		p = Press{}
	}
	return i + 1, p, nil, err
}

// Releases implements Releaser.
func (m *Matrix) Releases(frame []byte) []Press {
	p, down, err := m.change(strings.TrimSuffix(string(frame), "\n"))
	if err != nil || down || p.Op == "" {
		return nil
	}
	return []Press{p}
}

// change reads a line of text: which key it is, and whether it went down.
func (m *Matrix) change(text string) (p Press, down bool, err error) {
	var row, column int
	var what string
	if n, err := fmt.Sscanf(text, "r%d c%d %s", &row, &column, &what); n != 3 || err != nil ||
		text != fmt.Sprintf("r%d c%d %s", row, column, what) || what != "down" && what != "up" ||
		row < 1 || row > len(m.RowLines) || column < 1 || column > len(m.Columns) {
		return Press{}, false, fmt.Errorf("keypad matrix: %q is no key and its change: %w", text, ErrFrame)
	}
	p, err = m.key(row-1, column-1)
	if err != nil {
		return Press{}, false, fmt.Errorf("keypad matrix: %w: %w", err, ErrFrame)
	}
	return p, what == "down", nil
}
