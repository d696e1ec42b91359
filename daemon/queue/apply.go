package queue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Changed lists what one event has changed, for those who keep tables of tickets and visits.
type Changed struct {
	Tickets []*Ticket
	Visits  []*Visit
	Desks   []CounterID
	Depts   []DeptID // departments whose line or issuing is another
	Day     bool     // a day was opened or closed: everything may be another
}

// applier is one Apply on its way.
type applier struct {
	*State
	e Event
	c Changed
}

// Apply changes the state by an event that Decide made from it, or by the same event read from the log.
// An event that does not follow the state (a gap in Seq, a ticket that does not exist) is an error: the log is broken,
// and the state must not be used any more. The first event of a replay may be any DayOpened; until the next one, what is
// said of tickets and visits of the days before it is passed over, for nothing of them is in the state.
func (s *State) Apply(e Event) (Changed, error) {
	if e.Body == nil {
		return Changed{}, fmt.Errorf("event %d has no body", e.Seq)
	}
	_, opens := e.Body.(DayOpened)
	if e.Seq != s.Seq+1 && (s.Seq != 0 || !opens) {
		return Changed{}, fmt.Errorf("event %d does not follow event %d", e.Seq, s.Seq)
	}
	if opens {
		s.partial = s.Seq == 0 && e.Seq != 1
	}
	s.Seq = e.Seq
	a := &applier{State: s, e: e}
	if e.Install != "" && e.FactSeq > 0 {
		in := s.Installs[e.Install]
		if in == nil {
			return Changed{}, fmt.Errorf("event %d is a fact of installation %s, which is not bound", e.Seq, e.Install)
		}
		in.Ack, in.Sum = e.FactSeq, e.FactSum
		in.count(e.Body)
	}
	if err := a.body(); err != nil {
		return Changed{}, fmt.Errorf("event %d %s: %w", e.Seq, e.Body.Kind(), err)
	}
	a.answerRest()
	return a.c, nil
}

func (a *applier) body() error {
	switch b := a.e.Body.(type) {
	case EpochRaised:
		a.epoch(b)
	case Bound:
		a.bind(b)
	case DayOpened:
		a.openDay(b)
	case DayClosed:
		a.closeDay()
	case IssuingSet:
		a.Issuing[b.Dept] = b.Open
		a.c.Depts = append(a.c.Depts, b.Dept)
	case Issued:
		a.issue(b)
	case Shown:
		return a.withTicket(b.Ticket, func(t *Ticket) { a.shown(t, b) })
	case Papered:
		return a.paper(b)
	case Ready:
		return a.ready(b)
	case FactKept:
		if b.Closes != "" {
			a.answers[0][b.Closes] = Answer{Code: Fault, Seq: a.e.Seq}
		}
	case Rated:
		return a.rate(b)
	case Reinstated:
		return a.reinstate(b)
	default:
		return a.otherBody()
	}
	return nil
}

func (a *applier) otherBody() error {
	switch b := a.e.Body.(type) {
	case Permitted:
		return a.permit(b)
	case GapSkipped:
		return a.skipGap(b)
	case HandsIn:
		a.Installs[b.Install] = &Install{ID: b.Install, Device: b.Device}
	case RecoveryBegun:
		a.beginRecovery()
	case RecoveryEnded:
		a.endRecovery(b)
	default:
		return a.counterBody()
	}
	return nil
}

func (a *applier) counterBody() error {
	switch b := a.e.Body.(type) {
	case SignedOn:
		a.signOn(b)
	case SignedOff:
		a.setDesk(b.Counter, func(d *Desk) { d.State, d.Officer, d.Reason, d.last = DeskClosed, "", "", nil })
	case Paused:
		return a.pause(b)
	case Unpaused:
		a.setDesk(b.Counter, func(d *Desk) { d.State, d.Reason, d.last = DeskIdle, "", nil })
	case Called:
		return a.call(b)
	case Recalled:
		return a.recall(b)
	case Started:
		return a.start(b)
	case Ended:
		return a.end(b)
	case Undid:
		return a.undo(b)
	default:
		return fmt.Errorf("unknown body %T", a.e.Body)
	}
	return nil
}

// answerDesk keeps the answer of a request to a counter.
func (a *applier) answerDesk(c CounterID, code Code) {
	if a.e.Request != "" {
		a.answers[0][a.e.Request] = Answer{Code: code, Counter: c, Seq: a.e.Seq}
	}
}

// answerRest keeps the answer of a request that is neither of a ticket nor of a counter: that it was done.
func (a *applier) answerRest() {
	if a.e.Request == "" {
		return
	}
	if _, done := a.answers[0][a.e.Request]; !done {
		a.answers[0][a.e.Request] = Answer{Code: OK, Seq: a.e.Seq}
	}
}

