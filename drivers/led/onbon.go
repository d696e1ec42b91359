package led

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// The frame of Onbon's font cards (上海仰邦, BX-5K and BX-6K families), update of a dynamic area, numbers low byte first:
//
//	A5 ×8, then escaped: header(14) data crc(2), then 5A
//	header: to(2) from(2) 00×3 option check display device version data-length(2)
//	data:   A3 06 reply process 00 delete-areas areas area-length(2) area
//	area:   type x(2) y(2) width(2) height(2) id spacing run timeout(2) sound ext align
//	        single-line new-line mode exit speed stay text-length(4) text in GB2312
//
// x and width count bytes of eight dots. The crc is CRC-16/ARC over header and data before they are escaped: A5 becomes
// A6 02, A6 becomes A6 01, 5A becomes 5B 02, 5B becomes 5B 01. Device FE means any card of the families, version is 02,
// from is 8000 for a host. An answer has the data A0 cmd error 00 00, error 0 for done.
// Origin: the maker publishes the protocol ("字库卡协议") and an analyser for it; the layout here was taken from three
// open programs that agree on it (a C one for BX-6K, a C# and a Delphi one for BX-5K). No card was at hand.
const (
	onbonStart   = 0xa5
	onbonEnd     = 0x5a
	onbonStarts  = 8
	onbonHost    = 0x8000
	onbonAny     = 0xfe
	onbonVersion = 0x02
	onbonHeader  = 14
	onbonLongest = 512 // of an answer in bytes, ours: what is longer is noise
	onbonStill   = 0x01
	onbonLeft    = 0x03 // the text passes from right to left
)

// Onbon drives text boards with a BX-5K or BX-6K font card on RS-232, RS-485 or TCP (57600 8N1 from the factory). The card
// has the Chinese font. Several share one line by their addresses; the card's answer proves that it is there.
//
// A call stands still; another text that is wider than the board passes from right to left, by the card itself. Where a
// number is to blink the board is dark in between. Brightness is the card's own matter.
type Onbon struct {
	Addr   int `yaml:"addr"`   // 1 to 65535; 65534 is every card
	Width  int `yaml:"width"`  // of the board in dots, 64 to 1024, by eights
	Height int `yaml:"height"` // of the board in dots, 16 to 128
	Font   int `yaml:"font"`   // the height of the card's characters in dots, 12 to 64: what a call may take of the width
}

// NewOnbon returns the board of 128 by 16 dots that stands on most counters, at address 1.
func NewOnbon() *Onbon { return &Onbon{Addr: 1, Width: 128, Height: 16, Font: 16} }

// Check judges all options and returns every mistake, joined.
func (o *Onbon) Check() error {
	var errs []error
	for _, c := range []struct {
		key                string
		value, least, most int
	}{{"addr", o.Addr, 1, 0xffff}, {"width", o.Width, 64, 1024}, {"height", o.Height, 16, 128}, {"font", o.Font, 12, 64}} {
		if c.value < c.least || c.value > c.most {
			errs = append(errs, fmt.Errorf("%s: %d is not from %d to %d", c.key, c.value, c.least, c.most))
		}
	}
	if o.Width%8 != 0 {
		errs = append(errs, fmt.Errorf("width: %d is not a multiple of 8", o.Width))
	}
	if o.Font > o.Height {
		errs = append(errs, fmt.Errorf("font: %d dots are higher than the board", o.Font))
	}
	return errors.Join(errs...)
}

// wide says whether a text is wider than the board.
func (o *Onbon) wide(text string) bool { return halves(text)*o.Font > 2*o.Width }

// Fits refuses a call that is wider than the board, and characters that the card's font lacks.
func (o *Onbon) Fits(s Show) error {
	if (s.Mode == Calling || s.Mode == Stale) && o.wide(s.Text) {
		return fmt.Errorf("show %q: %d dots wide, the display has %d, and a call never moves", s.Text, halves(s.Text)*o.Font/2, o.Width)
	}
	for _, r := range s.Text {
		if b, err := simplifiedchinese.GBK.NewEncoder().String(string(r)); err != nil || r < ' ' || len(b) == 2 && !inGB2312(b) {
			return fmt.Errorf("show %q: the card's font lacks %q", s.Text, r)
		}
	}
	return nil
}

