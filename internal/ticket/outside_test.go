//go:build outside

package ticket

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quhao/drivers/printer"
)

// scripts/outside runs these tests, once it has installed the programs that they need.

// variants are printers whose bytes differ in kind.
func variants() map[string]func(*printer.ESCPOS) {
	return map[string]func(*printer.ESCPOS){
		"gbk":          func(*printer.ESCPOS) {},
		"gb2312":       func(e *printer.ESCPOS) { e.Codepage, e.HanziSize = "gb2312", "fs" },
		"gb18030":      func(e *printer.ESCPOS) { e.Codepage = "gb18030" },
		"raster":       func(e *printer.ESCPOS) { e.QR = "raster" },
		"raster odd":   func(e *printer.ESCPOS) { e.QR, e.QRSize = "raster", 5 },
		"large module": func(e *printer.ESCPOS) { e.QRSize = 8 },
	}
}

// paper is one ticket as encoded for one printer.
type paper struct {
	Name     string
	Encoding string
	Stream   []byte

	ticket  Ticket
	printer *printer.ESCPOS
}

// papers are all tickets of the tests on all printers.
func papers() (ps []paper) {
	all := cases()
	maps.Copy(all, pictured())
	for name, tk := range all {
		for variant, set := range variants() {
			for _, columns := range []int{32, 48} {
				e := printer.NewESCPOS()
				e.Cols = columns
				set(e)
				encoding := "gbk"
				if e.Codepage == "gb18030" {
					encoding = "gb18030"
				}
				ps = append(ps, paper{
					fmt.Sprintf("%s, %s, %d columns", name, variant, columns), encoding,
					e.Encode(Layout(tk, Options{Columns: columns})), tk, e,
				})
			}
		}
	}
	return ps
}

// meant is what the paper says in lines of text. The two characters younger than GBK go as pictures but to printers
// with GB18030; they are the only ones that do.
func (p paper) meant() (all []seen) {
	for _, l := range Layout(p.ticket, Options{Columns: p.printer.Cols}).Lines {
		if l.Text == "" {
			continue
		}
		width, height := max(l.Width, 1), max(l.Height, 1)
		for _, s := range printer.Wrap(l.Text, (p.printer.Cols-l.Indent)/width) {
			if p.Encoding == "gb18030" || !strings.ContainsAny(s, "鿏鿭") {
				all = append(all, seen{s, l.Align, width, height, l.Bold, l.Indent})
			}
		}
	}
	return all
}

// byNpos lets npos take the papers apart.
func byNpos(t *testing.T, ps []paper) [][]node {
	t.Helper()
	in, err := json.Marshal(ps)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]node
	if err := json.Unmarshal([]byte(run(t, in, "node", script(t, "parse.js"))), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(ps) {
		t.Fatalf("%d papers of %d", len(all), len(ps))
	}
	return all
}

// run starts a program and returns what it writes.
func run(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(out)
}

// script is the path of one of ours that calls a library of npm.
func script(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("QUHAO_OUTSIDE")
	if dir == "" {
		t.Fatal("QUHAO_OUTSIDE is not set: run scripts/outside")
	}
	return filepath.Join(dir, name)
}

// node is what npos finds: a command with its arguments, or a piece of text with its bytes.
type node struct{ Name, Hex, Text string }

