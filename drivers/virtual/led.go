package virtual

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Shown is what a display shows.
type Shown struct {
	Value  int    // of a number display, 0 to 65535; -1 before the first frame
	Colour byte   // of a number display: 0 green, 1 yellow, 2 red
	Info   byte   // of a number display: the information byte, 01 in the manual's only example
	Mode   string // of a text display: the word in brackets
	Blink  bool   // of a text display
	Off    bool   // of a text display: the dark half of a blink
	Dim    int    // of a text display: brightness in percent; 0 means full
	Text   string // of a text display
}

// LED is a display that is watched: the Xunpeng number display (NewLED) or a terminal (NewTextLED).
type LED struct {
	onShow func(Shown)
	text   bool

	mu     sync.Mutex
	shown  Shown
	frames int
	bad    int
	mute   bool
}

// NewLED returns a Xunpeng number display for RS-485, 9600 8N1. onShow may be nil; it is called for every frame.
func NewLED(onShow func(Shown)) *LED { return &LED{onShow: onShow, shown: Shown{Value: -1}} }

// NewTextLED returns a display that takes lines of text: "[mode] text", with words behind the mode for its effects,
// "[mode blink off dim=40] text". It never answers.
func NewTextLED(onShow func(Shown)) *LED {
	return &LED{onShow: onShow, text: true, shown: Shown{Value: -1}}
}

// Shown returns what is on the display now.
func (l *LED) Shown() Shown {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// Counts returns how many good frames and how many bytes of noise have come.
func (l *LED) Counts() (frames, noise int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frames, l.bad
}

// SetMute breaks the wire that answers go by.
func (l *LED) SetMute(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = on
}

// Serve shows what comes until ctx ends or the line is cut.
func (l *LED) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		if l.text {
			return l.line(buf), nil
		}
		n, answer := l.frame(buf)
		if len(answer) == 0 {
			return n, nil
		}
		_, err := rw.Write(answer)
		return n, err
	})
}

// frame takes 3A colour value(low, high) info sum 0A, the sum being that of the five bytes before it; the answer is
// the same with 2A in front and its own sum (Xunpeng, "internal protocol", example with 888 in green).
func (l *LED) frame(buf []byte) (n int, answer []byte) {
	if start := bytes.IndexByte(buf, 0x3a); start != 0 {
		if start < 0 {
			start = len(buf)
		}
		l.noise(start)
		return start, nil
	}
	if len(buf) < 7 {
		return 0, nil
	}
	var sum byte
	for _, b := range buf[:5] {
		sum += b
	}
	if buf[5] != sum || buf[6] != 0x0a {
		l.noise(1)
		return 1, nil
	}
	l.show(Shown{Colour: buf[1], Value: little(buf[2:]), Info: buf[4]})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mute {
		return 7, nil
	}
	return 7, append(append([]byte{0x2a}, buf[1:5]...), sum-0x3a+0x2a, 0x0a)
}

// line takes one line of a text display.
func (l *LED) line(buf []byte) int {
	end := bytes.IndexByte(buf, '\n')
	if end < 0 {
		return 0
	}
	head, text, ok := strings.Cut(string(buf[:end]), "] ")
	if !ok || !strings.HasPrefix(head, "[") {
		l.noise(end + 1)
		return end + 1
	}
	words := strings.Fields(head[1:])
	s := Shown{Value: -1, Text: text}
	for i, word := range words {
		switch dim, dims := strings.CutPrefix(word, "dim="); {
		case i == 0:
			s.Mode = word
		case word == "blink":
			s.Blink = true
		case word == "off":
			s.Off = true
		case dims:
			s.Dim, _ = strconv.Atoi(dim) // a word that is no number dims nothing
		}
	}
	l.show(s)
	return end + 1
}

func (l *LED) noise(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad += n
}

func (l *LED) show(s Shown) {
	l.mu.Lock()
	l.shown = s
	l.frames++
	l.mu.Unlock()
	if l.onShow != nil {
		l.onShow(s)
	}
}
