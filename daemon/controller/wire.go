package controller

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// session is one conversation with a device. It lives in memory only.
type session struct {
	id      proto.Session
	install proto.Install
	nonce   string
	boot    proto.Boot
	heard   time.Time              // its last message of this session
	marks   []mark                 // what its messages prove of its papers
	answers map[proto.ID]proto.Res // what was answered in this session, refusals too
}

// deviceView is what is known of a device of the configuration.
type deviceView struct {
	conf    *config.Device
	avail   string
	health  proto.Health
	config  proto.CfgReport
	heard   time.Time
	clock   time.Duration // the device's clock less ours
	shown   map[string]proto.At
	pending map[proto.Install]time.Time // installations that wait for an administrator
	waiting map[proto.Install]*session  // of them, those that hand in their journals meanwhile, during a recovery
	rivals  rivals
}

func deviceViews(devices []*config.Device) map[string]*deviceView {
	out := map[string]*deviceView{}
	for _, d := range devices {
		out[d.ID] = &deviceView{conf: d, shown: map[string]proto.At{}, pending: map[proto.Install]time.Time{}}
	}
	return out
}

// message takes one message of a device. What cannot be read is counted and dropped: the device sends again what matters.
func (b *batch) message(dev string, m proto.Message) {
	if m.Topic == b.topics.Ctl() {
		b.other(m)
		return
	}
	from, what, ok := b.topics.ReadUp(m.Topic)
	d := b.devices[dev]
	if !ok || from != dev || d == nil {
		b.bad(dev, m.Topic, errors.New("no such device, or not its topic"))
		return
	}
	d.heard = b.now
	if b.faulted != nil && (what == proto.UpHello || what == proto.UpFact || what == proto.UpBeat) {
		return // each of them comes again
	}
	var err error
	switch what {
	case proto.UpHello:
		err = handle(m.Payload, func(h proto.Hello) error { return b.hello(dev, d, h) })
	case proto.UpCmd:
		err = handle(m.Payload, func(c proto.Cmd) error { b.cmd(dev, d, c); return nil })
	case proto.UpFact:
		err = handle(m.Payload, func(f proto.Facts) error { b.facts(dev, f); return nil })
	case proto.UpBeat:
		err = handle(m.Payload, func(h proto.Beat) error { b.beat(dev, d, h); return nil })
	case proto.UpAvail:
		err = handle(m.Payload, func(a proto.Avail) error { d.avail = a.S; return nil })
	case proto.UpCfg:
		err = handle(m.Payload, func(r proto.CfgReport) error { d.config = r; return nil })
	case proto.UpHealth:
		err = handle(m.Payload, func(h proto.Health) error { d.health = h; return nil })
	default:
		err = fmt.Errorf("unknown topic")
	}
	if err != nil {
		b.bad(dev, m.Topic, err)
	}
}

func handle[T any](payload []byte, f func(T) error) error {
	v, err := proto.Decode[T](payload)
	if err != nil {
		return err
	}
	return f(v)
}

func (b *batch) bad(dev, topic string, err error) {
	b.count["messages_bad"]++
	b.log.Warn("a message cannot be used", "device", dev, "topic", topic, "err", err)
}

// say sends a message to a device after the commit.
func (b *batch) say(dev, what string, v any) {
	b.then = append(b.then, func() { b.tell(dev, what, v) })
}

// tell sends a message to a device.
func (c *Controller) tell(dev, what string, v any) {
	p, err := proto.Encode(v)
	if err != nil {
		c.log.Error("a message cannot be written", "device", dev, "topic", what, "err", err)
		return
	}
	c.send(proto.Message{Topic: c.topics.Down(dev, what), Payload: p, QoS: 1})
}

// hello opens a session for the installation that is bound to the device, binding it if none is.
func (b *batch) hello(dev string, d *deviceView, h proto.Hello) error {
	if string(h.Kind) != d.conf.Kind || h.Install == "" || h.Nonce == "" {
		return fmt.Errorf("a hello of a %s, configured is a %s", h.Kind, d.conf.Kind)
	}
	b.see(dev, h.Seen)
	if h.Clock.OK {
		d.clock = time.UnixMilli(h.Clock.T).Sub(b.now).Round(time.Second)
	}
	if why := b.rival(dev, d, h); why != "" {
		b.say(dev, proto.DownHello, proto.Welcome{V: proto.Version, Nonce: h.Nonce, S: proto.Rejected, Why: why})
		return nil
	}
	bound := b.state.Devices[dev]
	if bound == "" {
		cmd := queue.Command{Actor: "dev:" + dev, Device: dev, Do: queue.Bind{Device: dev, Install: queue.InstallID(h.Install)}}
		if _, no := b.do(cmd); no != nil {
			b.say(dev, proto.DownHello, proto.Welcome{V: proto.Version, Nonce: h.Nonce, S: proto.Rejected, Why: no.Why})
			return nil
		}
		bound = queue.InstallID(h.Install)
	}
	if bound != queue.InstallID(h.Install) {
		b.stranger(dev, d, h)
		return nil
	}
	delete(d.pending, h.Install)
	b.hear(h)
	b.permit(dev, d, h)
	s := b.sessions[dev]
	if s == nil || s.install != h.Install || s.nonce != h.Nonce {
		s = &session{id: proto.Session(b.o.Random()), install: h.Install, nonce: h.Nonce, answers: map[proto.ID]proto.Res{}}
	}
	s.boot, s.heard = h.Boot, b.now
	b.then = append(b.then, func() { b.welcome(dev, s) })
	b.sessions[dev] = s
	return nil
}

