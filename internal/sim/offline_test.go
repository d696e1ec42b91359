package sim

import (
	"bytes"
	"fmt"
	"strconv"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// offline is the part of the books on papers that the controller did not give, or has forgotten.
type offline struct {
	seq       map[queue.TicketID]uint64  // the event that made each ticket
	sent      map[queue.TicketID]bool    // an officer who sends somebody on, or takes him back, has seen him
	own       map[queue.RequestID]bool   // requests that ended in a number of the kiosk's own
	forgotten map[queue.VisitID]bool     // visits that a restore has lost
	proofs    map[proto.Session][]proof  // what the messages of a session prove, in their order
	handing   map[string][]proto.Session // sessions in which a device hands in facts in the present batch
	owed      map[string][]proto.ID      // the papers that each kiosk had on its disk when the recovery began
}

// proof is a message that says how many papers its kiosk had begun, and the last event at that time.
type proof struct {
	papers uint64
	seq    uint64
}

func newOffline() offline {
	return offline{
		seq: map[queue.TicketID]uint64{}, sent: map[queue.TicketID]bool{}, own: map[queue.RequestID]bool{},
		forgotten: map[queue.VisitID]bool{}, proofs: map[proto.Session][]proof{}, owed: map[string][]proto.ID{},
	}
}

// prove notes what a batch of messages proves, before the controller takes it.
func (b *books) prove(c *centre, batch []controller.Input) {
	b.handing = map[string][]proto.Session{}
	for _, in := range batch {
		if in.Message == nil {
			continue
		}
		_, what, _ := c.w.topics.ReadUp(in.Message.Topic)
		switch what {
		case proto.UpFact, proto.UpCmd, proto.UpBeat:
			m, ok := markOf(in.Message.Payload)
			if !ok {
				c.w.fail("%s says %s", in.Dev, in.Message.Payload)
			}
			if m.Sess == "" {
				continue
			}
			b.proofs[m.Sess] = append(b.proofs[m.Sess], proof{m.HWSeq, c.shadow.Seq})
			if what == proto.UpFact {
				b.handing[in.Dev] = append(b.handing[in.Dev], m.Sess)
			}
		}
	}
}

// markOf finds the session and the papers in a message as a device writes it. A whole decoder here was a twelfth of all work.
func markOf(payload []byte) (m proto.Mark, ok bool) {
	_, rest, found := bytes.Cut(payload, []byte(`"sess":"`))
	sess, rest, ended := bytes.Cut(rest, []byte(`","hw_seq":`))
	papers, _, closed := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseUint(string(papers), 10, 64)
	return proto.Mark{Sess: proto.Session(sess), HWSeq: n}, found && ended && closed && err == nil
}

// gave checks a new ticket: its number is nobody else's on its day, and its request has made nothing else.
func (b *books) gave(w *world, s *queue.State, e queue.Event, body queue.Issued) {
	n := slip{proto.Day(e.Day), body.Number}
	if body.Day != 0 {
		n.day = proto.Day(body.Day)
	}
	if other, twice := b.number[n]; twice || body.Twin > 0 || b.issued[body.Ticket] {
		w.stats.doubles++
		w.fail("%v is given to %s, and was to %s", n, body.Ticket, other)
	}
	if b.own[e.Request] {
		w.fail("request %s ended in a number of the kiosk's own, and gets %s", e.Request, body.Number)
	}
	if s.Recovering && e.Request != "" {
		w.fail("%s is given during a recovery", body.Number)
	}
	if body.Off > 0 {
		b.own[body.Answer] = true
		b.placed(w, s, e, body)
	}
	b.number[n], b.issued[body.Ticket], b.seq[body.Ticket] = body.Ticket, true, e.Seq
	w.stats.issued++
}

// placed checks that a paper of a kiosk's own does not stand before a ticket that was there when it was not.
func (b *books) placed(w *world, s *queue.State, e queue.Event, body queue.Issued) {
	sessions := b.handing[body.Device]
	if len(sessions) != 1 || body.Expired {
		return // in which session it was handed in is not clear
	}
	n, since, most := s.Installs[e.Install].HW+1, uint64(0), uint64(0)
	for _, p := range b.proofs[sessions[0]] {
		switch {
		case p.papers < most: // a late copy, which proves nothing
			continue
		case p.papers >= n:
			most = n
			continue
		}
		most, since = p.papers, p.seq
	}
	for _, t := range s.Tickets {
		if at := b.seq[t.ID]; t.Day == s.Day && t.Off == 0 && !b.sent[t.ID] && at <= since && body.Place.Before(t.Place) {
			w.fail("%s stands before %s, which was given when %s did not exist yet", body.Number, t.Number, body.Number)
		}
	}
}

// known counts the papers of a ticket that may exist, for all the controller knows.
func known(t *queue.Ticket) (n int) {
	for _, p := range t.Papers {
		if p != queue.PaperNone && p != queue.PaperAbandoned && p != queue.PaperOffline {
			n++
		}
	}
	return n
}

// order checks a call against those who stand before: offline numbers of a kiosk keep their order, and nobody who came
// after one of them became known is called before it.
func (b *books) order(w *world, s *queue.State, t *queue.Ticket) {
	if known(t) == 0 && !b.sent[t.ID] {
		w.fail("%s is called and is known to have no paper", t.Number)
	}
	if b.sent[t.ID] {
		return
	}
	for _, o := range s.Tickets {
		if o.Off == 0 || o.State != queue.Waiting || o.Dept != t.Dept || o.Class != t.Class || o.ID == t.ID || b.sent[o.ID] || atDesk(s, o.Holder) {
			continue
		}
		if t.Off > 0 && t.Device == o.Device && o.Off < t.Off {
			w.fail("%s is called before %s of the same kiosk", t.Number, o.Number)
		}
		if t.Off == 0 && b.seq[t.ID] > b.seq[o.ID] {
			w.fail("%s is called before %s, which was known before it was given", t.Number, o.Number)
		}
	}
}

// atDesk says whether a visitor is called or served somewhere: then he is passed over.
func atDesk(s *queue.State, holder string) bool {
	for _, t := range s.Tickets {
		if holder != "" && t.Holder == holder && (t.State == queue.Calling || t.State == queue.Serving) {
			return true
		}
	}
	return false
}

// recovered checks that a recovery that ends by itself has heard of every paper that was there when it began.
func (b *books) recovered(w *world, e queue.Event) {
	if e.Actor != "controller" {
		return
	}
	for _, k := range w.kiosks {
		j := k.disk.journal()
		if j == nil {
			return
		}
		for f := range j.Facts() {
			for _, id := range b.owed[k.dev] {
				name := fmt.Sprint(j.Install(), " ", f.Seq)
				if f.K == proto.FactStart && f.ID == id && !b.facts[name] && !b.skipped[name] {
					w.fail("the recovery ends although %s has not handed in %s", k.dev, f.Num)
				}
			}
		}
	}
}

// lose notes what the beginning of a recovery loses, and what it is owed: the papers of every kiosk.
func (b *books) lose(w *world, s *queue.State) {
	for id, v := range s.Visits {
		if v.Ended.IsZero() {
			b.forgotten[id] = true
		}
	}
	for _, k := range w.kiosks {
		if j := k.believes(); j != nil {
			for f := range j.Facts() {
				if f.K == proto.FactStart {
					b.owed[k.dev] = append(b.owed[k.dev], f.ID)
				}
			}
		}
	}
}

// gone says whether neither the log nor a journal knows of a paper any more: then it cannot be called.
func (w *world) gone(p sheet) bool {
	if t := w.centre.shadow.Tickets[queue.TicketID(p.tid)]; t != nil {
		if _, known := t.Papers[queue.RequestID(p.id)]; known {
			return false
		}
	}
	if w.stats.restores == 0 && (p.off == 0 || w.stats.replaced == 0) {
		w.stats.forgotten++
		w.fail("the paper %v is lost, although no log or disk was", p)
	}
	for _, k := range w.kiosks {
		if k.keeps(p.id) {
			w.stats.forgotten++
			w.fail("the paper %v is lost, and %s has it in its journal", p, k.dev)
		}
	}
	return true
}

// permitted checks that a kiosk in session has the permit of the open day.
func (w *world) permitted(p *program, j *device.Journal) {
	s := w.centre.shadow
	if p.most < 2 || w.plan.own == 0 || !s.Open || s.Recovering {
		return
	}
	t, _ := p.session.Time(p.time())
	if _, permit, _ := j.NextOff(t); permit.Day != proto.Day(s.Day) {
		w.fail("%s is in session and has the permit %+v on day %d", p.dev, permit, s.Day)
	}
}

// papersKept checks that every paper is in the log, unless its journal is gone as well.
func (w *world) papersKept() {
	s := w.centre.shadow
	for _, p := range w.books.papers {
		if w.gone(p) {
			w.stats.gone++
			continue
		}
		t := s.Tickets[queue.TicketID(p.tid)]                                     // known, or it would be gone
		day := t.Day == queue.Day(p.day) || t.Off > 0 && t.Day > queue.Day(p.day) // of its kind, for a reprint has no place in the series itself
		if t.Number != p.num || !day || t.State == queue.Void || t.State == queue.Printing || t.State == queue.Expired && t.Day == s.Day {
			w.stats.forgotten++
			w.fail("the paper %v is lost: the log knows %+v", p, t)
		}
	}
}

// calledAll checks that every number on paper was called, and that no more numbers were called in vain than things went wrong.
func (w *world) calledAll() {
	s, out := w.centre.shadow, map[queue.TicketID]bool{}
	for _, p := range w.books.papers {
		id := queue.TicketID(p.tid)
		out[id] = true
		if t := s.Tickets[id]; t != nil && !w.gone(p) && t.Day == s.Day && w.books.calls[id] == 0 {
			w.fail("the number %v is on paper and was never called: %+v", p, t)
		}
	}
	vain := 0
	for id := range w.books.calls {
		if !out[id] {
			vain++
		}
	}
	w.stats.ghosts += vain
	if faults := w.stats.faults(); vain > faults {
		w.fail("%d numbers without paper were called, and only %d things went wrong", vain, faults)
	}
}
