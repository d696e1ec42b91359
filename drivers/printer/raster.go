package printer

import (
	"image"
	"image/color"
	"image/draw"
	"slices"

	"github.com/boombuler/barcode/qr"
	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/math/fixed"
)

// bitmap is a picture as GS v 0 takes it: rows of stride bytes, most significant bit left, 1 is black.
type bitmap struct {
	stride, height int
	data           []byte
}

// newBitmap packs width by height dots.
func newBitmap(width, height int, black func(x, y int) bool) *bitmap {
	b := &bitmap{stride: (width + 7) / 8, height: height}
	b.data = make([]byte, b.stride*height)
	for y := range height {
		for x := range width {
			if black(x, y) {
				b.data[y*b.stride+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	defuse(b.data)
	return b
}

// defuse takes real-time commands out of a picture. A printer looks for DLE EOT, DLE ENQ and DLE DC4 in everything it
// receives, pictures included (Epson's page on DLE EOT says so): a ticket could answer a question nobody asked, or
// clear its own buffer. One dot more, beside the lone dot of 0x10, breaks the pair.
func defuse(data []byte) {
	for i := 0; i+1 < len(data); i++ {
		if next := data[i+1]; data[i] == 0x10 && (next == 0x04 || next == 0x05 || next == 0x14) {
			data[i] = 0x18
		}
	}
}

// bitmapOf packs a picture, cropped to the width of the paper; what is darker than half is black, transparent is white.
func bitmapOf(img image.Image, dots int) *bitmap {
	r := img.Bounds()
	return newBitmap(min(r.Dx(), dots), r.Dy(), func(x, y int) bool {
		c := color.NRGBAModel.Convert(img.At(r.Min.X+x, r.Min.Y+y)).(color.NRGBA)
		return c.A >= 0x80 && color.GrayModel.Convert(c).(color.Gray).Y < 0x80
	})
}

// moved returns the picture with so many white dots on its left.
func (b *bitmap) moved(dots int) *bitmap {
	if dots == 0 {
		return b
	}
	return newBitmap(b.stride*8+dots, b.height, func(x, y int) bool {
		x -= dots
		return x >= 0 && b.data[y*b.stride+x/8]&(0x80>>(x%8)) != 0
	})
}

// trimmed returns the picture without the white rows above and below it, and how many they were: feeding them takes three
// bytes, sending them as many as the line is wide.
func (b *bitmap) trimmed() (inner *bitmap, above, below int) {
	white := func(y int) bool {
		return !slices.ContainsFunc(b.data[y*b.stride:(y+1)*b.stride], func(x byte) bool { return x != 0 })
	}
	for above < b.height-1 && white(above) {
		above++
	}
	for below < b.height-above-1 && white(b.height-below-1) {
		below++
	}
	return &bitmap{b.stride, b.height - above - below, b.data[above*b.stride : (b.height-below)*b.stride]}, above, below
}

// scaled packs a picture with each dot n by n dots.
func scaled(img image.Image, n int) *bitmap {
	r := img.Bounds()
	return newBitmap(r.Dx()*n, r.Dy()*n, func(x, y int) bool {
		return color.GrayModel.Convert(img.At(r.Min.X+x/n, r.Min.Y+y/n)).(color.Gray).Y < 0x80
	})
}

// The bitmap font's cells, in its own dots; printed doubled, they are the size of the printer's own font.
const (
	halfCell   = 6
	cellHeight = 16
	ascent     = 12
)

// geta stands for a character that no font here has, as printers have done since lead type.
const geta = '〓'

// drawText packs one line of text in half the printer's resolution: GS v 0 doubles it.
func drawText(s string, width, height int, bold bool) *bitmap {
	img := image.NewAlpha(image.Rect(0, 0, Width(s)*halfCell, cellHeight))
	x := 0
	for _, r := range s {
		drawRune(img, x, r)
		x += runeWidth(r) * halfCell
	}
	w := img.Rect.Dx()
	return newBitmap(w*width, cellHeight*height, func(x, y int) bool {
		x, y = x/width, y/height
		return img.AlphaAt(x, y).A > 0 || bold && x > 0 && img.AlphaAt(x-1, y).A > 0
	})
}

// drawRune draws r into its cell, or 〓 if the font lacks it.
func drawRune(img *image.Alpha, x int, r rune) {
	if !drawable(r) {
		r = geta
	}
	cell := image.Rect(x, 0, x+runeWidth(r)*halfCell, cellHeight)
	dr, mask, at, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(0, ascent), r)
	if ok {
		dr = dr.Add(image.Pt(x+max(0, cell.Dx()-dr.Dx())/2, 0)).Intersect(cell)
		draw.Draw(img, dr, mask, at, draw.Src)
	}
}

// drawable says whether the bitmap font has r. For a glyph that it lacks it says ok and gives an empty mask.
func drawable(r rune) bool {
	if r == ' ' || r == '\u3000' {
		return true
	}
	dr, mask, at, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(0, 0), r)
	if !ok {
		return false
	}
	img := image.NewAlpha(dr)
	draw.Draw(img, dr, mask, at, draw.Src)
	return slices.ContainsFunc(img.Pix, func(a uint8) bool { return a > 0 })
}

// drawQR returns the code with one dot a module and no margin: the paper is white around it.
// Level L, as the printer's own; see writer.qr.
func drawQR(content string) (image.Image, error) { return qr.Encode(content, qr.L, qr.Auto) }

// qrModule returns the wanted module size, or the largest that leaves the margin of four modules on each side.
func qrModule(code image.Image, want, dots int) int {
	return min(want, max(1, dots/(code.Bounds().Dx()+8)))
}
