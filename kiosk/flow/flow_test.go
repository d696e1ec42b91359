package flow

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/proto"
)

var card = proto.CardDigest("0008844356")

// What is collected in which order, and what is then asked for.
func TestCollect(t *testing.T) {
	wait := func(d time.Duration) func(*bench) {
		return func(b *bench) { b.pass(d / 2); b.heartbeat(); b.pass(d / 2) }
	}
	tap := func(b *bench) { b.do(Tap{card}) }
	key := func(n int) func(*bench) { return func(b *bench) { b.do(Key{n}) } }
	for _, c := range []struct {
		name  string
		steps []func(*bench)
		q     string // asked for; empty for nothing
		card  bool
		then  State
	}{
		{"key of a department without cards", []func(*bench){key(3)}, "cards", false, Asking},
		{"tap, then a department without cards", []func(*bench){tap, key(3)}, "cards", false, Asking},
		{"optional without a card", []func(*bench){key(2)}, "finance", false, Asking},
		{"optional with a card", []func(*bench){tap, key(2)}, "finance", true, Asking},
		{"required: the key waits", []func(*bench){key(1)}, "", false, TapCard},
		{"required: key, card", []func(*bench){key(1), tap}, "study", true, Asking},
		{"required: card, key", []func(*bench){tap, key(1)}, "study", true, Asking},
		{"a card alone waits", []func(*bench){tap}, "", false, Choose},
		{"another choice replaces the one that waits", []func(*bench){key(1), key(3)}, "cards", false, Asking},
		{"an unknown key", []func(*bench){key(9)}, "", false, Idle},
		{"cancelled", []func(*bench){tap, func(b *bench) { b.do(Cancel{}) }, key(2)}, "finance", false, Asking},
		{"a card just in time", []func(*bench){tap, wait(14 * time.Second), key(2)}, "finance", true, Asking},
		{"a forgotten card", []func(*bench){tap, wait(15 * time.Second), key(2)}, "finance", false, Asking},
		{"a forgotten choice", []func(*bench){key(1), wait(15 * time.Second)}, "", false, Idle},
		{"a card after a forgotten choice", []func(*bench){key(1), wait(15 * time.Second), tap}, "", false, Choose},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, sample())
			b.ready()
			for _, step := range c.steps {
				b.heartbeat()
				step(b)
			}
			b.wantScreen(c.then)
			if c.q == "" {
				b.wantNoCmd()
				return
			}
			cmd := b.asked()
			want := ""
			if c.card {
				want = proto.CardHash([]byte("the key of the day"), card)
			}
			if cmd.Op != proto.OpTicket || cmd.Q != c.q || cmd.Card != want || cmd.Sess != "s1" || cmd.Lang != "zh" {
				t.Fatalf("asked for %+v", cmd)
			}
		})
	}
}

// heartbeat is the controller's own state, without which a kiosk takes it for dead after 15 s.
func (b *bench) heartbeat() {
	b.t.Helper()
	b.say(b.topics.Ctl(), proto.Ctl{V: 1, S: "on", Epoch: 1, Boot: centreBoot, T: b.now().Wall.UnixMilli()})
}

func TestSingleDepartment(t *testing.T) {
	c := sample()
	c.Choices = []Choice{{Key: 1, Q: "finance", Item: "a"}, {Key: 2, Q: "finance", Item: "b"}}
	b := newBench(t, c)
	b.ready()
	b.do(Tap{card})
	if cmd := b.asked(); cmd.Q != "finance" || cmd.Item != "" || cmd.Card == "" {
		t.Fatalf("a tap asked for %+v, want the department as a whole", cmd)
	}
	c.Choices, c.Card = c.Choices[:1], CardNever
	b = newBench(t, c)
	b.ready()
	b.do(Tap{card})
	b.wantNoCmd()
	b.wantScreen(Idle)
}

