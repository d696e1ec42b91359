package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

func TestTicketOnce(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	first := k.take("t1")
	if first.S != proto.ResOK || first.Ticket == nil || first.Ticket.Num != "B001" || first.Ticket.TID != "t1" || first.Ticket.Q != "finance" {
		t.Fatalf("answer %+v, ticket %+v", first, first.Ticket)
	}
	n := len(b.store.events)
	if d := cmp.Diff(first, k.take("t1")); d != "" {
		t.Error("the repeated request is answered otherwise:", d)
	}
	mark := len(b.out.msgs)
	again := k.cmd(proto.Cmd{ID: "t2", Op: proto.OpTicket, Q: "finance"})
	b.handle(again, again, again)
	answers := since[proto.Res](b, mark, k.down(proto.DownRes))
	if len(answers) != 3 || answers[0].Ticket.Num != "B002" || cmp.Diff(answers[0], answers[1]) != "" || cmp.Diff(answers[0], answers[2]) != "" {
		t.Errorf("three times in one batch: %+v", answers)
	}
	if kinds := b.kinds(n); len(kinds) != 1 {
		t.Errorf("events %v, want one", kinds)
	}
	b.start() // sessions and their memory are gone, the log is not
	k.greet("anew")
	for id, num := range map[proto.ID]string{"t1": "B001", "t2": "B002"} {
		if res := k.take(id); res.S != proto.ResOK || res.Ticket.Num != num || res.Ticket.TID != id {
			t.Errorf("after a restart %s gets %+v %+v", id, res, res.Ticket)
		}
	}
	if res := k.take("t3"); res.Ticket.Num != "B003" {
		t.Errorf("the next is %s", res.Ticket.Num)
	}
}

func TestDup(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	ask := func(id proto.ID) proto.Res {
		return k.ask(proto.Cmd{ID: id, Op: proto.OpTicket, Q: "study", Item: "transcript", Card: "hash"})
	}
	if res := ask("t1"); res.S != proto.ResOK || res.Ticket.N != 0 {
		t.Fatalf("%+v %+v", res, res.Ticket)
	}
	if res := ask("t2"); res.S != proto.ResDup || res.Ticket.TID != "t1" || res.Ticket.Num != "A001" || res.Ticket.N != 1 {
		t.Errorf("the second tap gets %+v %+v", res, res.Ticket)
	}
}

