package virtual

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// Typist is a person, or a device, that sends lines of text and hears nothing: the far end of the drivers called
// terminal for card readers ("0008844356") and for keys ("next", "choose 2", "rate 5").
type Typist struct {
	lines chan string
}

// NewTypist returns a typist with nothing to say yet.
func NewTypist() *Typist { return &Typist{lines: make(chan string, 16)} }

// Type sends a line, ended by LF. It is an error if it is not one line, or if 16 lines wait for a line to go out on.
func (t *Typist) Type(line string) error {
	if strings.ContainsAny(line, "\r\n") {
		return errors.New("type: more than one line")
	}
	select {
	case t.lines <- line:
		return nil
	default:
		return errors.New("type: too many lines wait")
	}
}

// Serve sends what is typed until ctx ends or the line is cut. What is written to it, nobody reads.
func (t *Typist) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	read := make(chan error, 1)
	go func() {
		err := receive(ctx, rw, func(buf []byte) (int, error) { return len(buf), nil })
		cancel()
		read <- err
	}()
	for {
		select {
		case <-ctx.Done():
			return <-read
		case line := <-t.lines:
			if _, err := io.WriteString(rw, line+"\n"); err != nil {
				return ended(ctx, err) // the read ends with the line
			}
		}
	}
}

// maxTextPaper bounds a paper of the text printer, in bytes: what is longer is torn off there.
const maxTextPaper = 64 << 10

// TextPrinter is the far end of the driver text: it takes lines of UTF-8 and cuts at a line of hyphens alone, as wide
// as the paper. It never answers, so nobody can ask it whether it has paper.
type TextPrinter struct {
	columns int
	onPaper func(Paper)

	mu    sync.Mutex
	lines []string
	bytes int
}

// NewTextPrinter returns a printer for paper of that many columns, 16 to 200; onPaper, which may be nil, gets each paper.
func NewTextPrinter(columns int, onPaper func(Paper)) (*TextPrinter, error) {
	if columns < 16 || columns > 200 {
		return nil, fmt.Errorf("text printer of %d columns: 16 to 200 are possible", columns)
	}
	return &TextPrinter{columns: columns, onPaper: onPaper}, nil
}

// Serve prints what comes until ctx ends or the line is cut. A paper that is not cut yet stays in the printer.
func (p *TextPrinter) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		end := bytes.IndexByte(buf, '\n')
		if end < 0 {
			return 0, nil
		}
		p.line(string(buf[:end]), end+1)
		return end + 1, nil
	})
}

// line prints one line of n bytes and hands the paper out if that was the cut.
func (p *TextPrinter) line(s string, n int) {
	p.mu.Lock()
	p.bytes += n
	cut := s == strings.Repeat("-", p.columns)
	if !cut {
		p.lines = append(p.lines, s)
	}
	if !cut && p.bytes < maxTextPaper {
		p.mu.Unlock()
		return
	}
	paper := p.paper(cut)
	p.lines, p.bytes = nil, 0
	p.mu.Unlock()
	if p.onPaper != nil {
		p.onPaper(paper)
	}
}

// paper is what the lines look like, every character in the one size that this printer has. p.mu is held.
func (p *TextPrinter) paper(cut bool) Paper {
	out := Paper{Cut: cut, Bytes: p.bytes}
	sheet := canvas{width: p.columns * charWidth}
	sheet.feed(lineSpacing)
	for _, s := range p.lines {
		out.Broken += sheet.wrapped(s)
		s = strings.TrimSpace(s)
		if code, ok := strings.CutPrefix(s, "[QR "); ok && strings.HasSuffix(code, "]") {
			out.QR = append(out.QR, strings.TrimSuffix(code, "]"))
			continue
		}
		out.Lines = append(out.Lines, s)
	}
	out.Image = sheet.image(0)
	return out
}

// wrapped draws a line in the printer's one size, and goes on below where it is too long; it returns how often it did.
func (c *canvas) wrapped(s string) (broken int) {
	var gs []glyph
	x := 0
	for _, r := range s {
		w := charWidth
		if r >= utf8.RuneSelf {
			w *= 2
		}
		if x+w > c.width {
			c.text(gs, 0, charHeight)
			c.feed(lineSpacing)
			gs, x, broken = nil, 0, broken+1
		}
		gs, x = append(gs, glyph{r: r, w: w, h: charHeight}), x+w
	}
	c.text(gs, 0, charHeight)
	c.feed(lineSpacing)
	return broken
}
