package device

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"quhao/internal/proto"
)

// The times of a session.
const (
	helloEvery   = 2 * time.Second
	factsEvery   = 2 * time.Second
	beatEvery    = 10 * time.Second
	rejectedFor  = 5 * time.Minute
	ctlSilent    = 15 * time.Second // no state/ctl for so long while the connection seems alive: it is dead
	timeKept     = time.Minute      // how long the word with the least way behind it counts
	timeLate     = time.Second      // a word may be so late on its way; more behind, and the controller's clock was set back
	staleDropped = 2 * time.Second  // after the connection is lost: what is shown is marked stale
)

// Options say who a device is.
type Options struct {
	Dev    string
	Kind   proto.Kind
	FW     string
	Topics proto.Topics
	Boot   proto.Boot
	// Random returns a new random name: a nonce, or an installation.
	Random func() string
}

// Session is a device's conversation with the controller. It is fed with what arrives and with time, and collects
// the messages to send; Take hands them out. All its methods are for one goroutine.
type Session struct {
	o Options
	j *Journal

	up       bool // the pipe is connected and subscribed
	downAt   time.Duration
	nonce    string // of the hello that waits for its welcome; empty if none does
	sess     proto.Session
	waits    proto.Session // in it the journal is handed in while an administrator has to let this installation in; mostly empty
	welcome  proto.Welcome
	seen     proto.Seen
	ctl      proto.Ctl
	ctlAt    time.Duration // when the controller was heard last, the connection came up, or was last to be dropped
	live     bool          // the controller was heard, and what it last said is present
	heardAt  time.Duration // when
	offset   time.Duration // the controller's clock less Up
	timed    bool
	timedAt  time.Duration // when the word that offset was taken from came
	helloAt  time.Duration
	saidAt   time.Duration // when the last hello was said
	said     bool
	factsAt  time.Duration
	beatAt   time.Duration
	rejected time.Duration // stay away until then
	refusal  string        // why the controller has rejected this device; empty if it has not, or has welcomed it since
	issued   map[string]int
	shown    map[string]proto.At
	health   proto.Health

	out  []proto.Message
	drop bool
	err  error
}

// NewSession returns the session of a device that is not connected yet.
func NewSession(o Options, j *Journal) *Session {
	return &Session{o: o, j: j, issued: map[string]int{}, shown: map[string]proto.At{}}
}

// Journal is the journal whose facts this session hands in.
func (s *Session) Journal() *Journal { return s.j }

// Ready says whether commands can be sent: in session, and the controller was heard lately.
func (s *Session) Ready(now Now) bool {
	return s.sess != "" && s.live && now.Up-s.heardAt < ctlSilent && s.ctl.S == "on"
}

// Stale says that what the controller last said must not be shown as present any more.
func (s *Session) Stale(now Now) bool {
	switch {
	case !s.live || s.ctl.S != "on" || now.Up-s.heardAt >= ctlSilent:
		return true
	case !s.up:
		return now.Up-s.downAt >= staleDropped
	}
	return false
}

// Sess is the present session; empty without one.
func (s *Session) Sess() proto.Session { return s.sess }

// DayKey is the key under which cards are hashed today; nil before the first welcome.
func (s *Session) DayKey() []byte { return s.welcome.DayKey }

// Epoch is the controller's epoch as last heard.
func (s *Session) Epoch() proto.Epoch { return s.seen.Epoch }

// Time is the controller's time in ms since 1970, and whether it can be trusted.
func (s *Session) Time(now Now) (ms int64, ok bool) {
	if s.timed {
		return (s.offset + now.Up).Milliseconds(), true
	}
	return now.Wall.UnixMilli(), now.Set
}

// Stamp fills in when a fact happened.
func (s *Session) Stamp(now Now, f proto.Fact) proto.Fact {
	f.T, f.Clk = s.Time(now)
	f.Up, f.Boot = now.Up.Milliseconds(), s.o.Boot
	return f
}

// Mark is what stands on every message of the session.
func (s *Session) Mark() proto.Mark {
	return proto.Mark{Sess: s.sess, HWSeq: s.j.HWSeq(), First: s.j.First(), HWFirst: s.j.HWFirst(), Seen: s.seen}
}

// Issued notes the highest number seen of a department, which a controller restored from a backup will want to know.
func (s *Session) Issued(dept string, n int) {
	if n > s.issued[dept] {
		s.issued[dept] = n
	}
}

// Shown notes what stands on a counter's display, and says so at once.
func (s *Session) Shown(now Now, counter string, at proto.At) {
	if s.shown[counter] != at {
		s.shown[counter] = at
		s.beatAt = now.Up
	}
}

// Health sets the word on the device's parts, which is sent when it changes and at each connection.
func (s *Session) Health(h proto.Health) {
	h.V, h.FW = proto.Version, s.o.FW
	s.health = h
	if s.up {
		s.send(proto.UpHealth, h, true, 1)
	}
}

// Send publishes a message of the device, QoS 1. It returns the fault of a message over its limit.
func (s *Session) Send(what string, v any) error { return s.send(what, v, false, 1) }

