package flow

import (
	"errors"
	"strconv"
	"strings"

	"quhao/drivers/printer"
	"quhao/internal/device"
	"quhao/internal/proto"
)

// rule is whether a choice needs a card: the kiosk's own rule, or the department's.
func (k *Kiosk) rule(q string) string {
	if k.c.Card != "" {
		return k.c.Card
	}
	return k.c.Departments[q].Card
}

// only returns the choice that every tap stands for, if the kiosk serves a single department.
func (k *Kiosk) only() *Choice {
	if len(k.c.Choices) == 0 {
		return nil
	}
	one := k.c.Choices[0]
	for _, c := range k.c.Choices[1:] {
		if c.Q != one.Q {
			return nil
		}
		if c.Item != one.Item {
			one.Item = "" // the department as a whole: a tap does not say for what
		}
	}
	return &one
}

// tap takes a card: for the choice that waits for one, for the only department, or to wait for a choice itself.
func (k *Kiosk) tap(now device.Now, digest string) {
	if digest == "" || !k.free(now) {
		return
	}
	c := k.choice
	if c == nil {
		c = k.only()
	}
	switch {
	case c != nil && k.rule(c.Q) != CardNever:
		k.ask(now, *c, digest)
	case c == nil && k.cardsMatter():
		k.result = nil
		k.digest, k.collect = digest, now.Up+collectFor
	}
}

// nobody says that the card cannot be used; a department that was chosen goes on waiting for another one.
func (k *Kiosk) nobody(now device.Now) {
	if !k.free(now) || !k.cardsMatter() {
		return
	}
	k.show(now, k.plain(NoIdentity))
	if k.choice != nil {
		k.collect = now.Up + showFor + collectFor
	}
}

func (k *Kiosk) cardsMatter() bool {
	for _, c := range k.c.Choices {
		if k.rule(c.Q) != CardNever {
			return true
		}
	}
	return false
}

// key takes a choice: with the card that was tapped before, without, or to wait for one.
func (k *Kiosk) key(now device.Now, n int) {
	if !k.free(now) {
		return
	}
	for _, c := range k.c.Choices {
		if c.Key != n {
			continue
		}
		switch rule := k.rule(c.Q); {
		case rule == CardNever:
			k.ask(now, c, "")
		case rule == CardRequired && k.digest == "":
			k.result = nil
			k.choice, k.collect = &c, now.Up+collectFor
		default:
			k.ask(now, c, k.digest)
		}
		return
	}
}

// free says whether somebody who taps or presses now can be served. Who cannot must see why, and not what the last visitor got.
func (k *Kiosk) free(now device.Now) bool {
	if k.busy() {
		return false
	}
	if k.blocked(now) != "" {
		k.result = nil
		return false
	}
	return true
}

// blocked says why no number can be given now, or nothing.
func (k *Kiosk) blocked(now device.Now) State {
	switch {
	case k.fault:
		return Fault
	case k.printer == printer.Out:
		return PrinterOut
	case k.printer == printer.Open:
		return PrinterOpen
	case !k.printer.CanPrint():
		return PrinterError
	case k.s.Refused() != "":
		return Refused
	case !k.s.Ready(now) && !k.armed(now):
		return Offline
	}
	return ""
}

// ask journals the wish and sends it.
func (k *Kiosk) ask(now device.Now, c Choice, digest string) {
	k.forget()
	k.result = nil
	if !k.possible(now, c.Q) {
		k.show(now, k.plain(Offline))
		return
	}
	in := device.Intent{ID: k.newID(), Q: c.Q, Item: c.Item, Lang: k.c.Lang}
	switch key := k.s.DayKey(); {
	case digest != "" && len(key) > 0:
		in.Card = proto.CardHash(key, digest)
	case k.rule(c.Q) == CardRequired && (digest == "" || k.s.Ready(now)):
		k.show(now, k.plain(Retry)) // without the day's key a card cannot be named; a kiosk that is cut off does without
		return
	}
	if err := k.j.AddIntent(in); err != nil {
		k.broke(err)
		if errors.Is(err, device.ErrFull) {
			k.show(now, k.plain(Fault)) // the same would happen at the next tap: another kiosk can help
			return
		}
		k.show(now, k.plain(Retry))
		return
	}
	k.open = &request{intent: in, resend: now.Up + resendAfter, giveUp: now.Up + giveUpAfter}
	k.send()
}

// send sends the open request in the present session, the first time or again: its id is the same.
func (k *Kiosk) send() {
	r := k.open
	if r.sess = k.s.Sess(); r.sess == "" {
		return // cut off: if a session opens in time, it is sent then
	}
	cmd := proto.Cmd{
		V: proto.Version, ID: r.intent.ID, Mark: k.s.Mark(), Op: proto.OpTicket,
		Q: r.intent.Q, Item: r.intent.Item, Card: r.intent.Card, Lang: r.intent.Lang,
	}
	// A command is too long only if the ids of the configuration are, and the checker bounds those;
	// if it were, the request would end unanswered.
	_ = k.s.Send(proto.UpCmd, cmd)
}

