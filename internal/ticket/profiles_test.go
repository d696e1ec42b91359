package ticket

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

// profiled is a printer as its profile sets it.
func profiled(p printer.Profile) *printer.ESCPOS {
	e := printer.NewESCPOS()
	e.Preset(p.Name)
	return e
}

// twinOf prints a stream on a printer such as the profile describes; without a cutter the paper is torn off.
func twinOf(t *testing.T, p printer.Profile, stream []byte) virtual.Paper {
	t.Helper()
	papers := make(chan virtual.Paper, 2)
	twin := virtual.NewPrinter(virtual.PrinterOptions{
		Dots: p.Columns * 12, GB18030: p.Codepage == "gb18030", SmallHanzi: p.Hanzi == "fs", OnPaper: func(p virtual.Paper) { papers <- p },
	})
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- twin.Serve(t.Context(), far) }()
	if _, err := near.Write(stream); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(near.Close(), <-served); err != nil {
		t.Fatal(err)
	}
	if !p.Cutter {
		twin.Tear()
	}
	if len(papers) != 1 || twin.Unknown() != 0 || twin.Waiting() != 0 {
		t.Fatalf("%s: %d papers, %d unknown commands, %d bytes left", p.Name, len(papers), twin.Unknown(), twin.Waiting())
	}
	return <-papers
}

// On every printer of the table every ticket, rare characters included, is on a line of 19,200 baud in less than 0.6 s,
// ten bits a byte; its number is among the first 80 bytes; and no line is left to the printer to break.
func TestProfilesAreFast(t *testing.T) {
	all := cases()
	all["rare"] = pictured()["zh-rare"]
	for _, p := range printer.Profiles() {
		e := profiled(p)
		longest := 0
		for name, tk := range all {
			stream := e.Encode(Layout(tk, Options{Columns: e.Columns()}))
			longest = max(longest, len(stream))
			if d := onTheLine(len(stream), 19200); d >= 600*time.Millisecond {
				t.Errorf("%s, %s: %d bytes, %v", p.Name, name, len(stream), d)
			}
			if at := bytes.Index(stream, []byte(tk.Number)); at < 0 || at+len(tk.Number) > 80 {
				t.Errorf("%s, %s: the number at %d", p.Name, name, at)
			}
			paper := twinOf(t, p, stream)
			native := slices.Equal(paper.QR, []string{tk.QR})
			if paper.Broken != 0 || !slices.Contains(paper.Lines, tk.Number) || native != (p.QR == "native") || paper.Cut != p.Cutter {
				t.Errorf("%s, %s: %d lines broken, QR %q, cut %t, lines %q", p.Name, name, paper.Broken, paper.QR, paper.Cut, paper.Lines)
			}
		}
		t.Logf("%-12s at most %4d bytes: %v at 19,200 baud, %v at its own %d", p.Name, longest, onTheLine(longest, 19200), onTheLine(longest, p.Baud), p.Baud)
	}
}

// onTheLine is how long bytes take.
func onTheLine(bytes, baud int) time.Duration {
	return time.Duration(bytes) * 10 * time.Second / time.Duration(baud)
}

// TestProfilePictures compares docs/printers with what the twins of all profiles print today;
// go test ./internal/ticket -run Pictures -update draws them anew.
func TestProfilePictures(t *testing.T) {
	for _, p := range printer.Profiles() {
		e := profiled(p)
		paper := twinOf(t, p, e.Encode(Layout(chinese(), Options{Columns: e.Columns()})))
		path := filepath.Join("..", "..", "docs", "printers", p.Name+".svg")
		got := svg(paper, e.Columns())
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date", path)
		}
	}
}
