package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
)

const (
	fullDay = 5000 // tickets of the largest day a start must read in time
	// startWithin is a generous bound for a machine that does other things as well; the figure is in the log of the test.
	startWithin = 15 * time.Second
)

// busyCentre fills a data folder with a day long past, a day before, and an open day.
type busyCentre struct {
	t   *testing.T
	ctl *controller.Controller
	now time.Time
}

// do carries out commands in batches, as a crowd would. Refusals are for the caller to see in the state.
func (c *busyCentre) do(all []queue.Wish) {
	for len(all) > 0 {
		n := min(len(all), 512)
		var batch []controller.Input
		for _, w := range all[:n] {
			c.now = c.now.Add(time.Second)
			cmd := queue.Command{Request: newRequest(c.now), Actor: "test", Do: w}
			batch = append(batch, controller.Input{Do: &cmd, Reply: func(_ controller.Result, err error) {
				if err != nil {
					c.t.Fatalf("%T: %v", w, err)
				}
			}})
		}
		c.ctl.Handle(c.now, batch)
		all = all[n:]
	}
}

// day opens a day in which so many tickets are given, and half of them called and served.
func (c *busyCentre) day(tickets int) {
	depts := []queue.DeptID{"finance", "cards"}
	wishes := []queue.Wish{queue.OpenDay{}, queue.SignOn{Counter: "c3", Officer: "officer-3"}}
	for i := range tickets {
		wishes = append(wishes, queue.Take{Dept: depts[i%2]})
	}
	c.do(wishes)
	c.now = c.now.Add(time.Minute) // nobody's paper is waited for any more
	c.do(nil)
	c.ctl.Handle(c.now, nil)
	wishes = nil
	for range tickets / 2 {
		wishes = append(wishes, queue.Next{Counter: "c3"}, queue.Start{Counter: "c3"}, queue.Complete{Counter: "c3", Outcome: queue.Direct})
	}
	c.do(wishes)
}

// end closes the day.
func (c *busyCentre) end() {
	c.do([]queue.Wish{
		queue.SetIssuing{Dept: "finance"}, queue.SetIssuing{Dept: "study"}, queue.SetIssuing{Dept: "cards"}, queue.CloseDay{Force: true},
	})
}

// TestStartOnAFullDay starts on a day of 5,000 tickets: what is read is that day and the one before, and nothing older.
func TestStartOnAFullDay(t *testing.T) {
	r := newEmbedded(t)
	path := filepath.Join(r.folder, "centre.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("    prefix: "), []byte("    series: {width: 4, limit: 7999}\n    prefix: "))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	older, total := fillBusy(t, r)
	st, err := store.Open(r.data, store.Options{Who: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	read := uint64(0)
	if err := st.Load(func(queue.Event) error { read++; return nil }); err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if read != total-older {
		t.Errorf("a start reads %d events, want the %d of the last two days out of %d", read, total-older, total)
	}
	began := time.Now()
	r.start() // until quhaod status answers
	took := time.Since(began)
	t.Logf("from start to the first answer with %d tickets that day: %s; %d of %d events read", fullDay, took.Round(time.Millisecond), read, total)
	if took > startWithin {
		t.Errorf("a start took %s", took)
	}
}

// fillBusy makes the three days, and says how many events are older than what a start needs, and how many there are.
func fillBusy(t *testing.T, r *rig) (older, total uint64) {
	t.Helper()
	conf, mistakes := config.Load(r.folder)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	st, err := store.Open(r.data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c := &busyCentre{t: t, now: time.Now().Add(-72 * time.Hour)}
	c.ctl, err = controller.New(controller.Options{
		Config: conf, Store: st, Publisher: noBroker{}, Keys: controller.NewFileKeys(r.data), Random: random, Log: slog.New(slog.DiscardHandler),
	}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	c.day(200)
	c.end()
	if older, _, err = st.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.day(1000)
	c.end()
	c.day(fullDay)
	if total, _, err = st.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	return older, total
}
