package ticket

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

var update = flag.Bool("update", false, "write the golden files anew")

func chinese() Ticket {
	return Ticket{
		Centre: "武汉大学综合事务服务中心", Department: "财务部", Item: "差旅费报销", Number: "A012",
		Ahead: 5, Wait: Wait{10, 20}, Where: "二楼 3 至 6 号窗口",
		Time:       time.Date(2026, 11, 23, 9, 15, 0, 0, time.FixedZone("CST", 8*3600)),
		MissedRule: "叫号 3 次未到即过号，30 分钟内返回可恢复一次。",
		QR:         "https://fwzx.example.edu.cn/t/01JCXK3V9Q8ZR4T7WYB2DMF6HN", Lang: Chinese,
	}
}

func english() Ticket {
	t := chinese()
	t.Centre, t.Department, t.Item = "Wuhan University Service Centre", "Finance Department", "Travel expense claims"
	t.Where, t.MissedRule, t.Lang = "counters 3 to 6, floor 2", "Missed after 3 calls; restored once within 30 minutes.", English
	return t
}

// offline is a ticket as a kiosk prints it when it is cut off: nobody knows how many wait.
func offline(t Ticket) Ticket {
	t.Number, t.Offline, t.Ahead, t.Wait = "AX07", true, Unknown, Wait{}
	return t
}

func reprint(t Ticket) Ticket {
	t.Reprint = 2
	return t
}

// long is a ticket of the longest names of the sample, Chinese or English.
func long(t Ticket) Ticket {
	t.Department, t.Item = "人文社会科学研究院", "国家社会科学基金项目结题"
	if t.Lang == English {
		t.Department, t.Item = "Human Resources Department", "Registration of new staff"
	}
	return t
}

func cases() map[string]Ticket {
	m := map[string]Ticket{}
	for lang, t := range map[string]Ticket{"zh": chinese(), "en": english()} {
		m[lang], m[lang+"-reprint"], m[lang+"-offline"] = t, reprint(t), offline(t)
		m[lang+"-offline-reprint"], m[lang+"-long"] = reprint(offline(t)), long(t)
		m[lang+"-long-reprint"], m[lang+"-long-offline-reprint"] = reprint(long(t)), reprint(offline(long(t)))
	}
	return m
}

// paperOf names the paper by its columns.
func paperOf(columns int) string { return map[int]string{32: "58", 48: "80"}[columns] }

func TestGolden(t *testing.T) {
	for name, tk := range cases() {
		for _, columns := range []int{32, 48} {
			got := (&printer.Text{Cols: columns}).Encode(Layout(tk, Options{Columns: columns}))
			path := filepath.Join("testdata", name+"-"+paperOf(columns)+".golden")
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
	}
}

// printed prints the ticket on the twin of a printer and returns what came out.
func printed(t *testing.T, tk Ticket, columns int) (stream []byte, p virtual.Paper) {
	t.Helper()
	e := printer.NewESCPOS()
	e.Cols = columns
	stream = e.Encode(Layout(tk, Options{Columns: columns}))
	return stream, onTwin(t, stream, columns)
}

// onTwin prints a stream that makes one paper, every command of which the printer knows.
func onTwin(t *testing.T, stream []byte, columns int) virtual.Paper {
	t.Helper()
	papers := make(chan virtual.Paper, 2)
	twin := virtual.NewPrinter(virtual.PrinterOptions{Dots: columns * 12, OnPaper: func(p virtual.Paper) { papers <- p }})
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- twin.Serve(t.Context(), far) }()
	if _, err := io.Copy(near, bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(near.Close(), <-served); err != nil {
		t.Fatal(err)
	}
	if len(papers) != 1 || twin.Unknown() != 0 || twin.Waiting() != 0 {
		t.Fatalf("%d papers, %d unknown commands, %d bytes left", len(papers), twin.Unknown(), twin.Waiting())
	}
	return <-papers
}

// The limits of the wire: 0.4 s at 9600 baud, and paper that moves at once.
func TestBytes(t *testing.T) {
	for name, tk := range cases() {
		for _, columns := range []int{32, 48} {
			stream, p := printed(t, tk, columns)
			at := bytes.Index(stream, []byte(tk.Number))
			if len(stream) > 400 || at < 0 || at+len(tk.Number) > 80 {
				t.Errorf("%s at %d columns: %d bytes, the number at %d", name, columns, len(stream), at)
			}
			if p.Broken != 0 || !slices.Equal(p.QR, []string{tk.QR}) || !slices.Contains(p.Lines, tk.Number) {
				t.Errorf("%s at %d columns: %d lines broken by the printer, QR %q, lines %q", name, columns, p.Broken, p.QR, p.Lines)
			}
		}
	}
}

// What stands on the paper is what was laid out, whoever reads it.
func TestPaperSaysTheTicket(t *testing.T) {
	_, p := printed(t, reprint(chinese()), 48)
	text := strings.Join(p.Lines, "\n")
	for _, want := range []string{"武汉大学综合事务服务中心", "A012", "财务部", "差旅费报销", "前面等候  5 人", "预计等候  10 至 20 分钟",
		"办理地点  二楼 3 至 6 号窗口", "取号时间  2026-11-23 09:15", "叫号 3 次未到即过号，30 分钟内返回可恢复一次。", "补打 第 2 次"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the paper:\n%s", want, text)
		}
	}
	_, p = printed(t, offline(chinese()), 48)
	text = strings.Join(p.Lines, "\n")
	if !strings.Contains(text, "离线取号，按取号时间排队") || strings.Contains(text, "前面等候") {
		t.Errorf("offline ticket:\n%s", text)
	}
}

