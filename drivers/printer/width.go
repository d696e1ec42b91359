package printer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Width returns how many columns s takes at magnification 1: one for a character of ASCII, two for every other.
// It is what a Chinese ticket printer does (each two- or four-byte code prints 24 dots, each ASCII code 12),
// and not the East Asian Width of Unicode, where “—·é are narrow.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	return 2
}

// Characters that may not begin or end a line (GB/T 15834-2011, 5.1.10).
const (
	notFirst = "，。、；：？！）》〉」』】〕”’…—～·%℃,.;:?!)]}"
	notLast  = "（《〈「『【〔“‘([{"
)

// Wrap breaks s into lines of at most columns columns (below 2 it counts as 2), by words where there are spaces,
// anywhere between Chinese characters, but with no closing mark at the start and no opening mark at the end of a line
// unless nothing else fits. An s that fits comes back as it is, with the spaces at its end; an empty one is one line.
func Wrap(s string, columns int) []string {
	columns = max(columns, 2)
	if Width(s) <= columns {
		return []string{s}
	}
	rest := []rune(strings.TrimRight(s, " "))
	var lines []string
	for {
		n := fitting(rest, columns)
		if n == len(rest) {
			return append(lines, string(rest))
		}
		n = breakAt(rest, n)
		lines = append(lines, strings.TrimRight(string(rest[:n]), " "))
		for n < len(rest) && rest[n] == ' ' {
			n++
		}
		rest = rest[n:]
	}
}

// fitting returns how many of the runes fit into the columns.
func fitting(rs []rune, columns int) int {
	w := 0
	for i, r := range rs {
		if w += runeWidth(r); w > columns {
			return i
		}
	}
	return len(rs)
}

// breakAt returns the best place at or before n (0 < n < len(rs)) to break the line.
func breakAt(rs []rune, n int) int {
	for i := n; i > 0; i-- {
		if canBreak(rs, i) {
			return i
		}
	}
	return n
}

// canBreak says whether a line may end before rs[i], 0 < i < len(rs).
func canBreak(rs []rune, i int) bool {
	before, after := rs[i-1], rs[i]
	switch {
	case strings.ContainsRune(notFirst, after), strings.ContainsRune(notLast, before), splitsMeasure(rs, i):
		return false
	case before == ' ', after == ' ', before == '-':
		return true
	}
	// Inside a word or number of ASCII there is no break; beside a Chinese character there is one.
	return before >= utf8.RuneSelf || after >= utf8.RuneSelf
}

// splitsMeasure says whether the break would part a number from the Chinese word it counts, as in 30 分钟.
func splitsMeasure(rs []rune, i int) bool {
	b, a := i-1, i
	for b >= 0 && rs[b] == ' ' {
		b--
	}
	for a < len(rs) && rs[a] == ' ' {
		a++
	}
	return b >= 0 && a < len(rs) && rs[b] >= '0' && rs[b] <= '9' && rs[a] >= utf8.RuneSelf
}

// clean makes text safe to stand between commands: control characters (which a printer or a terminal would obey) and
// invisible formatting characters are dropped, white space of any kind becomes a plain space, broken UTF-8 becomes "?".
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case unicode.IsSpace(r) && r != '\u3000':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
}

// magnified returns a magnification within what the contract allows.
func magnified(n int) int { return min(max(n, 1), 8) }

// indented returns the columns left free before a line's text, within what the contract allows.
func indented(l Line, columns int) int {
	if l.Align == Center || l.Align == Right {
		return 0
	}
	return min(max(l.Indent, 0), columns/2)
}

// MaxQR is the longest content of a QR code, in bytes.
const MaxQR = 200

// validQR says whether a line's QR content may be drawn: printable ASCII, at most MaxQR bytes.
func validQR(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= MaxQR
}
