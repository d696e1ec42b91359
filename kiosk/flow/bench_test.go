package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// memDisk is a journal's disk in memory. With fail set nothing more is taken; with full set no room is promised.
type memDisk struct {
	b    []byte
	fail bool
	full bool
}

var errDisk = errors.New("input/output error")

func (d *memDisk) Load() ([]byte, error) { return append([]byte(nil), d.b...), nil }

func (d *memDisk) Append(b []byte) error {
	if d.fail {
		return errDisk
	}
	d.b = append(d.b, b...)
	return nil
}

func (d *memDisk) Reserve(int) error {
	if d.full {
		return fmt.Errorf("%w: %w", device.ErrFull, syscall.ENOSPC)
	}
	return nil
}

func (d *memDisk) Replace(b []byte) error {
	if d.fail {
		return errDisk
	}
	d.b = append([]byte(nil), b...)
	return nil
}

// tester is what *testing.T and *rapid.T have in common here.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// bench is a kiosk with everything around it played by the test.
type bench struct {
	permit *proto.Permit // given with the next welcome
	t      tester
	disk   *memDisk
	k      *Kiosk
	topics proto.Topics
	up     time.Duration
	n      int
	sess   proto.Session
	did    []Action // by the last event
	all    []Action
}

const centreBoot = "boot-1"

func sample() Config {
	return Config{
		Dev: "kiosk-1", Hall: "hall", Topics: proto.NewTopics(""), Lang: "zh",
		Choices: []Choice{
			{Key: 1, Q: "study", Item: "transcript"},
			{Key: 2, Q: "finance"},
			{Key: 3, Q: "cards"},
		},
		Departments: map[string]Department{
			"study":   {Name: Text{"教务", "Study"}, Prefix: "A", Card: CardRequired, Items: map[string]Text{"transcript": {"成绩单", "Transcripts"}}},
			"finance": {Name: Text{"财务", "Finance"}, Prefix: "B", Card: CardOptional},
			"cards":   {Name: Text{"校园卡", "Cards"}, Prefix: "C", Card: CardNever},
		},
	}
}

func newBench(t tester, c Config) *bench {
	b := &bench{t: t, disk: &memDisk{}, topics: c.Topics}
	b.boot(c)
	return b
}

// boot starts the program on whatever the disk holds.
func (b *bench) boot(c Config) {
	b.t.Helper()
	j, err := device.OpenJournal(b.disk, func() proto.Install { return proto.Install(b.random()) })
	if err != nil {
		b.t.Fatal(err)
	}
	s := device.NewSession(device.Options{
		Dev: c.Dev, Kind: proto.KindKiosk, FW: "test", Topics: c.Topics, Boot: proto.Boot(b.random()), Random: b.random,
	}, j)
	b.sess = ""
	b.k = New(b.now(), c, s, func() proto.ID { return proto.ID("ID" + b.random()) })
	b.do(Tick{})
}

func (b *bench) random() string { b.n++; return fmt.Sprintf("r%d", b.n) }

func (b *bench) now() device.Now {
	return device.Now{Up: b.up, Wall: time.UnixMilli(1_800_000_000_000).Add(b.up), Set: true}
}

func (b *bench) do(ev Event) []Action {
	b.did = b.k.Handle(b.now(), ev)
	b.all = append(b.all, b.did...)
	return b.did
}

// pass lets time go by, with a Tick whenever one is due.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	end, acts := b.up+d, []Action(nil)
	for {
		at, ok := b.k.Due()
		if !ok || at > end {
			break
		}
		if at < b.up {
			at = b.up
		}
		b.up = at
		acts = append(acts, b.do(Tick{})...)
		if at2, ok := b.k.Due(); ok && at2 <= b.up {
			b.t.Fatalf("at %v a tick is still due at %v after one", b.up, at2)
		}
	}
	b.up = end
	b.did = append(acts, b.do(Tick{})...)
}

