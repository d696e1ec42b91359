package flow

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quhao/drivers/keypad"
	"quhao/drivers/led"
	"quhao/internal/proto"
)

// world is a unit with a controller whose messages are lost, repeated and reordered.
type world struct {
	*bench
	rt      *rapid.T
	epoch   proto.Epoch
	sess    int
	ver     proto.Ver
	visits  int
	toks    int
	said    []proto.CounterState // all the controller ever published
	heard   proto.CounterState   // the newest of them that reached this start of the unit
	presses int
	started int // where in all this start of the unit begins
	calls   map[string]bool
	queue   []Display // pictures on their way to the display
}

func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{bench: newBench(rt), rt: rt, epoch: 1, ver: 10, calls: map[string]bool{}}
		w.seen = w.gather
		w.change()
		w.in() // from a connected unit the faults are reached sooner; restart leads to an unconnected one
		w.deliver(w.said[0])
		rt.Repeat(map[string]func(*rapid.T){
			"":       w.check,
			"change": func(*rapid.T) { w.change() },
			"change and deliver": func(*rapid.T) {
				w.change()
				w.deliver(w.said[len(w.said)-1])
			},
			"deliver": func(rt *rapid.T) {
				w.deliver(w.said[rapid.IntRange(0, len(w.said)-1).Draw(rt, "state")])
			},
			"deliver the newest": func(*rapid.T) { w.deliver(w.said[len(w.said)-1]) },
			"press": func(rt *rapid.T) {
				w.presses++
				w.press(rapid.SampledFrom([]keypad.Op{keypad.Next, keypad.Pause, keypad.Complete}).Draw(rt, "key"))
			},
			"rate": func(rt *rapid.T) {
				for range rapid.IntRange(1, 2).Draw(rt, "times") {
					w.rate(rapid.IntRange(0, 6).Draw(rt, "score"))
				}
			},
			"rate again after a restart": func(*rapid.T) {
				st := w.heard
				w.rate(5)
				w.restart()
				w.in()
				w.deliver(st)
				w.rate(1)
			},
			"result":   w.answer,
			"restart":  func(*rapid.T) { w.restart() },
			"up":       func(*rapid.T) { w.do(PipeUp{}) },
			"down":     func(*rapid.T) { w.do(PipeDown{}) },
			"in":       func(*rapid.T) { w.in() },
			"ctl":      func(*rapid.T) { w.ctl(w.epoch) },
			"new boot": func(*rapid.T) { w.epoch++; w.change() },
			"show": func(*rapid.T) {
				if len(w.queue) > 0 {
					d := w.queue[0]
					w.queue = w.queue[1:]
					w.do(Displayed{Counter: d.Counter, At: d.At})
				}
			},
			"wait": func(rt *rapid.T) {
				w.wait(time.Duration(rapid.IntRange(1, 20_000).Draw(rt, "ms")) * time.Millisecond)
			},
		})
		w.settled()
	})
}

// change makes a new state at the controller.
func (w *world) change() {
	w.ver++
	st := proto.CounterState{Epoch: w.epoch, Ver: w.ver, CV: w.ver, T: w.ms()}
	st.S = rapid.SampledFrom([]string{closed, idle, calling, serving, paused}).Draw(w.rt, "s")
	if st.S == calling || st.S == serving {
		w.visits++
		st.Num, st.Call = fmt.Sprintf("A%03d", w.visits), fmt.Sprintf("v%d", w.visits)
	}
	if rapid.Bool().Draw(w.rt, "rateable") {
		if rapid.Bool().Draw(w.rt, "new visit") {
			w.toks++
		}
		st.Rating = &proto.RatingState{Tok: fmt.Sprintf("tok%d", w.toks), For: rapid.IntRange(0, 120).Draw(w.rt, "for")}
	}
	w.said = append(w.said, st)
}

func (w *world) deliver(st proto.CounterState) {
	if st.At().After(w.heard.At()) {
		w.heard = st
	}
	w.state("c03", st)
}

// in leads the unit into a new session, whatever it did before.
func (w *world) in() {
	w.sess++
	w.connect(w.epoch, proto.Session(fmt.Sprintf("s%d", w.sess)))
}

func (w *world) restart() {
	w.heard, w.queue, w.started, w.calls = proto.CounterState{}, nil, len(w.all), map[string]bool{}
	w.start()
}

