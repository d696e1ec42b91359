package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"quhao/drivers/virtual"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// patience bounds every wait of a test; a unit that works is far quicker.
const patience = 30 * time.Second

var topics = proto.NewTopics("")

// centre is a controller and the pipe to it in one: it greets, acknowledges facts, and answers commands as the test says.
type centre struct {
	events chan link.Event
	sent   chan struct{} // something new was published

	mu   sync.Mutex
	msgs []proto.Message
	ver  proto.Ver
}

func newCentre() *centre {
	return &centre{events: make(chan link.Event), sent: make(chan struct{}, 1), ver: 10}
}

func (c *centre) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (c *centre) Events() <-chan link.Event     { return c.events }
func (c *centre) Rest(time.Duration)            {}
func (c *centre) up(t *testing.T)               { t.Helper(); c.emit(t, link.Event{Up: true}); c.ctl(t) }
func (c *centre) emit(t *testing.T, ev link.Event) {
	t.Helper()
	select {
	case c.events <- ev:
	case <-time.After(patience):
		t.Fatal("the unit does not read")
	}
}

func (c *centre) Publish(m proto.Message) error {
	c.mu.Lock()
	c.msgs = append(c.msgs, m)
	c.mu.Unlock()
	select {
	case c.sent <- struct{}{}:
	default:
	}
	return nil
}

func (c *centre) say(t *testing.T, topic string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	c.emit(t, link.Event{Msg: &proto.Message{Topic: topic, Payload: b, QoS: 1}})
}

func (c *centre) ctl(t *testing.T) {
	t.Helper()
	c.say(t, topics.Ctl(), proto.Ctl{V: 1, S: "on", Epoch: 1, Boot: "boot", T: time.Now().UnixMilli()})
}

// state publishes a new state of a counter and returns its version.
func (c *centre) state(t *testing.T, counter string, st proto.CounterState) proto.At {
	t.Helper()
	c.ver++
	st.V, st.Epoch, st.Boot, st.Ver, st.CV, st.T = 1, 1, "boot", c.ver, c.ver, time.Now().UnixMilli()
	c.say(t, topics.Counter(counter), st)
	return st.At()
}

// heard waits until the unit has published a message of this kind for which ok holds.
func heard[T any](t *testing.T, c *centre, what string, ok func(T) bool) T {
	t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		msgs := slices.Clone(c.msgs)
		c.mu.Unlock()
		for _, m := range msgs {
			if m.Topic != topics.Up("unit-1", what) {
				continue
			}
			if v, err := proto.Decode[T](m.Payload); err != nil {
				t.Fatal(err)
			} else if ok(v) {
				return v
			}
		}
		select {
		case <-c.sent:
		case <-late:
			t.Fatalf("no %s as expected in %s", what, fmt.Sprint(msgs))
		}
	}
}

// welcome opens the session s1.
func (c *centre) welcome(t *testing.T) {
	t.Helper()
	hello := heard(t, c, proto.UpHello, func(proto.Hello) bool { return true })
	c.say(t, topics.Down("unit-1", proto.DownHello), proto.Welcome{
		V: 1, Nonce: hello.Nonce, S: proto.Accepted, Sess: "s1", Epoch: 1, Boot: "boot", T: time.Now().UnixMilli(), DayKey: []byte("key"),
	})
}

// desk is unit-1 of the virtual hall with its hardware, run as the program runs it.
type desk struct {
	*centre
	dir    string
	led    *virtual.LED
	shown  chan virtual.Shown
	cable  *virtual.Cable // of the display
	keypad *virtual.Caller68
	reader *virtual.Reader
	window *station.Window
	stop   context.CancelFunc
	ended  chan error
}

// unitFile is unit-1 with a display that shows text.
const unitFile = `version: 1
id: unit-1
kind: counter
counters: [c1]
led: {driver: terminal, port: {serial: ports/led}}
keypad: {driver: caller68, port: {serial: ports/keypad}}
card_reader: {driver: rdm6300, port: {serial: ports/card}}
`

// folder makes a configuration folder, an identity file and a data folder.
func folder(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, err := range []error{
		os.CopyFS(filepath.Join(dir, "etc"), os.DirFS(filepath.Join("..", "configs", "hall"))),
		os.WriteFile(filepath.Join(dir, "etc", "devices", "unit-1.yaml"), []byte(unitFile), 0o600),
		os.WriteFile(filepath.Join(dir, "identity.yaml"), []byte("version: 1\nid: unit-1\ncontroller: 127.0.0.1:1\nsecret: abcdefghijklmnopqrstuvwxyz012345\n"), 0o600),
		os.MkdirAll(filepath.Join(dir, "data", "ports"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newDesk starts the unit and its twins.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{centre: newCentre(), dir: folder(t), shown: make(chan virtual.Shown, 256), ended: make(chan error, 1), window: new(station.Window)}
	d.led = virtual.NewTextLED(func(s virtual.Shown) { d.shown <- s })
	d.keypad, d.reader = virtual.NewCaller68(1), virtual.NewReader()
	ctx, cancel := context.WithCancel(t.Context())
	d.stop = cancel
	plug := func(name string, twin virtual.Server) *virtual.Cable {
		c := virtual.NewCable(filepath.Join(d.dir, "data", "ports", name))
		if err := c.Plug(t.Context(), twin); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Cut() })
		return c
	}
	d.cable = plug("led", d.led)
	plug("keypad", d.keypad)
	plug("card", d.reader)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	st, err := station.Open(ctx, station.Options{
		IdentityFile: filepath.Join(d.dir, "identity.yaml"), DataDir: filepath.Join(d.dir, "data"), LocalFile: filepath.Join(d.dir, "etc"),
		Kind: proto.KindCounter, FW: "test", Log: log, Subscribe: subscriptions,
		Dial: func(link.Options) station.Pipe { return d.centre },
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := newUnit(st, log)
	if err != nil {
		t.Fatal(err)
	}
	u.window = d.window
	go func() { d.ended <- u.run(ctx, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// see waits until the display has shown the text, and returns the picture.
func (d *desk) see(t *testing.T, text string) virtual.Shown {
	t.Helper()
	late := time.After(patience)
	var all []string
	for {
		select {
		case s := <-d.shown:
			if s.Text == text {
				return s
			}
			all = append(all, s.Text)
		case err := <-d.ended:
			t.Fatalf("the unit has ended: %v", err)
		case <-late:
			t.Fatalf("the display has not shown %q but %q", text, all)
		}
	}
}

// end stops the unit and waits for it.
func (d *desk) end(t *testing.T) error {
	t.Helper()
	d.stop()
	select {
	case err := <-d.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the unit does not end")
		return nil
	}
}