func (s *Session) send(what string, v any, retain bool, qos byte) error {
	b, err := proto.Encode(v)
	if err != nil {
		return err
	}
	s.out = append(s.out, proto.Message{Topic: s.o.Topics.Up(s.o.Dev, what), Payload: b, Retain: retain, QoS: qos})
	return nil
}

// Take hands out the messages to send, whether the connection is to be dropped, and a fault of the journal if one was met.
func (s *Session) Take() (out []proto.Message, drop bool, err error) {
	out, drop, err = s.out, s.drop, s.err
	s.out, s.drop, s.err = nil, false, nil
	return out, drop, err
}

// Up says that the pipe is connected and everything is subscribed. The old session is forgotten.
func (s *Session) Up(now Now) {
	s.live = !s.Stale(now) // a connection alone does not make present what was stale: the controller has to be heard
	s.up, s.sess, s.ctlAt = true, "", now.Up
	s.send(proto.UpAvail, proto.Avail{S: "on"}, true, 1)
	if s.health.V != 0 {
		s.send(proto.UpHealth, s.health, true, 1)
	}
	s.greet(now)
}

// Down says that the pipe is cut.
func (s *Session) Down(now Now) {
	if s.up {
		s.downAt = now.Up
	}
	s.up, s.sess, s.waits, s.nonce = false, "", "", ""
}

// greet begins a new session: a new nonce, said at once unless a hello was said a moment ago.
func (s *Session) greet(now Now) {
	s.sess, s.waits, s.nonce = "", "", s.o.Random()
	s.helloAt = now.Up
	if s.said {
		s.helloAt = max(now.Up, s.saidAt+helloEvery)
	}
	s.Tick(now)
}

// Due is when Tick has something to do next, as a time of Now.Up; ok is false if nothing will be due before something arrives.
func (s *Session) Due() (at time.Duration, ok bool) {
	switch {
	case s.up && s.live:
		at, ok = min(s.ctlAt, s.heardAt)+ctlSilent, true
	case s.up:
		at, ok = s.ctlAt+ctlSilent, true
	case s.live:
		at, ok = min(s.heardAt+ctlSilent, s.downAt+staleDropped), true
	}
	switch {
	case s.up && s.waits != "" && s.j.Owes():
		at = min(at, s.helloAt, s.factsAt)
	case s.up && s.nonce != "":
		at = min(at, s.helloAt)
	case s.up && s.sess != "" && s.j.Owes():
		at = min(at, s.factsAt, s.beatAt)
	case s.up && s.sess != "":
		at = min(at, s.beatAt)
	}
	return at, ok
}

// Tick does what is due.
func (s *Session) Tick(now Now) {
	s.live = s.live && !s.Stale(now) // once stale, only the controller itself makes it present again
	if !s.up {
		return
	}
	if now.Up-s.ctlAt >= ctlSilent {
		s.drop, s.ctlAt = true, now.Up
	}
	if s.nonce != "" && now.Up >= s.helloAt {
		s.hello(now)
	}
	if (s.sess != "" || s.waits != "") && now.Up >= s.factsAt && s.j.Owes() {
		s.facts(now)
	}
	if s.sess == "" {
		return
	}
	if now.Up >= s.beatAt {
		s.beatAt = now.Up + beatEvery
		s.send(proto.UpBeat, proto.Beat{V: proto.Version, Mark: s.Mark(), Shown: s.shown}, false, 0)
	}
}

func (s *Session) hello(now Now) {
	s.helloAt, s.saidAt, s.said = now.Up+helloEvery, now.Up, true
	t, ok := now.Wall.UnixMilli(), now.Set
	s.send(proto.UpHello, proto.Hello{
		V: proto.Version, Nonce: s.nonce, Kind: s.o.Kind, FW: s.o.FW, Proto: proto.Version,
		Install: s.j.Install(), Boot: s.o.Boot, HWSeq: s.j.HWSeq(), First: s.j.First(), OffN: s.j.OffN(),
		Seen: s.seen, Issued: s.issued, Clock: proto.Clock{T: t, OK: ok},
	}, false, 1)
}

// facts sends what is not acknowledged, the first of a session even if there is nothing. With nothing left to send, it
// says by its mark from which fact on the journal reaches, and is said again until the controller has passed those before.
func (s *Session) facts(now Now) {
	s.factsAt = now.Up + factsEvery
	m := s.Mark()
	m.Sess = cmp.Or(s.sess, s.waits)
	s.send(proto.UpFact, proto.Facts{V: proto.Version, Mark: m, Facts: s.j.Pending()}, false, 1)
}

// FactAdded says that the journal has a new fact, which is sent at once if a session is open.
func (s *Session) FactAdded(now Now) {
	if s.sess != "" {
		s.facts(now)
	}
}

