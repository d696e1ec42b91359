package queue

import (
	"strconv"
	"strings"
)

// skipGap gives up what a journal does not hold any more. A gap holds no more papers than facts, whatever the device says.
func (d *decider) skipGap(w SkipGap) (Body, *Refusal) {
	in := d.s.Installs[w.Install]
	switch {
	case in == nil:
		return nil, refuse(Fault, "installation %s is not bound", w.Install)
	case w.First <= in.Ack+1:
		return nil, refuse(Nothing, "nothing is missing before fact %d", w.First)
	}
	return GapSkipped{First: w.First, Papers: min(max(w.Papers, in.HW), in.HW+w.First-in.Ack-1)}, nil
}

// markFact writes whose fact it is on the event, or says that it was taken before or comes too early.
func (d *decider) markFact(e *Event) *Refusal {
	f := d.c.Fact
	in := d.s.Installs[f.Install]
	if in == nil {
		return refuse(Fault, "installation %s is not bound", f.Install)
	}
	if f.Seq <= in.Ack {
		return refuse(Nothing, "fact %d was taken before", f.Seq)
	}
	if f.Seq > in.Ack+1 {
		return refuse(Nothing, "fact %d comes before fact %d", f.Seq, in.Ack+1)
	}
	e.Install, e.FactSeq, e.FactSum = f.Install, f.Seq, f.Sum
	return nil
}

// abandoned is the request that a fact gives up although it was never answered. An answer once given stays.
func (d *decider) abandoned() RequestID {
	w, ok := d.c.Do.(ReportPaper)
	if _, answered := d.s.Answer(w.Answer); !ok || answered || !w.Paper.none() {
		return ""
	}
	return w.Answer
}

func (d *decider) fact() (Body, *Refusal) {
	switch w := d.c.Do.(type) {
	case ReportPaper:
		return d.paper(w)
	case Rate:
		return d.rate(w)
	case Presence:
		return d.presence(w)
	case Noted:
		return FactKept{What: d.c.Fact.What, Raw: d.c.Fact.Raw}, nil
	case Unknown:
		return nil, refuse(Fault, "%s", w.Why)
	}
	return nil, refuse(Fault, "%T is not a fact", d.c.Do)
}

func (d *decider) paper(w ReportPaper) (Body, *Refusal) {
	id := w.Ticket
	if id == "" {
		a, _ := d.s.Answer(w.Answer)
		id = a.Ticket
	}
	if w.Paper == PaperAbandoned && d.s.Devices[d.c.Device] != d.c.Fact.Install {
		return d.hearsay(d.s.Tickets[id], w)
	}
	switch {
	case id == "" && w.Paper == PaperStarted:
		w.Ticket = TicketID(w.Answer) // a paper without an answer: its request is its name, as always
		id = w.Ticket
	case id == "":
		return FactKept{What: d.c.Fact.What, Raw: d.c.Fact.Raw, Closes: d.abandoned()}, nil
	}
	t := d.s.Tickets[id]
	switch {
	case t == nil && w.Paper == PaperStarted:
		return d.admit(w)
	case t == nil:
		return nil, refuse(Fault, "there is no ticket %s", id)
	}
	return Papered{Ticket: id, Answer: w.Answer, Paper: w.Paper, Device: d.c.Device, Voids: t.voidedBy(w)}, nil
}

// hearsay is the word of an installation that is not the device's that a request was given up. It may be an old copy, and the
// paper may exist: of an open answer nobody knows any more, as when an installation is replaced (settle); else nothing changes.
func (d *decider) hearsay(t *Ticket, w ReportPaper) (Body, *Refusal) {
	if t == nil {
		return FactKept{What: d.c.Fact.What, Raw: d.c.Fact.Raw}, nil
	}
	if was, asked := t.Papers[w.Answer]; !asked || was != PaperOpen {
		return FactKept{What: d.c.Fact.What, Raw: d.c.Fact.Raw}, nil
	}
	return Papered{Ticket: t.ID, Answer: w.Answer, Paper: PaperUnknown, Device: d.c.Device}, nil
}

// voidedBy says whether this news proves that no paper of the ticket exists: each answer that could have made one is known to have made none.
func (t *Ticket) voidedBy(w ReportPaper) bool {
	return w.Paper.none() && t.State.inLine() && !t.denies(w.Answer, w.Paper) && t.noneBut(w.Answer)
}

// noneBut says whether no paper of the ticket exists, leaving out the one of an answer.
func (t *Ticket) noneBut(one RequestID) bool {
	for answer, p := range t.Papers {
		if answer != one && !p.none() {
			return false
		}
	}
	return true
}

// denies says whether news that a request was given up must not be believed: something is known of its paper. A journal that
// was set back has forgotten what was begun after it was copied.
func (t *Ticket) denies(answer RequestID, news Paper) bool {
	was := t.Papers[answer]
	return (news == PaperAbandoned || news == PaperOffline) && was != PaperOpen && !was.none()
}

// number reads a printed number of this series; 0 if it is of another one, or above all that this one can ever give out:
// a number that somebody made up must not end the series.
func (s Series) number(label string) int {
	digits, ok := strings.CutPrefix(label, s.Prefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > s.last() || s.Label(n) != label {
		return 0
	}
	return n
}

func (d *decider) rate(w Rate) (Body, *Refusal) {
	v := d.s.Visits[w.Visit]
	switch {
	case v == nil:
		return nil, refuse(Closed, "there is no visit %s to rate", w.Visit)
	case w.Score < 1 || w.Score > 5:
		return nil, refuse(Fault, "a score of %d", w.Score)
	case v.Score != 0:
		return nil, refuse(Conflict, "visit %s is rated already", w.Visit)
	case !v.Rateable():
		return nil, refuse(Conflict, "visit %s is not one to be rated: %q", w.Visit, v.Outcome)
	}
	return Rated(w), nil
}

// Rateable says whether the visit has ended in a way that a visitor may rate.
func (v *Visit) Rateable() bool {
	switch v.Outcome {
	case Direct, Promised, Joint, Supplement, Refused:
		return true
	}
	return false
}

func (d *decider) presence(w Presence) (Body, *Refusal) {
	if !w.On {
		if desk := d.s.Desk(w.Counter); desk.State != DeskClosed && desk.Officer != w.Officer {
			return nil, refuse(Conflict, "%s does not sit at counter %s, %s does", w.Officer, w.Counter, desk.Officer)
		}
		return d.signOff(SignOff{Counter: w.Counter})
	}
	return d.signOn(SignOn{Counter: w.Counter, Officer: w.Officer})
}

// PapersBefore counts the papers of the ticket that may exist, apart from the one of this answer: what a reprint is marked with.
func (t *Ticket) PapersBefore(answer RequestID) int {
	n := 0
	for a, p := range t.Papers {
		if a != answer && !p.none() {
			n++
		}
	}
	return n
}
