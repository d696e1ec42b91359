package printer

import (
	"fmt"
	"strings"
)

// Text writes a ticket as plain UTF-8 lines, for a terminal, a log, or a bench without a printer.
// A QR code is a line with its content; a number, printed large on paper, stands between >>> and <<<.
type Text struct {
	Cols int `yaml:"columns"` // width of a line in columns, 16 to 200
}

// NewText returns a Text with its default of 48 columns.
func NewText() *Text { return &Text{Cols: 48} }

// Check refuses a width that no ticket fits into.
func (t *Text) Check() error {
	if t.Cols < 16 || t.Cols > 200 {
		return fmt.Errorf("columns: %d is not from 16 to 200", t.Cols)
	}
	return nil
}

// Columns is the width of a line in half-width characters.
func (t *Text) Columns() int { return t.Cols }

// Encode returns the ticket as lines ending in "\n"; the cut is a line of hyphens.
func (t *Text) Encode(p Paper) []byte {
	var b strings.Builder
	for _, l := range p.Lines {
		for _, s := range t.lines(l) {
			b.WriteString(strings.TrimRight(strings.Repeat(" ", indented(l, t.Cols))+t.place(s, l.Align), " "))
			b.WriteByte('\n')
		}
	}
	b.WriteString(strings.Repeat("-", t.Cols))
	b.WriteByte('\n')
	return []byte(b.String())
}

func (t *Text) lines(l Line) []string {
	switch {
	case l.QR != "":
		return []string{"[QR " + clean(l.QR) + "]"} // never wrapped: somebody will copy it
	case l.Image != nil:
		size := l.Image.Bounds().Size()
		return []string{fmt.Sprintf("[picture %dx%d]", size.X, size.Y)}
	case min(l.Width, l.Height) >= 3:
		return Wrap(">>> "+clean(l.Text)+" <<<", t.Cols)
	}
	return Wrap(clean(l.Text), t.Cols-indented(l, t.Cols))
}

// place pads s on the left; spaces on the right would only be noise in a log.
func (t *Text) place(s string, a Align) string {
	free := t.Cols - Width(s)
	switch {
	case s == "" || free <= 0:
		return s
	case a == Center:
		return strings.Repeat(" ", free/2) + s
	case a == Right:
		return strings.Repeat(" ", free) + s
	}
	return s
}
