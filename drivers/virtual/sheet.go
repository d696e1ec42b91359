package virtual

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Measures of a 203 dpi printer in dots, as the manuals of 80 mm mechanisms give them.
const (
	lineSpacing = 34 // 1/6 inch, what ESC 2 and ESC @ set
	cutDistance = 96 // from the print head to the cutter, 12 mm
	charWidth   = 12 // ASCII, font A
	charHeight  = 24
)

// style is how characters look.
type style struct {
	width, height  int // GS !
	hanziW, hanziH int // FS !
	bold           bool
}

// span is a run of bytes in one style and one mode.
type span struct {
	code    []byte
	chinese bool
	style   style
}

// sheet is the paper in the printer and what the commands have set.
type sheet struct {
	opt     PrinterOptions
	style   style
	align   byte
	start   int // ESC $: where the line begins, in dots; only at the beginning of a line aligned left
	chinese bool
	spacing int
	line    []span
	qr      qrSettings
	canvas  canvas
	paper   Paper
}

type qrSettings struct {
	size  int
	level byte
	data  string
}

func newSheet(o PrinterOptions) *sheet {
	s := &sheet{opt: o, canvas: canvas{width: o.Dots}}
	s.initialise()
	return s
}

// initialise is ESC @; the paper printed so far stays.
func (s *sheet) initialise() {
	s.style = style{width: 1, height: 1, hanziW: 1, hanziH: 1}
	s.align, s.start, s.chinese, s.spacing, s.line = 0, 0, true, lineSpacing, nil
	s.qr = qrSettings{size: 3, level: '0'}
}

// reset is the power switch.
func (s *sheet) reset() { s.initialise() }

// obey does one command of n bytes. done says that the paper was cut off.
func (s *sheet) obey(c Command, n int) (p Paper, done bool) {
	s.paper.Bytes += n
	switch c.Name {
	case "GS V":
		return s.cut(c.Args)
	case "ESC i", "ESC m":
		return s.cut(nil)
	case "text":
		s.text(c.Args)
	case "LF":
		s.flush()
	case "ESC d":
		s.flush()
		s.canvas.feed(int(c.Args[0]) * s.spacing)
	case "ESC J":
		if len(s.line) > 0 {
			s.flush()
		}
		s.canvas.feed(int(c.Args[0]))
	case "GS v":
		s.raster(c.Args)
	case "GS (":
		s.function(c.Args)
	default:
		s.setting(c)
	}
	return Paper{}, false
}

// setting does the commands that only change how later ones print.
func (s *sheet) setting(c Command) {
	switch c.Name {
	case "ESC @":
		s.initialise()
	case "ESC 2":
		s.spacing = lineSpacing
	case "ESC 3":
		s.spacing = int(c.Args[0])
	case "ESC $":
		if len(s.line) == 0 {
			s.start = little(c.Args)
		}
	case "ESC a":
		s.align = c.Args[0] % '0' // 0 to 2 or '0' to '2'
	case "ESC E", "ESC G":
		s.style.bold = c.Args[0]&1 != 0
	case "ESC !":
		s.style.bold = c.Args[0]&8 != 0
		s.style.height, s.style.width = 1+int(c.Args[0]>>4&1), 1+int(c.Args[0]>>5&1)
	case "GS !":
		s.style.width, s.style.height = 1+int(c.Args[0]>>4&7), 1+int(c.Args[0]&7)
	case "FS &":
		s.chinese = true
	case "FS .":
		s.chinese = false
	case "FS !":
		s.style.hanziW, s.style.hanziH = 1+int(c.Args[0]>>2&1), 1+int(c.Args[0]>>3&1)
	}
}

// text adds to the line. What comes in two reads may be cut within a character, so runs of one style are joined.
func (s *sheet) text(b []byte) {
	if n := len(s.line); n > 0 && s.line[n-1].style == s.style && s.line[n-1].chinese == s.chinese {
		s.line[n-1].code = append(s.line[n-1].code, b...)
		return
	}
	s.line = append(s.line, span{code: append([]byte(nil), b...), chinese: s.chinese, style: s.style})
}

// glyph is one character as it will stand on the paper.
type glyph struct {
	r    rune
	w, h int // in dots
	bold bool
}

// glyphs decodes the line. Bytes that are no character of the printer's font come out as garbage, like on paper.
func (s *sheet) glyphs() []glyph {
	var gs []glyph
	for _, sp := range s.line {
		for _, r := range s.decode(sp) {
			w, h := sp.style.width, sp.style.height
			if r >= utf8.RuneSelf {
				if s.opt.SmallHanzi {
					w, h = 1, 1
				}
				w, h = 2*max(w, sp.style.hanziW), max(h, sp.style.hanziH)
			}
			gs = append(gs, glyph{r: r, w: w * charWidth, h: h * charHeight, bold: sp.style.bold})
		}
	}
	return gs
}

func (s *sheet) decode(sp span) string {
	enc := charmap.CodePage437.NewDecoder()
	switch {
	case sp.chinese && s.opt.GB18030:
		enc = simplifiedchinese.GB18030.NewDecoder()
	case sp.chinese:
		enc = simplifiedchinese.GBK.NewDecoder()
	}
	b, err := enc.Bytes(sp.code)
	if err != nil {
		return strings.Repeat("\ufffd", len(sp.code))
	}
	return string(b)
}

// flush prints the line in the buffer and moves on by one line, at least by its height.
func (s *sheet) flush() {
	gs := s.glyphs()
	start := s.start
	s.line, s.start = nil, 0
	for {
		n, width, height := 0, 0, 0
		for n < len(gs) && start+width+gs[n].w <= s.opt.Dots {
			width += gs[n].w
			height = max(height, gs[n].h)
			n++
		}
		if s.align != 0 {
			start = 0
		}
		s.canvas.text(gs[:n], start+s.indent(width), height)
		s.paper.Lines = append(s.paper.Lines, plain(gs[:n]))
		s.canvas.feed(max(s.spacing, height))
		if n == len(gs) || n == 0 {
			return
		}
		gs, start = gs[n:], 0
		s.paper.Broken++
	}
}

func plain(gs []glyph) string {
	var b strings.Builder
	for _, g := range gs {
		b.WriteRune(g.r)
	}
	return strings.TrimSpace(b.String())
}

// indent is where something so wide begins.
func (s *sheet) indent(width int) int {
	switch s.align {
	case 1:
		return max(0, (s.opt.Dots-width)/2)
	case 2:
		return max(0, s.opt.Dots-width)
	}
	return 0
}

func (s *sheet) cut(args []byte) (Paper, bool) {
	if len(s.line) > 0 {
		s.flush()
	}
	above := 0
	if len(args) == 2 { // function B: feed to the cutter and n dots more
		// What is fed now leaves with the next paper: it lies between head and cutter. This one began with as much.
		above = cutDistance
		s.canvas.feed(int(args[1]))
	}
	return s.take(true, above)
}

// take takes the paper out, if there is any, with so many blank rows above what was printed.
func (s *sheet) take(cut bool, above int) (Paper, bool) {
	p := s.paper
	p.Cut = cut
	p.Image = s.canvas.image(above)
	blank := s.canvas.bottom() == 0
	s.paper, s.canvas = Paper{}, canvas{width: s.opt.Dots, font: s.canvas.font}
	return p, cut || !blank
}
