package queue

import (
	"fmt"
	"maps"
	"slices"
)

// This file is about papers that exist although the controller did not give their number, or has forgotten that it did:
// a kiosk that is cut off gives numbers of its own, and a backup does not know what came after it.

// count keeps what the facts of an installation prove about its papers.
func (in *Install) count(b Body) {
	switch b := b.(type) {
	case Issued:
		in.HW++
		in.Off = max(in.Off, b.Off)
	case Papered:
		if b.Paper == PaperStarted {
			in.HW++
		}
	case FactKept:
		if b.What == factStart {
			in.HW++
		}
	}
}

// skipGap goes on behind what is missing: what follows is taken, and as many papers count as the journal has begun.
func (a *applier) skipGap(b GapSkipped) error {
	in := a.Installs[a.e.Install]
	if in == nil || b.First <= in.Ack {
		return fmt.Errorf("no gap before fact %d of installation %q", b.First, a.e.Install)
	}
	in.Ack, in.Sum, in.HW = b.First-1, "", b.Papers
	return nil
}

// factStart is the kind of a fact that says that a paper was begun.
const factStart = "start"

// admit makes a ticket of a paper that exists although the controller does not know it: its visitor is not to be forgotten.
// A number that another paper holds already is kept, marked, and gets a place all the same.
func (d *decider) admit(w ReportPaper) (Body, *Refusal) {
	dept, ok := d.r.Departments[w.Dept]
	switch {
	case !ok:
		return nil, refuse(Fault, "there is no department %q", w.Dept)
	case w.Ticket == "" || w.Number == "":
		return nil, refuse(Fault, "a paper without a name or a number")
	}
	b := Issued{
		Ticket: w.Ticket, Dept: w.Dept, Item: w.Item, Number: w.Number, Num: dept.Series.number(w.Number),
		Class: d.r.class(""), Holder: w.Holder, Lang: w.Lang, Device: d.c.Device,
		Printed: true, Off: w.Off, Answer: w.Answer,
	}
	b.Day, b.Expired = d.dayOf(w)
	if b.Expired {
		b.Num = 0 // it says nothing of today's series
	}
	b.Place = d.placeAt(w)
	b.Ahead = d.ahead(&Ticket{Dept: w.Dept, Class: b.Class, Place: b.Place, State: Waiting}).total()
	if b.Twin = d.papersWith(b.Day, w.Number); b.Day > 0 && b.Day < d.s.Day-1 {
		b.Twin = int(d.s.Seq + 1) // that day is no longer known here: a value that no other paper can have
	}
	if a, ok := d.s.Answer(w.Answer); ok && w.Off > 0 {
		d.replace(&b, a.Ticket)
	}
	switch {
	case b.Twin > 0 && !b.Expired:
		b.Odd = fmt.Sprintf("the number %s is on %d other papers", w.Number, b.Twin)
	case w.Off == 0:
		b.Odd = "known from its paper only"
	}
	return b, nil
}

// replace notes that the ticket which was given for the same request was never heard of.
func (d *decider) replace(b *Issued, id TicketID) {
	t := d.s.Tickets[id]
	if t == nil {
		return
	}
	b.Replaces = id
	b.Voids = t.voidedBy(ReportPaper{Answer: b.Answer, Paper: PaperOffline})
}

// dayOf says to which day a paper belongs: to the open one, unless its clock was right and says that the day was not open yet.
// A kiosk that has heard of the open day, or of a later one that a restore has lost, cannot have printed it before; and a number
// that the controller gave on an earlier day is of that day, whatever a clock says. The Day is 0 for the open one.
func (d *decider) dayOf(w ReportPaper) (day Day, expired bool) {
	ofClock := w.Off > 0 || w.Day < 1
	late := !w.ClockOK || w.Claimed.IsZero() || !w.Claimed.Before(d.s.opened)
	if d.s.Open && (w.Day >= d.s.Day || ofClock && late) {
		return 0, false
	}
	if w.Day < 1 || w.Day > d.s.Day {
		return d.s.Day, true
	}
	return w.Day, true
}