// answer delivers an answer to any command ever sent, or to one that was not. What is foreign changes nothing.
func (w *world) answer(rt *rapid.T) {
	ids := []proto.ID{"never sent"}
	for _, c := range w.cmds() {
		ids = append(ids, c.ID)
	}
	id := rapid.SampledFrom(ids).Draw(rt, "id")
	sess := proto.Session(fmt.Sprintf("s%d", rapid.IntRange(max(0, w.sess-1), w.sess).Draw(rt, "session")))
	word := rapid.SampledFrom([]string{proto.ResOK, proto.ResConflict, proto.ResEmpty, proto.ResStale}).Draw(rt, "word")
	r := w.unit.counters[0].request
	foreign := r == nil || r.cmd.ID != id || sess != w.unit.s.Sess()
	before := w.unit.View()
	w.result(id, sess, word, &proto.At{Epoch: w.epoch, Ver: w.ver})
	if foreign && !reflect.DeepEqual(before, w.unit.View()) {
		rt.Fatalf("a foreign answer changed\n%+v to\n%+v", before, w.unit.View())
	}
}

// gather looks at actions as they are made.
func (w *world) gather(acts []Action) {
	for _, d := range only[Display](acts) {
		if d.At != (proto.At{}) {
			w.queue = append(w.queue, d)
		}
	}
	for _, a := range only[Announce](acts) {
		key := fmt.Sprint(a.Num, " ", a.Repeat)
		switch {
		case w.calls[key]:
			w.rt.Fatalf("%s is announced twice", key)
		case a.Num != w.heard.Num || w.heard.S != calling:
			w.rt.Fatalf("%s is announced, and the newest heard is %+v", key, w.heard)
		case w.ms()-w.heard.T >= freshFor.Milliseconds():
			w.rt.Fatalf("%s is announced %d ms after the call", key, w.ms()-w.heard.T)
		}
		w.calls[key] = true
	}
}

// check looks at the unit after each step.
func (w *world) check(rt *rapid.T) {
	sentTimes := map[proto.ID]int{}
	for _, c := range w.cmds() {
		sentTimes[c.ID]++
		if sentTimes[c.ID] > 2 {
			rt.Fatalf("command %s is sent %d times", c.ID, sentTimes[c.ID])
		}
	}
	if len(sentTimes) > w.presses {
		rt.Fatalf("%d presses made %d commands", w.presses, len(sentTimes))
	}
	rated := map[string]int{}
	for _, f := range w.facts(proto.FactRating) {
		if rated[f.Tok]++; rated[f.Tok] > 1 || f.V < 1 || f.V > 5 {
			rt.Fatalf("rating %+v", f)
		}
	}
	if at, ok := w.unit.Due(); ok && at <= w.up {
		rt.Fatalf("due at %v, and it is %v", at, w.up)
	}
	w.picture()
}

// picture holds the display against the newest state heard.
func (w *world) picture() {
	v := w.unit.View()
	shows := only[Display](w.all[w.started:])
	last := shows[len(shows)-1]
	old := v.Stale || w.heard.Epoch < w.unit.s.Epoch()
	switch {
	case last.Show.Text == "":
		w.rt.Fatal("the display is blank")
	case old != (last.At == proto.At{}):
		w.rt.Fatalf("old %v, and the picture is %+v", old, last)
	case old && last.Show.Mode != led.Stale:
		w.rt.Fatalf("old is shown as new: %+v", last)
	case !old && (last.At != w.heard.At() || last.Show.Number != w.heard.Num):
		w.rt.Fatalf("shows %+v, newest heard is %+v", last, w.heard)
	case old && v.Counters[0].Lamp && w.unit.counters[0].flashAt+flashes*flash <= w.up:
		w.rt.Fatal("keys are lit although nothing can be sent")
	}
}

// settled ends all faults: the display comes to equal the controller's state, and every fact is ready to be handed in.
func (w *world) settled() {
	w.do(PipeDown{})
	w.in()
	newest := w.said[len(w.said)-1]
	newest.Epoch, newest.Ver = w.epoch, newest.Ver+1
	w.deliver(newest)
	for range 3 {
		w.ctl(w.epoch)
		w.wait(2 * time.Second)
	}
	v := w.unit.View()
	if !v.Ready || v.Counters[0].Held != newest.At() || v.Counters[0].Number != newest.Num || v.Counters[0].Busy || !v.Counters[0].Lamp {
		w.rt.Fatalf("after all faults: %+v, want %+v", v, newest)
	}
	if got := len(sent[proto.Facts](w.bench, proto.UpFact, w.all)); got == 0 {
		w.rt.Fatal("nothing is handed in")
	}
}
