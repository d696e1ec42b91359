package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quhao/drivers/card"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

// person is somebody at the bench who does as told and answers as the test says.
type person struct {
	mu    sync.Mutex
	steps []Step
	say   func(Text)
	ask   func(context.Context, Text) Answer
}

func (p *person) bench() Bench {
	return Bench{
		Say: func(s Text) {
			if p.say != nil {
				p.say(s)
			}
		},
		Note: func(s Step) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.steps = append(p.steps, s)
		},
		Ask: p.ask, Patience: 3 * time.Second, Stand: time.Millisecond, Hold: 300 * time.Millisecond, Gap: 150 * time.Millisecond, Stuck: time.Second,
	}
}

// came says how a step came out whose English name begins so.
func (p *person) came(what string) (Step, bool) {
	i := slices.IndexFunc(p.steps, func(s Step) bool { return strings.HasPrefix(s.What.EN, what) })
	if i < 0 {
		return Step{}, false
	}
	return p.steps[i], true
}

// wants is a step that must have come out so, with these words.
type wants struct {
	step    string
	verdict Verdict
	says    string
}

func (p *person) check(t *testing.T, err error, bad bool, all ...wants) {
	t.Helper()
	if errors.Is(err, ErrFailed) != bad || !bad && err != nil {
		t.Errorf("the trial ended with %v", err)
	}
	for _, w := range all {
		s, ok := p.came(w.step)
		if !ok || s.Verdict != w.verdict || !strings.Contains(s.Detail.EN, w.says) || (s.Detail.ZH == "") != (s.Detail.EN == "") || s.What.ZH == "" {
			t.Errorf("step %q: want %v %q, got %+v of %+v", w.step, w.verdict, w.says, s, p.steps)
		}
	}
}

