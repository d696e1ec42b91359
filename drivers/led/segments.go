package led

import "strings"

// point is the decimal point of a digit; the segments A to G are bits 0 to 6.
const point = 0x80

// segments is the form of a character on seven segments, bit 0 the upper one (A), then clockwise, bit 6 the middle one
// (G); ok is false for what has none. The form of some letters is that of a digit or of another letter: S and 5, Z and 2,
// O and 0, I and 1, X and H. These carry the decimal point, so that AX07 and AH07 are told apart.
func segments(c byte) (form byte, ok bool) {
	const digits = "\x3f\x06\x5b\x4f\x66\x6d\x7d\x07\x7f\x6f"
	const letters = "\x77\x7c\x39\x5e\x79\x71\x3d\x76\x86\x1e\x75\x38\x37\x54\xbf\x73\x67\x50\xed\x78\x3e\x1c\x2a\xf6\x6e\xdb"
	switch {
	case '0' <= c && c <= '9':
		return digits[c-'0'], true
	case 'A' <= c && c <= 'Z':
		return letters[c-'A'], true
	case c == '-':
		return 0x40, true
	case c == '_':
		return 0x08, true
	case c == '?':
		return 0x53, true
	}
	return 0, c == ' '
}

// isSegments says whether all of a text has a form on seven segments.
func isSegments(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		if r > '~' {
			return true
		}
		_, ok := segments(byte(r))
		return !ok
	})
}

// onDigits lays text out on so many digits, in their middle, the left one first. What does not fit is cut off.
func onDigits(text string, n int) []byte {
	out := make([]byte, n)
	at := max(0, n-len(text)) / 2
	for i := range min(n, len(text)) {
		out[at+i], _ = segments(text[i])
	}
	return out
}
