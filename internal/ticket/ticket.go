// Package ticket lays out the paper that a visitor takes from the kiosk. It is pure: a ticket in, lines out.
//
// There is no field for a name, a student number or a card number, so none can be printed.
package ticket

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"quhao/drivers/printer"
)

// Lang is the language of a whole ticket.
type Lang string

// The languages that have a table of words. Any other counts as Chinese.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// Wait is the expected waiting time in minutes, as an interval. Hi 0 means that no honest figure is known.
type Wait struct {
	Lo, Hi int
}

// Unknown is the value of Ahead when nobody knows, as on an offline ticket.
const Unknown = -1

// Ticket is what the paper says. All texts are in the ticket's language; an empty one leaves its line out.
type Ticket struct {
	Centre     string    // name of the centre
	Department string    // its window department
	Item       string    // what the visitor came for
	Number     string    // such as A012, or AX07 offline
	Ahead      int       // how many wait before this one, or Unknown
	Wait       Wait      // until the call
	Where      string    // counters or zone, with the floor: 二楼 3 至 6 号窗口
	Time       time.Time // when the number was taken, in the centre's zone
	MissedRule string    // what happens to one who misses the call, one sentence
	QR         string    // content of the QR code: the address of the ticket's status page
	Reprint    int       // 0 for the first paper, else which reprint this is
	Offline    bool      // taken while the controller was out of reach
	Lang       Lang
}

// Options say what paper it is for.
type Options struct {
	Columns int // of the printer: 32 or 48
}

// Empty dots between the parts of a ticket: 8 dots are a millimetre.
const (
	small = 12
	large = 28
)

// headBytes is the widest centre name, in columns, that stands above the number. With it the number still begins
// within the first 80 bytes sent (a column is a byte in a Chinese code page), so that the paper moves at once while
// the rest arrives. A longer name goes below.
const headBytes = 48

// Layout returns the ticket's lines. It never fails: what is missing is left out, what is long is wrapped.
func Layout(t Ticket, o Options) printer.Paper {
	l := &layout{columns: max(o.Columns, 16), words: wordsOf(t.Lang)}
	long := printer.Width(t.Centre) > headBytes
	if !long {
		l.centred(t.Centre, 1, 1)
	}
	l.number(t.Number) // whose own cells begin and end in white
	l.department(t.Department)
	l.space(small)
	l.centred(t.Item, 1, 1)
	if long {
		l.space(small)
		l.centred(t.Centre, 1, 1)
	}
	l.space(large)
	l.facts(t)
	l.marks(t)
	l.foot(t)
	return printer.Paper{Lines: l.lines}
}

// layout is a ticket in the making.
type layout struct {
	columns int
	words   words
	lines   []printer.Line
}

// space feeds after the last line, if there is one.
func (l *layout) space(dots int) {
	if n := len(l.lines); n > 0 {
		l.lines[n-1].Feed = dots
	}
}

// centred adds a text in the middle, its lines of much the same length.
func (l *layout) centred(s string, width, height int) {
	if s == "" {
		return
	}
	for _, line := range balanced(s, l.columns/width) {
		l.lines = append(l.lines, printer.Line{Text: line, Align: printer.Center, Width: width, Height: height})
	}
}

// balanced wraps s into as many lines as it needs and then makes the longest as short as it can be.
func balanced(s string, columns int) []string {
	lines := printer.Wrap(s, columns)
	for c := columns - 1; c > 1; c-- {
		narrower := printer.Wrap(s, c)
		if len(narrower) > len(lines) {
			break
		}
		lines = narrower
	}
	return lines
}

// number is as large as the paper and the printer allow, up to 8 times: 24 mm high.
func (l *layout) number(s string) {
	if s == "" {
		return
	}
	n := min(8, (l.columns-4)/max(1, printer.Width(s)))
	l.centred(s, max(n, 1), max(n, 1))
}

// department is twice as large, on two lines if that parts no word; where that is too wide, only twice as high.
func (l *layout) department(s string) {
	large := printer.Wrap(s, l.columns/2)
	if len(large) == 1 || len(large) == 2 && strings.Join(large, " ") == s {
		l.centred(s, 2, 2)
		return
	}
	l.centred(s, 1, 2)
}

// facts are the lines with a label: a block in the middle, labels and values each under each other.
func (l *layout) facts(t Ticket) {
	var block []string
	if t.Ahead >= 0 {
		block = l.fact(block, l.words.ahead, fmt.Sprintf(l.words.aheadN, t.Ahead))
	}
	block = l.fact(block, l.words.wait, l.words.interval(t.Wait))
	block = l.fact(block, l.words.where, t.Where)
	if !t.Time.IsZero() {
		block = l.fact(block, l.words.taken, t.Time.Format("2006-01-02 15:04"))
	}
	l.block(block)
	l.space(small)
}

// block puts lines into the middle without moving them against each other, in the fewer bytes: by spaces behind the
// shorter ones, the rest of the ticket being centred, or by an indent of all, with two changes of alignment.
func (l *layout) block(lines []string) {
	widest, behind := 0, 0
	for _, s := range lines {
		widest = max(widest, printer.Width(s))
	}
	for _, s := range lines {
		behind += widest - printer.Width(s)
	}
	const alignments, position = 6, 4 // bytes of ESC/POS
	indent := (l.columns - widest) / 2
	left := alignments < behind
	if indent > 0 {
		left = alignments+position*len(lines) < behind
	}
	for _, s := range lines {
		if left {
			l.lines = append(l.lines, printer.Line{Text: s, Indent: indent})
			continue
		}
		s += strings.Repeat(" ", widest-printer.Width(s))
		l.lines = append(l.lines, printer.Line{Text: s, Align: printer.Center})
	}
}

// fact adds one label and its value; further lines of the value hang under its first.
func (l *layout) fact(block []string, label, value string) []string {
	if value == "" {
		return block
	}
	indent := printer.Width(label) + 2
	for i, line := range byClause(value, l.columns-indent) {
		lead := label + "  "
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		block = append(block, lead+line)
	}
	return block
}

// byClause wraps s, if two lines are enough for it behind its last stop, as between floors: 一楼 1 号窗口；二楼 3、7至9 号窗口.
func byClause(s string, columns int) []string {
	for _, stops := range []string{"；;", "，,"} {
		i := strings.LastIndexAny(s, stops)
		if i < 0 || printer.Width(s) <= columns {
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		first, second := s[:i+size], strings.TrimLeft(s[i+size:], " ")
		if max(printer.Width(first), printer.Width(second)) <= columns {
			return []string{first, second}
		}
	}
	return printer.Wrap(s, columns)
}

// marks say what is special about this paper, in bold: an officer looks for them.
func (l *layout) marks(t Ticket) {
	first := len(l.lines)
	if t.Offline {
		l.centred(l.words.offline, 1, 1)
	}
	if t.Reprint > 0 {
		l.centred(fmt.Sprintf(l.words.reprint, t.Reprint), 1, 1)
	}
	for i := range l.lines[first:] {
		l.lines[first+i].Bold = true
	}
	if len(l.lines) > first {
		l.space(small)
	}
}

// foot is the rule for those who miss their call, and the QR code.
func (l *layout) foot(t Ticket) {
	l.centred(t.MissedRule, 1, 1)
	if t.QR == "" {
		return
	}
	l.space(large)
	l.lines = append(l.lines, printer.Line{QR: t.QR, Align: printer.Center, Feed: small})
	l.centred(l.words.scan, 1, 1)
}
