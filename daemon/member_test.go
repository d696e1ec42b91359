package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"quhao/internal/device"
	"quhao/internal/link"
	"quhao/internal/proto"
)

// askAgain is how long a command waits before it is sent again, with the same id.
const askAgain = time.Second

// member is a device without hardware: the session of kiosk and counter unit over a real connection.
type member struct {
	t      *testing.T
	id     string
	topics proto.Topics
	link   *link.Link
	began  time.Time

	mu      sync.Mutex // for all below: link and timer have a goroutine each
	sess    *device.Session
	ctl     []string // words of state/ctl as they came
	states  map[string]proto.CounterState
	answers map[proto.ID]proto.Res
	configs int // configurations received
	ups     int // connections made
}

// disk forgets with the test.
type disk struct{ b []byte }

// Load, Append and Replace are those of a journal's disk.
func (d *disk) Load() ([]byte, error)  { return d.b, nil }
func (d *disk) Append(b []byte) error  { d.b = append(d.b, b...); return nil }
func (d *disk) Replace(b []byte) error { d.b = append([]byte(nil), b...); return nil }

// join connects a device of the rig; it lives until the end of the test.
func (r *rig) join(id string, kind proto.Kind, subscribe ...string) *member {
	r.t.Helper()
	j, err := device.OpenJournal(new(disk), func() proto.Install { return proto.Install(random()) })
	if err != nil {
		r.t.Fatal(err)
	}
	m := &member{
		t: r.t, id: id, topics: r.topics, began: time.Now(), states: map[string]proto.CounterState{}, answers: map[proto.ID]proto.Res{},
		sess: device.NewSession(device.Options{Dev: id, Kind: kind, FW: "test", Topics: r.topics, Boot: proto.Boot(random()), Random: random}, j),
	}
	l := linkTo(r.t, link.Options{
		Addr: r.addr, TLS: r.tls, ClientID: id, User: id, Password: r.secrets[id],
		Will:      proto.Message{Topic: r.topics.Up(id, proto.UpAvail), Payload: []byte(`{"s":"lost"}`), Retain: true, QoS: 1},
		Subscribe: append([]string{r.topics.AllDown(id), r.topics.Ctl()}, subscribe...),
	}, m.hear)
	m.mu.Lock()
	m.link = l
	m.mu.Unlock()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				m.with(func() { m.sess.Tick(m.now()) })
			}
		}
	}()
	r.t.Cleanup(func() { close(stop); <-stopped })
	return m
}

func (m *member) now() device.Now {
	w := time.Now()
	return device.Now{Up: w.Sub(m.began), Wall: w, Set: true}
}

// with works on the session and sends what comes of it.
func (m *member) with(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	out, drop, err := m.sess.Take()
	if err != nil {
		m.t.Errorf("%s: %v", m.id, err)
	}
	for _, msg := range out {
		_ = m.link.Publish(msg) // lost like any message on its way
	}
	if drop {
		m.link.Drop()
	}
}

func (m *member) hear(l *link.Link, e link.Event) {
	m.mu.Lock()
	m.link = l // the first event may come before linkTo returns
	m.mu.Unlock()
	m.with(func() {
		switch {
		case e.Up:
			m.ups++
			m.sess.Up(m.now())
		case e.Down:
			m.sess.Down(m.now())
		default:
			m.message(*e.Msg)
		}
	})
}

func (m *member) message(msg proto.Message) {
	if msg.Topic == m.topics.Ctl() {
		if c, err := proto.Decode[proto.Ctl](msg.Payload); err == nil {
			m.ctl = append(m.ctl, c.S)
		}
	}
	if mine, err := m.sess.Receive(m.now(), msg); mine || err != nil {
		if err != nil {
			m.t.Errorf("%s: %v", m.id, err)
		}
		return
	}
	if _, what, ok := m.topics.ReadDown(msg.Topic); ok {
		switch what {
		case proto.DownCfg:
			if _, err := proto.DecodeCfg(msg.Payload); err != nil {
				m.t.Errorf("%s: %v", m.id, err)
			}
			m.configs++
		case proto.DownRes:
			if res, err := proto.Decode[proto.Res](msg.Payload); err != nil {
				m.t.Errorf("%s: %v", m.id, err)
			} else if res.Sess == m.sess.Sess() {
				m.answers[res.ID] = res
			}
		}
		return
	}
	if kind, name, ok := m.topics.ReadState(msg.Topic); ok && kind == "counter" {
		st, err := proto.Decode[proto.CounterState](msg.Payload)
		if err != nil {
			m.t.Errorf("%s: %v", m.id, err)
		} else if st.At().After(m.states[name].At()) {
			m.states[name] = st
		}
	}
}

