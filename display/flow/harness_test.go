package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// disk is a journal's disk in memory that survives the unit.
type disk struct {
	b    []byte
	fail error
}

func (d *disk) Load() ([]byte, error) { return slices.Clone(d.b), nil }

func (d *disk) Append(b []byte) error {
	if d.fail != nil {
		return d.fail
	}
	d.b = append(d.b, b...)
	return nil
}

func (d *disk) Replace(b []byte) error {
	if d.fail != nil {
		return d.fail
	}
	d.b = slices.Clone(b)
	return nil
}

// epochMS is the controller's clock when a bench starts.
const epochMS = 1_700_000_000_000

// tester is what a bench needs of *testing.T and *rapid.T.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// bench is a unit with what it has done. Its own clock is unset, as on a Pi without network.
type bench struct {
	t    tester
	cfg  Config
	disk *disk
	unit *Unit
	up   time.Duration
	n    int // for random names and ids

	acts []Action // of the last event
	all  []Action
	seen func([]Action) // hears them at their time; nil for nobody
}

var errDisk = errors.New("no space left on device")

func newBench(t tester, counters ...Counter) *bench {
	if len(counters) == 0 {
		counters = []Counter{{ID: "c03", Name: "3号窗口", LED: true, Transfer: map[int]string{2: "personnel"}}}
	}
	b := &bench{t: t, disk: &disk{}, cfg: Config{
		Dev: "unit-1", Topics: proto.NewTopics(""), Counters: counters, Names: map[string]string{"finance": "财务部"},
	}}
	b.start()
	return b
}

func (b *bench) random() string {
	b.n++
	return fmt.Sprintf("random-%d", b.n)
}

// start is a start of the program on the same disk.
func (b *bench) start() {
	b.t.Helper()
	j, err := device.OpenJournal(b.disk, func() proto.Install { return proto.Install(b.random()) })
	if err != nil {
		b.t.Fatal(err)
	}
	s := device.NewSession(device.Options{
		Dev: b.cfg.Dev, Kind: proto.KindCounter, FW: "test", Topics: b.cfg.Topics, Boot: proto.Boot(b.random()), Random: b.random,
	}, j)
	b.unit = New(b.cfg, s, func() proto.ID { return proto.ID(b.random()) })
	b.do(Tick{})
}

// do gives the unit an event and keeps what it answers.
func (b *bench) do(ev Event) []Action {
	b.acts = b.unit.Handle(device.Now{Up: b.up, Wall: time.Unix(0, 0).Add(b.up)}, ev)
	b.all = append(b.all, b.acts...)
	if b.seen != nil {
		b.seen(b.acts)
	}
	return b.acts
}

// wait lets time pass as a loop would: a Tick whenever one is due.
func (b *bench) wait(d time.Duration) {
	end := b.up + d
	for {
		at, ok := b.unit.Due()
		if !ok || at > end {
			break
		}
		if at <= b.up {
			b.t.Fatalf("due at %v, and it is %v already", at, b.up)
		}
		b.up = at
		b.do(Tick{})
	}
	if b.up < end {
		b.up = end
		b.do(Tick{})
	}
}

func (b *bench) send(topic string, v any) []Action {
	b.t.Helper()
	p, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(Message{proto.Message{Topic: topic, Payload: p, QoS: 1}})
}

func (b *bench) ctl(epoch proto.Epoch) {
	b.send(b.cfg.Topics.Ctl(), proto.Ctl{V: 1, S: "on", Epoch: epoch, Boot: bootOf(epoch), T: b.ms()})
}

// ms is the controller's clock.
func (b *bench) ms() int64 { return epochMS + b.up.Milliseconds() }

func bootOf(e proto.Epoch) proto.Boot { return proto.Boot(fmt.Sprintf("boot-%d", e)) }

// connect brings the unit into a session with that name.
func (b *bench) connect(epoch proto.Epoch, sess proto.Session) {
	b.t.Helper()
	b.do(PipeUp{})
	b.ctl(epoch)
	b.wait(3 * time.Second) // the hello may have to wait for its turn
	var hello proto.Hello
	for _, m := range sent[proto.Hello](b, proto.UpHello, b.all) {
		hello = m
	}
	if hello.Nonce == "" {
		b.t.Fatal("no hello")
	}
	b.send(b.cfg.Topics.Down(b.cfg.Dev, proto.DownHello), proto.Welcome{
		V: 1, Nonce: hello.Nonce, S: proto.Accepted, Sess: sess, Epoch: epoch, Boot: bootOf(epoch), T: b.ms(), DayKey: []byte("day key"),
	})
	if b.unit.s.Sess() != sess {
		b.t.Fatalf("session %q, want %q", b.unit.s.Sess(), sess)
	}
}

// state sends the state of a counter.
func (b *bench) state(counter string, st proto.CounterState) []Action {
	b.t.Helper()
	st.V, st.Boot = 1, bootOf(st.Epoch)
	return b.send(b.cfg.Topics.Counter(counter), st)
}

// result answers a command.
func (b *bench) result(id proto.ID, sess proto.Session, s string, ver *proto.At) {
	b.t.Helper()
	b.send(b.cfg.Topics.Down(b.cfg.Dev, proto.DownRes), proto.Res{V: 1, ID: id, Sess: sess, S: s, Ver: ver})
}

func (b *bench) press(op keypad.Op) []Action {
	return b.do(Press{Counter: "c03", Press: keypad.Press{Op: op}})
}

func (b *bench) rate(v int) []Action {
	return b.do(Press{Counter: "c03", Press: keypad.Press{Op: keypad.Rate, Arg: v}})
}

// displayed carries out what the last event wants shown.
func (b *bench) displayed() {
	for _, d := range only[Display](b.acts) {
		b.do(Displayed{Counter: d.Counter, At: d.At})
	}
}

// text is what stands on the display.
func (b *bench) text() string { return b.show().Text }

func (b *bench) show() led.Show {
	b.t.Helper()
	d := only[Display](b.all)
	if len(d) == 0 {
		b.t.Fatal("nothing was ever displayed")
	}
	return d[len(d)-1].Show
}

// lamp is whether the lamp is lit.
func (b *bench) lamp() bool {
	b.t.Helper()
	l := only[Lamp](b.all)
	if len(l) == 0 {
		b.t.Fatal("no lamp was ever set")
	}
	return l[len(l)-1].On
}

// only returns the actions of one kind.
func only[A Action](acts []Action) (out []A) {
	for _, a := range acts {
		if a, ok := a.(A); ok {
			out = append(out, a)
		}
	}
	return out
}

// sent returns the messages of one kind.
func sent[T any](b *bench, what string, acts []Action) (out []T) {
	b.t.Helper()
	for _, p := range only[Publish](acts) {
		if p.Topic != b.cfg.Topics.Up(b.cfg.Dev, what) {
			continue
		}
		v, err := proto.Decode[T](p.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func (b *bench) cmds() []proto.Cmd { return sent[proto.Cmd](b, proto.UpCmd, b.all) }

// facts are all facts of a kind on the disk, as a new start would find them.
func (b *bench) facts(kind string) (out []proto.Fact) {
	b.t.Helper()
	j, err := device.OpenJournal(&disk{b: slices.Clone(b.disk.b)}, func() proto.Install { return "new" })
	if err != nil {
		b.t.Fatal(err)
	}
	for f := range j.Facts() {
		if f.K == kind {
			out = append(out, f)
		}
	}
	return out
}
