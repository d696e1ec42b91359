package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quhao/drivers/printer"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// TestRandom plays any events in any order, answers lost, repeated and late, power cuts and disk errors, and looks at what must always hold.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, b: newBench(t, sample()), prints: map[proto.ID]int{}, asked: map[proto.ID]bool{}}
		w.b.ready()
		w.look()
		t.Repeat(map[string]func(*rapid.T){
			"tap":     func(*rapid.T) { w.do(Tap{w.digest()}) },
			"nobody":  func(*rapid.T) { w.do(Nobody{}) },
			"key":     func(t *rapid.T) { w.do(Key{rapid.IntRange(0, 4).Draw(t, "key")}) },
			"answer":  w.answer,
			"printed": w.paper,
			"printer": func(t *rapid.T) {
				w.do(PrinterState{rapid.SampledFrom([]printer.State{printer.OK, printer.OK, printer.Low, printer.Out, printer.Gone}).Draw(t, "state")})
			},
			"time": func(t *rapid.T) {
				w.b.pass(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
				w.look()
			},
			"ctl":  func(*rapid.T) { w.b.heartbeat(); w.look() },
			"down": func(*rapid.T) { w.do(PipeDown{}) },
			"up": func(t *rapid.T) {
				w.b.do(PipeDown{})
				w.look()
				w.b.connectAll(proto.Session(fmt.Sprintf("s%d", rapid.IntRange(1, 3).Draw(t, "sess"))), w.look)
				w.look()
			},
			"fail":  func(t *rapid.T) { w.fail() },
			"disk":  func(t *rapid.T) { w.b.disk.fail = true },
			"power": func(*rapid.T) { w.power() },
			"":      func(*rapid.T) { w.check() },
		})
		w.power() // settles what is open
		w.settled()
	})
}

type world struct {
	*rapid.T
	b       *bench
	cmds    []proto.Cmd
	jobs    []Job
	asked   map[proto.ID]bool
	prints  map[proto.ID]int
	numbers int
	seen    int // actions of b.all that have been looked at
}

func (w *world) digest() string {
	return proto.CardDigest(rapid.SampledFrom([]string{"0008844356", "12345678"}).Draw(w.T, "card"))
}

func (w *world) do(ev Event) { w.b.do(ev); w.look() }

// look takes note of what was done, as it is done: a Print must find its start on the disk.
func (w *world) look() {
	for _, a := range w.b.all[w.seen:] {
		switch a := a.(type) {
		case Print:
			w.prints[a.Job.ID]++
			w.jobs = append(w.jobs, a.Job)
			if w.prints[a.Job.ID] > 1 {
				w.Fatalf("%s printed twice", a.Job.ID)
			}
			if !strings.Contains(strings.Join(w.b.facts(), "\n"), "start "+string(a.Job.ID)) {
				w.Fatalf("%s printed without a record on the disk", a.Job.ID)
			}
		case Publish:
			w.public(a.M)
		}
	}
	w.seen = len(w.b.all)
}

func (w *world) public(m proto.Message) {
	for _, number := range []string{"0008844356", "12345678"} {
		if bytes.Contains(m.Payload, []byte(number)) || bytes.Contains(m.Payload, []byte(proto.CardDigest(number))) {
			w.Fatalf("a card is named in %s: %s", m.Topic, m.Payload)
		}
	}
	if m.Topic != w.b.topics.Up("kiosk-1", proto.UpCmd) {
		return
	}
	var c proto.Cmd
	if err := json.Unmarshal(m.Payload, &c); err != nil {
		w.Fatal(err)
	}
	if c.Sess == "" || c.Sess != w.b.k.s.Sess() {
		w.Fatalf("a command in the session %q, the present one is %q", c.Sess, w.b.k.s.Sess())
	}
	w.cmds = append(w.cmds, c)
	w.asked[c.ID] = true
}

