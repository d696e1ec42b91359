package virtual

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTypist(t *testing.T) {
	ty := NewTypist()
	line := serve(t, ty)
	for _, s := range []string{"next", "rate 5"} {
		if err := ty.Type(s); err != nil {
			t.Fatal(err)
		}
	}
	if got := readN(t, line, 12); got != "next\nrate 5\n" {
		t.Errorf("%q", got)
	}
	if err := ty.Type("two\nlines"); err == nil {
		t.Error("two lines were taken for one")
	}
}

func TestTypistIsNotHeard(t *testing.T) {
	ty := NewTypist()
	for i := range 16 {
		if err := ty.Type(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ty.Type("one more"); err == nil {
		t.Error("a seventeenth line was taken with no line to go out on")
	}
}

func TestTextPrinter(t *testing.T) {
	papers := make(chan Paper, 2)
	p, err := NewTextPrinter(16, func(p Paper) { papers <- p })
	if err != nil {
		t.Fatal(err)
	}
	line := serve(t, p)
	cut := strings.Repeat("-", 16) + "\n"
	for _, part := range []string{"  示例服务大厅\n>>> A0", "12 <<<\n[QR http://127.0.0.1/t/x]\n" + cut, "----\n" + cut} {
		if _, err := line.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct {
		lines  []string
		qr     []string
		broken int // the address is longer than the paper is wide
	}{{[]string{"示例服务大厅", ">>> A012 <<<"}, []string{"http://127.0.0.1/t/x"}, 1}, {[]string{"----"}, nil, 0}} {
		select {
		case got := <-papers:
			if !slices.Equal(got.Lines, want.lines) || !slices.Equal(got.QR, want.qr) || !got.Cut {
				t.Errorf("paper %d: %q %q cut %t", i, got.Lines, got.QR, got.Cut)
			}
			if size := got.Image.Bounds().Size(); size.X != 16*charWidth || size.Y < charHeight || got.Broken != want.broken {
				t.Errorf("paper %d is %v dots large, %d lines broken", i, size, got.Broken)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no paper came out")
		}
	}
}

// TestTextPrinterTears: a stream without a cut does not grow without bound.
func TestTextPrinterTears(t *testing.T) {
	var got []Paper
	p, err := NewTextPrinter(48, func(p Paper) { got = append(got, p) })
	if err != nil {
		t.Fatal(err)
	}
	for range maxTextPaper/100 + 1 {
		p.line(strings.Repeat("x", 99), 100)
	}
	if len(got) != 1 || got[0].Cut {
		t.Errorf("%d papers, want one that was torn off", len(got))
	}
	if _, err := NewTextPrinter(8, nil); err == nil {
		t.Error("a printer of 8 columns was made")
	}
}
