package virtual

import (
	"context"
	"image"
	"image/draw"
	"io"
	"sync"

	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/math/fixed"
)

// Chips is a chain of MAX7219 on an SPI bus, as its data sheet describes the chip (Maxim 19-4452): registers 1 to 8 the
// digits or rows, 9 decode, A intensity, B scan limit, C shutdown, F test. What it is served are transactions, each
// behind one byte with its length, as our programs hand them to a bus; the first 16 bits go to the far end of the chain.
type Chips struct {
	modules, rows int
	onShow        func()

	mu   sync.Mutex
	regs [][16]byte // the chip next to the host first
	rest int        // digits or rows of a picture that have not come yet
	bad  int        // transactions of a wrong length
}

// NewChips returns a chain of that many modules in a row and rows, each wired from the right, the lower row first.
// Digits of seven segments are one module in one row. onShow may be nil; it is called when a picture is whole: the chips
// were told to wake or to sleep, and then all digits or rows in use have come.
func NewChips(modules, rows int, onShow func()) *Chips {
	return &Chips{modules: modules, rows: rows, onShow: onShow, regs: make([][16]byte, modules*rows)}
}

// Serve obeys until ctx ends or the line is cut. It never answers.
func (c *Chips) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		size := 1 + int(buf[0])
		if len(buf) < size {
			return 0, nil
		}
		c.obey(buf[1:size])
		return size, nil
	})
}

func (c *Chips) obey(tx []byte) {
	c.mu.Lock()
	last := false
	if len(tx) != 2*len(c.regs) {
		c.bad++
	} else {
		for i := range c.regs {
			pair := tx[len(tx)-2*i-2:]
			c.regs[i][pair[0]&0x0f] = pair[1]
		}
		switch reg := tx[0] & 0x0f; {
		case reg == 0x0c:
			c.rest = int(c.regs[0][0x0b]&7) + 1
		case 1 <= reg && reg <= 8:
			c.rest--
			last = c.rest == 0
		}
	}
	c.mu.Unlock()
	if last && c.onShow != nil {
		c.onShow()
	}
}

// Bad is how many transactions were none for this chain.
func (c *Chips) Bad() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bad
}

// Lit says whether anything is to be seen, and how bright it is, 0 to 15.
func (c *Chips) Lit() (lit bool, bright int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.regs[0][0x0c]&1 == 1, int(c.regs[0][0x0a] & 0x0f)
}

// Digits is the text on digits of seven segments, digit 0 of the chip being the right one; "" while it sleeps.
func (c *Chips) Digits() string {
	forms, lit, _ := c.forms()
	if !lit {
		return ""
	}
	return digitText(forms)
}

// forms are the segments of the digits in use, bit 0 A; the left one first.
func (c *Chips) forms() (out []byte, lit bool, bright int) {
	lit, bright = c.Lit()
	c.mu.Lock()
	defer c.mu.Unlock()
	for digit := int(c.regs[0][0x0b] & 7); digit >= 0; digit-- {
		d := c.regs[0][1+digit]
		f := d & 0x80
		for i, bit := range []byte{0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01} { // A to G: table 6 of the data sheet
			if d&bit != 0 {
				f |= 1 << i
			}
		}
		out = append(out, f)
	}
	return out, lit, bright
}

// Dot says whether a dot of a matrix is lit, from the upper left corner on.
func (c *Chips) Dot(x, y int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	chip := (c.rows-1-y/8)*c.modules + c.modules - 1 - x/8
	return c.regs[chip][0x0c]&1 == 1 && c.regs[chip][1+y%8]&(0x80>>(x%8)) != 0
}

// Image is how a matrix looks.
func (c *Chips) Image() image.Image {
	_, bright := c.Lit()
	return dotFace(8*c.modules, 8*c.rows, c.Dot, byte(17*bright))
}

// DigitImage is how digits of seven segments look.
func (c *Chips) DigitImage() image.Image {
	forms, lit, bright := c.forms()
	if !lit {
		clear(forms)
	}
	return digitFace(forms, byte(17*bright))
}

// textDots draws text in the bitmap font of 12 dots, in the middle of a board.
func textDots(text string, width, height int) *image.Alpha {
	img := image.NewAlpha(image.Rect(0, 0, width, height))
	long := 0
	for _, r := range text {
		if long += 6; r > 0x7f {
			long += 6
		}
	}
	x := max(0, width-long) / 2
	for _, r := range text {
		if at, mask, from, _, ok := bitmapfont.FaceSC.Glyph(fixed.P(x, fontAscent+(height-16)/2), r); ok {
			draw.Draw(img, at, mask, from, draw.Over)
		}
		if x += 6; r > 0x7f {
			x += 6
		}
	}
	return img
}
