package printer

import (
	"errors"
	"fmt"
	"image"
)

// The commands of ESC/POS that are sent (Epson, "ESC/POS Application Programming Guide", and the Chinese
// manuals that copy it). Sizes: GS ! is used alone, since its page says "effective for all characters
// (alphanumeric and Kanji)", and one command of three bytes magnifies up to eight times where FS ! only doubles.
// Older Chinese mechanisms obey GS ! for ASCII only; hanzi_size: fs sends FS ! as well.
const (
	cmdInit     = "\x1b@"             // ESC @
	cmdChinese  = "\x1c&"             // FS &, Chinese mode on
	cmdAlign    = "\x1ba"             // ESC a n
	cmdPosition = "\x1b$"             // ESC $ nL nH: where the line begins, in dots from the left edge
	cmdBold     = "\x1bE"             // ESC E n
	cmdSize     = "\x1d!"             // GS ! n: high nibble width-1, low nibble height-1
	cmdHanzi    = "\x1c!"             // FS ! n: bit 2 double width, bit 3 double height
	cmdFeedDots = "\x1bJ"             // ESC J n
	cmdRaster   = "\x1dv0"            // GS v 0 m xL xH yL yH data
	cmdCut      = "\x1dVB"            // GS V 66 n: feed to the cutter and n dots more, then cut
	cmdQRSize   = "\x1d(k\x03\x001C"  // GS ( k, function 67
	cmdQRPrint  = "\x1d(k\x03\x001Q0" // GS ( k, function 81
)

// ESCPOS drives the ticket printers that speak ESC/POS with Chinese characters: 58 mm (32 columns, 384 dots) and
// 80 mm (48 columns, 576 dots) at 203 dpi, or 80 mm at 180 dpi (42 columns). Text goes as text in the printer's own font; a line with a character that
// the code page lacks goes as a picture.
type ESCPOS struct {
	Profile   string `yaml:"profile"`    // a family of printers, from the table of profiles; it sets all other options, which single ones override
	Cols      int    `yaml:"columns"`    // 48 on 80 mm paper, 42 where that has 180 dpi, 32 on 58 mm paper; a column is 12 dots
	Codepage  string `yaml:"codepage"`   // gbk, gb2312 or gb18030: the characters its font has
	QR        string `yaml:"qr"`         // native: the printer draws QR codes; raster: they are sent as a picture
	QRSize    int    `yaml:"qr_size"`    // dots of one QR module, 3 to 12; less where the paper is too narrow
	HanziSize string `yaml:"hanzi_size"` // gs, or fs for printers whose GS ! leaves Chinese characters small
	Cutter    bool   `yaml:"cutter"`     // false: feed to the tear-off edge instead of cutting
	Feed      int    `yaml:"feed"`       // dots fed before the cut or the tear-off edge, 0 to 255
	Status    string `yaml:"status"`     // ask: status by DLE EOT; automatic: by GS a as well; none: the printer or its cable cannot answer
	Recovery  string `yaml:"recover"`    // enq: DLE ENQ 2 ends a fault of the cutter after its cause; none: the power switch does
}

// NewESCPOS returns the options of the ordinary profile, an 80 mm printer with a cutter. The code page is GBK: of all printers
// that call themselves GB18030 many lack the four-byte characters, and with GBK those go as pictures.
// Three millimetres are fed beyond the last line, so that the cut does not run along it.
func NewESCPOS() *ESCPOS {
	e := &ESCPOS{Feed: 24}
	e.Preset(Ordinary)
	e.Profile = ""
	return e
}

