package flow

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/internal/proto"
)

// After an error of the disk nothing follows.
func TestDiskFails(t *testing.T) {
	t.Run("at the intent", func(t *testing.T) {
		b := newBench(t, sample())
		b.ready()
		b.disk.fail = true
		b.do(Key{2})
		b.wantNoCmd()
		b.wantScreen(Fault)
	})
	t.Run("at the start", func(t *testing.T) {
		b := newBench(t, sample())
		b.ready()
		b.do(Key{2})
		cmd := b.asked()
		b.disk.fail = true
		b.answer(cmd, proto.ResOK, ticketNo("B012"))
		if len(b.printed()) != 0 {
			t.Fatal("printed without a record")
		}
		b.wantScreen(Fault)
		b.disk.fail = false // the journal is not trusted again before a restart
		b.do(Key{2})
		b.wantNoCmd()
		b.boot(sample())
		b.wantFacts("abandoned " + string(cmd.ID))
	})
	t.Run("at the end", func(t *testing.T) {
		b := newBench(t, sample())
		b.ready()
		b.do(Key{2})
		cmd := b.asked()
		b.answer(cmd, proto.ResOK, ticketNo("B012"))
		b.disk.fail = true
		b.do(Printed{cmd.ID, proto.HowAsked})
		b.wantScreen(Fault)
		b.disk.fail = false
		b.boot(sample())
		b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" unknown")
	})
}

// Without room for all records of a ticket no tap is taken, and nothing is begun; with room again everything is as before.
func TestDiskFull(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.disk.full = true
	for range 2 {
		b.do(Key{2})
		b.wantNoCmd()
		b.wantScreen(Fault)
	}
	if b.k.View(b.now()).Fault {
		t.Error("a full disk was taken for a broken journal")
	}
	b.disk.full = false
	b.do(Key{2})
	b.answer(b.asked(), proto.ResOK, ticketNo("B012"))
	if len(b.printed()) != 1 {
		t.Error("nothing is printed although there is room again")
	}
}

func TestTooLongTicket(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo(strings.Repeat("9", 2000)))
	if len(b.printed()) != 0 {
		t.Fatal("printed without a record")
	}
	b.wantScreen(Retry)
	b.wantFacts("abandoned " + string(cmd.ID))
	b.do(Key{2}) // the journal is whole
	b.asked()
}

func TestPowerCut(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	first := b.asked()
	b.answer(first, proto.ResOK, ticketNo("B012"))
	b.boot(sample())
	if len(b.printed()) != 0 {
		t.Fatal("a ticket was printed again by itself")
	}
	b.wantFacts("start "+string(first.ID), "end "+string(first.ID)+" unknown")
	b.pass(2 * time.Second)
	b.ready()
	b.do(Key{2})
	second := b.asked()
	b.boot(sample())
	b.wantFacts("start "+string(first.ID), "end "+string(first.ID)+" unknown", "abandoned "+string(second.ID))
	b.boot(sample()) // once settled, settled
	b.wantFacts("start "+string(first.ID), "end "+string(first.ID)+" unknown", "abandoned "+string(second.ID))
}

func TestPrintFails(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("B012"))
	b.do(Failed{Action: b.did[0], Err: errDisk})
	b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" none")
	b.wantScreen(NoPaper)
	if !slices.ContainsFunc(b.did, func(a Action) bool { s, ok := a.(Screen); return ok && s.State == NoPaper }) {
		t.Fatal("the screen that the failure kept back was not shown again")
	}
	b.do(Printed{cmd.ID, proto.HowAsked}) // too late
	b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" none")
}

func TestPrinterNeverAnswers(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{2})
	cmd := b.asked()
	b.answer(cmd, proto.ResOK, ticketNo("B012"))
	b.pass(printFor)
	b.wantFacts("start "+string(cmd.ID), "end "+string(cmd.ID)+" unknown")
	b.wantScreen(Check)
	if s := b.k.View(b.now()).Screen; s.Number != "B012" {
		t.Errorf("the screen shows the number %q: nobody else may know it", s.Number)
	}
}