// papersWith counts the papers with a number on a day; 0 is the open day.
func (d *decider) papersWith(day Day, number string) int {
	if day == 0 || day == d.s.Day {
		return d.s.numbers[number]
	}
	n := 0
	for _, t := range d.s.Tickets {
		if t.Day == day && t.Number == number {
			n++
		}
	}
	return n
}

// placeAt is where a paper stands that was printed a while ago: behind what had been issued by the time it claims, which is
// kept between what its device's messages prove; and never before an earlier paper of the same kiosk.
func (d *decider) placeAt(w ReportPaper) Place {
	own := d.s.Seq + 1
	if w.Off == 0 || w.Claimed.IsZero() {
		return Place{After: own}
	}
	place := Place{After: d.s.dayVer, Tie: own}
	var before Place
	for _, t := range d.s.Tickets {
		switch {
		case t.Day != d.s.Day:
		case t.Off > 0 && t.Device == d.c.Device && before.Before(t.first):
			before = t.first
		case t.Off == 0 && !t.Issued.After(w.Claimed) && t.first.After > place.After:
			place.After = t.first.After
		}
	}
	// Clocks say less than messages: what is proven is in the order of events, which no clock that is set can turn round.
	if w.NotAfter > 0 {
		place.After = min(place.After, w.NotAfter)
	}
	place.After = max(place.After, w.NotBefore, d.s.dayVer)
	if place.Before(before) {
		place.After = before.After
	}
	return place
}

// What a restore has lost of the kiosks' own series: above anyLetters any new installation begins, whatever its letters are.
const (
	anyLetters  = ""  // in State.Letters
	lostPermits = 300 // places: three installations with the usual 99 each, which came and died after the backup was made
)

// permit allows an installation to give numbers while it is cut off, once a day. An installation that is new to the letters
// begins above all that any other can have printed with them.
func (d *decider) permit(w Permit) (Body, *Refusal) {
	in := d.s.Installs[w.Install]
	switch {
	case in == nil || d.s.Devices[w.Device] != w.Install:
		return nil, refuse(Fault, "installation %s is not the one of %s", w.Install, w.Device)
	case !d.s.Open || d.s.Recovering:
		return nil, refuse(Closed, "the day is not open for numbers")
	case w.Letters == "" || w.Cap < 1:
		return nil, refuse(Closed, "%s gives no numbers of its own", w.Device)
	case in.Permit == d.s.Day:
		return nil, refuse(Nothing, "permitted already")
	}
	from := in.From
	if from == 0 {
		from = max(d.s.Letters[w.Letters], d.s.Letters[anyLetters]) + 1
	}
	last := max(in.Off, w.Has, from-1)
	return Permitted{
		Device: w.Device, Install: w.Install, Letters: w.Letters, From: from, High: max(d.s.Letters[w.Letters], last+w.Cap),
	}, nil
}

// letHandIn takes note of an installation whose journal is to be heard before anybody has approved it.
func (d *decider) letHandIn(w LetHandIn) (Body, *Refusal) {
	switch {
	case w.Install == "" || w.Device == "":
		return nil, refuse(Fault, "a device and an installation are needed")
	case d.s.Installs[w.Install] != nil:
		return nil, refuse(Nothing, "installation %s is known", w.Install)
	case !d.s.Recovering:
		return nil, refuse(Conflict, "no recovery is going on")
	}
	return HandsIn(w), nil
}

// endRecovery lets each department go on at the next hundred above all that is known, or heard of, and Jump further.
// A series that is too short for that goes on at the next number.
func (d *decider) endRecovery(w EndRecovery) (Body, *Refusal) {
	if !d.s.Recovering {
		return nil, refuse(Conflict, "no recovery is going on")
	}
	next := map[DeptID]int{}
	for id, dept := range d.r.Departments {
		known := max(d.s.LastNum[id], w.Heard[id])
		n := (known/100+1)*100 + w.Jump
		if n > dept.Series.limit() {
			n = known + 1
		}
		next[id] = n
	}
	return RecoveryEnded{Next: next, Why: w.Why}, nil
}