// answer answers any command that was ever sent, perhaps in another session.
func (w *world) answer(t *rapid.T) {
	if len(w.cmds) == 0 {
		return
	}
	i := len(w.cmds) - 1
	if rapid.Bool().Draw(t, "late") {
		i = rapid.IntRange(0, i).Draw(t, "cmd")
	}
	c := w.cmds[i]
	s := rapid.SampledFrom([]string{proto.ResOK, proto.ResOK, proto.ResDup, proto.ResClosed, proto.ResStale}).Draw(t, "word")
	var ticket *proto.TicketRes
	if s == proto.ResOK || s == proto.ResDup {
		w.numbers++
		ticket = ticketNo(fmt.Sprintf("B%03d", w.numbers))
	}
	w.b.answer(c, s, ticket)
	w.look()
}

func (w *world) paper(t *rapid.T) {
	if len(w.jobs) == 0 {
		return
	}
	j := w.jobs[rapid.IntRange(0, len(w.jobs)-1).Draw(t, "job")]
	w.do(Printed{j.ID, rapid.SampledFrom([]string{proto.HowAsked, proto.HowNone, proto.HowSent}).Draw(t, "how")})
}

func (w *world) fail() {
	if len(w.b.did) == 0 {
		return
	}
	w.do(Failed{Action: w.b.did[rapid.IntRange(0, len(w.b.did)-1).Draw(w.T, "action")], Err: errDisk})
}

func (w *world) power() {
	w.b.disk.fail = false
	w.b.boot(sample())
	w.look()
	w.do(PrinterState{printer.OK})
}

// check holds at any time.
func (w *world) check() {
	if w.b.k.fault && w.b.k.screen(w.b.now()).State != Fault {
		w.Fatal("the journal is broken and the screen does not say so")
	}
	starts, ends := map[string]int{}, map[string]int{}
	for _, f := range w.b.facts() {
		switch kind, id, _ := cut3(f); kind {
		case proto.FactStart, proto.FactAbandoned:
			if starts[id]++; starts[id] > 1 {
				w.Fatalf("%s is settled twice", id)
			}
		case proto.FactEnd:
			if ends[id]++; ends[id] > 1 || starts[id] != 1 {
				w.Fatalf("%s has ended %d times and started %d times", id, ends[id], starts[id])
			}
		}
	}
}

func cut3(f string) (kind, id, how string) {
	kind, rest, _ := strings.Cut(f, " ")
	id, how, _ = strings.Cut(rest, " ")
	return kind, id, how
}

// settled holds once a start has tidied up: every request that was sent is settled by exactly one fact, every paper has its end.
func (w *world) settled() {
	w.check()
	settled, ended, started := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range w.b.facts() {
		kind, id, _ := cut3(f)
		settled[id] = settled[id] || kind != proto.FactEnd
		ended[id] = ended[id] || kind == proto.FactEnd
		started[id] = started[id] || kind == proto.FactStart
	}
	for id := range w.asked {
		if !settled[string(id)] {
			w.Fatalf("%s was asked for and never settled", id)
		}
	}
	for id, begun := range started {
		if begun && !ended[id] {
			w.Fatalf("%s was begun and never ended", id)
		}
	}
	j, err := device.OpenJournal(w.b.disk, func() proto.Install { return "other" })
	if err != nil {
		w.Fatal(err)
	}
	if intents, papers := j.Open(); len(intents)+len(papers) > 0 {
		w.Fatalf("still open: %v %v", intents, papers)
	}
}

// connectAll connects and welcomes whatever hello comes, within the rule of one in 2 s.
func (b *bench) connectAll(name proto.Session, look func()) {
	b.do(PipeUp{})
	look()
	for range 3 {
		if hello := published[proto.Hello](b, proto.UpHello); len(hello) > 0 {
			b.down(proto.DownHello, proto.Welcome{
				V: 1, Nonce: hello[len(hello)-1].Nonce, S: proto.Accepted, Sess: name, Epoch: 1, Boot: centreBoot,
				T: b.now().Wall.UnixMilli(), DayKey: []byte("the key of the day"),
			})
			return
		}
		b.pass(2 * time.Second)
		look()
	}
	b.t.Fatal("no hello after connecting")
}