// await waits until something is so; it is called with the member locked.
func (m *member) await(what string, ok func() bool) {
	m.t.Helper()
	until(m.t, m.id+": "+what, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return ok()
	})
}

func (m *member) inSession() {
	m.t.Helper()
	m.await("in session", func() bool { return m.sess.Ready(m.now()) })
}

// counter waits until a counter is as wanted, and returns it.
func (m *member) counter(id string, want func(proto.CounterState) bool) (st proto.CounterState) {
	m.t.Helper()
	m.await(fmt.Sprintf("counter %s as wanted", id), func() bool { st = m.states[id]; return want(st) })
	return st
}

// do sends a command, again and again with the same id, until it is answered.
func (m *member) do(cmd proto.Cmd) (res proto.Res) {
	m.t.Helper()
	if cmd.ID == "" {
		cmd.ID = proto.ID(newRequest(time.Now()))
	}
	cmd.V = proto.Version
	var sent time.Time
	var in proto.Session
	until(m.t, m.id+": an answer to "+cmd.Op, func() (answered bool) {
		m.with(func() {
			if res, answered = m.answers[cmd.ID]; answered || m.sess.Sess() == "" {
				return
			}
			if in == m.sess.Sess() && time.Since(sent) < askAgain {
				return
			}
			in, sent = m.sess.Sess(), time.Now()
			cmd.Mark = m.sess.Mark()
			if err := m.sess.Send(proto.UpCmd, cmd); err != nil {
				m.t.Errorf("%s: %v", m.id, err)
			}
		})
		return answered
	})
	return res
}

// ticket takes a number and journals that it was printed, as a kiosk does.
func (m *member) ticket(dept string) proto.TicketRes {
	m.t.Helper()
	res := m.do(proto.Cmd{Op: proto.OpTicket, Q: dept})
	if res.S != proto.ResOK || res.Ticket == nil {
		m.t.Fatalf("%s: a ticket of %s: %q %s", m.id, dept, res.S, res.Why)
	}
	k := *res.Ticket
	m.fact(proto.Fact{K: proto.FactStart, ID: res.ID, TID: k.TID, Num: k.Num, Day: k.Day, Q: k.Q})
	m.fact(proto.Fact{K: proto.FactEnd, ID: res.ID, TID: k.TID, How: proto.HowSent})
	return k
}

// fact journals a fact; the session hands it in.
func (m *member) fact(f proto.Fact) {
	m.t.Helper()
	m.with(func() {
		if _, err := m.sess.Journal().AddFact(m.sess.Stamp(m.now(), f)); err != nil {
			m.t.Errorf("%s: %v", m.id, err)
		}
		m.sess.FactAdded(m.now())
	})
}

// press is an operation of a counter on what its unit shows. It must succeed; what is shown then is returned.
func (m *member) press(counter string, cmd proto.Cmd) proto.CounterState {
	m.t.Helper()
	st := m.counter(counter, func(st proto.CounterState) bool { return st.S != "" })
	cmd.Counter, cmd.IfVer = counter, &proto.At{Epoch: st.Epoch, Ver: st.CV}
	res := m.do(cmd)
	if res.S != proto.ResOK || res.Ver == nil {
		m.t.Fatalf("%s at %s, which shows %+v: %q %s", cmd.Op, counter, st, res.S, res.Why)
	}
	return m.counter(counter, func(st proto.CounterState) bool { return !res.Ver.After(st.At()) })
}
