package station

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/port"
	"quhao/internal/config"
	"quhao/internal/link"
	"quhao/internal/proto"
)

const patience = 20 * time.Second

// wire is a pipe whose other end is the test.
type wire struct {
	o      link.Options
	events chan link.Event

	said chan proto.Message
}

func (w *wire) Run(ctx context.Context) error {
	select {
	case w.events <- link.Event{Up: true}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

func (w *wire) Publish(m proto.Message) error { w.said <- m; return nil }

func (w *wire) Rest(time.Duration) {}

func (w *wire) Events() <-chan link.Event { return w.events }

func (w *wire) tell(t *testing.T, topic string, payload []byte) {
	t.Helper()
	select {
	case w.events <- link.Event{Msg: &proto.Message{Topic: topic, Payload: payload, Retain: true, QoS: 1}}:
	case <-time.After(patience):
		t.Fatal("nobody takes the message")
	}
}

// report waits for the word on the configuration.
func (w *wire) report(t *testing.T) proto.CfgReport {
	t.Helper()
	select {
	case m := <-w.said:
		var r proto.CfgReport
		if err := json.Unmarshal(m.Payload, &r); err != nil || m.Topic != "quhao/1/dev/kiosk-1/up/cfg" || !m.Retain {
			t.Fatalf("%s %s retained %v: %v", m.Topic, m.Payload, m.Retain, err)
		}
		return r
	case <-time.After(patience):
		t.Fatal("no report")
		return proto.CfgReport{}
	}
}

// room is a place for one device.
type room struct {
	t     *testing.T
	o     Options
	wires chan *wire
	log   bytes.Buffer
}

func newRoom(t *testing.T) *room {
	dir := t.TempDir()
	r := &room{t: t, wires: make(chan *wire, 8)}
	r.o = Options{
		IdentityFile: writeIdentity(t, dir, "kiosk-1"), DataDir: filepath.Join(dir, "data"), Kind: proto.KindKiosk, FW: "1",
		Log:       slog.New(slog.NewTextHandler(&r.log, nil)),
		Subscribe: func(t proto.Topics, d *config.Device) []string { return []string{t.Hall(d.Hall)} },
		Dial: func(o link.Options) Pipe {
			w := &wire{o: o, events: make(chan link.Event), said: make(chan proto.Message, 64)}
			r.wires <- w
			return w
		},
	}
	return r
}

func writeIdentity(t *testing.T, dir, id string) string {
	t.Helper()
	name := filepath.Join(dir, "identity.yaml")
	text := "version: 1\nid: " + id + "\ncontroller: 127.0.0.1:1883\nsecret: " + secret + "\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (r *room) open() *Station {
	r.t.Helper()
	s, err := Open(r.t.Context(), r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return s
}

// cfg is down/cfg of the sample hall, with a change of the text.
func cfg(t *testing.T, change func(string) string) []byte {
	t.Helper()
	all, mistakes := config.Load(filepath.Join("..", "..", "configs", "hall"))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	text, err := all.Serve("kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(proto.NewCfg(7, []byte(change(string(text)))))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(s string) string { return s }

const cfgTopic = "quhao/1/dev/kiosk-1/down/cfg"

func TestLocal(t *testing.T) {
	for _, path := range []string{"", "devices/kiosk-1.yaml"} {
		r := newRoom(t)
		r.o.LocalFile, r.o.Trace = filepath.Join("..", "..", "configs", "hall", path), &Trace{out: &r.log}
		s := r.open()
		w := <-r.wires
		if s.Device.ID != "kiosk-1" || s.Centre == nil || s.Centre.Department("study") == nil || s.Boot == "" {
			t.Fatalf("%+v", s)
		}
		want := []string{"quhao/1/dev/kiosk-1/down/#", "quhao/1/state/ctl", "quhao/1/state/hall/hall"}
		if !slices.Equal(w.o.Subscribe, want) || w.o.ClientID != "kiosk-1" || w.o.User != "kiosk-1" || w.o.Password != secret {
			t.Fatalf("dialled with %+v", w.o)
		}
		if w.o.Will.Topic != "quhao/1/dev/kiosk-1/up/avail" || !w.o.Will.Retain || string(w.o.Will.Payload) != `{"s":"lost"}` {
			t.Fatalf("will %+v", w.o.Will)
		}
		if p := s.PortOptions("printer", s.Device.Printer.Port); p.Serial != filepath.Join(r.o.DataDir, "ports/kiosk-1-printer") || p.Check() != nil {
			t.Fatalf("port %+v", p)
		}
		if p := s.PortOptions("printer", s.Device.Printer.Port); p.Trace == nil || p.Trace == r.o.Trace.OfCards("printer") {
			t.Fatalf("the trace does not hear the printer: %v", p.Trace)
		}
		if p := s.PortOptions("card_reader", s.Device.CardReader.Port); p.Trace != r.o.Trace.OfCards("card_reader") {
			t.Fatalf("the trace hears the numbers of cards: %v", p.Trace)
		}
		s.trace = nil
		for want, c := range map[port.Options]config.Port{
			{TCP: "192.0.2.1:9100"}:                {TCP: "192.0.2.1:9100", Flow: "none"},
			{Evdev: "/dev/input/by-id/reader"}:     {Evdev: "/dev/input/by-id/reader", Flow: "none"},
			{SPI: "/dev/spidev0.0"}:                {SPI: "/dev/spidev0.0", Flow: "none"},
			{GPIO: "GPIO17 GPIO27", Pull: port.Up}: {GPIO: "up", Lines: "GPIO17 GPIO27", Flow: "none"},
			{GPIO: "GPIO17", Pull: port.NoPull}:    {GPIO: "none", Lines: "GPIO17", Flow: "none"},
		} {
			if p := s.PortOptions("led c1", c); p != want || p.Check() != nil {
				t.Fatalf("port %+v, want %+v: %v", p, want, p.Check())
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"another kind": func(o *Options) { o.Kind = proto.KindCounter; o.LocalFile = "../../configs/hall" },
		"no such device": func(o *Options) {
			o.LocalFile, o.IdentityFile = "../../configs/hall/centre.yaml", writeIdentity(t, t.TempDir(), "kiosk-9")
		},
		"another's file":      func(o *Options) { o.LocalFile = "../../internal/config/testdata/bad/device-kind.yaml" },
		"nothing there":       func(o *Options) { o.LocalFile = "nothing" },
		"a folder of nothing": func(o *Options) { o.LocalFile = filepath.Dir(o.IdentityFile) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			o := r.o
			change(&o)
			_, err := Open(t.Context(), o)
			if mistakes, ok := errors.AsType[config.Mistakes](err); !ok || len(mistakes) == 0 {
				t.Fatalf("error %v, want mistakes", err)
			}
			r.o.LocalFile = "../../configs/hall/centre.yaml"
			r.open() // the folder was given back
		})
	}
}

func TestOneProgram(t *testing.T) {
	r := newRoom(t)
	r.o.LocalFile = "../../configs/hall"
	first := r.open()
	if _, err := Open(t.Context(), r.o); !errors.Is(err, ErrBusy) {
		t.Fatalf("a second program: %v", err)
	}
	install := first.Journal.Install()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if second := r.open(); second.Journal.Install() != install || install == "" || second.Boot == first.Boot {
		t.Fatalf("installation %s became %s, boot %s became %s", install, second.Journal.Install(), first.Boot, second.Boot)
	}
}

// From the first start without anything to a change while running.
func TestServed(t *testing.T) {
	r := newRoom(t)
	opened := make(chan *Station, 1)
	go func() {
		s, err := Open(t.Context(), r.o)
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	w := <-r.wires
	if !slices.Equal(w.o.Subscribe, []string{cfgTopic}) {
		t.Errorf("while waiting it subscribes to %v", w.o.Subscribe)
	}
	w.tell(t, "quhao/1/dev/kiosk-2/down/cfg", cfg(t, same))
	w.tell(t, cfgTopic, nil)
	w.tell(t, cfgTopic, []byte("{"))
	w.tell(t, cfgTopic, bytes.Replace(cfg(t, same), []byte(`"sha256":"`), []byte(`"sha256":"0`), 1))
	w.tell(t, cfgTopic, cfg(t, func(s string) string { return strings.Replace(s, "letter: X", "leter: X", 1) }))
	if bad := w.report(t); bad.S != "refused" || bad.Ver != 7 || len(bad.Why) == 0 || !strings.HasPrefix(bad.Why[0], "devices/kiosk-1.yaml:") {
		t.Fatalf("report %+v", bad)
	}
	w.tell(t, cfgTopic, cfg(t, same))
	s := <-opened
	if s.Device.Letter != "X" || s.Centre.Department("finance") == nil {
		t.Fatalf("device %+v", s.Device)
	}
	run := func(s *Station) (*wire, chan error) {
		w, ended := <-r.wires, make(chan error, 1)
		go func() { ended <- s.Run(t.Context()) }()
		if up := <-s.Events(); !up.Up {
			t.Fatalf("event %+v", up)
		}
		if good := w.report(t); good.S != "accepted" || good.Ver != 7 || good.Why != nil {
			t.Fatalf("report %+v", good)
		}
		return w, ended
	}
	w, ended := run(s)
	w.tell(t, cfgTopic, cfg(t, same)) // the same again is no news
	w.tell(t, cfgTopic, cfg(t, func(s string) string { return strings.Replace(s, "kind: kiosk", "kind: kioks", 1) }))
	if bad := w.report(t); bad.S != "refused" {
		t.Fatalf("report %+v", bad)
	}
	go func() { w.events <- link.Event{Msg: &proto.Message{Topic: "quhao/1/state/ctl", Payload: []byte("{}")}} }()
	if e := <-s.Events(); e.Msg == nil || e.Msg.Topic != "quhao/1/state/ctl" {
		t.Fatalf("event %+v", e)
	}
	w.tell(t, cfgTopic, cfg(t, func(s string) string { return strings.Replace(s, "letter: X", "letter: Z", 1) }))
	if err := <-ended; !errors.Is(err, ErrRestart) {
		t.Fatalf("ended with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = r.open() // without the controller
	if s.Device.Letter != "Z" {
		t.Fatalf("the letter is %s", s.Device.Letter)
	}
	run(s)
	if strings.Contains(r.log.String(), secret) {
		t.Fatal("the secret is in the log")
	}
}

func TestTornCache(t *testing.T) {
	r := newRoom(t)
	r.o.LocalFile = "../../configs/hall"
	if err := r.open().Close(); err != nil {
		t.Fatal(err)
	}
	<-r.wires
	r.o.LocalFile = ""
	whole := cfg(t, same)
	if err := os.WriteFile(filepath.Join(r.o.DataDir, cacheFile), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := Open(ctx, r.o); ended <- err }()
	if w := <-r.wires; !slices.Equal(w.o.Subscribe, []string{cfgTopic}) {
		t.Errorf("subscribed to %v: it does not wait", w.o.Subscribe)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
}

func TestNames(t *testing.T) {
	s := &Station{start: time.Now()}
	seen := map[string]bool{}
	for range 1000 {
		for _, name := range []string{s.Random(), string(s.NewID())} {
			if seen[name] || len(name) != 32 && len(name) != 26 {
				t.Fatalf("name %q", name)
			}
			seen[name] = true
		}
	}
	if now := s.Now(); now.Up < 0 || now.Up > time.Hour || now.Wall.IsZero() {
		t.Fatalf("now %+v", now)
	}
}
