package printer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// page is a Chinese code page and what of it the printer's font has.
type page struct {
	enc  *encoding.Encoder
	keep func(code []byte) bool
}

// newPage returns the page of that name; an unknown name (Check refuses it) is GBK.
func newPage(name string) page {
	switch name {
	case "gb18030":
		return page{simplifiedchinese.GB18030.NewEncoder(), func(c []byte) bool { return len(c) == 2 || len(c) == 4 }}
	case "gb2312":
		return page{simplifiedchinese.GBK.NewEncoder(), inGB2312}
	}
	return page{simplifiedchinese.GBK.NewEncoder(), func(c []byte) bool { return len(c) == 2 }}
}

// native returns s as the printer's own font can print it, a character that no font has replaced by 〓. ok is false
// if s is better printed as a picture, because the bitmap font has a character that the page lacks.
func (p page) native(s string) (text string, ok bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case p.has(r):
			b.WriteRune(r)
		case drawable(r):
			return "", false
		default:
			b.WriteRune(geta)
		}
	}
	return b.String(), true
}

func (p page) has(r rune) bool {
	if r < utf8.RuneSelf {
		return true
	}
	// User-defined characters have codes in every page and a glyph in no font.
	if unicode.Is(unicode.Co, r) {
		return false
	}
	code, err := p.enc.Bytes([]byte(string(r)))
	return err == nil && p.keep(code)
}

// append adds the codes of s, which comes from native.
func (p page) append(out []byte, s string) []byte {
	code, err := p.enc.Bytes([]byte(s))
	if err != nil {
		return out // impossible after native; nothing is better than half a code
	}
	return append(out, code...)
}

// inGB2312 says whether a code of GBK is one of GB 2312-80: rows and cells counted from 0xA1.
func inGB2312(c []byte) bool {
	if len(c) != 2 || c[0] < 0xa1 || c[1] < 0xa1 || c[1] == 0xff {
		return false
	}
	row, cell := int(c[0])-0xa0, int(c[1])-0xa0
	in := func(lo, hi int) bool { return cell >= lo && cell <= hi }
	switch row {
	case 1, 3:
		return true
	case 2:
		return in(17, 66) || in(69, 78) || in(81, 92)
	case 4:
		return in(1, 83)
	case 5:
		return in(1, 86)
	case 6:
		return in(1, 24) || in(33, 56)
	case 7:
		return in(1, 33) || in(49, 81)
	case 8:
		return in(1, 26) || in(37, 73)
	case 9:
		return in(4, 79)
	case 55:
		return in(1, 89)
	}
	return row >= 16 && row <= 87
}