func (a *applier) answerTicket(code Code, t TicketID, ahead int) {
	if a.e.Request != "" {
		a.answers[0][a.e.Request] = Answer{Code: code, Ticket: t, Ahead: ahead, Seq: a.e.Seq}
	}
}

// setTicket changes a ticket and keeps the indexes in step.
func (a *applier) setTicket(t *Ticket, change func(*Ticket)) {
	a.noteDept(t.Dept)
	a.leave(t)
	state, dept := t.State, t.Dept
	change(t)
	if t.State != state {
		t.Since = a.e.At
	}
	if t.State != state || t.Dept != dept {
		t.moved = a.e.Seq
	}
	t.Touched = a.e.Seq
	a.enter(t)
	a.noteTicket(t)
}

// noteTicket and noteDept write down what has changed, once for each run of changes to the same.
func (a *applier) noteTicket(t *Ticket) {
	if n := len(a.c.Tickets); n == 0 || a.c.Tickets[n-1] != t {
		a.c.Tickets = append(a.c.Tickets, t)
	}
	a.noteDept(t.Dept)
}

func (a *applier) noteDept(d DeptID) {
	if !slices.Contains(a.c.Depts, d) {
		a.c.Depts = append(a.c.Depts, d)
	}
}

func (a *applier) withTicket(id TicketID, change func(*Ticket)) error {
	t := a.Tickets[id]
	if t == nil {
		return fmt.Errorf("no ticket %s", id)
	}
	a.setTicket(t, change)
	return nil
}

// withVisit changes a visit and the ticket it is of.
func (a *applier) withVisit(id VisitID, change func(*Visit, *Ticket)) error {
	v := a.Visits[id]
	if v == nil {
		return fmt.Errorf("no visit %s", id)
	}
	v.Touched = a.e.Seq
	a.c.Visits = append(a.c.Visits, v)
	return a.withTicket(v.Ticket, func(t *Ticket) { change(v, t) })
}

// setDesk changes what an officer sees of a counter, and so both its versions.
func (a *applier) setDesk(c CounterID, change func(*Desk)) {
	d := a.desk(c)
	change(d)
	d.Ver, d.CV = a.e.Seq, a.e.Seq
	a.c.Desks = append(a.c.Desks, c)
	a.answerDesk(c, OK)
}

func (a *applier) epoch(b EpochRaised) {
	a.Epoch, a.Boot = b.Epoch, b.Boot
	for _, t := range a.atPrinter {
		t.Since, t.Touched = a.e.At, a.e.Seq
		a.noteTicket(t)
	}
}

func (a *applier) bind(b Bound) {
	if was := a.Devices[b.Device]; was != "" && was != b.Install {
		a.settle(b.Device)
	}
	a.Devices[b.Device] = b.Install
	if a.Installs[b.Install] == nil {
		a.Installs[b.Install] = &Install{ID: b.Install, Device: b.Device}
	}
}

func (a *applier) openDay(b DayOpened) {
	a.Day, a.Open = a.e.Day, true
	a.Epoch, a.Boot = b.Carry.Epoch, b.Carry.Boot
	a.Devices = maps.Clone(b.Carry.Devices)
	if a.Devices == nil {
		a.Devices = map[string]InstallID{}
	}
	a.Letters = maps.Clone(b.Carry.Letters)
	if a.Letters == nil {
		a.Letters = map[string]int{}
	}
	a.Recovering, a.opened = b.Carry.Recovering, a.e.At
	a.Installs = map[InstallID]*Install{}
	for _, in := range b.Carry.Installs {
		a.Installs[in.ID] = &in
	}
	a.newDay()
	a.Desks, a.dayVer = map[CounterID]*Desk{}, a.e.Seq
	a.c.Day = true
}

// closeDay goes in the order of names, so that what it reports is the same at each replay.
func (a *applier) closeDay() {
	a.Open = false
	for _, id := range slices.Sorted(maps.Keys(a.Visits)) {
		if v := a.Visits[id]; v.Ended.IsZero() {
			v.Ended, v.Outcome, v.Touched = a.e.At, Lost, a.e.Seq
			a.c.Visits = append(a.c.Visits, v)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Tickets)) {
		t := a.Tickets[id]
		if t.Day != a.Day || !t.State.Live() {
			continue
		}
		end := Expired
		if t.State.atDesk() {
			end = Done
		}
		a.setTicket(t, func(t *Ticket) { t.State = end })
	}
	for _, c := range slices.Sorted(maps.Keys(a.Desks)) {
		d := a.Desks[c]
		d.State, d.Officer, d.Visit, d.Reason, d.last = DeskClosed, "", "", "", nil
		d.Ver, d.CV = a.e.Seq, a.e.Seq
		a.c.Desks = append(a.c.Desks, c)
	}
	a.c.Day = true
}