// One language a ticket: no Chinese on an English one but what the caller's texts contain.
func TestOneLanguage(t *testing.T) {
	for name, tk := range cases() {
		out := (&printer.Text{Cols: 48}).Encode(Layout(tk, Options{Columns: 48}))
		if tk.Lang == English && bytes.ContainsFunc(out, func(r rune) bool { return r > 0x7f }) {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

// However long the names are, the number comes first enough, and no line is left to the printer to break.
func TestAnyLength(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 13, 39} {
		tk := chinese()
		tk.Centre, tk.Department, tk.Item = strings.Repeat("中", n), strings.Repeat("Department ", n), strings.Repeat("事", n*3)
		tk.Number, tk.Where = "A"+strings.Repeat("1", n+1), strings.Repeat("一楼 1 号窗口、", n)
		for _, columns := range []int{32, 48} {
			stream, p := printed(t, tk, columns)
			if at := bytes.Index(stream, []byte("A1")); at < 0 || at+4 > 80 {
				t.Errorf("n=%d, %d columns: number at %d", n, columns, at)
			}
			if p.Broken != 0 {
				t.Errorf("n=%d, %d columns: %d lines broken by the printer", n, columns, p.Broken)
			}
		}
	}
}

func TestByClause(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"二楼 3、7至9 号窗口", "二楼 3、7至9 号窗口"},
		{"地下一层 1 号窗口；二楼 3 号窗口", "地下一层 1 号窗口；|二楼 3 号窗口"},
		{"counter 1, floor 1; counter 3, floor 2", "counter 1, floor 1;|counter 3, floor 2"},
		{"counters 1, 2 to 8, floor 2", "counters 1, 2 to 8,|floor 2"},
		{"，一楼一号窗口到二楼二十号窗口", "，一楼一号窗口到二楼|二十号窗口"}, // no stop to break at
	} {
		if got := strings.Join(byClause(c.in, 20), "|"); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		wait   Wait
		zh, en string
	}{
		{Wait{}, "", ""}, {Wait{20, 10}, "", ""}, {Wait{0, 5}, "5 分钟以内", "up to 5 min"},
		{Wait{-3, 5}, "5 分钟以内", "up to 5 min"}, {Wait{7, 7}, "约 7 分钟", "about 7 min"}, {Wait{10, 20}, "10 至 20 分钟", "10 to 20 min"},
	} {
		if zh, en := wordsOf(Chinese).interval(c.wait), wordsOf(English).interval(c.wait); zh != c.zh || en != c.en {
			t.Errorf("%v: %q, %q", c.wait, zh, en)
		}
	}
}

// Labels of a language are equally wide, or the values would not stand under each other.
func TestLabels(t *testing.T) {
	for _, lang := range []Lang{Chinese, English} {
		w := wordsOf(lang)
		for _, label := range []string{w.wait, w.where, w.taken} {
			if printer.Width(label) != printer.Width(w.ahead) {
				t.Errorf("%s: %q and %q differ in width", lang, label, w.ahead)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	if p := Layout(Ticket{Ahead: Unknown}, Options{}); len(p.Lines) != 0 {
		t.Errorf("an empty ticket has lines: %s", fmt.Sprint(p.Lines))
	}
}
