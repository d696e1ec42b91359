package led

import (
	"errors"
	"fmt"
	"image"
	"image/draw"
	"slices"
	"strings"

	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/math/fixed"
	"periph.io/x/devices/v3/max7219"
)

// The registers of a MAX7219. Origin: Maxim 19-4452, "Serially Interfaced, 8-Digit LED Display Drivers", table 2.
// A transaction has 16 bits for each chip, register and value, and those sent first go to the far end of the chain.
const (
	maxRow1      = 0x01 // DIG0: the first of the eight rows of a matrix
	maxDecode    = 0x09 // 0: the rows' bits as they are
	maxIntensity = 0x0a // 0 to 15
	maxScanLimit = 0x0b // 7: all eight rows
	maxShutdown  = 0x0c // 0 dark, 1 as usual
	maxTest      = 0x0f // 0: no test
)

// What moves, in dots: one step, an even number so that the letters of 12 dots stay what they are; and the gap between
// the end of a text and its next beginning.
const (
	maxStep = 2
	maxGap  = 2 * fontHalf * 2
	maxWide = 1200 // the widest text, a hundred Chinese characters
)

// The cells of the two fonts, in dots.
const (
	module     = 8 // a matrix, and a character of periph's font
	fontHeight = 16
	fontAscent = 12
	fontHalf   = 6 // a character of ASCII in the bitmap font; every other is twice as wide
)

// Max7219 drives matrices of 8 by 8 dots with a MAX7219 each, in a chain on an SPI bus, in one or two rows.
// Its port is spi. Every picture is whole, settings included, so a display that lost its power comes back with the next.
//
// A number stands still and is as large as the height allows: 8 dots a character in one row, 16 in two. One row has
// no words: with no number to show it shows Rest. Two rows show the text in the bitmap font of 12 dots; what is wider
// than the display moves through it. The chips cannot blink by themselves: a number just called is brighter. When the controller is not heard it shows Lost, never the
// old number.
//
// The defaults are those of the blue FC-16 boards of four, read from the side on which their print stands upright: the
// wires come in on the right, row 1 is the upper one, the highest bit is the left one. That is from descriptions and
// was not verified on real hardware; what stands on its head or is mirrored is put right by flip, mirror and from_left.
type Max7219 struct {
	Modules  int    `yaml:"modules"`   // in one row, 3 to 16
	Rows     int    `yaml:"rows"`      // 1 or 2; each wired from the same side, the lower one first in the chain
	Bright   int    `yaml:"bright"`    // 0 to 15, as usual
	Call     int    `yaml:"call"`      // 0 to 15, while a number has just been called
	Flip     bool   `yaml:"flip"`      // row 1 of a module is the lowest
	Mirror   bool   `yaml:"mirror"`    // the highest bit of a row is the right one
	FromLeft bool   `yaml:"from_left"` // the wires come in on the left
	Scrolls  bool   `yaml:"scroll"`    // a text that is wider than the display moves through it; off: such a text is refused
	Rest     string `yaml:"rest"`      // shown where there is neither a number nor room for the text; ASCII
	Lost     string `yaml:"lost"`      // shown while the controller is not heard; ASCII
}

// NewMax7219 returns one row of four modules, not bright, with a dash for no number.
func NewMax7219() *Max7219 {
	return &Max7219{Modules: 4, Rows: 1, Bright: 3, Call: 15, Scrolls: true, Rest: "-", Lost: "--?"}
}