// A refusal stays the answer to its id as long as the session lasts.
func TestRefusalIsRepeated(t *testing.T) {
	b := newBench(t)
	k := b.connect("kiosk-1")
	first := k.take("t1")
	if first.S != proto.ResClosed || first.Why == "" {
		t.Fatalf("before the day: %+v", first)
	}
	sess := k.sess
	b.must(queue.OpenDay{})
	k.greet("after the opening")
	if k.sess == sess {
		t.Fatal("the day opened and the session goes on")
	}
	b.must(queue.SetIssuing{Dept: "finance"})
	closed := k.take("t2")
	b.must(queue.SetIssuing{Dept: "finance", Open: true})
	if d := cmp.Diff(closed, k.take("t2")); closed.S != proto.ResClosed || d != "" {
		t.Errorf("refused with %+v, then %s", closed, d)
	}
	k.greet("another session")
	if res := k.take("t2"); res.S != proto.ResOK {
		t.Errorf("in another session: %+v", res)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	b.open()
	k, u := b.connect("kiosk-1"), b.connect("unit-1")
	for name, c := range map[string]struct {
		g    *gadget
		cmd  proto.Cmd
		want string
	}{
		"a unit takes a ticket":   {u, proto.Cmd{Op: proto.OpTicket, Q: "finance"}, proto.ResError},
		"no such department":      {k, proto.Cmd{Op: proto.OpTicket, Q: "law"}, proto.ResError},
		"no such item":            {k, proto.Cmd{Op: proto.OpTicket, Q: "finance", Item: "transcript"}, proto.ResError},
		"no card":                 {k, proto.Cmd{Op: proto.OpTicket, Q: "study"}, proto.ResNotEligible},
		"a kiosk calls":           {k, proto.Cmd{Op: proto.OpNext, Counter: "c1", IfVer: b.desk("c1")}, proto.ResError},
		"another's counter":       {u, proto.Cmd{Op: proto.OpNext, Counter: "c2", IfVer: b.desk("c2")}, proto.ResError},
		"no counter":              {u, proto.Cmd{Op: proto.OpNext, IfVer: b.desk("c1")}, proto.ResError},
		"without if_ver":          {u, proto.Cmd{Op: proto.OpNext, Counter: "c1"}, proto.ResError},
		"an old if_ver":           {u, proto.Cmd{Op: proto.OpNext, Counter: "c1", IfVer: &proto.At{Epoch: b.desk("c1").Epoch, Ver: 1}}, proto.ResConflict},
		"an if_ver before":        {u, proto.Cmd{Op: proto.OpNext, Counter: "c1", IfVer: &proto.At{Epoch: b.desk("c1").Epoch - 1, Ver: b.desk("c1").Ver}}, proto.ResConflict},
		"nobody waits":            {u, proto.Cmd{Op: proto.OpNext, Counter: "c1", IfVer: b.desk("c1")}, proto.ResEmpty},
		"sign on by name":         {u, proto.Cmd{Op: proto.OpSignOn, Counter: "c1", Officer: "officer-2", IfVer: b.desk("c1")}, proto.ResError},
		"an unknown operation":    {u, proto.Cmd{Op: "dance", Counter: "c1", IfVer: b.desk("c1")}, proto.ResError},
		"a start without a call":  {u, proto.Cmd{Op: proto.OpStart, Counter: "c1", IfVer: b.desk("c1")}, proto.ResConflict},
		"an outcome there is not": {u, proto.Cmd{Op: proto.OpComplete, Counter: "c1", Outcome: "lost", IfVer: b.desk("c1")}, proto.ResError},
	} {
		n := len(b.store.events)
		c.cmd.ID = proto.ID("id of " + name)
		if res := c.g.ask(c.cmd); res.S != c.want || res.Why == "" {
			t.Errorf("%s: %+v, want %s and why", name, res, c.want)
		}
		if len(b.store.events) != n {
			t.Errorf("%s: made %v", name, b.kinds(n))
		}
	}
}

// Every key of a counter, in the order of a working day.
func TestCounterCommands(t *testing.T) {
	b := newBench(t)
	b.open()
	k, u := b.connect("kiosk-1"), b.connect("unit-3")
	for _, id := range []proto.ID{"t1", "t2", "t3"} {
		k.take(id)
		k.send(k.fact(proto.Fact{K: proto.FactStart, ID: id, TID: id, Num: string(id), Day: 1, Q: "finance"}),
			k.fact(proto.Fact{K: proto.FactEnd, ID: id, TID: id, How: proto.HowConfirmed}))
	}
	for i, step := range []struct {
		cmd  proto.Cmd
		s    string
		desk queue.DeskState
		num  string
	}{
		{proto.Cmd{Op: proto.OpNext}, proto.ResOK, queue.DeskCalling, "B001"},
		{proto.Cmd{Op: proto.OpRecall}, proto.ResEarly, queue.DeskCalling, "B001"},
		{proto.Cmd{Op: proto.OpUndo}, proto.ResOK, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpNext}, proto.ResOK, queue.DeskCalling, "B001"},
		{proto.Cmd{Op: proto.OpStart}, proto.ResOK, queue.DeskServing, "B001"},
		{proto.Cmd{Op: proto.OpPark}, proto.ResOK, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpUnpark}, proto.ResOK, queue.DeskCalling, "B001"},
		{proto.Cmd{Op: proto.OpTransfer, To: "cards"}, proto.ResOK, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpNext}, proto.ResOK, queue.DeskCalling, "B002"},
		{proto.Cmd{Op: proto.OpNoShow}, proto.ResEarly, queue.DeskCalling, "B002"},
		{proto.Cmd{Op: proto.OpStart}, proto.ResOK, queue.DeskServing, "B002"},
		{proto.Cmd{Op: proto.OpComplete, Outcome: queue.Promised}, proto.ResOK, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpPause, Reason: "study"}, proto.ResOK, queue.DeskPaused, ""},
		{proto.Cmd{Op: proto.OpUnpause}, proto.ResOK, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpNext}, proto.ResOK, queue.DeskCalling, "B003"},
		{proto.Cmd{Op: proto.OpNext}, proto.ResEmpty, queue.DeskIdle, ""},
		{proto.Cmd{Op: proto.OpSignOff}, proto.ResOK, queue.DeskClosed, ""},
	} {
		step.cmd.ID, step.cmd.Counter, step.cmd.IfVer = proto.ID(b.random()), "c3", b.desk("c3")
		mark := len(b.out.msgs)
		res := u.ask(step.cmd)
		st := (View{b.c}).Counter(b.now, "c3")
		if res.S != step.s || st.S != string(step.desk) || st.Num != step.num {
			t.Fatalf("step %d %s: %s %q, the counter is %s %s", i, step.cmd.Op, res.S, res.Why, st.S, st.Num)
		}
		if step.s != proto.ResOK {
			continue
		}
		said := since[proto.CounterState](b, mark, b.top.Counter("c3"))
		if len(said) != 1 || said[0].At() != st.At() || res.Ver == nil || *res.Ver != st.At() || res.Counter != "c3" {
			t.Errorf("step %d %s: answered %+v, the counter is at %v and was told of %d times", i, step.cmd.Op, res.Ver, st.At(), len(said))
		}
	}
	if calls := (View{b.c}).Hall("hall").Calls; len(calls) != 3 || calls[0].Num != "B003" || calls[2].Num != "B001" {
		t.Errorf("on the board: %+v", calls)
	}
}

