package controller

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// On a full disk no numbers are given, to kiosks or at the guide desk, and the hall is told; calling goes on.
func TestTight(t *testing.T) {
	b, tight := newBench(t), false
	c, err := New(Options{
		Config: b.conf, Store: b.store, Publisher: b.out, Keys: b.keys, Random: b.random, Log: slog.New(slog.DiscardHandler),
		Tight: func() bool { return tight },
	}, b.now)
	if err != nil {
		t.Fatal(err)
	}
	b.c = c
	b.open()
	k := b.connect("kiosk-1")
	k.take("id-1")
	b.must(queue.Take{Dept: "finance"})
	tight = true
	if res := k.take("id-2"); res.S != proto.ResClosed || !strings.Contains(res.Why, "磁盘已满") {
		t.Errorf("a kiosk is answered %+v", res)
	}
	_, err = b.do(queue.Take{Dept: "finance"})
	if no, ok := errors.AsType[*queue.Refusal](err); !ok || no.Code != queue.Closed {
		t.Errorf("the guide desk is answered %v", err)
	}
	if res := k.take("id-1"); res.S != proto.ResOK {
		t.Errorf("a number that was given is asked for again: %+v", res)
	}
	if d := dept(t, c.hallState("hall"), "finance"); d.Open || d.Why != "disk_full" {
		t.Errorf("the hall is told %+v", d)
	}
	b.pass(ctlEvery * 5)
	b.must(queue.Next{Counter: "c3"})
	b.must(queue.Start{Counter: "c3"})
	b.must(queue.Complete{Counter: "c3", Outcome: queue.Direct})
	tight = false
	k.take("id-3")
	if d := dept(t, c.hallState("hall"), "finance"); !d.Open {
		t.Errorf("with room again the hall is told %+v", d)
	}
}