// One ticket from the key to the paper.
func TestTicket(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	if got := b.lamps(); got != `{"1":true,"2":true,"3":true}` {
		t.Fatalf("lamps %s", got)
	}
	b.do(Tap{card})
	b.do(Key{2})
	cmd := b.asked()
	if got := b.lamps(); got != `{"1":false,"2":false,"3":false}` {
		t.Fatalf("lamps %s while busy", got)
	}
	b.do(Key{3})
	b.wantNoCmd()
	b.answer(cmd, proto.ResOK, ticketNo("B012"))
	jobs := b.printed()
	if len(jobs) != 1 || jobs[0].Ticket.Num != "B012" || jobs[0].Department.EN != "Finance" || jobs[0].Reprint != 0 || jobs[0].ID != cmd.ID {
		t.Fatalf("printed %+v", jobs)
	}
	if _, first := b.did[0].(Print); !first {
		t.Fatalf("the paper is not the first thing to be done: %T", b.did[0])
	}
	facts := published[proto.Facts](b, proto.UpFact)
	if len(facts) != 1 || !strings.Contains(string(facts[0].Facts[0]), `"k":"start"`) || facts[0].HWSeq != 1 {
		t.Fatalf("facts %+v", facts)
	}
	b.do(Printed{"another", proto.HowNone})
	b.wantScreen(Printing)
	b.wantFacts("start " + string(cmd.ID))
	b.do(Printed{cmd.ID, proto.HowAsked})
	b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" asked")
	b.wantScreen(Take)
	if s := b.k.screen(b.now()); s.Number != "B012" || s.Ahead != 4 || s.Title.ZH == "" || s.Title.EN == "" {
		t.Fatalf("screen %+v", s)
	}
	b.pass(showFor)
	b.wantScreen(Idle)
}

// What the last visitor got stays on the screen for a while; the next one, who cannot be served, must see why.
func TestTheNextVisitorSeesWhyNot(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{3})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("C001"))
	b.do(Printed{cmd.ID, proto.HowAsked})
	b.do(PrinterState{printer.Out})
	b.wantScreen(Take)
	b.do(Key{3})
	b.wantScreen(PrinterOut)
}

func TestReprint(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		b := newBench(t, sample())
		b.ready()
		b.do(Tap{card})
		b.do(Key{2})
		again := ticketNo("B012")
		again.N = n
		b.answer(b.asked(), proto.ResDup, again)
		if jobs := b.printed(); len(jobs) != 1 || jobs[0].Reprint != want {
			t.Fatalf("count %d: printed %+v, want reprint %d", n, jobs, want)
		}
		b.do(Printed{b.k.paper.start.ID, proto.HowSent})
		b.wantScreen(Again)
	}
}

func TestRefusals(t *testing.T) {
	for s, want := range map[string]State{
		proto.ResClosed: Closed, proto.ResFull: Full, proto.ResNotEligible: NotEligible, "appointment_needed": Appointment,
		proto.ResStale: Retry, proto.ResRecovering: Retry, proto.ResError: Retry, "a later word": Retry,
		proto.ResOK: Retry, proto.ResDup: Retry, // without a ticket
	} {
		t.Run(s, func(t *testing.T) {
			b := newBench(t, sample())
			b.ready()
			b.do(Key{2})
			cmd := b.asked()
			b.answer(cmd, s, nil)
			b.wantScreen(want)
			b.wantFacts("abandoned " + string(cmd.ID))
			b.answer(cmd, proto.ResOK, ticketNo("B012"))
			if len(b.printed()) != 0 {
				t.Fatal("a late answer was printed")
			}
		})
	}
}

// What is sent again, when, and what is given up.
func TestResend(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	first := b.asked()
	b.pass(resendAfter - time.Millisecond)
	b.wantNoCmd()
	b.pass(time.Millisecond)
	if again := b.asked(); again.ID != first.ID || again.Sess != first.Sess {
		t.Fatalf("sent again as %+v, first as %+v", again, first)
	}
	b.pass(giveUpAfter - resendAfter - time.Millisecond)
	b.wantNoCmd()
	b.wantScreen(Asking)
	b.pass(time.Millisecond)
	b.wantScreen(Retry)
	b.wantFacts("abandoned " + string(first.ID))
	b.answer(first, proto.ResOK, ticketNo("B012"))
	b.wantFacts("abandoned " + string(first.ID))
	b.do(Key{2})
	if next := b.asked(); next.ID == first.ID {
		t.Fatal("the id of a request was used for another")
	}
}