// A call that was undone was none: it leaves the board.
func TestUndoneCallLeavesTheBoard(t *testing.T) {
	b := newBench(t)
	b.open()
	k, u := b.connect("kiosk-1"), b.connect("unit-3")
	k.take("t1")
	b.pass(21e9)
	u.ask(proto.Cmd{ID: "n", Op: proto.OpNext, Counter: "c3", IfVer: b.desk("c3")})
	if calls := (View{b.c}).Hall("hall").Calls; len(calls) != 1 {
		t.Fatalf("on the board: %+v", calls)
	}
	u.ask(proto.Cmd{ID: "u", Op: proto.OpUndo, Counter: "c3", IfVer: b.desk("c3")})
	if calls := (View{b.c}).Hall("hall").Calls; len(calls) != 0 {
		t.Errorf("on the board after the undo: %+v", calls)
	}
}

// Two units of one department press at once: two visitors are called. Two presses on one counter: one is too late.
func TestTwoPressAtOnce(t *testing.T) {
	b := newBench(t)
	b.open()
	k, u := b.connect("kiosk-1"), b.connect("unit-3")
	k.take("t1")
	k.take("t2")
	b.pass(21e9)
	mark := len(b.out.msgs)
	at := b.desk("c3")
	b.handle(u.cmd(proto.Cmd{ID: "n1", Op: proto.OpNext, Counter: "c3", IfVer: at}), u.cmd(proto.Cmd{ID: "n2", Op: proto.OpNext, Counter: "c3", IfVer: at}))
	res := since[proto.Res](b, mark, u.down(proto.DownRes))
	if len(res) != 2 || res[0].S != proto.ResOK || res[1].S != proto.ResConflict {
		t.Errorf("answers %+v", res)
	}
	if n := len(b.c.state.Visits); n != 1 {
		t.Errorf("%d visits", n)
	}
}
