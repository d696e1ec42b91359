package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a configuration file. Line and Col count from 1; Col counts characters, not bytes.
// 1:1 stands for a file as a whole.
type Pos struct {
	File      string
	Line, Col int
}

// String returns file:line:column, the form that editors and terminals jump to.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// Mistake is one thing wrong with a configuration: where, what is wrong, and what is allowed.
type Mistake struct {
	File      string
	Line, Col int
	What      string // one line of plain English
}

// String returns file:line:column: what.
func (m Mistake) String() string { return Pos{m.File, m.Line, m.Col}.String() + ": " + m.What }

// Mistakes are all mistakes of a configuration, sorted by file, line and column. None means the configuration is good.
type Mistakes []Mistake

// Error returns one line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns the mistakes as an error, nil if there are none.
// A Mistakes with no element must not be assigned to an error directly: it would not be nil.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// sorted puts the mistakes in the order of the files and drops exact repetitions,
// which arise when several devices take the same wrong line from one profile.
func (m Mistakes) sorted() Mistakes {
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.Compact(m)
}
