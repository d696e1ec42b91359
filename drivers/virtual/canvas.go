package virtual

import (
	"image"
	"image/color"
	"image/draw"
	"unicode/utf8"

	"github.com/boombuler/barcode/qr"
	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/math/fixed"
)

// canvas is paper being printed: it grows downwards.
type canvas struct {
	width int
	y     int // where the print head is
	rows  [][]bool
	font  map[rune]*image.Alpha // what has been drawn before
}

func (c *canvas) feed(dots int) { c.y += dots }

// bottom is the end of the paper that is out.
func (c *canvas) bottom() int { return max(c.y, len(c.rows)) }

func (c *canvas) dot(x, y int) {
	if x < 0 || x >= c.width || y < 0 {
		return
	}
	for len(c.rows) <= y {
		c.rows = append(c.rows, make([]bool, c.width))
	}
	c.rows[y][x] = true
}

// image returns the paper, black on white, with so many blank rows above.
func (c *canvas) image(blank int) image.Image {
	img := image.NewPaletted(image.Rect(0, 0, c.width, blank+c.bottom()), color.Palette{color.White, color.Black})
	for y, row := range c.rows {
		for x, black := range row {
			if black {
				img.Pix[(blank+y)*img.Stride+x] = 1
			}
		}
	}
	return img
}

// text draws one line of that height, characters of different sizes standing on one foot.
func (c *canvas) text(gs []glyph, x, height int) {
	for _, g := range gs {
		c.glyph(g, x, c.y+height-g.h)
		x += g.w
	}
}

// The bitmap font: a Chinese character is 12 by 12 of its dots within a box of 16, an ASCII one 6 wide.
const (
	fontAscent = 12
	fontTop    = 2 // where the character's square begins within the box
	fontSquare = 12
)

// glyph draws g with its upper left corner at x, y.
func (c *canvas) glyph(g glyph, x, y int) {
	cell := fontSquare
	if g.r < utf8.RuneSelf {
		cell = fontSquare / 2
	}
	magX, magY := g.w/(2*cell), g.h/(2*fontSquare)
	box := c.box(g.r)
	width := box.Rect.Dx()
	x += (g.w - width*magX) / 2
	for i, a := range box.Pix {
		if a > 0 {
			c.block(x+i%width*magX, y+(i/width-2*fontTop)*magY, magX, magY, g.bold)
		}
	}
}

// box is r as the printer's own font of 24 rows has it: the bitmap font's dots doubled. It is empty if the font lacks r.
func (c *canvas) box(r rune) *image.Alpha {
	if box, ok := c.font[r]; ok {
		return box
	}
	if c.font == nil {
		c.font = map[rune]*image.Alpha{}
	}
	dr, mask, at, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(0, fontAscent), r)
	if !ok {
		dr = image.Rectangle{}
	}
	small := image.NewAlpha(image.Rectangle{Max: dr.Size()})
	if ok {
		draw.Draw(small, small.Rect, mask, at, draw.Src)
	}
	box := image.NewAlpha(image.Rectangle{Max: dr.Size().Mul(2)})
	for i := range box.Pix {
		if doubled(small, i%box.Stride, i/box.Stride) {
			box.Pix[i] = 0xff
		}
	}
	c.font[r] = box
	return box
}

// doubled says whether the dot is black in the picture of twice the size. A corner between two neighbours of one colour
// takes that colour (the rule is known as Scale2x, A. Mazzoleni), so slanting strokes become as smooth as a 24-dot
// font's are.
func doubled(img *image.Alpha, x, y int) bool {
	black := func(dx, dy int) bool { return img.AlphaAt(x/2+dx, y/2+dy).A > 0 }
	left, right, up, down := black(-1, 0), black(1, 0), black(0, -1), black(0, 1)
	if up == down || left == right {
		return black(0, 0)
	}
	side, level := left, up
	if x%2 == 1 {
		side = right
	}
	if y%2 == 1 {
		level = down
	}
	if side == level {
		return side
	}
	return black(0, 0)
}

func (c *canvas) block(x, y, w, h int, bold bool) {
	if bold {
		w++
	}
	for dy := range h {
		for dx := range w {
			c.dot(x+dx, y+dy)
		}
	}
}

// raster is GS v 0: m, xL, xH, yL, yH and the dots, after the '0'.
func (s *sheet) raster(args []byte) {
	m, stride, rows, data := args[1], little(args[2:]), little(args[4:]), args[6:]
	across, down := 1+int(m&1), 1+int(m>>1&1)
	left := s.indent(stride * 8 * across)
	for y := range rows {
		for x := range stride * 8 {
			if data[y*stride+x/8]&(0x80>>(x%8)) == 0 {
				continue
			}
			for i := range across * down {
				s.canvas.dot(left+x*across+i%across, s.canvas.y+y*down+i/across)
			}
		}
	}
	s.canvas.feed(rows * down)
}

// function is GS ( fn pL pH cn fn ...: of it only the QR code, k with cn 49.
func (s *sheet) function(args []byte) {
	if len(args) < 5 || args[0] != 'k' || args[3] != 49 {
		return
	}
	rest := args[5:]
	switch args[4] {
	case 67:
		if len(rest) == 1 && rest[0] >= 1 && rest[0] <= 16 {
			s.qr.size = int(rest[0])
		}
	case 69:
		if len(rest) == 1 {
			s.qr.level = rest[0]
		}
	case 80:
		if len(rest) > 1 {
			s.qr.data = string(rest[1:])
		}
	case 81:
		s.drawQR()
	}
}

func (s *sheet) drawQR() {
	level, ok := map[byte]qr.ErrorCorrectionLevel{'0': qr.L, '1': qr.M, '2': qr.Q, '3': qr.H}[s.qr.level]
	if !ok || s.qr.data == "" {
		return
	}
	code, err := qr.Encode(s.qr.data, level, qr.Auto)
	if err != nil {
		return // too long for a QR code: a printer prints nothing either
	}
	n := code.Bounds().Dx()
	if n*s.qr.size > s.opt.Dots {
		return
	}
	left := s.indent(n * s.qr.size)
	for y := range n * s.qr.size {
		for x := range n * s.qr.size {
			if color.GrayModel.Convert(code.At(x/s.qr.size, y/s.qr.size)).(color.Gray).Y < 0x80 {
				s.canvas.dot(left+x, s.canvas.y+y)
			}
		}
	}
	s.canvas.feed(n * s.qr.size)
	s.paper.QR = append(s.paper.QR, s.qr.data)
}