func (b *bench) say(topic string, v any) []Action {
	b.t.Helper()
	p, err := proto.Encode(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(Message{proto.Message{Topic: topic, Payload: p, QoS: 1}})
}

func (b *bench) down(what string, v any) []Action { return b.say(b.topics.Down("kiosk-1", what), v) }

// published returns the messages of one kind among what was done by the last event.
func published[T any](b *bench, what string) []T {
	b.t.Helper()
	var out []T
	for _, a := range b.did {
		p, ok := a.(Publish)
		if !ok || p.M.Topic != b.topics.Up("kiosk-1", what) {
			continue
		}
		v, err := proto.Decode[T](p.M.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// connect opens a session with the name.
func (b *bench) connect(name proto.Session) {
	b.t.Helper()
	b.do(PipeUp{})
	hello := published[proto.Hello](b, proto.UpHello)
	if len(hello) == 0 {
		b.pass(2 * time.Second)
		hello = published[proto.Hello](b, proto.UpHello)
	}
	if len(hello) != 1 {
		b.t.Fatalf("%d hellos after connecting, want 1", len(hello))
	}
	b.sess = name
	b.down(proto.DownHello, proto.Welcome{
		V: 1, Nonce: hello[0].Nonce, S: proto.Accepted, Sess: name, Epoch: 1, Boot: centreBoot,
		T: b.now().Wall.UnixMilli(), DayKey: []byte("the key of the day"), Permit: b.permit,
	})
}

// ready connects, opens all departments and loads the printer.
func (b *bench) ready() {
	b.t.Helper()
	b.do(PrinterState{printer.OK})
	b.connect("s1")
	b.say(b.topics.Hall("hall"), proto.HallState{V: 1, Epoch: 1, Ver: 1, Depts: []proto.DeptState{
		{ID: "study", Open: true}, {ID: "finance", Open: true}, {ID: "cards", Open: true},
	}})
	b.wantScreen(Idle)
}

// asked returns the one command among what was done last.
func (b *bench) asked() proto.Cmd {
	b.t.Helper()
	cmds := published[proto.Cmd](b, proto.UpCmd)
	if len(cmds) != 1 {
		b.t.Fatalf("%d commands, want 1", len(cmds))
	}
	return cmds[0]
}

func (b *bench) wantNoCmd() {
	b.t.Helper()
	if n := len(published[proto.Cmd](b, proto.UpCmd)); n != 0 {
		b.t.Fatalf("%d commands, want none", n)
	}
}

// answer answers a command.
func (b *bench) answer(c proto.Cmd, s string, t *proto.TicketRes) []Action {
	b.t.Helper()
	return b.down(proto.DownRes, proto.Res{V: 1, ID: c.ID, Sess: c.Sess, S: s, Ticket: t})
}

func (b *bench) printed() []Job {
	var out []Job
	for _, a := range b.did {
		if p, ok := a.(Print); ok {
			out = append(out, p.Job)
		}
	}
	return out
}

func (b *bench) wantScreen(s State) {
	b.t.Helper()
	if got := b.k.screen(b.now()).State; got != s {
		b.t.Fatalf("the screen says %s, want %s", got, s)
	}
}

// facts returns what the journal on the disk holds, as "kind id how".
func (b *bench) facts() []string {
	b.t.Helper()
	j, err := device.OpenJournal(&memDisk{b: b.disk.b}, func() proto.Install { return "other" })
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for f := range j.Facts() {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.K, f.ID, f.How)))
	}
	return out
}

func (b *bench) wantFacts(want ...string) {
	b.t.Helper()
	if got := b.facts(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.t.Fatalf("facts\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (b *bench) lamps() string {
	b.t.Helper()
	text, err := json.Marshal(b.k.View(b.now()).Lamps)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func ticketNo(num string) *proto.TicketRes {
	return &proto.TicketRes{TID: proto.ID("T" + num), Num: num, Day: 7, Q: "finance", Ahead: 4, T: 1_800_000_000_000}
}
