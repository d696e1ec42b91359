package main

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// clockCase is one thing that clocks do.
type clockCase struct {
	name string
	from time.Time
	test func(w *watch)
}

func TestClock(t *testing.T) {
	cases := slices.Concat(jumpCases(), calendarCases(), deviceCases())
	if len(cases) < 20 {
		t.Errorf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWatch(t, c.from)
			w.take(3)
			c.test(w)
			if err := w.st.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if err := w.st.Rebuild(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Logf("%d cases of clocks, each on the real controller and its database", len(cases))
}

func jumpCases() []clockCase {
	return []clockCase{
		{"order by commit", noon, func(w *watch) {
			w.jump(noon.Add(-time.Minute))
			w.goesOn()
		}},
		{"1970 all day", time.Unix(0, 0), func(w *watch) { w.goesOn() }},
		{"set right after a start in 1970", time.Unix(60, 0), func(w *watch) {
			w.jump(noon)
			w.goesOn()
		}},
		{"1970 in the middle of a day", noon, func(w *watch) {
			w.jump(time.Unix(0, 0))
			w.goesOn()
		}},
		{"two days forward", noon, func(w *watch) {
			w.jump(noon.Add(48 * time.Hour))
			w.goesOn()
		}},
		{"two days back", noon, func(w *watch) {
			w.jump(noon.Add(-48 * time.Hour))
			w.goesOn()
		}},
		{"two days back and a start", noon, func(w *watch) {
			w.now = noon.Add(-48 * time.Hour)
			w.restart()
			w.goesOn()
		}},
		{"more than five minutes: an alarm, and nothing else", noon, func(w *watch) {
			before, seq := w.jumps(), w.head()
			w.jump(w.now.Add(5*time.Minute + time.Second))
			if n := w.jumps() - before; n != 1 {
				w.t.Errorf("%d alarms", n)
			}
			if changed := w.head() - seq; changed > 1 { // the papers that nobody waits for any more
				w.t.Errorf("the jump made %d events", changed)
			}
			w.goesOn()
		}},
		{"less than five minutes: no alarm", noon, func(w *watch) {
			before := w.jumps()
			w.jump(w.now.Add(4*time.Minute + 59*time.Second))
			if w.jumps() != before {
				w.t.Error("an alarm")
			}
			w.goesOn()
		}},
		{"a rating is not open for longer", noon, func(w *watch) {
			w.pass(30 * time.Second)
			w.must(queue.Next{Counter: "c3"})
			w.must(queue.Start{Counter: "c3"})
			w.must(queue.Complete{Counter: "c3", Outcome: queue.Direct})
			w.jump(w.now.Add(-48 * time.Hour))
			w.look(func(v controller.View) {
				if r := v.Counter(w.now, "c3").Rating; r == nil || time.Duration(r.For)*time.Second > w.conf.Centre.Rating.For {
					w.t.Errorf("the rating is %+v", r)
				}
			})
			w.take(1)
			w.served(w.taken[1:]...)
		}},
	}
}

// head is the number of the last event.
func (w *watch) head() uint64 {
	seq, _, err := w.st.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

// over starts a little before a moment and lets it pass.
func over(name string, moment time.Time) clockCase {
	return clockCase{name, moment.Add(-2 * time.Minute), func(w *watch) {
		w.pass(4 * time.Minute)
		var day queue.Day
		w.look(func(v controller.View) { day = v.State().Day })
		if day != 1 || w.jumps() != 0 {
			w.t.Errorf("it is day %d, %d jumps were seen", day, w.jumps())
		}
		w.goesOn()
	}}
}

func calendarCases() []clockCase {
	berlin := time.FixedZone("", 3600) // what its clocks say just before summer time begins, and just after it ends
	inBerlin := func(c clockCase) clockCase {
		test := c.test
		c.test = func(w *watch) {
			w.conf.Centre.Zone = "Europe/Berlin"
			w.restart()
			test(w)
		}
		return c
	}
	return []clockCase{
		over("midnight", time.Date(2026, 3, 3, 0, 0, 0, 0, shanghai)),
		over("midnight in UTC", time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)),
		over("29 February", time.Date(2028, 2, 29, 0, 0, 0, 0, shanghai)),
		over("the end of 29 February", time.Date(2028, 3, 1, 0, 0, 0, 0, shanghai)),
		over("the end of the year", time.Date(2027, 1, 1, 0, 0, 0, 0, shanghai)),
		inBerlin(over("summer time begins", time.Date(2026, 3, 29, 2, 0, 0, 0, berlin))),
		inBerlin(over("summer time ends", time.Date(2026, 10, 25, 2, 0, 0, 0, berlin))),
		{"another zone", noon, func(w *watch) {
			w.conf.Centre.Zone = "America/New_York"
			w.restart()
			w.goesOn()
		}},
		{"a day that is open over midnight ends once", time.Date(2026, 3, 2, 23, 50, 0, 0, shanghai), func(w *watch) {
			w.pass(20 * time.Minute)
			w.nextDay()
			w.take(1)
			if !slices.Equal(w.taken, []string{"B001"}) {
				w.t.Errorf("the new day begins with %v", w.taken)
			}
			w.served("B001")
		}},
		{"a new day although the clock says it was yesterday", noon, func(w *watch) {
			w.jump(noon.Add(-48 * time.Hour))
			w.nextDay()
			w.take(2)
			w.restart() // what a start reads is said by the days, not by their dates
			w.served("B001", "B002")
		}},
		{"names of copies", noon, func(w *watch) {
			b := newBackups(runOptions{data: w.data, hourly: 2, daily: 0}, w.st, &alarms{log: slog.New(slog.DiscardHandler)}, slog.New(slog.DiscardHandler), w.now)
			for i, d := range []time.Duration{0, 2 * time.Hour, -48 * time.Hour, 2 * time.Hour} {
				w.jump(w.now.Add(d))
				b.round(w.t.Context(), w.now, glimpse{seq: uint64(i + 1)})
			}
			all, err := b.places[0].list()
			if err != nil || len(all) != 2 || all[0].number != 3 || all[1].number != 4 || !all[1].at.Equal(w.now) {
				w.t.Errorf("kept are %+v (%v), want the last two that were made", all, err)
			}
			w.served("B001", "B002", "B003")
		}},
	}
}

// nextDay closes the day and opens another.
func (w *watch) nextDay() {
	w.t.Helper()
	for _, d := range w.conf.Centre.Departments {
		w.must(queue.SetIssuing{Dept: queue.DeptID(d.ID)})
	}
	w.pass(time.Minute)
	w.must(queue.CloseDay{Force: true})
	w.must(queue.OpenDay{})
	w.must(queue.SignOn{Counter: "c3", Officer: "officer-3"})
	w.taken = nil
}

func deviceCases() []clockCase {
	wrong := func(name string, clock time.Time, ok bool) clockCase {
		return clockCase{"a device's clock: " + name, noon, func(w *watch) {
			w.hello(clock, ok)
			for range 2 {
				id := proto.ID(newRequest(time.Now()))
				w.say(proto.UpCmd, proto.Cmd{V: proto.Version, ID: id, Mark: proto.Mark{Sess: w.sess, First: 1}, Op: proto.OpTicket, Q: "finance"})
			}
			w.served("B001", "B002", "B003", "B004", "B005")
		}}
	}
	return []clockCase{
		wrong("two days ahead", noon.Add(48*time.Hour), true),
		wrong("two days behind", noon.Add(-48*time.Hour), true),
		wrong("1970", time.Unix(0, 0), false),
		{"an offline number between others", noon, func(w *watch) {
			w.hello(noon, true)
			w.pass(10 * time.Minute)
			between := w.now
			w.pass(10 * time.Minute)
			w.take(2)
			w.served("B001", "B002", "B003", w.offline(between, true), "B004", "B005")
		}},
		{"an offline number of a kiosk that is a day ahead", noon, func(w *watch) {
			w.hello(noon, true)
			w.pass(10 * time.Minute)
			w.take(1)
			number := w.offline(w.now.Add(24*time.Hour), true) // it was known before the next one was given
			w.take(1)
			w.served("B001", "B002", "B003", "B004", number, "B005")
		}},
		{"an offline number of a kiosk in 1970", noon, func(w *watch) {
			w.hello(noon, true)
			w.pass(10 * time.Minute)
			number := w.offline(time.Unix(60, 0), false) // it is of today, and not before what was given when the kiosk last spoke
			w.take(1)
			w.served("B001", "B002", "B003", number, "B004")
		}},
		{"a permit ends by the controller's time", noon, func(w *watch) {
			w.hello(noon.Add(48*time.Hour), true)
			if w.home.Permit == nil {
				w.t.Fatal("no permit")
			}
			j, err := device.OpenJournal(new(disk), func() proto.Install { return "install" })
			if err != nil {
				w.t.Fatal(err)
			}
			if err := j.SetPermit(*w.home.Permit); err != nil {
				w.t.Fatal(err)
			}
			_, _, early := j.NextOff(noon.Add(15 * time.Hour).UnixMilli())
			_, _, late := j.NextOff(noon.Add(17 * time.Hour).UnixMilli())
			if !early || late {
				w.t.Errorf("it may after 15 hours: %t, after 17: %t", early, late)
			}
			w.served("B001", "B002", "B003")
		}},
	}
}
