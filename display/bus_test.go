package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/display/flow"
	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/drivers/port"
	"quhao/drivers/virtual"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// plugged is a line with all that hangs on it by a device file, and a twin at the other end. $PORT in the file is its path.
type plugged struct {
	*wires
	events chan flow.Event
	parts  map[string]string
}

func plug(t *testing.T, file string, twin virtual.Server) *plugged {
	t.Helper()
	cable := virtual.NewCable(filepath.Join(t.TempDir(), "port"))
	if err := cable.Plug(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	d, mistakes := config.ParseDevice("unit.yaml", []byte("version: 1\nid: unit-1\nkind: counter\n"+strings.ReplaceAll(file, "$PORT", cable.Path())))
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	p := &plugged{events: make(chan flow.Event), parts: map[string]string{}}
	start := time.Now()
	var err error
	if p.wires, err = wire(d, p.events, func() time.Duration { return time.Since(start) + time.Second }); err != nil {
		t.Fatal(err)
	}
	if len(p.lines) != 1 {
		t.Fatalf("%d lines for one port", len(p.lines))
	}
	ctx, cancel := context.WithCancel(t.Context())
	for _, s := range p.screens {
		s.ended, s.part = ctx.Done(), func(state string) { tell(ctx, p.events, flow.Part{Name: "led " + s.counter, State: state}) }
	}
	ended := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	go func() { ended <- p.lines[0].run(ctx, port.Options{Serial: cable.Path(), Baud: 9600}, p.events, log) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := cable.Cut(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// until reads what the line tells until ok holds, and gives up after so long.
func (p *plugged) until(t *testing.T, long time.Duration, what string, ok func(ev flow.Event) bool) {
	t.Helper()
	late := time.After(long)
	for {
		select {
		case ev := <-p.events:
			if part, is := ev.(flow.Part); is {
				p.parts[part.Name] = part.State
			}
			if ok(ev) {
				return
			}
		case <-late:
			t.Fatalf("%s: not within %v; parts %v", what, long, p.parts)
		}
	}
}

func (p *plugged) show(counter, number string, ver int) {
	p.screens[counter].picture.put(flow.Display{
		Counter: counter, Show: led.Show{Mode: led.Calling, Number: number}, At: proto.At{Epoch: 1, Ver: proto.Ver(ver)},
	})
}

// Three boards on one line, one of them without power: its fault is told, the others are served as if it were not there,
// it is asked less and less often, and found again when it is back.
func TestDeadBoardOnTheLine(t *testing.T) {
	twin := virtual.NewBoards(4, nil, 1, 2, 3)
	twin.SetDead(2, true)
	file := "counters: [c1, c2, c3]\nled:\n"
	for i := range 3 {
		file += fmt.Sprintf("  - {counter: c%d, driver: led485, port: {serial: $PORT}, options: {addr: %d}}\n", i+1, i+1)
	}
	p := plug(t, file, twin)
	for i := range 3 {
		p.show(fmt.Sprintf("c%d", i+1), "A001", 1)
	}
	p.until(t, patience, "the dead board is told of", func(flow.Event) bool { return p.parts["led c2"] == "error" })
	var longest time.Duration
	for ver := 2; ver < 40; ver++ {
		number := fmt.Sprintf("A%03d", ver)
		begin := time.Now()
		for i := range 3 {
			p.show(fmt.Sprintf("c%d", i+1), number, ver)
		}
		shown := map[string]bool{}
		p.until(t, patience, number, func(ev flow.Event) bool {
			if d, is := ev.(flow.Displayed); is && d.At.Ver == proto.Ver(ver) {
				shown[d.Counter] = true
			}
			return shown["c1"] && shown["c3"]
		})
		longest = max(longest, time.Since(begin))
		if shown["c2"] {
			t.Fatalf("the board without power has shown %s", number)
		}
	}
	if twin.Text(1) != "A039" || twin.Text(2) != "    " || p.parts["led c1"] != "ok" || p.parts["led c3"] != "ok" {
		t.Errorf("board 1 %q, board 2 %q, parts %v", twin.Text(1), twin.Text(2), p.parts)
	}
	if asked, living := twin.Asked(2), twin.Asked(1); asked > 8 || living < 39 {
		t.Errorf("the dead board was asked %d times, a living one %d times", asked, living)
	}
	twin.SetDead(2, false)
	p.until(t, 2*restLast, "it is back", func(ev flow.Event) bool {
		d, is := ev.(flow.Displayed)
		return is && d.Counter == "c2" && d.At.Ver == 39
	})
	if twin.Text(2) != "A039" || p.parts["led c2"] != "ok" || twin.Noise() != 0 {
		t.Errorf("back it shows %q, parts %v, %d bytes of noise", twin.Text(2), p.parts, twin.Noise())
	}
	t.Logf("38 pictures for three boards, one dead: the longest took %v; the dead one was asked %d times", longest, twin.Asked(2))
}

// Two pads, each display, lamp and keys in one, on one line.
func TestPadsOnTheLine(t *testing.T) {
	seen := make(chan virtual.PadShown, 64)
	twin := virtual.NewPads(func(s virtual.PadShown) { seen <- s }, 5, 6)
	p := plug(t, `counters: [c1, c2]
led:
  - {counter: c1, driver: qsystem, port: {serial: $PORT}, options: {addr: 5}}
  - {counter: c2, driver: qsystem, port: {serial: $PORT}, options: {addr: 6}}
keypad:
  - {counter: c1, driver: qsystem, port: {serial: $PORT}, options: {addr: 5, lamp: blinking}}
  - {counter: c2, driver: qsystem, port: {serial: $PORT}, options: {addr: 6, redirect: 3}}
`, twin)
	p.show("c1", "A012", 1)
	p.show("c2", "AX07", 1)
	p.light("c1", true)
	shown := 0
	p.until(t, patience, "both displays", func(ev flow.Event) bool {
		if _, is := ev.(flow.Displayed); is {
			shown++
		}
		return shown == 2
	})
	for _, c := range []struct {
		addr    int
		key     byte
		counter string
		want    keypad.Press
	}{
		{5, 0x31, "c1", keypad.Press{Op: keypad.Call, Addr: 5}},
		{6, 0x33, "c2", keypad.Press{Op: keypad.Transfer, Arg: 3, Addr: 6}},
	} {
		if err := twin.Press(c.addr, c.key); err != nil {
			t.Fatal(err)
		}
		p.until(t, patience, "a key", func(ev flow.Event) bool { return ev == flow.Press{Counter: c.counter, Press: c.want} })
	}
	late := time.After(patience)
	for a, b := twin.Shown(5), twin.Shown(6); a.Text != "012" || a.Lamp != 0x36 || b.Text != "X07" || b.Lamp != 0; a, b = twin.Shown(5), twin.Shown(6) {
		select {
		case <-seen: // written is not yet seen
		case <-late:
			t.Fatalf("%+v, %+v", a, b)
		}
	}
	if got := p.lines[0].names; !slices.Equal(got, []string{"led c1", "led c2", "keypad c1", "keypad c2"}) {
		t.Errorf("the line is called %q", got)
	}
}

// A key that is held for more than 30 s is told of by its name, ignored, and works again when it is let go.
func TestStuckKey(t *testing.T) {
	var now time.Duration
	events := make(chan flow.Event, 8)
	driver := &keypad.GPIO{Next: "A", Recall: "B", ActiveLow: true}
	k := &keys{all: []*pad{{name: "keypad", counter: "c03", driver: driver}}, up: func() time.Duration { return now }, events: events, bad: new(tally)}
	hear := func(text string) {
		t.Helper()
		n, p, _, err := k.decode(t.Context(), []byte(text))
		if n != len(text) || err != nil {
			t.Fatalf("%q: %d, %v", text, n, err)
		}
		if p.Op != "" {
			k.pressed(t.Context(), p)
		}
	}
	expect := func(want ...flow.Event) {
		t.Helper()
		for _, w := range want {
			select {
			case ev := <-events:
				if ev != w {
					t.Errorf("%+v, want %+v", ev, w)
				}
			default:
				t.Errorf("nothing, want %+v", w)
			}
		}
		select {
		case ev := <-events:
			t.Errorf("%+v is too much", ev)
		default:
		}
	}
	next := flow.Press{Counter: "c03", Press: keypad.Press{Op: keypad.Next}}
	now = time.Second
	hear("A low\n")
	expect(next)
	if at := k.look(t.Context(), now); at != now+time.Second {
		t.Errorf("look again at %v", at)
	}
	now += 31 * time.Second
	k.look(t.Context(), now)
	expect(flow.Part{Name: "keypad c03 key next", State: "error"})
	hear("B low\n")
	expect(flow.Press{Counter: "c03", Press: keypad.Press{Op: keypad.Recall}}) // the others work
	hear("B high\n")
	hear("A high\n")
	expect(flow.Part{Name: "keypad c03 key next", State: "ok"})
	now += time.Second
	hear("A low\n")
	expect(next)
	now += time.Minute
	k.look(t.Context(), now)
	expect(flow.Part{Name: "keypad c03 key next", State: "error"})
	k.reset(t.Context()) // the keypad was unplugged
	expect(flow.Part{Name: "keypad c03 key next", State: "ok"})
	if at := k.look(t.Context(), now); at != 0 {
		t.Errorf("nothing is held, look again at %v", at)
	}
}

// A pad that repeats its frame for ever, and says nothing of its end: one press, and then a fault.
func TestStuckKeyThatRepeats(t *testing.T) {
	var now time.Duration
	events := make(chan flow.Event, 64)
	k := &keys{all: []*pad{{name: "rater", counter: "c03", driver: keypad.NewBytes()}}, up: func() time.Duration { return now }, events: events, bad: new(tally)}
	for now = time.Second; now < 40*time.Second; now += 100 * time.Millisecond {
		k.pressed(t.Context(), keypad.Press{Op: keypad.Rate, Arg: 5})
		k.look(t.Context(), now)
	}
	now += 2 * time.Second
	k.look(t.Context(), now)
	close(events)
	var got []string
	for ev := range events {
		got = append(got, fmt.Sprintf("%+v", ev))
	}
	want := []string{"{Counter:c03 Press:{Op:rate Arg:5 Addr:0}}", "{Name:rater c03 key rate 5 State:error}", "{Name:rater c03 key rate 5 State:ok}"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
