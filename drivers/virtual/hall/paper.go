package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/width"

	"quhao/drivers/virtual"
)

// keepPictures is how many papers can still be looked at; a picture takes about 4 KB.
const keepPictures = 64

// paper is a piece of paper that came out of a kiosk, read as a person reads it.
type paper struct {
	kiosk   string
	number  string // empty: there is none on it
	reprint int    // 0: it does not say that it is one
	file    string // its picture
	size    image.Point
}

// papers are all pieces of paper of this run, in the order they came out.
type papers struct {
	dir   string
	out   *voice
	quiet bool // one line for each instead of a picture of it

	older int // pictures of an earlier run in dir

	mu       sync.Mutex
	all      []paper
	pictures map[int][]byte // PNG of the last papers, by their place in all
	taken    map[string]int // of each kiosk's papers, how many are no longer in its slot
	bell     bell
}

func newPapers(dir string, out *voice) (*papers, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	old, err := os.ReadDir(dir)
	return &papers{dir: dir, out: out, older: len(old), pictures: map[int][]byte{}, taken: map[string]int{}}, err
}

// take takes a paper from a printer.
func (p *papers) take(kiosk string, v virtual.Paper) {
	one := read(v)
	one.kiosk, one.size = kiosk, v.Image.Bounds().Size()
	var picture bytes.Buffer
	bad := png.Encode(&picture, v.Image)
	p.mu.Lock()
	name := one.number
	if name == "" {
		name = "paper"
	}
	one.file = filepath.Join(p.dir, fmt.Sprintf("%03d-%s-%s.png", p.older+len(p.all)+1, kiosk, name))
	p.pictures[len(p.all)] = picture.Bytes()
	delete(p.pictures, len(p.all)-keepPictures)
	p.all = append(p.all, one)
	p.mu.Unlock()
	if err := errors.Join(bad, os.WriteFile(one.file, picture.Bytes(), 0o600)); err != nil {
		p.out.event("%s 的图片无法保存：%v", "the picture of %s cannot be kept: %v", name, err)
	}
	if !p.quiet {
		p.out.say("%s", box(append(v.Lines, codes(v.QR)...)))
		p.out.event("%[1]s 打印了 %[2]s", "%s has printed %s: %s", kiosk, name, one.file)
	}
	p.bell.ring()
}

// read finds the number, which stands alone on its line, and whether it is a reprint.
func read(v virtual.Paper) (p paper) {
	// A012, or AX07 of a kiosk that was cut off.
	number := regexp.MustCompile(`^(?:>>> )?([A-Z]{1,2}[0-9]{3,5}|[A-Z]{2,4}[0-9]{2,3})(?: <<<)?$`)
	reprint := regexp.MustCompile(`补打 第 ([0-9]+) 次|Reprint ([0-9]+)`)
	for _, line := range v.Lines {
		if m := number.FindStringSubmatch(line); m != nil && p.number == "" {
			p.number = m[1]
		}
		if m := reprint.FindStringSubmatch(line); m != nil {
			p.reprint, _ = strconv.Atoi(m[1] + m[2]) // digits only, by the pattern
		}
	}
	return p
}

// pick takes what hangs out of a kiosk into the hand; false if nothing does.
func (p *papers) pick(kiosk string) bool {
	n := p.count(kiosk)
	p.mu.Lock()
	more := p.taken[kiosk] < n
	p.taken[kiosk] = n
	p.mu.Unlock()
	p.bell.ring()
	return more
}

// picture is the PNG of a paper by its place in the order, nil if it is not kept any more.
func (p *papers) picture(i int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pictures[i]
}

// picked says of each kiosk how many of its papers are no longer in its slot.
func (p *papers) picked() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.taken)
}

// count is how many papers have come out of a kiosk.
func (p *papers) count(kiosk string) (n int) {
	for _, one := range p.list() {
		if one.kiosk == kiosk {
			n++
		}
	}
	return n
}

// list are all papers so far.
func (p *papers) list() []paper {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[:len(p.all):len(p.all)]
}

// next waits for the paper of a kiosk that follows its first n.
func (p *papers) next(ctx context.Context, kiosk string, n int) (paper, error) {
	for {
		rung := p.bell.next()
		seen := 0
		for _, one := range p.list() {
			if one.kiosk != kiosk {
				continue
			}
			if seen++; seen > n {
				return one, nil
			}
		}
		select {
		case <-ctx.Done():
			return paper{}, context.Cause(ctx)
		case <-rung:
		}
	}
}

// codes are the QR codes of a paper in words.
func codes(qr []string) (out []string) {
	for _, s := range qr {
		out = append(out, "[QR "+s+"]")
	}
	return out
}

// box draws the lines of a paper in a frame, each in the middle.
func box(lines []string) string {
	wide := 20
	for _, s := range lines {
		wide = max(wide, cells(s)+2)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  ┌%s┐\n", strings.Repeat("─", wide))
	for _, s := range lines {
		left := (wide - cells(s)) / 2
		fmt.Fprintf(&b, "  │%s%s%s│\n", strings.Repeat(" ", left), s, strings.Repeat(" ", wide-left-cells(s)))
	}
	fmt.Fprintf(&b, "  └%s┘", strings.Repeat("─", wide))
	return b.String()
}

// cells is how wide a text stands on a terminal.
func cells(s string) (n int) {
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
