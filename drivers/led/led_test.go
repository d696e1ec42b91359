package led

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pictures is each state a counter display can be in, and texts that somebody may have meant badly.
func pictures() []Show {
	return []Show{
		{Mode: Closed, Text: "停止办公"},
		{Mode: Idle, Text: "3号窗口"},
		{Mode: Calling, Text: "请A012号办理", Number: "A012", Blink: true},
		{Mode: Calling, Text: "请A012号办理", Number: "A012"},
		{Mode: Serving, Text: "正在办理A012", Number: "A012"},
		{Mode: Serving, Text: "正在办理AX07", Number: "AX07"},
		{Mode: Rating, Text: "请您评价", Number: "A012"},
		{Mode: Paused, Text: "暂停服务"},
		{Mode: Stale, Text: "信号中断请稍候", Number: "A012"},
		{Mode: Calling, Text: "\x1b[2J请\r\nA888", Number: "A888"},
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

// The manual's own example.
func TestXunpengManual(t *testing.T) {
	x := NewXunpeng()
	got := x.Encode(Show{Mode: Serving, Number: "A888"})
	if want := []byte("\x3a\x00\x78\x03\x01\xb6\x0a"); !bytes.Equal(got, want) {
		t.Errorf("888 in green is % x, the manual has % x", got, want)
	}
	if n, ok := x.Answer([]byte("\x2a\x00\x78\x03\x01\xa6\x0a")); n != 7 || !ok {
		t.Errorf("the manual's answer: %d, %t", n, ok)
	}
}

func TestXunpengAnswer(t *testing.T) {
	for _, c := range []struct {
		in string
		n  int
		ok bool
	}{
		{"", 0, false},
		{"\x2a\x00\x78\x03\x01\xa6", 0, false},
		{"\x2a\x00\x78\x03\x01\xa7\x0a", 1, false}, // sum
		{"\x2a\x00\x78\x03\x01\xa6\x0b", 1, false}, // end
		{"\x00\xff\x2a\x00", 2, false},             // noise, then a start
		{"\x3a\x00\x78\x03\x01\xb6\x0a", 7, false}, // our own frame, heard on the two wires of RS-485
	} {
		if n, ok := NewXunpeng().Answer([]byte(c.in)); n != c.n || ok != c.ok {
			t.Errorf("Answer(% x) = %d, %t; want %d, %t", c.in, n, ok, c.n, c.ok)
		}
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		d    Driver
		s    Show
		want string // part of the error; empty: it fits
	}{
		{NewXunpeng(), Show{Mode: Calling, Number: "A012"}, ""},
		{NewXunpeng(), Show{Mode: Calling, Number: "AX999"}, ""},
		{NewXunpeng(), Show{Mode: Idle, Text: "财务部财务部财务部"}, ""},
		{NewXunpeng(), Show{Mode: Calling, Number: "A10000"}, "ends at 9999"},
		{NewXunpeng(), Show{Mode: Calling, Number: "A99999999999999999999"}, "ends at 9999"},
		{NewXunpeng(), Show{Mode: Calling, Number: "A"}, "no digits"},
		{NewXunpeng(), Show{Mode: Calling, Number: "A0-2"}, "digits only"},
		{NewXunpeng(), Show{Mode: Calling, Number: "B8888"}, "not heard"},
		{NewXunpeng(), Show{Mode: Calling, Number: "A000"}, "no number"},
		{NewTerminal(), Show{Text: "信号中断请稍候!"}, ""},
		{NewTerminal(), Show{Text: "人文社会科学研究院"}, "9 cells"},
		{NewTerminal(), Show{Text: "请\x1b[2J"}, "cannot be shown"},
	} {
		err := c.d.Fits(c.s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T.Fits(%+v) = %v, want %q", c.d, c.s, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := NewXunpeng().Check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	err := (&Xunpeng{Colour: "blue", Call: "red", Off: "", Rest: -1, Lost: 10000}).Check()
	for _, want := range []string{`colour: "blue"`, `off: ""`, "rest: -1", "lost: 10000"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check() = %v, want %q in it", err, want)
		}
	}
}

func TestCells(t *testing.T) {
	for s, want := range map[string]int{"": 0, "A": 1, "A0": 1, "A012": 2, "3号窗口": 4, "请A012号办理": 6, "　": 1} {
		if got := Cells(s); got != want {
			t.Errorf("Cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x2a\x00\x78\x03\x01\xa6\x0a"))
	f.Add([]byte("\x00\x2a\x2a\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, buf []byte) {
		n, ok := NewXunpeng().Answer(buf)
		if n < 0 || n > len(buf) || ok && (n != 7 || buf[0] != 0x2a) {
			t.Fatalf("Answer(% x) = %d, %t", buf, n, ok)
		}
		if n == 0 && len(buf) >= 7 {
			t.Fatalf("Answer(% x) waits for ever", buf)
		}
	})
}

// Whatever the text, a picture is one line or one frame.
func FuzzEncode(f *testing.F) {
	f.Add("calling", "请A012号办理", "A012")
	f.Add("stale", "\r\x1b[2J\n", "ZZ99999")
	f.Fuzz(func(t *testing.T, mode, text, number string) {
		s := Show{Mode: Mode(mode), Text: text, Number: number, Blink: true}
		line := NewTerminal().Encode(s)
		if bytes.IndexFunc(line, func(r rune) bool { return r < 0x20 }) != len(line)-1 || line[len(line)-1] != '\n' {
			t.Fatalf("terminal: %q", line)
		}
		frame := NewXunpeng().Encode(s)
		if len(frame) != 7 || sum8(frame[:5]) != frame[5] {
			t.Fatalf("xunpeng: % x", frame)
		}
	})
}
