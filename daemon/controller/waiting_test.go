package controller

import (
	"testing"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// A spare that nobody has approved yet hands in its journal during a recovery, and gets nothing else for it.
func TestWaitingInstallationHandsInDuringRecovery(t *testing.T) {
	b := newBench(t)
	b.open()
	b.connect("kiosk-1")
	spare := b.gadget("kiosk-1")
	spare.install = "spare"
	if w := spare.greet("n1"); w.S != proto.Pending || w.Sess != "" {
		t.Fatalf("without a recovery it is welcomed with %+v", w)
	}
	b.must(queue.BeginRecovery{Why: "restore"})
	w := spare.greet("n1")
	if w.S != proto.Pending || w.Sess == "" || w.Permit != nil || w.DayKey != nil {
		t.Fatalf("during a recovery it is welcomed with %+v", w)
	}
	if again := spare.greet("n1"); again.Sess != w.Sess {
		t.Errorf("another session at each hello: %s, then %s", w.Sess, again.Sess)
	}
	if ack := spare.send(spare.fact(proto.Fact{K: proto.FactStart, ID: "lost", TID: "lost", Num: "B077", Day: 1, Q: "finance"})); ack.Ack != 1 {
		t.Errorf("acknowledged up to %d", ack.Ack)
	}
	if lost := b.c.state.Tickets["lost"]; lost == nil || b.c.state.Devices["kiosk-1"] == "spare" {
		t.Errorf("its paper is %+v, the device's installation %s", lost, b.c.state.Devices["kiosk-1"])
	}
	mark := len(b.out.msgs)
	b.handle(spare.cmd(proto.Cmd{ID: "t1", Op: proto.OpTicket, Q: "finance"}))
	if n := len(since[proto.Res](b, mark, spare.down(proto.DownRes))); n != 0 {
		t.Error("it was answered a command")
	}
	if b.c.hasHandedIn("kiosk-1") {
		t.Error("the recovery counts it before it is approved")
	}
	b.must(queue.Bind{Device: "kiosk-1", Install: "spare", Replace: true})
	if w := spare.greet("n1"); w.S != proto.Accepted || w.Ack != 1 {
		t.Errorf("approved, it is welcomed with %+v", w)
	}
}
