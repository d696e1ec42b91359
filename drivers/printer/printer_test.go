package printer_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

var update = flag.Bool("update", false, "write the golden files anew")

// checker is a picture 20 by 3 dots, every other dot black.
func checker() image.Image {
	img := image.NewGray(image.Rect(0, 0, 20, 3))
	for y := range 3 {
		for x := range 20 {
			if (x+y)%2 == 0 {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	return img
}

// papers are the cases of the golden files.
func papers() map[string]printer.Paper {
	return map[string]printer.Paper{
		"ticket": {Lines: []printer.Line{
			{Text: "武汉大学综合事务服务中心", Align: printer.Center, Feed: 12},
			{Text: "A012", Align: printer.Center, Width: 6, Height: 6, Feed: 12},
			{Text: "财务部", Align: printer.Center, Width: 2, Height: 2},
			{Text: "前面等候  5 人"},
			{Text: "2026-11-23 09:15", Align: printer.Right},
			{QR: "https://example.edu.cn/t/01JC", Align: printer.Center},
		}},
		"styles": {Lines: []printer.Line{
			{Text: "粗体", Bold: true}, {Text: "粗体 again", Bold: true}, {Text: "plain"},
			{}, {Feed: 100}, {Text: "九", Width: 9, Height: 20}, {Text: "A", Align: 7, Feed: 999},
		}},
		"rare": {Lines: []printer.Line{
			{Text: "张㐀"}, {Text: "镕喆", Width: 2, Height: 2, Align: printer.Center, Bold: true}, {Text: "𠮷龘"},
		}},
		"indent": {Lines: []printer.Line{
			{Text: "前面等候  5 人", Indent: 8}, {Text: "㐀", Indent: 3}, {Text: "centred", Indent: 5, Align: printer.Center},
			{Text: "大", Indent: 99, Width: 2, Height: 2}, {Text: "left", Indent: -4},
		}},
		"picture": {Lines: []printer.Line{{Image: checker(), Align: printer.Right}}},
		"hostile": {Lines: []printer.Line{
			{Text: "A\x1b@B\x1dVB\x00C\x10\x04\x01D\r\nE\x00\u202e\u200b\u0085F\xff\ue000"},
			{QR: "x\x10\x04\x01"}, {QR: strings.Repeat("9", printer.MaxQR+1)},
		}},
	}
}

// drivers are the option sets of the golden files.
func drivers() map[string]printer.Driver {
	narrow := printer.NewESCPOS()
	narrow.Cols, narrow.Codepage, narrow.QR, narrow.HanziSize, narrow.Cutter = 32, "gb2312", "raster", "fs", false
	full := printer.NewESCPOS()
	full.Codepage, full.QR, full.QRSize, full.Feed = "gb18030", "raster", 5, 40
	return map[string]printer.Driver{
		"escpos": printer.NewESCPOS(), "escpos-narrow": narrow, "escpos-full": full, "text": printer.NewText(),
	}
}

func TestGolden(t *testing.T) {
	for driver, d := range drivers() {
		for name, p := range papers() {
			var b bytes.Buffer
			for _, l := range p.Lines {
				fmt.Fprintf(&b, "# text %q qr %q image %t align %d size %dx%d bold %t feed %d\n",
					l.Text, l.QR, l.Image != nil, l.Align, l.Width, l.Height, l.Bold, l.Feed)
			}
			out := d.Encode(p)
			if driver == "text" {
				b.Write(out)
			} else {
				b.WriteString(hex.Dump(out))
			}
			golden(t, driver+"-"+name, b.Bytes())
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
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
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// harmless fails if the stream holds anything but whole commands that a ticket is made of.
func harmless(t *testing.T, out []byte) {
	t.Helper()
	allowed := "ESC @|FS &|FS !|ESC a|ESC $|ESC E|GS !|ESC J|GS v|GS (|text|LF|"
	rest := out
	for len(rest) > 0 {
		n, c := virtual.ParseESCPOS(rest)
		switch {
		case n == 0:
			t.Fatalf("the stream ends within a command: % x", rest)
		case c.Name == "GS V" && n == len(rest):
		case c.Unknown() || !strings.Contains(allowed, c.Name+"|"):
			t.Fatalf("command %s % x in\n%s", c.Name, c.Args, hex.Dump(out))
		case c.Name == "ESC @" && len(rest) != len(out):
			t.Fatalf("initialised in the middle:\n%s", hex.Dump(out))
		}
		rest = rest[n:]
	}
	for _, pair := range []string{"\x10\x04", "\x10\x05", "\x10\x14"} {
		if bytes.Contains(out, []byte(pair)) {
			t.Fatalf("real-time command % x in\n%s", pair, hex.Dump(out))
		}
	}
}

func TestHostileTextIsHarmless(t *testing.T) {
	for _, d := range drivers() {
		if _, ok := d.(*printer.ESCPOS); !ok {
			continue
		}
		for _, p := range papers() {
			harmless(t, d.Encode(p))
		}
	}
}

// A picture that happens to contain the bytes of DLE EOT 1 asks for no status.
func TestPictureIsNoCommand(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 24, 2))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, p := range []image.Point{{3, 0}, {13, 0}, {23, 0}, {19, 1}} { // 10 04 01 / 00 00 10
		img.SetGray(p.X, p.Y, color.Gray{})
	}
	out := printer.NewESCPOS().Encode(printer.Paper{Lines: []printer.Line{{Image: img}}})
	harmless(t, out)
	if !bytes.Contains(out, []byte("\x1dv0\x00\x03\x00\x02\x00\x18\x04\x01\x00\x00\x10")) {
		t.Errorf("picture: %s", hex.Dump(out))
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("请A012号\x1b@", "https://example.edu.cn", 2, 3, 1, true, uint8(0))
	f.Add("\x10\x04\x01镕㐀\u202e", strings.Repeat("x", 199), -1, 99, -5, false, uint8(7))
	f.Fuzz(func(t *testing.T, text, qr string, w, h, feed int, bold bool, opt uint8) {
		if len(text) > 2000 {
			return // time, not meaning
		}
		e := printer.NewESCPOS()
		e.Cols = []int{48, 32}[opt&1]
		e.Codepage = []string{"gbk", "gb2312", "gb18030", "gbk"}[opt>>1&3]
		e.QR = []string{"native", "raster"}[opt>>3&1]
		e.HanziSize = []string{"gs", "fs"}[opt>>4&1]
		e.Cutter = opt>>5&1 == 0
		p := printer.Paper{Lines: []printer.Line{
			{Text: text, Width: w, Height: h, Feed: feed, Indent: h, Bold: bold, Align: printer.Align(w)}, {QR: qr}, {Text: qr + text},
		}}
		harmless(t, e.Encode(p))
		plain := printer.NewText().Encode(p)
		if !utf8.Valid(plain) || bytes.ContainsFunc(plain, func(r rune) bool { return r < 0x20 && r != '\n' }) {
			t.Fatalf("text: %q", plain)
		}
	})
}

func TestStatus(t *testing.T) {
	e := printer.NewESCPOS()
	if got := e.Ask(); string(got) != "\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04" {
		t.Errorf("Ask() = % x", got)
	}
	for _, c := range []struct {
		in   string
		n    int
		want printer.State
		bad  bool
	}{
		{"", 0, "", false},
		{"\x12\x12\x12", 0, "", false},
		{"\x12\x12\x12\x12", 4, printer.OK, false},
		{"\x12\x12\x12\x12\x12", 4, printer.OK, false},
		{"\x12\x12\x12\x1e", 4, printer.Low, false},
		{"\x1a\x12\x12\x12", 4, printer.Offline, false},
		{"\x1a\x32\x12\x7e", 4, printer.Out, false},
		{"\x12\x12\x12\x72", 4, printer.Out, false},
		{"\x1a\x16\x12\x72", 4, printer.Open, false},
		{"\x1a\x52\x12\x12", 4, printer.Error, false},
		{"\x1a\x12\x1a\x12", 4, printer.Error, false},
		{"\x1a\x12\x32\x12", 4, printer.Error, false},
		{"\x1a\x12\x52\x12", 4, printer.Error, false},
		{"\x18\x00\x0c\x00\x12", 4, printer.Out, false}, // automatic status
		{"\x10\x00\x03\x00", 4, printer.Low, false},
		{"\x38\x00\x0f\x00", 4, printer.Open, false},
		{"\x18\x08\x00\x00", 4, printer.Error, false},
		{"\x18\x40\x00\x00", 4, printer.Error, false},
		{"\x18\x00\x00\x00", 4, printer.Offline, false},
		{"\x12\x10\x00\x03\x00\x12\x12\x12", 8, printer.OK, false},  // it comes in the middle of an answer
		{"\x12\x12\x18\x00\x0c\x00\x12\x12", 8, printer.Out, false}, // and says that all before it is past
		{"\x12\x12\x18\x00", 0, "", false},
		{"\x18\x00", 0, "", false},
		{"\x10\x12\x12\x12\x12", 1, "", true}, // looks automatic, is not
		{"\x13\x12", 1, "", true},             // XOFF
		{"\x12\x12A\x12", 3, "", true},
	} {
		n, s, err := e.DecodeStatus([]byte(c.in))
		if n != c.n || s.State != c.want || errors.Is(err, printer.ErrFrame) != c.bad {
			t.Errorf("DecodeStatus(% x) = %d, %+v, %v; want %d, %q, error %t", c.in, n, s, err, c.n, c.want, c.bad)
		}
	}
	e.Status = "none"
	if got := e.Ask(); len(got) != 0 {
		t.Errorf("with status none Ask() = % x", got)
	}
}

func FuzzDecodeStatus(f *testing.F) {
	f.Add([]byte("\x12\x12\x12\x12"))
	f.Add([]byte("\x18\x00\x0c\x00"))
	f.Add([]byte("\x12\x13\x12"))
	f.Fuzz(func(t *testing.T, buf []byte) {
		n, s, err := printer.NewESCPOS().DecodeStatus(buf)
		switch {
		case n < 0 || n > len(buf), err != nil && (n == 0 || s != printer.Said{}), s != (printer.Said{}) && (n < 4 || n%4 != 0 || s.State == ""):
			t.Fatalf("DecodeStatus(% x) = %d, %+v, %v", buf, n, s, err)
		case n == 0 && len(buf) > 48:
			t.Fatalf("DecodeStatus(% x) waits for ever", buf)
		}
	})
}

func TestCheck(t *testing.T) {
	if err := errors.Join(printer.NewESCPOS().Check(), printer.NewText().Check()); err != nil {
		t.Errorf("defaults: %v", err)
	}
	err := (&printer.ESCPOS{Profile: "xp80", Cols: 40, Codepage: "utf8", QR: "", HanziSize: "x", QRSize: 2, Feed: 256, Status: "?", Recovery: "!"}).Check()
	for _, want := range []string{"columns: 40", `profile: "xp80"`, `recover: "!"`, `codepage: "utf8"`, `qr: ""`, `hanzi_size: "x"`, "qr_size: 2", "feed: 256", `status: "?"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check() = %v, want %q in it", err, want)
		}
	}
	if (&printer.Text{Cols: 10}).Check() == nil {
		t.Error("10 columns were accepted")
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"", 10, ""},
		{"A  ", 10, "A  "},
		{"travel expense claims", 10, "travel|expense|claims"},
		{"abcdefghijkl", 5, "abcde|fghij|kl"},
		{"武汉大学财务部", 6, "武汉大|学财务|部"},
		{"武汉大，学", 6, "武汉|大，学"},
		{"武汉（大学）", 6, "武汉|（大|学）"},
		{"返回，30 分钟内", 10, "返回，|30 分钟内"},
		{"。。。。", 4, "。。|。。"},
		{"一", 1, "一"},
	} {
		if got := strings.Join(printer.Wrap(c.in, c.columns), "|"); got != c.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.in, c.columns, got, c.want)
		}
	}
}
