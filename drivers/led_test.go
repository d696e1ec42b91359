package drivers

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"quhao/drivers/led"
)

var update = flag.Bool("update", false, "write the golden files of the displays anew; read the difference before committing it")

// pictures is each state a counter display can be in, the effects of a call, and a text that somebody may have meant badly.
func pictures() []led.Show {
	call := led.Show{Mode: led.Calling, Text: "请A012号办理", Number: "A012", Blink: true}
	off, dim, step := call, call, call
	off.Off, dim.Dim, step.Step = true, 40, -3
	return []led.Show{
		{Mode: led.Closed, Text: "停止办公"},
		{Mode: led.Idle, Text: "3号窗口"},
		call, off, dim, step,
		{Mode: led.Calling, Text: "请A012号办理", Number: "A012"},
		{Mode: led.Serving, Text: "正在办理A012", Number: "A012"},
		{Mode: led.Serving, Text: "正在办理AX07", Number: "AX07"},
		{Mode: led.Rating, Text: "请您评价", Number: "A012"},
		{Mode: led.Paused, Text: "暂停服务"},
		{Mode: led.Stale, Text: "信号中断请稍候", Number: "A012"},
		{Mode: led.Idle, Text: "人文社会科学研究院"},
		{Mode: led.Calling, Text: "\x1b[2J请\r\nA888", Number: "A888"},
	}
}

// displays are the drivers of the table that show something, with their defaults.
func displays(t testing.TB) map[string]led.Driver {
	t.Helper()
	out := map[string]led.Driver{}
	for _, s := range Table() {
		if s.Kind != LED {
			continue
		}
		d, ok := s.New().(led.Driver)
		if !ok {
			t.Fatalf("%s is no display", s.Name)
		}
		out[s.Name] = d
	}
	return out
}

// Every display has a golden file of all pictures: this finds it by the driver's name.
func TestDisplaysGolden(t *testing.T) {
	for name, d := range displays(t) {
		var b bytes.Buffer
		for _, s := range pictures() {
			fmt.Fprintf(&b, "%s %q %q blink=%t off=%t step=%d dim=%d\n  % x\n", s.Mode, s.Text, s.Number, s.Blink, s.Off, s.Step, s.Dim, d.Encode(s))
		}
		path := filepath.Join("led", "testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("every display has a golden file: %v", err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s differs; got:\n%s", path, b.Bytes())
		}
	}
}

// When the controller is not heard no display shows what it showed before, nor the same as for another number.
func TestDisplaysStale(t *testing.T) {
	for name, d := range displays(t) {
		stale := func(number string) []byte {
			return d.Encode(led.Show{Mode: led.Stale, Text: "信号中断请稍候", Number: number})
		}
		serving := d.Encode(led.Show{Mode: led.Serving, Text: "正在办理A012", Number: "A012"})
		if bytes.Equal(stale("A012"), serving) || !bytes.Equal(stale("A012"), stale("A013")) {
			t.Errorf("%s: stale is % x, serving is % x", name, stale("A012"), serving)
		}
	}
}

// Whatever is to be shown, and whatever comes back, a driver neither panics nor waits for ever, and it never takes its
// own frame, heard on the two wires of RS-485, for an answer.
func FuzzDisplays(f *testing.F) {
	f.Add("calling", "请A012号办理", "A012", -3, 40, []byte("\x2a\x00\x78\x03\x01\xa6\x0a"))
	f.Add("stale", "\r\x1b[2J\n", "ZZ99999", 9, 0, []byte("\x01\x10\x00\x80\x00\x02\x40\x20"))
	f.Add("idle", "人文社会科学研究院", "", 1<<30, 200, []byte("\xa5\xa6\x01\x5a"))
	all := displays(f)
	f.Fuzz(func(t *testing.T, mode, text, number string, step, dim int, back []byte) {
		s := led.Show{Mode: led.Mode(mode), Text: text, Number: number, Blink: step > dim, Off: dim == 0, Step: step, Dim: dim}
		for name, d := range all {
			fits, out := d.Fits(s), d.Encode(s)
			if len(out) == 0 {
				t.Fatalf("%s shows %+v (%v) as nothing", name, s, fits)
			}
			if m, ok := d.(led.Scroller); ok {
				if in, past := m.Scroll(s); in < 0 || past < 0 || in+past > 10000 {
					t.Fatalf("%s: Scroll(%+v) = %d, %d", name, s, in, past)
				}
			}
			a, answers := d.(led.Answerer)
			if !answers {
				continue
			}
			for buf := out; len(buf) > 0; {
				n, ok := a.Answer(buf)
				if ok {
					t.Fatalf("%s takes its own frame % x for an answer", name, out)
				}
				if n == 0 {
					break
				}
				buf = buf[n:]
			}
			if n, _ := a.Answer(back); n < 0 || n > len(back) || n == 0 && len(back) >= 1024 {
				t.Fatalf("%s: Answer of %d bytes used %d", name, len(back), n)
			}
		}
	})
}