// Check judges all options and returns every mistake, joined.
func (m *Max7219) Check() error {
	var errs []error
	for _, o := range []struct {
		key                string
		value, least, most int
	}{{"modules", m.Modules, 3, 16}, {"rows", m.Rows, 1, 2}, {"bright", m.Bright, 0, 15}, {"call", m.Call, 0, 15}} {
		if o.value < o.least || o.value > o.most {
			errs = append(errs, fmt.Errorf("%s: %d is not from %d to %d", o.key, o.value, o.least, o.most))
		}
	}
	for _, o := range []struct{ key, text string }{{"rest", m.Rest}, {"lost", m.Lost}} {
		switch {
		case !isLarge(o.text):
			errs = append(errs, fmt.Errorf("%s: %q has characters beyond ASCII", o.key, o.text))
		case o.key == "lost" && strings.TrimSpace(o.text) == "":
			errs = append(errs, errors.New("lost: must show something, or the display would go dark in silence"))
		case len(o.text) > max(1, m.Modules/max(1, m.Rows)):
			errs = append(errs, fmt.Errorf("%s: %q is wider than the display", o.key, o.text))
		}
	}
	return errors.Join(errs...)
}

// Fits refuses a number that is wider than the display and, where it has words, a text that is wider or has a
// character that the font lacks.
func (m *Max7219) Fits(s Show) error {
	if room := m.Modules / m.Rows; s.Number != "" && (len(s.Number) > room || !isLarge(s.Number)) {
		return fmt.Errorf("show %q: the display has room for %d large letters and digits", s.Number, room)
	}
	if m.Rows == 1 || s.Mode == Calling || s.Mode == Stale {
		return nil
	}
	switch n := halves(s.Text) * fontHalf; {
	case n > maxWide:
		return fmt.Errorf("show %q: %d dots wide, the longest text has %d", s.Text, n, maxWide)
	case n > m.Modules*module && (!m.Scrolls || s.Mode == Serving):
		return fmt.Errorf("show %q: %d dots wide, the display has %d", s.Text, n, m.Modules*module)
	}
	for _, r := range s.Text {
		if !drawable(r) {
			return fmt.Errorf("show %q: the font lacks %q", s.Text, r)
		}
	}
	return nil
}

// Encode returns the transactions that show s, each behind one byte with its length, as drivers/port takes them for SPI:
// five settings, then the eight rows of all modules.
func (m *Max7219) Encode(s Show) []byte {
	light := m.Bright
	if s.Blink {
		light = m.Call
	}
	out := maxSettings(m.Modules*m.Rows, s.dimmed(light), module, !s.Off)
	img := m.picture(s)
	for row := range module {
		out = append(out, byte(2*m.Modules*m.Rows))
		for _, at := range m.chain() {
			out = append(out, byte(maxRow1+row), m.bits(img, at, row))
		}
	}
	return out
}

// maxSettings returns the transactions that set up a chain of chips: rows of them are shown as their bits are, at a
// brightness from 0 to 15; lit is false for a dark display. Out of the chip's sleep comes last, as the data sheet has
// it: until then it is dark and shows nothing half set.
func maxSettings(chips, light, rows int, lit bool) (out []byte) {
	awake := 0
	if lit {
		awake = 1
	}
	for _, set := range [][2]int{{maxTest, 0}, {maxDecode, 0}, {maxScanLimit, rows - 1}, {maxIntensity, light}, {maxShutdown, awake}} {
		out = append(out, byte(2*chips))
		for range chips {
			out = append(out, byte(set[0]), byte(set[1]))
		}
	}
	return out
}

// Dims implements Dimmer.
func (m *Max7219) Dims() bool { return true }

// Scroll implements Scroller. A text that is wider than two rows passes through with a gap behind it.
func (m *Max7219) Scroll(s Show) (in, past int) {
	in = m.Modules * module / maxStep
	if w := halves(s.Text) * fontHalf; m.words(s) && w > m.Modules*module {
		past = (w + maxGap) / maxStep
	}
	return in, past
}

// chain lists the upper left dots of all modules as their bits are sent: the far end of the chain first.
func (m *Max7219) chain() []image.Point {
	var out []image.Point
	for y := range m.Rows {
		row := make([]image.Point, m.Modules)
		for x := range row {
			row[x] = image.Pt(x*module, y*module)
		}
		if m.FromLeft {
			slices.Reverse(row)
		}
		out = append(out, row...)
	}
	return out
}