// wire lays a line to a twin.
func wire(t *testing.T, twin virtual.Server) *port.Line {
	t.Helper()
	master, path, err := virtual.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	l, err := port.Open(port.Options{Serial: path, StuckAfter: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- twin.Serve(ctx, master) }()
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		_ = master.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

func always(a Answer) func(context.Context, Text) Answer {
	return func(context.Context, Text) Answer { return a }
}

func TestPrinter(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(*virtual.Printer)
		ask   func(context.Context, Text) Answer
		bad   bool
		paper bool
		all   []wants
	}{
		{"well", nil, always(Yes), false, true, []wants{
			{"status before", Passed, "ok"}, {"test page", Passed, "bytes"}, {"status after", Passed, "ok"}, {"Is the ruler", Passed, ""}}},
		{"nobody there", nil, nil, false, true, []wants{{"status after", Passed, "ok"}, {"Does the QR", Unknown, "look for yourself"}}},
		{"garbled paper", nil, always(No), true, true, []wants{{"Are all Chinese", Failed, "codepage"}}},
		{"no paper", func(p *virtual.Printer) { p.SetOut(true) }, always(Yes), true, false, []wants{{"status before", Failed, "put paper in"}}},
		{"open", func(p *virtual.Printer) { p.SetCover(true) }, always(Yes), true, false, []wants{{"status before", Failed, "close the cover"}}},
		{"silent", func(p *virtual.Printer) { p.SetMute(true) }, always(Yes), true, false, []wants{{"status before", Failed, "no answer"}}},
		{"ends on the page", func(p *virtual.Printer) { p.SetOutAfter(100) }, always(Yes), true, false, []wants{
			{"status before", Passed, "ok"}, {"status after", Failed, "put paper in"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			papers := make(chan virtual.Paper, 4)
			twin := virtual.NewPrinter(virtual.PrinterOptions{OnPaper: func(p virtual.Paper) { papers <- p }})
			if c.wrong != nil {
				c.wrong(twin)
			}
			p := &person{ask: c.ask}
			err := Printer(t.Context(), p.bench(), wire(t, twin), printer.NewESCPOS())
			p.check(t, err, c.bad, c.all...)
			if !c.paper {
				return
			}
			select {
			case paper := <-papers:
				checkPage(t, paper)
			case <-time.After(5 * time.Second):
				t.Fatal("no paper")
			}
		})
	}
}

// checkPage reads the test page as a person would.
func checkPage(t *testing.T, paper virtual.Paper) {
	t.Helper()
	text := strings.Join(paper.Lines, "\n")
	for _, want := range []string{ruler(48), "啊阿埃 黥鼾齄", "丂丄丅 齇齾龥", "A012", "完 End"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %s:\n%s", want, text)
		}
	}
	if !paper.Cut || !slices.Equal(paper.QR, []string{QR}) || paper.Broken != 0 {
		t.Errorf("cut %v, codes %q, lines that were too long %d", paper.Cut, paper.QR, paper.Broken)
	}
}

// A printer that talks another language, or at another speed, is told from one that is silent.
func TestPrinterGarbage(t *testing.T) {
	t.Parallel()
	p := &person{}
	err := Printer(t.Context(), p.bench(), wire(t, babble{}), printer.NewESCPOS())
	p.check(t, err, true, wants{"status before", Failed, "which is no status: check baud"})
}

// babble answers everything with bytes that mean nothing.
type babble struct{}

func (babble) Serve(ctx context.Context, rw io.ReadWriter) error {
	stop := context.AfterFunc(ctx, func() { _ = rw.(interface{ Close() error }).Close() })
	defer stop()
	buf := make([]byte, 64)
	for {
		if _, err := rw.Read(buf); err != nil {
			return nil
		}
		if _, err := rw.Write([]byte{0xff, 0x80, 0xfe}); err != nil {
			return nil
		}
	}
}

func TestTextPrinter(t *testing.T) {
	t.Parallel()
	papers := make(chan virtual.Paper, 1)
	twin, err := virtual.NewTextPrinter(48, func(p virtual.Paper) { papers <- p })
	if err != nil {
		t.Fatal(err)
	}
	p := &person{ask: always(Yes)}
	err = Printer(t.Context(), p.bench(), wire(t, twin), printer.NewText())
	p.check(t, err, false, wants{"status before", Unknown, "not asked"}, wants{"test page", Passed, ""})
	select {
	case paper := <-papers:
		if !slices.Contains(paper.Lines, "A012") && !slices.Contains(paper.Lines, ">>> A012 <<<") {
			t.Errorf("%q", paper.Lines)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no paper")
	}
}

func cards(l *port.Line, d card.Driver) Reading[card.Number] {
	return func(ctx context.Context, got func(card.Number), bad func(error)) error {
		return port.Decode(ctx, l, d.Decode, func(n card.Number) bool { return n != "" }, got, bad)
	}
}

// tapper is a person who does with the card what is asked for.
func tapper(t *testing.T, twin *virtual.Reader, number func(tap int) string, hold time.Duration) *person {
	n := 0
	return &person{say: func(s Text) {
		n++
		how := time.Duration(0)
		if strings.HasPrefix(s.EN, "Hold") {
			how = hold
		}
		if n > 1 { // the card was away for longer than the gap
			pause(t.Context(), 250*time.Millisecond)
		}
		if err := twin.TapFor(number(n), how); err != nil {
			t.Error(err)
		}
	}}
}

func TestCard(t *testing.T) {
	one := virtual.CardHex(0x10, 8844356)
	for _, c := range []struct {
		name   string
		number func(int) string
		bad    bool
		all    []wants
	}{
		{"well", func(int) string { return one }, false, []wants{
			{"tap 1", Passed, "**56"}, {"tap 3", Passed, ""}, {"the card is held", Passed, "counts as 1 tap"}, {"what was not", Passed, ""}}},
		{"another number each time", func(n int) string { return virtual.CardHex(8, uint32(n)) }, true, []wants{
			{"tap 1", Passed, ""}, {"tap 2", Failed, "phones"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			twin := virtual.NewReader()
			p := tapper(t, twin, c.number, 250*time.Millisecond)
			err := Card(t.Context(), p.bench(), cards(wire(t, twin), card.NewRDM6300()))
			p.check(t, err, c.bad, c.all...)
			for _, s := range p.steps {
				if strings.Contains(fmt.Sprint(s), "8844356") {
					t.Errorf("a card's number: %+v", s)
				}
			}
		})
	}
}

func TestNoCard(t *testing.T) {
	t.Parallel()
	p := &person{}
	b := p.bench()
	b.Patience = 50 * time.Millisecond
	err := Card(t.Context(), b, cards(wire(t, virtual.NewReader()), card.NewRDM6300()))
	p.check(t, err, true, wants{"tap 1", Failed, "check the kind of card"})

	p = &person{}
	noisy := func(ctx context.Context, _ func(card.Number), bad func(error)) error {
		bad(card.ErrFrame)
		return port.ErrGone
	}
	p.check(t, Card(t.Context(), p.bench(), noisy), true, wants{"tap 1", Failed, "gone"}, wants{"what was not", Failed, "check baud"})
}

func TestLED(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []int
	twin := virtual.NewLED(func(s virtual.Shown) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s.Value)
	})
	p := &person{ask: always(Yes)}
	d := led.NewXunpeng()
	l := wire(t, twin)
	err := LED(t.Context(), p.bench(), l, d, []led.Show{{Mode: led.Serving, Text: "正在办理A003", Number: "A003"}})
	p.check(t, err, false, wants{"Does the display show: 正在办理A003", Passed, ""})
	mu.Lock()
	if !slices.Contains(seen, 8888) || !slices.Contains(seen, 12) || !slices.Contains(seen, 3) {
		t.Errorf("shown %v", seen)
	}
	mu.Unlock()
	twin.SetMute(true)
	p = &person{}
	p.check(t, LED(t.Context(), p.bench(), l, d, nil), true, wants{"８８８８８８８８", Failed, "whether A and B are swapped"})
}

func TestTextLED(t *testing.T) {
	t.Parallel()
	shown := make(chan virtual.Shown, 16)
	p := &person{}
	err := LED(t.Context(), p.bench(), wire(t, virtual.NewTextLED(func(s virtual.Shown) { shown <- s })), led.NewTerminal(), nil)
	p.check(t, err, false, wants{"请A012号办理 [A012], blinking", Unknown, "look for yourself"})
	for range pictures() {
		select {
		case s := <-shown:
			if s.Blink && s.Text == "请A012号办理" {
				return
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the blinking call was not shown")
		}
	}
	t.Error("nothing blinked")
}

func TestKeypad(t *testing.T) {
	t.Parallel()
	keys := []keypad.Press{{Op: keypad.Next}, {Op: keypad.Rate, Arg: 5}}
	read := func(l *port.Line) Reading[keypad.Press] {
		return func(ctx context.Context, got func(keypad.Press), bad func(error)) error {
			return port.Decode(ctx, l, keypad.NewTerminal().Decode, func(p keypad.Press) bool { return p.Op != "" }, got, bad)
		}
	}
	typist := virtual.NewTypist()
	l := wire(t, typist)
	for _, line := range []string{"next", "recall", "rate 5"} {
		if err := typist.Type(line); err != nil {
			t.Fatal(err)
		}
	}
	p := &person{}
	p.check(t, Keypad(t.Context(), p.bench(), read(l), keys), false,
		wants{"key next", Passed, ""}, wants{"key recall", Passed, ""}, wants{"key rate 5", Passed, ""}, wants{"all keys", Passed, "each of 2"})

	for _, line := range []string{"next", "wibble"} {
		if err := typist.Type(line); err != nil {
			t.Fatal(err)
		}
	}
	p = &person{}
	b := p.bench()
	b.Patience = 300 * time.Millisecond
	p.check(t, Keypad(t.Context(), b, read(l), keys), true,
		wants{"all keys", Failed, "not seen: rate 5"}, wants{"what was not", Failed, "1 times"})
}

func TestStuckKey(t *testing.T) {
	t.Parallel()
	p := &person{}
	stuck := func(ctx context.Context, got func(keypad.Press), _ func(error)) error {
		for ctx.Err() == nil {
			got(keypad.Press{Op: keypad.Recall, Addr: 3})
			pause(ctx, 20*time.Millisecond)
		}
		return ctx.Err()
	}
	p.check(t, Keypad(t.Context(), p.bench(), stuck, []keypad.Press{{Op: keypad.Next}}), true,
		wants{"key recall", Passed, ""}, wants{"all keys", Failed, "not seen: next"})
	if !slices.ContainsFunc(p.steps, func(s Step) bool { return strings.Contains(s.Detail.EN, "stuck") }) {
		t.Errorf("nobody says that a key is stuck: %+v", p.steps)
	}
}