// Receive takes a message of the session itself: welcome, ack, and the controller's state. It reports whether it was one.
// Messages for the flow behind the session (res, do, cfg, states of counters and halls) are left to it.
func (s *Session) Receive(now Now, m proto.Message) (mine bool, err error) {
	if kind, _, ok := s.o.Topics.ReadState(m.Topic); ok {
		if kind != "ctl" {
			s.seeIn(m.Payload)
			return false, nil
		}
		ctl, err := proto.Decode[proto.Ctl](m.Payload)
		if err != nil {
			return true, fmt.Errorf("state/ctl: %w", err)
		}
		s.heard(now, ctl, m.Retain)
		return true, nil
	}
	dev, what, ok := s.o.Topics.ReadDown(m.Topic)
	if !ok || dev != s.o.Dev {
		return false, nil
	}
	switch what {
	case proto.DownHello:
		w, err := proto.Decode[proto.Welcome](m.Payload)
		if err != nil {
			return true, fmt.Errorf("welcome: %w", err)
		}
		s.welcomed(now, w)
	case proto.DownAck:
		a, err := proto.Decode[proto.Ack](m.Payload)
		if err != nil {
			return true, fmt.Errorf("ack: %w", err)
		}
		s.acked(now, a)
	default:
		return false, nil
	}
	return true, nil
}

// seeIn notes which controller a state of a counter or a hall is of: a device may hold that state without ever having had a
// word of that controller itself, and one that is restored can begin with the same epoch. What cannot be read is told of
// by the flow.
func (s *Session) seeIn(state []byte) {
	type speaker struct {
		Epoch proto.Epoch `json:"epoch"`
		Boot  proto.Boot  `json:"boot"`
	}
	if c, err := proto.Decode[speaker](state); err == nil && c.Boot != "" {
		s.see(proto.Seen(c))
	}
}

// heard takes the controller's state. A retained copy proves only that there was a controller, not that it lives.
func (s *Session) heard(now Now, c proto.Ctl, retained bool) {
	s.ctl = c
	if !retained && alive(c) {
		s.hear(now)
		s.keepTime(now, c.T)
	}
	s.see(proto.Seen{Epoch: c.Epoch, Boot: c.Boot})
	// A controller that is recovering waits for the journals, so it must be greeted as well; one that has gone cannot answer.
	if s.up && alive(c) && s.sess != "" && c.Boot != s.welcome.Boot {
		s.greet(now)
	}
}

// hear notes that the controller has spoken just now.
func (s *Session) hear(now Now) { s.ctlAt, s.heardAt, s.live = now.Up, now.Up, true }

func alive(c proto.Ctl) bool { return c.S != "lost" && c.S != "off" }

func (s *Session) see(seen proto.Seen) {
	if seen.Epoch > s.seen.Epoch || s.seen.Boot == "" {
		s.seen = seen
	}
}

// keepTime sets the device's time by a word of the controller. A word tells a time that is past by its way here, so of the
// words of a minute the one that tells the latest time counts. One far behind says that the controller's clock was set back.
func (s *Session) keepTime(now Now, t int64) {
	offset := time.Duration(t)*time.Millisecond - now.Up
	if late := s.offset - offset; s.timed && late > 0 && late < timeLate && now.Up-s.timedAt < timeKept {
		return
	}
	s.offset, s.timed, s.timedAt = offset, true, now.Up
}

func (s *Session) welcomed(now Now, w proto.Welcome) {
	switch w.S {
	case proto.Again:
		if w.Sess == s.sess && s.sess != "" {
			s.greet(now)
		}
	case proto.Rejected:
		if w.Nonce == s.nonce && s.nonce != "" {
			s.nonce, s.rejected, s.refusal, s.drop = "", now.Up+rejectedFor, cmp.Or(w.Why, "no reason was given"), true
		}
	case proto.Pending:
		if w.Nonce == s.nonce && s.nonce != "" {
			s.pending(now, w)
		}
	case proto.Accepted:
		if s.nonce == "" || w.Nonce != s.nonce {
			return
		}
		s.accepted(now, w)
	}
}

func (s *Session) accepted(now Now, w proto.Welcome) {
	if s.renewed(now, w) {
		return
	}
	s.nonce, s.sess, s.waits, s.welcome, s.refusal = "", w.Sess, "", w, ""
	s.hear(now)
	s.ctl = proto.Ctl{V: proto.Version, S: "on", Epoch: w.Epoch, Boot: w.Boot, T: w.T}
	s.keepTime(now, w.T)
	s.see(proto.Seen{Epoch: w.Epoch, Boot: w.Boot})
	if err := s.j.Ack(w.Ack, w.AckSum, w.T); err != nil {
		s.err = errors.Join(s.err, err)
	}
	if w.Permit != nil {
		if err := s.j.SetPermit(*w.Permit); err != nil {
			s.err = errors.Join(s.err, err)
		}
	}
	s.beatAt = now.Up
	s.facts(now)
	s.Tick(now)
}

func (s *Session) acked(now Now, a proto.Ack) {
	if a.Sess != cmp.Or(s.sess, s.waits) || a.Sess == "" || a.Ack <= s.j.Acked() || a.Ack >= s.j.Next() {
		return // of another session, or no news, or of a fact that this journal has not written
	}
	t, _ := s.Time(now)
	if err := s.j.Ack(a.Ack, a.Sum, t); err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	if len(s.j.Pending()) > 0 {
		s.facts(now)
	}
}