func TestNewSessionWhileAsking(t *testing.T) {
	b := newBench(t, sample())
	b.pass(10 * time.Second)
	b.ready()
	b.pass(5 * time.Second) // the rule of one hello in 2 s
	b.do(Key{2})
	first := b.asked()
	b.do(PipeDown{})
	b.connect("s2")
	again := b.asked()
	if again.ID != first.ID || again.Sess != "s2" {
		t.Fatalf("in the new session %+v was sent, first %+v", again, first)
	}
	b.answer(first, proto.ResOK, ticketNo("B011"))
	if len(b.printed()) != 0 {
		t.Fatal("an answer of the old session was used")
	}
	b.answer(again, proto.ResOK, ticketNo("B012"))
	if jobs := b.printed(); len(jobs) != 1 || jobs[0].Ticket.Num != "B012" {
		t.Fatalf("printed %+v", jobs)
	}
}

func TestForeignAnswers(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	for _, r := range []proto.Res{
		{V: 1, ID: "other", Sess: "s1", S: proto.ResOK, Ticket: ticketNo("B001")},
		{V: 1, ID: cmd.ID, Sess: "s0", S: proto.ResOK, Ticket: ticketNo("B001")},
		{V: 1, ID: cmd.ID, S: proto.ResClosed},
	} {
		b.down(proto.DownRes, r)
		b.wantScreen(Asking)
	}
	b.do(Message{proto.Message{Topic: b.topics.Down("kiosk-1", proto.DownRes), Payload: []byte("{")}})
	b.do(Message{proto.Message{Topic: b.topics.Down("kiosk-2", proto.DownRes), Payload: []byte(`{"id":"` + string(cmd.ID) + `"}`)}})
	b.wantScreen(Asking)
	b.wantFacts()
}

// No number is asked for when no paper could come out or nobody would answer.
func TestBlocked(t *testing.T) {
	for s, want := range map[printer.State]State{
		printer.Out: PrinterOut, printer.Open: PrinterOpen, printer.Error: PrinterError,
		printer.Offline: PrinterError, printer.Gone: PrinterError,
	} {
		b := newBench(t, sample())
		b.ready()
		b.do(Tap{card})
		b.do(PrinterState{s})
		b.wantScreen(want)
		b.do(Key{2})
		b.do(Tap{card})
		b.wantNoCmd()
		if got := b.lamps(); got != `{"1":false,"2":false,"3":false}` {
			t.Fatalf("%s: lamps %s", s, got)
		}
		b.do(PrinterState{printer.Low})
		b.wantScreen(Idle) // the card is forgotten
		b.do(Key{3})
		b.asked()
	}
	b := newBench(t, sample())
	b.do(PrinterState{printer.OK})
	b.wantScreen(Offline)
	b.do(Key{3})
	b.wantNoCmd()
	b.ready()
	b.pass(15 * time.Second)
	b.wantScreen(Offline)
	if !slices.ContainsFunc(b.did, func(a Action) bool { _, ok := a.(Drop); return ok }) {
		t.Fatal("15 s of silence did not break the connection")
	}
}

func TestHallState(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.say(b.topics.Hall("hall"), proto.HallState{V: 1, Epoch: 1, Ver: 3, Depts: []proto.DeptState{{ID: "study", Open: true, Issued: 74}}})
	if got := b.lamps(); got != `{"1":true,"2":false,"3":false}` {
		t.Fatalf("lamps %s", got)
	}
	b.say(b.topics.Hall("hall"), proto.HallState{V: 1, Epoch: 1, Ver: 2, Depts: []proto.DeptState{{ID: "finance", Open: true}}})
	b.say(b.topics.Hall("other"), proto.HallState{V: 1, Epoch: 1, Ver: 4, Depts: []proto.DeptState{{ID: "finance", Open: true}}})
	if got := b.lamps(); got != `{"1":true,"2":false,"3":false}` {
		t.Fatalf("an older state, or another hall's, changed the lamps to %s", got)
	}
	b.do(PipeDown{})
	b.pass(3 * time.Second)
	b.do(PipeUp{})
	if h := published[proto.Hello](b, proto.UpHello); len(h) != 1 || h[0].Issued["study"] != 74 {
		t.Fatalf("hello %+v", h)
	}
}

