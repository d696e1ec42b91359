package flow

import (
	"slices"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/proto"
)

// alone is a kiosk with a permit whose connection is cut.
func alone(t *testing.T) *bench {
	b := newBench(t, sample())
	b.permit = &proto.Permit{Series: "X", From: 1, Cap: 2, Until: b.now().Wall.Add(time.Hour).UnixMilli(), Day: 4}
	b.ready()
	b.pass(5 * time.Second) // so that a new hello may be said at once
	b.do(PipeDown{})
	return b
}

func (b *bench) wantPaper(number string) Job {
	b.t.Helper()
	jobs := b.printed()
	if len(jobs) == 0 || jobs[len(jobs)-1].Ticket.Num != number || !jobs[len(jobs)-1].Offline {
		b.t.Fatalf("printed %+v, want %s, offline", jobs, number)
	}
	return jobs[len(jobs)-1]
}

func TestAKioskThatIsCutOffGivesNumbersOfItsOwn(t *testing.T) {
	b := alone(t)
	b.do(Key{3})
	b.wantNoCmd()
	b.wantScreen(Asking)
	b.pass(giveUpAfter)
	first := b.wantPaper("CX01")
	if first.Ticket.Day != 4 || first.Ticket.TID == "" || first.Ticket.TID == first.ID || first.Ticket.Ahead != -1 {
		t.Fatalf("the paper %+v", first)
	}
	b.do(Printed{first.ID, proto.HowAsked})
	b.wantScreen(TakeOffline)
	b.pass(showFor)

	b.do(Tap{card})
	b.do(Key{1}) // the connection is long gone: at once
	second := b.wantPaper("AX02")
	b.do(Printed{second.ID, proto.HowAsked})
	b.pass(showFor)
	b.wantScreen(Offline) // the permit is used up
	b.do(Key{3})
	b.wantFacts("start "+string(first.ID), "end "+string(first.ID)+" asked", "start "+string(second.ID), "end "+string(second.ID)+" asked")

	b.connect("s2")
	for _, f := range published[proto.Facts](b, proto.UpFact) {
		if f.HWSeq != 2 || len(f.Facts) != 4 {
			t.Fatalf("handed in %+v", f)
		}
	}
}

func TestASessionInTimeGivesTheControllersNumber(t *testing.T) {
	b := alone(t)
	b.do(Key{3})
	b.pass(time.Second)
	b.connect("s2")
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("C009"))
	if jobs := b.printed(); len(jobs) != 1 || jobs[0].Offline || jobs[0].Ticket.Num != "C009" {
		t.Fatalf("printed %+v", jobs)
	}
}

func TestALateAnswerToAnOfflinePaperIsIgnored(t *testing.T) {
	b := newBench(t, sample())
	b.permit = &proto.Permit{Series: "X", From: 7, Cap: 9, Until: b.now().Wall.Add(time.Hour).UnixMilli(), Day: 1}
	b.ready()
	b.do(Key{3})
	cmd := b.asked()
	b.pass(giveUpAfter)
	job := b.wantPaper("CX07")
	b.answer(cmd, proto.ResOK, ticketNo("C009"))
	b.do(Printed{job.ID, proto.HowAsked})
	b.answer(cmd, proto.ResOK, ticketNo("C009"))
	if n := len(b.printed()); n != 0 {
		t.Fatalf("%d more papers", n)
	}
	b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" asked")
}

func TestWhoMayNotGiveNumbers(t *testing.T) {
	for name, change := range map[string]func(b *bench){
		"no permit":            func(b *bench) { b.permit = nil },
		"a permit of the past": func(b *bench) { b.permit.Until = b.now().Wall.UnixMilli() },
		"none left":            func(b *bench) { b.permit.Cap = 0 },
	} {
		b := newBench(t, sample())
		b.permit = &proto.Permit{Series: "X", From: 1, Cap: 2, Until: b.now().Wall.Add(time.Hour).UnixMilli(), Day: 4}
		change(b)
		b.ready()
		b.do(PipeDown{})
		b.do(Key{3})
		b.pass(giveUpAfter)
		if jobs := b.printed(); len(jobs) > 0 {
			t.Errorf("%s: printed %+v", name, jobs)
		}
		b.wantScreen(Offline)
	}
	b := alone(t)
	b.do(PrinterState{printer.Out})
	b.do(Key{3})
	b.pass(giveUpAfter)
	b.wantScreen(PrinterOut)
}

func TestAKioskThatWasNotWelcomedSinceItsStartGivesNoNumbers(t *testing.T) {
	b := alone(t)
	b.boot(sample()) // on a disk that may be an old copy: only a welcome tells
	b.do(PrinterState{printer.OK})
	b.do(PipeUp{})
	b.say(b.topics.Hall("hall"), proto.HallState{V: 1, Epoch: 1, Ver: 2, Depts: []proto.DeptState{{ID: "cards", Open: true}}})
	b.do(Key{3})
	b.pass(giveUpAfter)
	if jobs := b.printed(); len(jobs) > 0 {
		t.Fatalf("printed %+v", jobs)
	}
	b.connect("s2")
	b.do(PipeDown{})
	b.do(Key{3})
	b.pass(giveUpAfter)
	b.wantPaper("CX01")
}

// Another device that works may use the name of one that the controller has rejected, and give the same numbers.
func TestARejectedKioskGivesNoNumbers(t *testing.T) {
	b := alone(t)
	b.do(PipeUp{})
	hello := published[proto.Hello](b, proto.UpHello)
	if len(hello) != 1 {
		t.Fatalf("%d hellos", len(hello))
	}
	acts := b.down(proto.DownHello, proto.Welcome{V: 1, Nonce: hello[0].Nonce, S: proto.Rejected, Why: "two of this name"})
	if i := slices.IndexFunc(acts, func(a Action) bool {
		d, ok := a.(Drop)
		return ok && d.Rest == 5*time.Minute && d.Why == "two of this name"
	}); i < 0 {
		t.Errorf("rejected, it does %v", acts)
	}
	b.do(PipeDown{})
	b.wantScreen(Refused)
	b.do(Key{3})
	b.pass(giveUpAfter)
	if jobs := b.printed(); len(jobs) > 0 {
		t.Fatalf("printed %+v", jobs)
	}
	if v := b.k.View(b.now()); v.Refused != "two of this name" {
		t.Errorf("its page says %q", v.Refused)
	}
	b.connect("s2")
	b.do(PipeDown{})
	b.do(Key{3})
	b.pass(giveUpAfter)
	b.wantPaper("CX01")
}