func (c *Controller) welcome(dev string, s *session) {
	in := c.state.Installs[queue.InstallID(s.install)]
	if in == nil {
		return
	}
	w := proto.Welcome{
		V: proto.Version, Nonce: s.nonce, S: proto.Accepted, Sess: s.id,
		Epoch: proto.Epoch(c.state.Epoch), Boot: c.boot, T: c.leaves(), Ack: in.Ack, AckSum: in.Sum,
	}
	if c.state.Open {
		key, err := c.o.Keys.Key(c.state.Day)
		if err != nil {
			c.log.Error("the day's key cannot be had; cards are not taken", "err", err)
		}
		w.DayKey = key
	}
	w.Permit = c.permitOf(dev, in)
	c.tell(dev, proto.DownHello, w)
}

// see compares what a device has heard of with what we are. A later epoch, or ours with another boot, means that another
// controller, or we before a restore, has spoken since: we go above it.
func (b *batch) see(dev string, seen proto.Seen) {
	epoch := uint64(seen.Epoch)
	ahead := epoch > b.state.Epoch
	twin := epoch == b.state.Epoch && seen.Boot != "" && seen.Boot != b.boot
	if b.faulted != nil || !ahead && !twin {
		return
	}
	if epoch > maxEpoch {
		b.count["epoch_alarm"]++
		b.log.Error("a device names an epoch that no controller can have", "device", dev, "seen", epoch)
		return
	}
	if epoch > b.state.Epoch+epochAlarm {
		b.count["epoch_alarm"]++
		b.log.Error("a device names an epoch far above ours", "device", dev, "seen", epoch, "epoch", b.state.Epoch)
	}
	b.log.Warn("a device has heard of a later controller; going above it", "device", dev, "seen", epoch, "epoch", b.state.Epoch)
	b.do(queue.Command{Actor: "dev:" + dev, Do: queue.RaiseEpoch{To: epoch + 1, Boot: string(b.boot), Why: "seen"}})
}

// in returns the device's session if the mark names it; otherwise the device is asked to say hello again.
func (b *batch) in(dev string, m proto.Mark) *session {
	s := b.sessions[dev]
	if s != nil && s.id == m.Sess {
		s.heard = b.now
		s.prove(m.HWSeq, b.state.Seq)
		b.see(dev, m.Seen)
		return s
	}
	if b.faulted != nil {
		return nil
	}
	b.count["out_of_session"]++
	b.say(dev, proto.DownHello, proto.Welcome{V: proto.Version, S: proto.Again, Sess: m.Sess})
	return nil
}

// facts takes the facts of a device, each once and in order, and says how far they are taken.
func (b *batch) facts(dev string, m proto.Facts) {
	s := b.ofWaiting(dev, m.Mark)
	waiting := s != nil
	if !waiting {
		s = b.in(dev, m.Mark)
	}
	if s == nil {
		return
	}
	b.gap(dev, s, m)
	for _, raw := range m.Facts {
		b.fact(dev, s, raw)
	}
	if !waiting {
		b.replayed(dev, s, m.HWSeq)
	}
	b.then = append(b.then, func() {
		if in := b.state.Installs[queue.InstallID(s.install)]; in != nil {
			b.tell(dev, proto.DownAck, proto.Ack{V: proto.Version, Sess: s.id, Ack: in.Ack, Sum: in.Sum})
		}
	})
}

// gap gives up facts that the device's journal does not hold any more, if this message shows that it does not: it begins with
// the oldest fact of the journal, or holds none, because all in the journal is taken.
func (b *batch) gap(dev string, s *session, m proto.Facts) {
	in := b.state.Installs[queue.InstallID(s.install)]
	if in == nil || m.First <= in.Ack+1 {
		return
	}
	if len(m.Facts) > 0 {
		var f proto.Fact
		if err := json.Unmarshal(m.Facts[0], &f); err != nil || f.Seq != m.First {
			return
		}
	}
	b.do(queue.Command{Actor: "dev:" + dev, Device: dev, Do: queue.SkipGap{Install: in.ID, First: m.First, Papers: m.HWFirst}})
}

