package controller

import (
	"errors"
	"testing"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// ctl is a controller's state as it comes from the broker.
func (b *bench) ctl(retained bool, c proto.Ctl) Input {
	c.V = proto.Version
	in := b.say("quhaod", "", c)
	in.Message.Topic, in.Message.Retain = b.top.Ctl(), retained
	return in
}

// What is our own, older, retained or a farewell is no reason to stop.
func TestOnlyALaterControllerThatSpeaksIsHeeded(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	epoch := proto.Epoch(b.c.state.Epoch)
	b.handle(
		b.ctl(false, proto.Ctl{S: "on", Epoch: epoch + 1, Boot: b.c.boot}),
		b.ctl(true, proto.Ctl{S: "on", Epoch: epoch + 1, Boot: "another"}),
		b.ctl(false, proto.Ctl{S: "on", Epoch: epoch, Boot: "another"}),
		b.ctl(false, proto.Ctl{S: "off", Epoch: epoch + 1, Boot: "another"}),
		b.ctl(false, proto.Ctl{S: "lost"}),
	)
	if err := (View{b.c}).Faulted(); err != nil {
		t.Fatal(err)
	}
	if res := k.take("t1"); res.S != proto.ResOK {
		t.Errorf("answered %+v", res)
	}
}

// Two controllers would give numbers twice: the one with the lower epoch says nothing more and gives nothing, and after its
// next start first hears what the kiosks have from the other.
func TestALaterControllerIsGivenWay(t *testing.T) {
	for name, failures := range map[string]int{"at once": 0, "after failed commits": 3} {
		t.Run(name, func(t *testing.T) { givesWay(t, failures) })
	}
}

// While the database cannot be written, the epoch that could not be committed is not ours: another controller that has it is later.
func TestALaterControllerIsGivenWayWhileFaulted(t *testing.T) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	epoch := proto.Epoch(b.c.state.Epoch)
	b.store.fail = func(int) error { return errDisk }
	k.take("t1")
	b.pass(probeEvery)
	b.handle(b.ctl(false, proto.Ctl{S: "on", Epoch: epoch + 1, Boot: "another"}))
	if _, aside := errors.AsType[*AsideError]((View{b.c}).Faulted()); !aside {
		t.Fatalf("it goes on: %v", (View{b.c}).Faulted())
	}
	b.store.fail = nil
	b.pass(probeEvery)
	if !b.c.state.Recovering {
		t.Error("the log does not say that a recovery has begun")
	}
}

func givesWay(t *testing.T, failures int) {
	b := newBench(t)
	b.open()
	k := b.connect("kiosk-1")
	k.take("t1")
	from := b.store.appends
	b.store.fail = func(n int) error {
		if n > from && n <= from+failures {
			return errDisk
		}
		return nil
	}
	mark := len(b.out.msgs)
	b.handle(b.ctl(false, proto.Ctl{S: "on", Epoch: proto.Epoch(b.c.state.Epoch) + 1, Boot: "another"}))
	for range failures + 1 {
		b.pass(probeEvery)
	}
	var err error
	b.handle(k.cmd(proto.Cmd{ID: "t2", Op: proto.OpTicket, Q: "finance"}), k.hello("anew"),
		Input{Do: &queue.Command{Request: "console", Do: queue.Take{Dept: "finance"}}, Reply: func(_ Result, no error) { err = no }})
	b.pass(stateEvery)
	b.silent(mark)
	if _, aside := errors.AsType[*AsideError](err); !aside {
		t.Errorf("the console is told %v", err)
	}
	if _, aside := errors.AsType[*AsideError]((View{b.c}).Faulted()); !aside {
		t.Errorf("all is said to be well: %v", (View{b.c}).Faulted())
	}
	if !b.c.state.Recovering || b.c.count["stood_aside"] != 1 || len(b.c.state.Tickets) != 1 {
		t.Errorf("recovering %t, stood aside %d times, %d tickets", b.c.state.Recovering, b.c.count["stood_aside"], len(b.c.state.Tickets))
	}
	b.start()
	if res := b.connect("kiosk-1").take("t3"); res.S != proto.ResRecovering {
		t.Errorf("after the next start a request for a ticket is answered %+v", res)
	}
}