// printedBefore completes a ticket that is made of a paper.
func (a *applier) printedBefore(t *Ticket, b Issued) {
	t.State, t.Off = Waiting, b.Off
	if b.Off > 0 {
		t.State = Printing // it was begun a moment ago, for all that is known; news of its end follows
	}
	if b.Day != 0 {
		t.Day = b.Day
	}
	if b.Expired {
		t.State = Expired
	}
	answer := b.Answer
	if answer == "" {
		answer = RequestID(b.Ticket)
	}
	t.Papers = map[RequestID]Paper{answer: PaperStarted}
	if first := RequestID(b.Ticket); b.Off == 0 && first != answer {
		t.Papers[first] = PaperOpen // this is a second paper: whoever asked first has one as well, for all that is known
	}
	for _, r := range []RequestID{answer, RequestID(b.Ticket)} {
		if _, done := a.answers[0][r]; !done { // what was answered yesterday a replay may not know
			a.answers[0][r] = Answer{Code: OK, Ticket: t.ID, Ahead: b.Ahead, Seq: a.e.Seq}
		}
	}
	was := a.Tickets[b.Replaces]
	switch {
	case was == nil:
	case was.State == Expired:
		a.setTicket(was, func(was *Ticket) { was.State = Done })
	default:
		a.setTicket(was, func(was *Ticket) {
			was.Papers[b.Answer] = PaperOffline
			if b.Voids && was.State.inLine() {
				was.State = Void
			}
		})
	}
}

func (a *applier) permit(b Permitted) error {
	in := a.Installs[b.Install]
	if in == nil {
		return fmt.Errorf("no installation %s", b.Install)
	}
	in.From, in.Permit = b.From, a.e.Day
	a.Letters[b.Letters] = b.High
	return nil
}

// beginRecovery loses the open visits: whether they went on after the backup nobody knows.
func (a *applier) beginRecovery() {
	a.Recovering = true
	a.Letters[anyLetters] = slices.Max(append(slices.Collect(maps.Values(a.Letters)), 0)) + lostPermits
	for _, id := range slices.Sorted(maps.Keys(a.Visits)) {
		v := a.Visits[id]
		if !v.Ended.IsZero() {
			continue
		}
		v.Ended, v.Outcome, v.Touched = a.e.At, Lost, a.e.Seq
		a.c.Visits = append(a.c.Visits, v)
		a.setTicket(a.Tickets[v.Ticket], func(t *Ticket) { t.State = Done })
		a.setDesk(v.Counter, func(d *Desk) { d.State, d.Visit, d.last = DeskIdle, "", nil })
	}
	a.c.Day = true
}

func (a *applier) endRecovery(b RecoveryEnded) {
	a.Recovering = false
	for dept, n := range b.Next {
		a.LastNum[dept] = max(a.LastNum[dept], n-1)
	}
	a.c.Day = true
}

// bringBack lets a paper of a day that is over count today: a new ticket takes its place, under the number on the paper.
func (d *decider) bringBack(t *Ticket, behind int) (Body, *Refusal) {
	switch {
	case !d.s.Open:
		return nil, refuse(Closed, "the day is closed")
	case d.c.Request == "":
		return nil, refuse(Fault, "a ticket needs a request id")
	}
	b := Issued{
		Ticket: TicketID(d.c.Request), Dept: t.Dept, Item: t.Item, Number: t.Number, Twin: d.s.numbers[t.Number],
		Class: t.Class, Needs: t.Needs, Lang: t.Lang, Device: t.Device, Place: d.placeBehind(t.Dept, behind),
		Printed: true, Replaces: t.ID, Odd: fmt.Sprintf("a paper of day %d", t.Day),
	}
	b.Ahead = d.ahead(&Ticket{Dept: b.Dept, Class: b.Class, Place: b.Place, State: Waiting}).total()
	return b, nil
}
