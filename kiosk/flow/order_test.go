package flow

import (
	"slices"
	"testing"
	"time"

	"quhao/drivers/printer"
	"quhao/internal/proto"
)

// ordered sends an order in a session and returns the facts that it left.
func (b *bench) ordered(sess proto.Session, op, id string, tid proto.ID) []Action {
	b.t.Helper()
	return b.down(proto.DownDo, proto.Order{V: 1, ID: proto.ID(id), Sess: sess, Op: op, TID: tid})
}

func has[A Action](acts []Action) bool {
	return slices.ContainsFunc(acts, func(a Action) bool { _, ok := a.(A); return ok })
}

func TestIdentifyAndRestart(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.ordered("s0", proto.DoIdentify, "o1", "")
	b.ordered("s1", "dance", "o2", "")
	b.wantScreen(Idle)
	b.wantFacts()
	b.ordered("s1", proto.DoIdentify, "o3", "")
	b.wantScreen(Identify)
	if s := b.k.screen(b.now()); s.Title.ZH != "本机：kiosk-1" || s.Title.EN != "This is kiosk-1" {
		t.Errorf("the screen says %+v", s.Title)
	}
	b.pass(showFor)
	b.ordered("s1", proto.DoIdentify, "o3", "") // once
	b.wantScreen(Idle)
	if !has[Restart](b.ordered("s1", proto.DoRestart, "o4", "")) {
		t.Error("no restart")
	}
	b.wantFacts("done o3", "done o4")
	b.boot(sample())
	b.connect("s2")
	if has[Restart](b.ordered("s2", proto.DoRestart, "o4", "")) {
		t.Error("the same order restarts twice")
	}
}

func TestTestPage(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.ordered("s1", proto.DoTest, "o1", "")
	jobs := b.printed()
	if len(jobs) != 1 || !jobs[0].Test || jobs[0].ID != "o1" {
		t.Fatalf("printed %+v", jobs)
	}
	b.wantScreen(Printing)
	b.do(Key{2}) // a visitor has to wait for it
	b.wantNoCmd()
	b.ordered("s1", proto.DoTest, "o1", "")
	b.ordered("s1", proto.DoIdentify, "o2", "") // comes again when there is time
	if len(b.printed()) > 0 {
		t.Error("the page is printed twice")
	}
	b.wantFacts()
	b.do(Printed{ID: "o1", How: proto.HowAsked})
	b.wantFacts("done o1 asked")
	b.wantScreen(Idle)
	b.ordered("s1", proto.DoTest, "o3", "")
	b.do(Failed{Action: Print{Job: b.printed()[0]}})
	b.ordered("s1", proto.DoTest, "o4", "")
	b.pass(printFor)
	b.wantFacts("done o1 asked", "done o3 none", "done o4 unknown")
}

func TestOrderedReprint(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("B012"))
	b.ordered("s1", proto.DoReprint, "o0", "TB012") // while it prints: passed over
	b.do(Printed{ID: cmd.ID, How: proto.HowUnknown})
	b.ordered("s1", proto.DoReprint, "o1", "TB012")
	jobs := b.printed()
	if len(jobs) != 1 || jobs[0].Ticket.Num != "B012" || jobs[0].Reprint != 1 || jobs[0].Department.ZH != "财务" || jobs[0].Ticket.T == 0 {
		t.Fatalf("printed %+v", jobs)
	}
	id := string(cmd.ID)
	b.wantFacts("start "+id, "end "+id+" unknown", "start o1")
	b.do(Printed{ID: "o1", How: proto.HowConfirmed})
	b.wantScreen(Again)
	b.ordered("s1", proto.DoReprint, "o1", "TB012")
	b.ordered("s1", proto.DoReprint, "o2", "Tother") // not of this kiosk
	if len(b.printed()) > 0 {
		t.Error("printed once more")
	}
	b.wantFacts("start "+id, "end "+id+" unknown", "start o1", "end o1 confirmed", "done o1 confirmed", "done o2 none")
	b.ordered("s1", proto.DoReprint, "o3", "TB012")
	if jobs := b.printed(); len(jobs) != 1 || jobs[0].Reprint != 2 {
		t.Errorf("the second reprint is %+v", jobs)
	}
	b.do(Printed{ID: "o3", How: proto.HowNone})
	b.pass(showFor)
	b.do(PrinterState{printer.Out})
	b.ordered("s1", proto.DoReprint, "o4", "TB012")
	if f := b.facts(); f[len(f)-1] != "done o4 none" {
		t.Errorf("without paper: %v", f)
	}
}

// A power cut within an ordered paper is settled like that of any other, and the order is not carried out again.
func TestPowerCutWithinAnOrderedPaper(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("B012"))
	b.do(Printed{ID: cmd.ID, How: proto.HowAsked})
	b.pass(showFor)
	b.ordered("s1", proto.DoReprint, "o1", "TB012")
	b.boot(sample())
	b.ready2()
	b.ordered("s2", proto.DoReprint, "o1", "TB012")
	if len(b.printed()) > 0 {
		t.Error("printed again")
	}
	if f := b.facts(); f[len(f)-1] != "end o1 unknown" {
		t.Errorf("%v", f)
	}
	b.disk.fail = true
	b.ordered("s2", proto.DoReprint, "o2", "TB012")
	if b.pass(time.Second); len(b.printed()) > 0 {
		t.Error("printed what could not be journaled")
	}
}

// ready2 is ready after a restart.
func (b *bench) ready2() {
	b.t.Helper()
	b.do(PrinterState{printer.OK})
	b.connect("s2")
}
