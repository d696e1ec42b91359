package main

import (
	"slices"
	"testing"

	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/proto"
)

// kind is one kind of broker, and a rig on it that is not started yet.
type kind struct {
	name string
	make func(*testing.T) *rig
}

// overEach runs a test over every kind of broker of this build: the embedded one, and with -tags mosquitto Mosquitto as well.
func overEach(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, k := range append([]kind{{"embedded", newEmbedded}}, otherBrokers()...) {
		t.Run(k.name, func(t *testing.T) { test(t, k.make(t)) })
	}
}

// A visitor's way over each broker: ticket, paper, call, start, completion, rating.
func TestVisitOverEachBroker(t *testing.T) {
	overEach(t, func(t *testing.T, r *rig) {
		r.start()
		kiosk := r.join("kiosk-1", proto.KindKiosk)
		unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
		kiosk.inSession()
		unit.inSession()
		kiosk.await("its configuration", func() bool { return kiosk.configs > 0 })
		r.tell("sign", "on", "c3", "officer-3")
		unit.counter("c3", func(st proto.CounterState) bool { return st.S == "idle" })
		taken := kiosk.ticket("finance")
		kiosk.await("its facts acknowledged", func() bool { return kiosk.sess.Journal().Acked() == 2 })
		if st := unit.press("c3", proto.Cmd{Op: proto.OpNext}); st.Num != taken.Num || st.S != "calling" {
			t.Errorf("the counter shows %+v, want the call of %s", st, taken.Num)
		}
		unit.press("c3", proto.Cmd{Op: proto.OpStart})
		if res := unit.do(proto.Cmd{Op: proto.OpNext, Counter: "c3", IfVer: &proto.At{Epoch: 1, Ver: 1}}); res.S != proto.ResConflict {
			t.Errorf("a press on an old display: %q", res.S)
		}
		unit.press("c3", proto.Cmd{Op: proto.OpComplete, Outcome: queue.Direct})
		st := unit.counter("c3", func(st proto.CounterState) bool { return st.Rating != nil })
		unit.fact(proto.Fact{K: proto.FactRating, Tok: st.Rating.Tok, V: 5})
		unit.counter("c3", func(st proto.CounterState) bool { return st.Rating == nil })
		r.stop()
		r.books(store.Total{Dept: "finance", Taken: 1, Called: 1, Served: 1, Rated: 1, Mean: 5})
	})
}

// books compares the day's figures with the database of the stopped daemon.
func (r *rig) books(want store.Total) {
	t := r.t
	t.Helper()
	st, err := store.Open(r.data, store.Options{Who: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all, err := st.Totals(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(x store.Total) bool { return x.Dept == want.Dept })
	if i < 0 {
		t.Fatalf("nothing of %s in %+v", want.Dept, all)
	}
	got := all[i]
	got.Printed = nil
	if got.Taken != want.Taken || got.Called != want.Called || got.Served != want.Served || got.Rated != want.Rated || got.Mean != want.Mean {
		t.Errorf("the database has %+v, want %+v", got, want)
	}
}

// The daemon is stopped and started again under its devices: they come back by themselves, and a request that was answered
// before is answered alike.
func TestRestartOverEachBroker(t *testing.T) {
	overEach(t, func(t *testing.T, r *rig) {
		r.start()
		kiosk := r.join("kiosk-1", proto.KindKiosk)
		kiosk.inSession()
		first := kiosk.do(proto.Cmd{Op: proto.OpTicket, Q: "finance"})
		if first.Ticket == nil {
			t.Fatalf("%q %s", first.S, first.Why)
		}
		for range 3 {
			before := kiosk.session()
			r.stop()
			r.start()
			kiosk.await("a session of the new start", func() bool { return kiosk.sess.Sess() != before && kiosk.sess.Ready(kiosk.now()) })
			kiosk.forget()
			again := kiosk.do(proto.Cmd{ID: first.ID, Op: proto.OpTicket, Q: "finance"})
			if again.Ticket == nil || again.Ticket.Num != first.Ticket.Num {
				t.Errorf("the same request: %+v, then %+v", first, again)
			}
		}
	})
}

// session is the present session.
func (m *member) session() proto.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sess.Sess()
}

// forget lets the next command wait for its own answer.
func (m *member) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.answers)
}