// overdue does what time asks for in a request or a print.
func (k *Kiosk) overdue(now device.Now) {
	if r := k.open; r != nil {
		sess := k.s.Sess()
		switch {
		case now.Up >= r.giveUp || k.s.Stale(now) && k.mayGive(now, r.intent.Q):
			k.alone(now)
		case sess != "" && sess != r.sess:
			k.send() // the old session's answer would not be used
		case sess != "" && !r.again && now.Up >= r.resend:
			k.send()
		}
		r.again = r.again || now.Up >= r.resend
	}
	if p := k.paper; p != nil && now.Up >= p.until {
		k.printed(now, Printed{ID: p.start.ID, How: proto.HowUnknown})
	}
	if e := k.errand; e != nil && now.Up >= e.until {
		k.printed(now, Printed{ID: e.id, How: proto.HowUnknown})
	}
}

// abandon ends the open request without a paper.
func (k *Kiosk) abandon(now device.Now, s State) {
	in := k.open.intent
	k.open = nil
	k.note(now, proto.Fact{K: proto.FactAbandoned, ID: in.ID, Q: in.Q})
	res := k.plain(s)
	res.Department = k.c.Departments[in.Q].Name
	k.show(now, res)
}

// answered takes an answer if it is to the open request, in the present session. Any other is late, and ignored.
func (k *Kiosk) answered(now device.Now, r proto.Res) {
	if k.open == nil || r.ID != k.open.intent.ID || r.Sess == "" || r.Sess != k.s.Sess() {
		return
	}
	switch r.S {
	case proto.ResOK, proto.ResDup:
		if r.Ticket == nil || r.Ticket.TID == "" || r.Ticket.Num == "" {
			k.abandon(now, Retry)
			return
		}
		k.begin(now, *r.Ticket, r.S == proto.ResDup)
	case proto.ResClosed:
		k.abandon(now, Closed)
	case proto.ResFull:
		k.abandon(now, Full)
	case proto.ResNotEligible:
		k.abandon(now, NotEligible)
	case string(Appointment):
		k.abandon(now, Appointment)
	case proto.ResRecovering:
		k.alone(now)
	default:
		k.abandon(now, Retry)
	}
}

// begin journals the start of a paper and only then has it printed.
func (k *Kiosk) begin(now device.Now, t proto.TicketRes, dup bool) {
	in := k.open.intent
	if t.Q == "" {
		t.Q = in.Q
	}
	res := k.plain(Take)
	if dup {
		res = k.plain(Again)
		t.N = max(t.N, 1) // two papers of one number must not look alike
	}
	start := proto.Fact{
		K: proto.FactStart, ID: in.ID, TID: t.TID, Num: t.Num, Day: t.Day,
		Q: t.Q, Item: t.Item, Card: in.Card, Lang: in.Lang, N: t.N,
	}
	if k.start(now, start, t, res) {
		k.s.Issued(t.Q, trailing(t.Num))
	}
}

// start settles the open request by a paper: its fact first, and only then the printing.
func (k *Kiosk) start(now device.Now, f proto.Fact, t proto.TicketRes, res Screen) bool {
	if !k.note(now, f) {
		k.abandon(now, Retry)
		return false
	}
	k.open = nil
	d := k.c.Departments[t.Q]
	res.Department, res.Number, res.Ahead = d.Name, t.Num, t.Ahead
	k.paper = &paper{start: f, res: res, until: now.Up + printFor}
	k.out = append(k.out, Print{Job: Job{
		ID: f.ID, Ticket: t, Department: d.Name, Item: d.Items[t.Item], Lang: f.Lang, Reprint: f.N, Offline: f.Off > 0,
	}})
	return true
}

// trailing is the number in a ticket's name: 12 in A012; 0 if there is none.
func trailing(num string) int {
	n, err := strconv.Atoi(strings.TrimLeft(num, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if err != nil {
		return 0
	}
	return n
}

// printed journals how the paper came out.
func (k *Kiosk) printed(now device.Now, e Printed) {
	if k.errand != nil && e.ID == k.errand.id {
		k.errand = nil
		k.done(now, e.ID, e.How)
		return
	}
	p := k.paper
	if p == nil || e.ID != p.start.ID {
		return
	}
	k.paper = nil
	k.note(now, proto.Fact{K: proto.FactEnd, ID: p.start.ID, TID: p.start.TID, How: e.How})
	if p.ordered {
		k.done(now, e.ID, e.How)
	}
	switch e.How {
	case proto.HowNone:
		p.res = k.plain(NoPaper)
	case proto.HowUnknown: // the number counts, and stays on the screen: the paper may show only a part of it
		p.res.State = Check
		p.res.Title, p.res.Hint = words(Check)
	}
	k.show(now, p.res)
}