func (a *applier) issue(b Issued) {
	t := &Ticket{
		ID: b.Ticket, Day: a.e.Day, Dept: b.Dept, Item: b.Item, Num: b.Num, Number: b.Number, Twin: b.Twin,
		Class: b.Class, Needs: b.Needs, Holder: b.Holder, Lang: b.Lang, Device: b.Device, Issued: a.e.At,
		Ahead: b.Ahead, Place: b.Place, State: Printing, Since: a.e.At, Odd: b.Odd, Touched: a.e.Seq, moved: a.e.Seq,
		Papers: map[RequestID]Paper{RequestID(b.Ticket): PaperOpen},
	}
	t.first, t.asked = b.Place, map[RequestID]string{RequestID(b.Ticket): b.Device}
	if b.Printed {
		a.printedBefore(t, b)
	}
	a.Tickets[t.ID] = t
	if t.Day == a.Day {
		a.numbers[t.Number]++
	}
	if b.Num > a.LastNum[b.Dept] {
		a.LastNum[b.Dept] = b.Num
	}
	if t.Holder != "" && t.Day == a.Day {
		a.held[t.Holder] = append(a.held[t.Holder], t)
	}
	a.enter(t)
	a.noteTicket(t)
	a.answerTicket(OK, t.ID, b.Ahead)
}

// shown is one more possible paper of a ticket. Who asked for it is in the event's actor alone.
func (a *applier) shown(t *Ticket, b Shown) {
	t.Papers[a.e.Request] = PaperOpen
	t.asked[a.e.Request], _ = strings.CutPrefix(a.e.Actor, "dev:")
	a.answerTicket(Dup, t.ID, b.Ahead)
}

// settle gives up hope of news of the open papers of a device whose installation is replaced: nobody knows of them for ever,
// whatever an old copy of its journal says later.
func (a *applier) settle(device string) {
	for _, id := range slices.Sorted(maps.Keys(a.Tickets)) {
		t := a.Tickets[id]
		for answer, asked := range t.asked {
			if asked == device && t.Papers[answer] == PaperOpen {
				a.setTicket(t, func(t *Ticket) { t.Papers[answer] = PaperUnknown })
			}
		}
	}
}

// paper takes news of a paper. A void ticket whose paper turns up lives again, but only while its day is open:
// after that its visitor can no longer be waiting.
func (a *applier) paper(b Papered) error {
	if a.partial && a.Tickets[b.Ticket] == nil {
		return nil
	}
	return a.withTicket(b.Ticket, func(t *Ticket) {
		if t.denies(b.Answer, b.Paper) {
			return
		}
		t.Papers[b.Answer] = b.Paper
		switch {
		case b.Voids && t.State.inLine():
			t.State = Void
		case b.Paper.none():
			if t.State == Printing && b.Paper == PaperNone {
				t.State = Waiting
			}
		case t.State == Void && (t.Day != a.Day || !a.Open):
			t.State = Expired
		case t.State == Void:
			t.State = Waiting
		case t.State == Printing && b.Paper != PaperStarted:
			t.State = Waiting
		}
	})
}

func (a *applier) ready(b Ready) error {
	for _, id := range b.Tickets {
		if err := a.withTicket(id, func(t *Ticket) {
			if t.State == Printing {
				t.State = Waiting
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// reinstate gives a new place, and what passed the old one counts no more: otherwise a ticket that had reached its bound
// would be called at once and not behind those it has to stand behind.
func (a *applier) reinstate(b Reinstated) error {
	return a.withTicket(b.Ticket, func(t *Ticket) {
		t.State, t.Place, t.Returned, t.At, t.Passed = Waiting, b.Place, t.Returned+1, "", 0
		a.answerTicket(OK, t.ID, 0)
	})
}

// rate changes the rating of a visit: the counter's Ver, but not its CV.
func (a *applier) rate(b Rated) error {
	v := a.Visits[b.Visit]
	switch {
	case v == nil && a.partial:
		return nil
	case v == nil:
		return fmt.Errorf("no visit %s", b.Visit)
	}
	v.Score, v.Touched = b.Score, a.e.Seq
	a.c.Visits = append(a.c.Visits, v)
	if d := a.Desks[v.Counter]; d != nil && d.RatingOf == v.ID {
		d.RatingOf, d.Ver = "", a.e.Seq
		a.c.Desks = append(a.c.Desks, d.ID)
	}
	return nil
}