func (n node) args(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(n.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seen is one line of text on the paper, as laid out and as npos sees it.
type seen struct {
	Text          string
	Align         printer.Align
	Width, Height int
	Bold          bool
	Indent        int // columns
}

// reader follows the commands that npos has found.
type reader struct {
	now   seen
	lines []seen
	qr    string
	cut   []byte

	rasters int
}

func (r *reader) follow(t *testing.T, n node) {
	t.Helper()
	if r.cut != nil {
		t.Errorf("%s comes after the cut", n.Name)
	}
	a := n.args(t)
	switch n.Name {
	case "text":
		for line := range strings.Lines(n.Text) {
			text, whole := strings.CutSuffix(line, "\n")
			if !whole {
				t.Errorf("%q has no end", text)
			}
			r.now.Text = text
			r.lines = append(r.lines, r.now)
			r.now.Indent = 0
		}
	case "ESC @":
		r.now = seen{Width: 1, Height: 1}
	case "ESC a":
		r.now.Align = printer.Align(a[0])
	case "ESC E":
		r.now.Bold = a[0] == 1
	case "ESC $":
		r.now.Indent = (int(a[0]) | int(a[1])<<8) / 12
	case "GS !":
		r.now.Width, r.now.Height = 1+int(a[0]>>4), 1+int(a[0]&15)
	case "GS (k":
		if a[3] == 80 {
			r.qr = string(a[5:])
		}
	case "GS V":
		r.cut = a
	case "GS v0":
		r.rasters++
	case "FS &", "FS !", "ESC J":
	default:
		t.Errorf("npos sees %s % x", n.Name, a)
	}
}

// What npos reads, with text decoded by iconv-lite, is what was laid out: each line with its place and size, the QR
// code's content, and one cut, at the end.
func TestOutsideParser(t *testing.T) {
	ps := papers()
	for i, nodes := range byNpos(t, ps) {
		p, r := ps[i], reader{}
		for _, n := range nodes {
			r.follow(t, n)
		}
		if want := p.meant(); !slices.Equal(r.lines, want) {
			t.Errorf("%s: npos reads\n%+v, meant is\n%+v", p.Name, r.lines, want)
		}
		if native := p.printer.QR == "native"; native && r.qr != p.ticket.QR || !native && (r.qr != "" || r.rasters == 0) {
			t.Errorf("%s: QR code %q, %d pictures", p.Name, r.qr, r.rasters)
		}
		if !bytes.Equal(r.cut, []byte{66, 24}) {
			t.Errorf("%s: cut by % x", p.Name, r.cut)
		}
	}
	t.Logf("%d papers", len(ps))
}

// iconv reads the bytes of the text lines as we meant them.
func TestOutsideIconv(t *testing.T) {
	ps := papers()
	for i, nodes := range byNpos(t, ps) {
		var text []byte
		for _, n := range nodes {
			if n.Name == "text" {
				text = append(text, n.args(t)...)
			}
		}
		var want strings.Builder
		for _, l := range ps[i].meant() {
			want.WriteString(l.Text + "\n")
		}
		if got := run(t, text, "iconv", "-f", "GB18030", "-t", "UTF-8"); got != want.String() {
			t.Errorf("%s: iconv reads\n%s, meant is\n%s", ps[i].Name, got, want.String())
		}
	}
}

// zbarimg and jsqr find the status page in the picture of the paper, whether the printer drew the code or we did.
func TestOutsideQR(t *testing.T) {
	dir := t.TempDir()
	var names, want []string
	for _, p := range papers() {
		if p.printer.Codepage != "gbk" || !strings.HasPrefix(p.Name, "zh,") && !strings.HasPrefix(p.Name, "en-reprint,") {
			continue
		}
		var b bytes.Buffer
		if err := png.Encode(&b, onTwin(t, p.Stream, p.printer.Cols).Image); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, p.Name+".png")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		names, want = append(names, path), append(want, p.ticket.QR)
	}
	if len(names) != 2*4*2 {
		t.Fatalf("%d papers were drawn", len(names))
	}
	lines := strings.Join(want, "\n") + "\n"
	if got := run(t, nil, "zbarimg", append([]string{"-q", "--raw"}, names...)...); got != lines {
		t.Errorf("zbarimg reads\n%s, meant is\n%s", got, lines)
	}
	if got := run(t, nil, "node", append([]string{script(t, "qr.js")}, names...)...); got != lines {
		t.Errorf("jsqr reads\n%s, meant is\n%s", got, lines)
	}
	t.Logf("%d papers", len(names))
}