// inGB2312 says whether two bytes of GBK are a character of GB2312.
func inGB2312(b string) bool { return b[0] >= 0xa1 && b[0] <= 0xf7 && b[1] >= 0xa1 }

// Encode returns the one frame that shows s.
func (o *Onbon) Encode(s Show) []byte {
	text := o.text(s)
	single, mode := byte(0x02), byte(onbonStill)
	if o.wide(s.Text) && s.Mode != Calling {
		single, mode = 0x01, onbonLeft
	}
	le := binary.LittleEndian
	area := []byte{0}
	for _, v := range []int{0, 0, o.Width / 8, o.Height} {
		area = le.AppendUint16(area, uint16(v))
	}
	// Area 0, no spacing, over and over, no time-out, silent, no more parameters, in the middle; then how it comes.
	area = append(area, 0, 0, 0, 0, 0, 0, 0, 0x0a, single, 0x01, mode, 0, 1, 10)
	area = append(le.AppendUint32(area, uint32(len(text))), text...)
	data := append(le.AppendUint16([]byte{0xa3, 0x06, 0x01, 0, 0, 0, 1}, uint16(len(area))), area...)
	return o.frame(data)
}

// text is s in the card's code, with a space for what it lacks. A backslash would begin one of the card's commands, and
// no text at all is refused by it.
func (o *Onbon) text(s Show) []byte {
	if s.Off || s.Text == "" {
		return []byte(" ")
	}
	clean := strings.Map(func(r rune) rune {
		if r == '\\' || o.Fits(Show{Text: string(r)}) != nil {
			return ' '
		}
		return r
	}, s.Text)
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(clean))
	if err != nil {
		return []byte(" ")
	}
	return b
}

// frame puts data into a frame to this board.
func (o *Onbon) frame(data []byte) []byte {
	le := binary.LittleEndian
	in := le.AppendUint16(le.AppendUint16(nil, uint16(o.Addr)), onbonHost)
	in = append(in, 0, 0, 0, 0, 0, 0, onbonAny, onbonVersion)
	in = append(le.AppendUint16(in, uint16(len(data))), data...)
	in = le.AppendUint16(in, crc16(0, in))
	out := bytes.Repeat([]byte{onbonStart}, onbonStarts)
	for _, b := range in {
		switch b {
		case onbonStart, onbonEnd:
			out = append(out, b+1, 2)
		case onbonStart + 1, onbonEnd + 1:
			out = append(out, b, 1)
		default:
			out = append(out, b)
		}
	}
	return append(out, onbonEnd)
}

// Answer takes an answer of this board to a host: a frame with a right check whose error is 0.
func (o *Onbon) Answer(buf []byte) (n int, ok bool) {
	start := bytes.IndexByte(buf, onbonStart)
	switch {
	case start < 0:
		return len(buf), false
	case start > 0:
		return start, false
	}
	end := bytes.IndexByte(buf, onbonEnd)
	if end < 0 {
		if len(buf) >= onbonLongest {
			return 1, false
		}
		return 0, false
	}
	first := 1
	for first < end && buf[first] == onbonStart { // bytes.TrimLeft takes runes, and this is none
		first++
	}
	in, good := onbonPlain(buf[first:end])
	le := binary.LittleEndian
	ok = good && len(in) >= onbonHeader+3+2 && crc16(0, in) == 0 && le.Uint16(in) == onbonHost &&
		(int(le.Uint16(in[2:])) == o.Addr || o.Addr == 0xfffe) && in[onbonHeader] == 0xa0 && in[onbonHeader+2] == 0
	return end + 1, ok
}

// onbonPlain takes the escapes out; good is false where one has no meaning.
func onbonPlain(b []byte) (out []byte, good bool) {
	for i := 0; i < len(b); i++ {
		if b[i] != onbonStart+1 && b[i] != onbonEnd+1 {
			out = append(out, b[i])
			continue
		}
		if i++; i == len(b) || b[i] != 1 && b[i] != 2 {
			return nil, false
		}
		out = append(out, b[i-1]+1-b[i])
	}
	return out, true
}