func (b *batch) fact(dev string, s *session, raw json.RawMessage) {
	var f proto.Fact
	err := json.Unmarshal(raw, &f)
	if f.Seq == 0 || len(raw) > proto.MaxFact {
		b.bad(dev, "fact", fmt.Errorf("a fact without a number, or of %d bytes", len(raw)))
		return
	}
	cmd := queue.Command{
		Actor: "dev:" + dev, Device: dev,
		Fact: &queue.Fact{
			Install: queue.InstallID(s.install), Seq: f.Seq, Sum: proto.Sum(raw), What: f.K, Raw: string(raw),
		},
		Do: b.wishOfFact(dev, s, f),
	}
	if err != nil {
		cmd.Do = queue.Unknown{Why: err.Error()}
	}
	if _, no := b.do(cmd); no != nil && no.Code != queue.Nothing {
		b.bad(dev, "fact", no)
	}
}

// wishOfFact says what a fact means to the queue.
func (b *batch) wishOfFact(dev string, s *session, f proto.Fact) queue.Wish {
	switch f.K {
	case proto.FactStart:
		return b.started(s, f)
	case proto.FactEnd:
		paper := map[string]queue.Paper{
			proto.HowConfirmed: queue.PaperConfirmed, proto.HowAsked: queue.PaperAsked, proto.HowSent: queue.PaperSent,
			proto.HowNone: queue.PaperNone, proto.HowUnknown: queue.PaperUnknown,
		}
		return queue.ReportPaper{Ticket: queue.TicketID(f.TID), Answer: queue.RequestID(f.ID), Paper: cmp.Or(paper[f.How], queue.PaperUnknown)}
	case proto.FactAbandoned:
		return queue.ReportPaper{Answer: queue.RequestID(f.ID), Paper: queue.PaperAbandoned}
	case proto.FactRating:
		if v := b.state.Visits[queue.VisitID(f.Tok)]; v != nil && !b.serves(dev, string(v.Counter)) {
			return queue.Unknown{Why: fmt.Sprintf("a rating of counter %s, which is not this device's", v.Counter)}
		}
		return queue.Rate{Visit: queue.VisitID(f.Tok), Score: f.V}
	case proto.FactPresence:
		if !b.serves(dev, f.Counter) {
			return queue.Unknown{Why: fmt.Sprintf("presence at counter %q, which is not this device's", f.Counter)}
		}
		return queue.Presence{Counter: queue.CounterID(f.Counter), Officer: b.officer(f.Officer), On: f.On}
	case proto.FactDone:
		b.then = append(b.then, func() { b.carriedOut(dev, f) })
		return queue.Noted{}
	}
	return queue.Unknown{Why: fmt.Sprintf("facts of kind %q are not known", f.K)}
}

// started is a paper that was begun, with what is proven of its time.
func (b *batch) started(s *session, f proto.Fact) queue.Wish {
	w := queue.ReportPaper{
		Ticket: queue.TicketID(f.TID), Answer: queue.RequestID(f.ID), Paper: queue.PaperStarted, Dept: queue.DeptID(f.Q),
		Item: f.Item, Number: f.Num, Day: queue.Day(f.Day), Holder: f.Card, Lang: f.Lang,
		Off: max(f.Off, 0), ClockOK: f.Clk,
	}
	if f.T > 0 {
		w.Claimed = time.UnixMilli(f.T)
	}
	if in := b.state.Installs[queue.InstallID(s.install)]; in != nil {
		w.NotBefore, w.NotAfter = s.bounds(in.HW + 1)
	}
	return w
}

// serves says whether a device is the unit of a counter.
func (c *Controller) serves(dev, counter string) bool {
	d := c.devices[dev]
	return d != nil && slices.Contains(d.conf.Counters, counter)
}

// officer finds the officer whose card has this hash under the day's key.
func (c *Controller) officer(hash string) queue.OfficerID {
	if !c.state.Open || hash == "" {
		return ""
	}
	key, err := c.o.Keys.Key(c.state.Day)
	if err != nil {
		c.log.Error("the day's key cannot be had; no officer can be recognised", "err", err)
		return ""
	}
	for _, o := range c.officers {
		if o.Card != "" && proto.CardHash(key, o.Card) == hash {
			return queue.OfficerID(o.ID)
		}
	}
	return ""
}

// beat notes what a device shows; a display that has been behind for long is told again.
func (b *batch) beat(dev string, d *deviceView, h proto.Beat) {
	s := b.in(dev, h.Mark)
	if s == nil {
		return
	}
	b.replayed(dev, s, h.HWSeq)
	for _, counter := range d.conf.Counters {
		at := h.Shown[counter] // a display that has shown nothing yet is behind as well
		d.shown[counter] = at
		p := b.published[counter]
		// A clock that was set back since says nothing of how long: then it is long enough.
		if long := b.now.Sub(p.when); p.at.After(at) && (long >= resendStates || long < 0) {
			b.count["states_resent"]++
			b.desks[queue.CounterID(counter)] = true
		}
	}
}
