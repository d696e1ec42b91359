package virtual

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"io"
	"sync"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// CardShown is what a text board shows.
type CardShown struct {
	Text          string
	Moves         bool // it passes from right to left
	Width, Height int  // of the area in dots
}

// FontCard is a text board with an Onbon BX-5K or BX-6K font card: frames A5 … 5A, escaped, with CRC-16/ARC, of which it
// knows the update of one dynamic area, A3 06 (the layout as the maker's analyser and three open programs have it).
type FontCard struct {
	addr   int
	onShow func(CardShown)

	mu    sync.Mutex
	shown CardShown
	bad   int
	mute  bool
}

// NewFontCard returns a card at that address. onShow may be nil; it is called for every update.
func NewFontCard(addr int, onShow func(CardShown)) *FontCard {
	return &FontCard{addr: addr, onShow: onShow}
}

// Shown is what stands on the board.
func (f *FontCard) Shown() CardShown {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown
}

// Bad is how many frames were none.
func (f *FontCard) Bad() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad
}

// SetMute breaks the wire that answers go by.
func (f *FontCard) SetMute(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mute = on
}

// Image is how the board looks, in the card's size of characters as far as our font has it: 16 dots high.
func (f *FontCard) Image() image.Image {
	s := f.Shown()
	img := textDots(s.Text, max(s.Width, 8), max(s.Height, 16))
	return dotFace(img.Rect.Dx(), img.Rect.Dy(), func(x, y int) bool { return img.AlphaAt(x, y).A > 0 }, 255)
}

// Serve shows what comes until ctx ends or the line is cut.
func (f *FontCard) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		end := bytes.IndexByte(buf, 0x5a)
		if end < 0 {
			return 0, nil
		}
		first := 0
		for first < end && buf[first] == 0xa5 {
			first++
		}
		answer := f.frame(buf[first:end])
		if len(answer) == 0 {
			return end + 1, nil
		}
		_, err := rw.Write(answer)
		return end + 1, err
	})
}

// frame takes what stands between start and end.
func (f *FontCard) frame(escaped []byte) (answer []byte) {
	in := unescape(escaped)
	s, ok := f.read(in)
	f.mu.Lock()
	if ok {
		f.shown = s
	} else {
		f.bad++
	}
	mute := f.mute
	f.mu.Unlock()
	if !ok || mute {
		return nil
	}
	if f.onShow != nil {
		f.onShow(s)
	}
	if in[14+2] != 1 { // no reply is wanted
		return nil
	}
	return f.reply(binary.LittleEndian.Uint16(in[2:]))
}

// read reads an update for this card: header 14, A3 06 reply process 00 deleted areas length(2), area of 27 and its text.
func (f *FontCard) read(in []byte) (s CardShown, ok bool) {
	le := binary.LittleEndian
	const head, area = 14, 14 + 9
	if len(in) < area+27+2 || arc(in) != 0 || int(le.Uint16(in)) != f.addr || in[10] != 0xfe && in[10]>>4 != 5 && in[10]>>4 != 6 ||
		int(le.Uint16(in[12:])) != len(in)-head-2 || in[head] != 0xa3 || in[head+1] != 0x06 || in[head+6] != 1 ||
		int(le.Uint16(in[head+7:])) != len(in)-area-2 || in[area] != 0 {
		return s, false
	}
	text := in[area+27 : len(in)-2]
	if int(le.Uint32(in[area+23:])) != len(text) || len(text) == 0 {
		return s, false
	}
	plain, err := simplifiedchinese.GBK.NewDecoder().Bytes(text)
	s = CardShown{Text: string(plain), Moves: in[area+19] == 3, Width: 8 * int(le.Uint16(in[area+5:])), Height: int(le.Uint16(in[area+7:]))}
	return s, err == nil
}

// reply is the card's answer that all is done.
func (f *FontCard) reply(to uint16) []byte {
	le := binary.LittleEndian
	in := le.AppendUint16(le.AppendUint16(nil, to), uint16(f.addr))
	in = append(in, 0, 0, 0, 0, 0, 0, 0x51, 0x02, 5, 0, 0xa0, 0, 0, 0, 0)
	in = le.AppendUint16(in, arc(in))
	for _, e := range [][2]string{{"\xa6", "\xa6\x01"}, {"\xa5", "\xa6\x02"}, {"\x5b", "\x5b\x01"}, {"\x5a", "\x5b\x02"}} {
		in = bytes.ReplaceAll(in, []byte(e[0]), []byte(e[1]))
	}
	return append(append([]byte{0xa5}, in...), 0x5a)
}

// unescape undoes A6 02, A6 01, 5B 02 and 5B 01.
func unescape(b []byte) (out []byte) {
	for i := 0; i < len(b); i++ {
		next := byte(0)
		if i+1 < len(b) {
			next = b[i+1]
		}
		switch {
		case b[i] == 0xa6 && next == 2:
			out, i = append(out, 0xa5), i+1
		case b[i] == 0x5b && next == 2:
			out, i = append(out, 0x5a), i+1
		case (b[i] == 0xa6 || b[i] == 0x5b) && next == 1:
			out, i = append(out, b[i]), i+1
		default:
			out = append(out, b[i])
		}
	}
	return out
}

// arc is CRC-16/ARC: 0 over a frame with its right check.
func arc(b []byte) (crc uint16) {
	for _, x := range b {
		for bit := range 8 {
			in := uint16(x>>bit) & 1
			out := (crc ^ in) & 1
			if crc >>= 1; out == 1 {
				crc ^= 0xa001
			}
		}
	}
	return crc
}
