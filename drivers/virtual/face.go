package virtual

import (
	"image"
	"image/color"
	"strings"
)

// What a digit of seven segments shows, by the names of its segments: A is the upper one, B to F follow clockwise, G is
// the middle one. Bit 0 of a form is A; bit 7 is the point.
func shapes() map[string]string {
	return map[string]string{
		"": " ", "ABCDEF": "0", "BC": "1", "ABDEG": "2", "ABCDG": "3", "BCFG": "4", "ACDFG": "5", "ACDEFG": "6", "ABC": "7",
		"ABCDEFG": "8", "ABCDFG": "9", "ABCEFG": "A", "CDEFG": "B", "ADEF": "C", "BCDEG": "D", "ADEFG": "E", "AEFG": "F",
		"ACDEF": "G", "BCEFG": "H", "DEF": "L", "ABEFG": "P", "EG": "R", "DEFG": "T", "BCDEF": "U", "G": "-", "ABEG": "?",
	}
}

// digitText reads digits as a person does; "." follows one whose point is lit, "*" stands for a form without a name.
func digitText(forms []byte) string {
	var out strings.Builder
	for _, f := range forms {
		var lit strings.Builder
		for i := range 7 {
			if f&(1<<i) != 0 {
				lit.WriteByte("ABCDEFG"[i])
			}
		}
		c, ok := shapes()[lit.String()]
		if !ok {
			c = "*"
		}
		out.WriteString(c)
		if f&0x80 != 0 {
			out.WriteByte('.')
		}
	}
	return out.String()
}

// The sizes of a picture in its own dots.
const (
	digitWide = 28
	digitHigh = 44
	stroke    = 4
	dotEvery  = 6 // of a matrix
	dotSize   = 4
)

// faceColours are a dark board, a segment or dot that is out, and one that is lit, at a brightness from 0 to 255.
func faceColours(bright byte) color.Palette {
	full := func(x, most int) uint8 { return uint8(x + (most-x)*int(bright)/255) }
	return color.Palette{color.RGBA{16, 12, 12, 255}, color.RGBA{44, 26, 24, 255}, color.RGBA{full(110, 255), full(30, 70), full(20, 40), 255}}
}

// digitFace draws digits as they look on the board.
func digitFace(forms []byte, bright byte) image.Image {
	img := image.NewPaletted(image.Rect(0, 0, len(forms)*digitWide+stroke, digitHigh), faceColours(bright))
	const left, right, top, bottom, middle = 4, 18, 4, 36, 20
	for i, f := range forms {
		x := i * digitWide
		for bit, r := range []image.Rectangle{
			image.Rect(left+2, top, right+2, top+stroke), image.Rect(right, top+2, right+stroke, middle), image.Rect(right, middle+2, right+stroke, bottom),
			image.Rect(left+2, bottom, right+2, bottom+stroke), image.Rect(left, middle+2, left+stroke, bottom), image.Rect(left, top+2, left+stroke, middle),
			image.Rect(left+2, middle, right+2, middle+stroke), image.Rect(right+6, bottom, right+6+stroke, bottom+stroke),
		} {
			on := uint8(1)
			if f&(1<<bit) != 0 {
				on = 2
			}
			fill(img, r.Add(image.Pt(x, 0)), on)
		}
	}
	return img
}

// dotFace draws a matrix of dots as it looks on the board.
func dotFace(width, height int, lit func(x, y int) bool, bright byte) image.Image {
	img := image.NewPaletted(image.Rect(0, 0, width*dotEvery, height*dotEvery), faceColours(bright))
	for y := range height {
		for x := range width {
			on := uint8(1)
			if lit(x, y) {
				on = 2
			}
			fill(img, image.Rect(0, 0, dotSize, dotSize).Add(image.Pt(x*dotEvery+1, y*dotEvery+1)), on)
		}
	}
	return img
}

func fill(img *image.Paletted, r image.Rectangle, c uint8) {
	r = r.Intersect(img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			img.Pix[img.PixOffset(x, y)] = c
		}
	}
}