// Check judges all options and returns every mistake, joined.
func (e *ESCPOS) Check() error {
	var errs []error
	if e.Cols != 32 && e.Cols != 42 && e.Cols != 48 {
		errs = append(errs, fmt.Errorf("columns: %d is none of 32 (58 mm paper), 42 (80 mm at 180 dpi) and 48 (80 mm)", e.Cols))
	}
	oneOf := func(key, got string, want ...string) {
		for _, w := range want {
			if got == w {
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s: %q is none of %q", key, got, want))
	}
	oneOf("codepage", e.Codepage, "gbk", "gb2312", "gb18030")
	oneOf("qr", e.QR, "native", "raster")
	oneOf("hanzi_size", e.HanziSize, "gs", "fs")
	oneOf("status", e.Status, "ask", "automatic", "none")
	oneOf("recover", e.Recovery, "enq", "none")
	if _, ok := profile(e.Profile); !ok {
		var known []string
		for _, p := range Profiles() {
			known = append(known, p.Name)
		}
		oneOf("profile", e.Profile, known...)
	}
	if e.QRSize < 3 || e.QRSize > 12 {
		errs = append(errs, fmt.Errorf("qr_size: %d is not from 3 to 12", e.QRSize))
	}
	if e.Feed < 0 || e.Feed > 255 {
		errs = append(errs, fmt.Errorf("feed: %d is not from 0 to 255", e.Feed))
	}
	return errors.Join(errs...)
}

// Columns is the width of a line in half-width characters at magnification 1.
func (e *ESCPOS) Columns() int { return e.Cols }

// dots is the printable width.
func (e *ESCPOS) dots() int { return e.Cols * 12 }

// tearOff is the usual way from the print head to the edge of a printer without cutter, in dots (15 mm).
const tearOff = 120

// Encode returns the whole ticket, cut included, as one stream. Text can never become a command: see clean.
// A text too wide for its line is wrapped; a QR content that cannot be a QR code is printed as text, so that
// somebody notices; a picture too wide is cropped on the right.
func (e *ESCPOS) Encode(p Paper) []byte {
	w := &writer{opt: e, page: newPage(e.Codepage)}
	w.send(cmdInit, cmdChinese)
	for _, l := range p.Lines {
		w.line(l)
	}
	if e.Cutter {
		w.send(cmdCut, string([]byte{byte(e.Feed)}))
		return w.out
	}
	w.feed(max(e.Feed, tearOff))
	return w.out
}

// writer is one ticket being encoded: what has been sent, and what the printer is set to by it.
// ESC @ sets everything to zero, so the zero value is right.
type writer struct {
	opt         *ESCPOS
	page        page
	out         []byte
	align       Align
	size, hanzi byte
	bold        bool
}

func (w *writer) send(parts ...string) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *writer) feed(dots int) {
	if dots > 0 {
		w.send(cmdFeedDots, string([]byte{byte(min(dots, 255))}))
	}
}

func (w *writer) line(l Line) {
	switch {
	case l.QR != "" && validQR(l.QR):
		w.qr(l)
	case l.QR != "":
		w.text(Line{Text: l.QR})
	case l.Image != nil:
		w.setAlign(l.Align)
		w.raster(bitmapOf(l.Image, w.opt.dots()), 0)
	case l.Text != "":
		w.text(l)
	case l.Feed == 0:
		w.send("\n")
	}
	w.feed(l.Feed)
}

// text prints one line of the layout, wrapped here and not by the printer, which would break inside words
// and measures magnified lines in its own ways.
func (w *writer) text(l Line) {
	width, height := magnified(l.Width), magnified(l.Height)
	w.setAlign(l.Align)
	indent := indented(l, w.opt.Cols)
	for _, s := range Wrap(clean(l.Text), (w.opt.Cols-indent)/width) {
		native, ok := w.page.native(s)
		if !ok {
			b, above, below := drawText(s, width, height, l.Bold).moved(indent * halfCell).trimmed()
			w.feed(2 * above)
			w.raster(b, rasterDouble)
			w.feed(2 * below)
			continue
		}
		w.setPosition(indent)
		w.setSize(width, height)
		w.setBold(l.Bold)
		w.out = w.page.append(w.out, native)
		w.send("\n")
	}
}

func (w *writer) setAlign(a Align) {
	if a < Left || a > Right {
		a = Left
	}
	if a != w.align {
		w.send(cmdAlign, string([]byte{byte(a)}))
		w.align = a
	}
}

// setPosition begins a line so many columns from the left. Even from one column on it is sent in dots: blanks would be
// magnified with the text.
func (w *writer) setPosition(columns int) {
	if dots := columns * 12; dots > 0 {
		w.send(cmdPosition, string([]byte{byte(dots), byte(dots >> 8)}))
	}
}

func (w *writer) setSize(width, height int) {
	if n := byte((width-1)<<4 | (height - 1)); n != w.size {
		w.send(cmdSize, string([]byte{n}))
		w.size = n
	}
	if w.opt.HanziSize != "fs" {
		return
	}
	var n byte
	if width > 1 {
		n |= 1 << 2
	}
	if height > 1 {
		n |= 1 << 3
	}
	if n != w.hanzi {
		w.send(cmdHanzi, string([]byte{n}))
		w.hanzi = n
	}
}

func (w *writer) setBold(on bool) {
	if on == w.bold {
		return
	}
	w.bold = on
	if on {
		w.send(cmdBold, "\x01")
	} else {
		w.send(cmdBold, "\x00")
	}
}

// The m of GS v 0: normal, or each dot doubled both ways.
const rasterDouble = 3

// rasterRows is how many rows go into one GS v 0: printers with small buffers lose the end of a taller picture.
const rasterRows = 128

func (w *writer) raster(b *bitmap, m byte) {
	for y := 0; y < b.height; y += rasterRows {
		rows := min(rasterRows, b.height-y)
		w.send(cmdRaster, string([]byte{m, byte(b.stride), byte(b.stride >> 8), byte(rows), byte(rows >> 8)}))
		w.out = append(w.out, b.data[y*b.stride:(y+rows)*b.stride]...)
	}
}

func (w *writer) qr(l Line) {
	code, err := drawQR(l.QR)
	if err != nil {
		w.text(Line{Text: l.QR})
		return
	}
	w.setAlign(l.Align)
	size := qrModule(code, w.opt.QRSize, w.opt.dots())
	if w.opt.QR == "raster" {
		w.qrPicture(code, size)
		return
	}
	n := len(l.QR) + 3
	// Functions 65 and 69 are not sent: model 2 and level L are what ESC @ sets. A ticket lives for an hour and is
	// seldom creased; the larger modules of level L help a worn print head more than correction does.
	w.send(cmdQRSize, string([]byte{byte(size)}))
	w.send("\x1d(k", string([]byte{byte(n), byte(n >> 8)}), "1P0", l.QR, cmdQRPrint)
}

// qrPicture lets the printer double the dots of an even module size: a quarter of the bytes.
func (w *writer) qrPicture(code image.Image, size int) {
	if size%2 == 0 {
		w.raster(scaled(code, size/2), rasterDouble)
		return
	}
	w.raster(scaled(code, size), 0)
}