// bits is one row of the module at that place.
func (m *Max7219) bits(img *image.Alpha, at image.Point, row int) (b byte) {
	if m.Flip {
		row = module - 1 - row
	}
	for x := range module {
		if img.AlphaAt(at.X+x, at.Y+row).A == 0 {
			continue
		}
		if m.Mirror {
			b |= 1 << x
		} else {
			b |= 0x80 >> x
		}
	}
	return b
}

// picture draws what s shows, in the middle of the display.
func (m *Max7219) picture(s Show) *image.Alpha {
	img := image.NewAlpha(image.Rect(0, 0, m.Modules*module, m.Rows*module))
	number := s.Number != "" && len(s.Number) <= m.Modules/m.Rows && isLarge(s.Number)
	words, moved := m.words(s), -s.Step*maxStep
	switch {
	case s.Mode == Stale:
		m.large(img, m.Lost, 0)
	case s.Mode == Calling && number, s.Mode == Serving && number && !words:
		m.large(img, s.Number, moved)
	case words:
		m.small(img, s.Text, moved)
	default:
		m.large(img, m.Rest, 0)
	}
	return img
}

// words says whether s is shown as text.
func (m *Max7219) words(s Show) bool {
	return m.Rows == 2 && s.Text != "" && s.Mode != Calling && s.Mode != Stale && m.Fits(Show{Mode: s.Mode, Text: s.Text}) == nil
}

// large draws letters of 8 by 8 dots, each dot as high and as wide as the display has rows, moved to the right by so
// many dots.
func (m *Max7219) large(img *image.Alpha, text string, moved int) {
	left := (img.Rect.Dx()-len(text)*module*m.Rows)/2 + moved
	for i := range len(text) {
		glyph := max7219.CP437Glyphs[text[i]]
		for y := range module * m.Rows {
			for x := range module * m.Rows {
				at := image.Pt(left+i*module*m.Rows+x, y)
				if glyph[y/m.Rows]&(0x80>>(x/m.Rows)) != 0 && at.In(img.Rect) {
					img.Pix[img.PixOffset(at.X, at.Y)] = 0xff
				}
			}
		}
	}
}

// small draws text in the bitmap font, moved to the right by so many dots: in the middle if it fits, from the left edge
// and followed by itself if it does not.
func (m *Max7219) small(img *image.Alpha, text string, moved int) {
	width := halves(text) * fontHalf
	if width <= img.Rect.Dx() {
		m.line(img, text, (img.Rect.Dx()-width)/2+moved)
		return
	}
	m.line(img, text, moved)
	m.line(img, text, moved+width+maxGap)
}

// line draws text from x on.
func (m *Max7219) line(img *image.Alpha, text string, x int) {
	for _, r := range text {
		if dr, mask, at, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(x, fontAscent), r); ok {
			draw.Draw(img, dr, mask, at, draw.Over)
		}
		x += halves(string(r)) * fontHalf
	}
}

// halves is the width of a text in half cells.
func halves(s string) (n int) {
	for _, r := range s {
		if n++; r > 0x7f {
			n++
		}
	}
	return n
}

// isLarge says whether the font of the large letters has all of a text: printable ASCII.
func isLarge(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// drawable says whether the bitmap font has r. For a glyph that it lacks it says ok and gives an empty mask.
func drawable(r rune) bool {
	if r == ' ' || r == '\u3000' {
		return true
	}
	dr, mask, at, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(0, fontAscent), r)
	if !ok {
		return false
	}
	img := image.NewAlpha(image.Rect(0, 0, 2*fontHalf, fontHeight))
	draw.Draw(img, dr, mask, at, draw.Over)
	return slices.ContainsFunc(img.Pix, func(a uint8) bool { return a > 0 })
}
