package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// said keeps what the controller publishes.
type said struct{ all []proto.Message }

func (s *said) Publish(m proto.Message) error { s.all = append(s.all, m); return nil }

// watch is the real controller on its real database, and a clock that the test sets.
type watch struct {
	t    *testing.T
	data string
	conf *config.Config
	st   *store.Store
	ctl  *controller.Controller
	out  *said
	now  time.Time

	taken []string // numbers in the order they were given
	seq   uint64   // facts of the kiosk
	sess  proto.Session
	home  proto.Welcome // the last one of the kiosk
}

var shanghai = time.FixedZone("", 8*3600)

// noon is the clock's first position in most cases.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, shanghai)

func newWatch(t *testing.T, now time.Time) *watch {
	t.Helper()
	conf, mistakes := config.Load(hallConfig)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	w := &watch{t: t, data: t.TempDir(), conf: conf, out: new(said), now: now}
	w.start()
	t.Cleanup(func() {
		if err := w.st.Close(); err != nil {
			t.Error(err)
		}
	})
	w.must(queue.OpenDay{})
	w.must(queue.SignOn{Counter: "c3", Officer: "officer-3"})
	return w
}

func (w *watch) start() {
	w.t.Helper()
	var err error
	if w.st, err = store.Open(w.data, store.Options{}); err != nil {
		w.t.Fatal(err)
	}
	w.ctl, err = controller.New(controller.Options{
		Config: w.conf, Store: w.st, Publisher: w.out, Keys: controller.NewFileKeys(w.data), Random: random, Log: slog.New(slog.DiscardHandler),
	}, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
}

// restart starts the controller anew on the same data.
func (w *watch) restart() {
	w.t.Helper()
	if err := w.st.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// pass lets time go by as it does, in steps, so that it is no jump.
func (w *watch) pass(d time.Duration) {
	for ; d > 0; d -= time.Minute {
		w.now = w.now.Add(min(d, time.Minute))
		w.ctl.Handle(w.now, nil)
	}
}

// jump sets the clock.
func (w *watch) jump(to time.Time) { w.now = to; w.ctl.Handle(w.now, nil) }

func (w *watch) do(wish queue.Wish) (r controller.Result, err error) {
	cmd := queue.Command{Request: newRequest(time.Now()), Actor: "test", Do: wish}
	w.ctl.Handle(w.now, []controller.Input{{Do: &cmd, Reply: func(got controller.Result, no error) { r, err = got, no }}})
	return r, err
}

func (w *watch) must(wish queue.Wish) controller.Result {
	w.t.Helper()
	r, err := w.do(wish)
	if err != nil {
		w.t.Fatalf("at %s %T: %v", w.now, wish, err)
	}
	return r
}

// look calls f with the state.
func (w *watch) look(f func(controller.View)) {
	w.ctl.Handle(w.now, []controller.Input{{View: f}})
}

// jumps is how often a jump of the clock was noticed.
func (w *watch) jumps() (n uint64) {
	w.look(func(v controller.View) { n = v.Counts()["clock_jumped"] })
	return n
}

// take gives n numbers at the guide desk.
func (w *watch) take(n int) {
	w.t.Helper()
	for range n {
		w.taken = append(w.taken, w.must(queue.Take{Dept: "finance"}).Ticket.Number)
	}
}

// served calls everybody who waits and checks that they come as they were given: by commit, never by a clock.
func (w *watch) served(want ...string) {
	w.t.Helper()
	w.pass(30 * time.Second) // nobody's paper is waited for any more
	var called []string
	for range len(want) {
		if _, err := w.do(queue.Next{Counter: "c3"}); err != nil {
			w.t.Fatalf("after %v nobody is called: %v", called, err)
		}
		w.look(func(v controller.View) { called = append(called, v.Counter(w.now, "c3").Num) })
		w.must(queue.Start{Counter: "c3"})
		w.must(queue.Complete{Counter: "c3", Outcome: queue.Direct})
		w.pass(time.Second)
	}
	if !slices.Equal(called, want) {
		w.t.Errorf("called %v, want %v", called, want)
	}
	if _, err := w.do(queue.Next{Counter: "c3"}); err == nil {
		w.t.Error("somebody is left")
	}
	w.taken = nil
}

// hello brings the kiosk into session, with its own clock so far from ours.
func (w *watch) hello(clock time.Time, ok bool) {
	w.t.Helper()
	w.say(proto.UpHello, proto.Hello{
		V: proto.Version, Nonce: random(), Kind: proto.KindKiosk, Proto: proto.Version, Install: "install", Boot: "boot", First: 1,
		Clock: proto.Clock{T: clock.UnixMilli(), OK: ok},
	})
	for _, m := range slices.Backward(w.out.all) {
		if strings.HasSuffix(m.Topic, "kiosk-1/down/welcome") {
			welcome, err := proto.Decode[proto.Welcome](m.Payload)
			if err != nil || welcome.S != proto.Accepted {
				w.t.Fatalf("welcomed with %+v, %v", welcome, err)
			}
			w.sess, w.home = welcome.Sess, welcome
			// The first facts of a session are sent even if there are none: they prove how many papers there are not.
			w.say(proto.UpFact, proto.Facts{V: proto.Version, Mark: proto.Mark{Sess: w.sess, First: 1, HWSeq: w.seq / 2}, Facts: []json.RawMessage{}})
			return
		}
	}
	w.t.Fatal("no welcome")
}

func (w *watch) say(what string, v any) {
	w.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ctl.Handle(w.now, []controller.Input{{Dev: "kiosk-1", Message: &proto.Message{Topic: proto.NewTopics("").Up("kiosk-1", what), Payload: b, QoS: 1}}})
}

// offline hands in a paper with a number of the kiosk's own, given at a time that it claims.
func (w *watch) offline(claimed time.Time, right bool) (number string) {
	w.t.Helper()
	n := int(w.seq/2) + 1
	number = fmt.Sprintf("B%s%02d", w.conf.Devices[slices.IndexFunc(w.conf.Devices, func(d *config.Device) bool { return d.ID == "kiosk-1" })].Letter, n)
	id := proto.ID(newRequest(time.Now()))
	var facts []json.RawMessage
	for _, f := range []proto.Fact{
		{K: proto.FactStart, ID: id, TID: id, Num: number, Q: "finance", Off: n, T: claimed.UnixMilli(), Boot: "another boot", Clk: right},
		{K: proto.FactEnd, ID: id, TID: id, How: proto.HowSent, T: claimed.UnixMilli(), Boot: "another boot", Clk: right},
	} {
		w.seq++
		f.Seq = w.seq
		raw, err := json.Marshal(f)
		if err != nil {
			w.t.Fatal(err)
		}
		facts = append(facts, raw)
	}
	w.say(proto.UpFact, proto.Facts{V: proto.Version, Mark: proto.Mark{Sess: w.sess, First: 1, HWSeq: w.seq / 2}, Facts: facts})
	return number
}

// goesOn is what holds in every case: numbers go on where they were, and whoever came first is called first.
func (w *watch) goesOn() {
	w.t.Helper()
	w.take(2)
	w.served(w.taken...)
}