// A visitor who waits before a dead reader, or dead keys, reads why nothing happens, unless it does not concern them.
func TestDeafParts(t *testing.T) {
	const (
		cards, keys, both = "读卡器故障，请告知工作人员", "按键故障，请告知工作人员", "读卡器和按键都有故障，请告知工作人员"
		chosen, read      = "该部门凭卡取号", "已读到卡"
	)
	never := sample()
	never.Card = CardNever
	for _, c := range []struct {
		conf   Config
		parts  map[string]string
		before []Event
		state  State
		title  string // empty: the usual one
		hint   string
	}{
		{sample(), map[string]string{"card_reader": "ok", "keypad": "ok"}, nil, Idle, "", ""},
		{sample(), map[string]string{"keypad": "ok"}, nil, Idle, "", ""},
		{sample(), map[string]string{"card_reader": "gone", "keypad": "ok"}, nil, Idle, "", cards},
		{sample(), map[string]string{"card_reader": "gone", "scanner": "ok", "keypad": "ok"}, nil, Idle, "", ""},
		{sample(), map[string]string{"card_reader": "gone", "scanner": "gone", "keypad": "ok"}, nil, Idle, "", cards},
		{sample(), map[string]string{"card_reader": "ok", "keypad": "gone"}, nil, Idle, "", keys},
		{sample(), map[string]string{"card_reader": "gone", "keypad": "gone"}, nil, Idle, "暂时不能取号", both},
		{never, map[string]string{"card_reader": "gone", "keypad": "ok"}, nil, Idle, "", ""},
		{sample(), map[string]string{"card_reader": "gone", "keypad": "ok"}, []Event{Tap{card}}, Choose, "", read},
		{sample(), map[string]string{"card_reader": "ok", "keypad": "gone"}, []Event{Tap{card}}, Choose, "", keys},
		{sample(), map[string]string{"card_reader": "gone", "keypad": "ok"}, []Event{Key{1}}, TapCard, "", cards},
		{sample(), map[string]string{"card_reader": "ok", "keypad": "gone"}, []Event{Key{1}}, TapCard, "", chosen},
	} {
		b := newBench(t, c.conf)
		b.ready()
		for _, ev := range c.before {
			b.do(ev)
		}
		b.do(Parts{proto.Health{Parts: c.parts}})
		b.wantScreen(c.state)
		title, _ := words(c.state)
		if c.title == "" {
			c.title = title.ZH
		}
		s := b.k.View(b.now()).Screen
		if s.Title.ZH != c.title || s.Hint.ZH != c.hint || (s.Hint.EN == "") != (c.hint == "") || s.Title.EN == "" {
			t.Errorf("%s with %v: the screen says %v, %v", c.state, c.parts, s.Title, s.Hint)
		}
	}
}

func TestWords(t *testing.T) {
	all := []State{Idle, Choose, TapCard, Asking, Printing, Take, Again, Closed, Full, NotEligible, Appointment, Retry,
		TakeOffline, Check, NoPaper, PrinterOut, PrinterOpen, PrinterError, Offline, Fault}
	seen := map[Text]State{}
	for _, s := range all {
		title, hint := words(s)
		if title.ZH == "" || title.EN == "" || (hint.ZH == "") != (hint.EN == "") {
			t.Errorf("%s: words are missing: %+v %+v", s, title, hint)
		}
		both := Text{title.ZH + hint.ZH, title.EN + hint.EN}
		if other, again := seen[both]; again {
			t.Errorf("%s says the same as %s", s, other)
		}
		seen[both] = s
	}
}
