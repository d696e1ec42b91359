package flow

import (
	"time"

	"quhao/internal/device"
	"quhao/internal/proto"
)

// errand is a paper that an administrator has ordered and that is no ticket: the test page.
type errand struct {
	id    proto.ID
	until time.Duration
}

// order carries out what an administrator asks for, once: a fact says that it is done, and is looked for when the order
// is repeated. While the kiosk is at work it passes an order over; the controller repeats it.
func (k *Kiosk) order(now device.Now, o proto.Order) {
	if o.ID == "" || o.Sess == "" || o.Sess != k.s.Sess() || k.busy() || k.carriedOut(o.ID) {
		return
	}
	switch o.Op {
	case proto.DoIdentify:
		if k.done(now, o.ID, "") {
			name := Text{ZH: "本机：" + k.c.Dev, EN: "This is " + k.c.Dev}
			k.show(now, Screen{State: Identify, Title: name, Ahead: -1})
		}
	case proto.DoRestart:
		if k.done(now, o.ID, "") {
			k.out = append(k.out, Restart{})
		}
	case proto.DoTest:
		k.errand = &errand{id: o.ID, until: now.Up + printFor}
		k.out = append(k.out, Print{Job: Job{ID: o.ID, Lang: k.c.Lang, Test: true}})
	case proto.DoReprint:
		k.reprint(now, o)
	}
}

// carriedOut says whether an order was carried out before, or was begun before a power cut.
func (k *Kiosk) carriedOut(id proto.ID) bool {
	for f := range k.j.Facts() {
		if f.ID == id && (f.K == proto.FactDone || f.K == proto.FactStart) {
			return true
		}
	}
	return false
}

// done journals that an order was carried out, and how its paper came out, empty if it has none.
func (k *Kiosk) done(now device.Now, id proto.ID, how string) bool {
	return k.note(now, proto.Fact{K: proto.FactDone, ID: id, How: how})
}

// reprint prints a ticket of this kiosk once more, marked as a reprint. It is a paper like any other: its start is
// journaled first, under the order's id.
func (k *Kiosk) reprint(now device.Now, o proto.Order) {
	var last proto.Fact
	for f := range k.j.Facts() {
		if f.K == proto.FactStart && f.TID == o.TID && o.TID != "" {
			last = f
		}
	}
	if last.TID == "" || !k.printer.CanPrint() {
		k.done(now, o.ID, proto.HowNone) // another kiosk's, or too long ago
		return
	}
	start := proto.Fact{
		K: proto.FactStart, ID: o.ID, TID: last.TID, Num: last.Num, Day: last.Day, Q: last.Q, Item: last.Item,
		Card: last.Card, Lang: last.Lang, N: last.N + 1,
	}
	if !k.note(now, start) {
		return
	}
	d := k.c.Departments[last.Q]
	res := k.plain(Again)
	res.Department, res.Number = d.Name, last.Num
	k.paper = &paper{start: start, res: res, until: now.Up + printFor, ordered: true}
	k.out = append(k.out, Print{Job: Job{
		ID: o.ID, Department: d.Name, Item: d.Items[last.Item], Lang: last.Lang, Reprint: start.N, Offline: k.ownNumber(last.TID),
		Ticket: proto.TicketRes{TID: last.TID, Num: last.Num, Day: last.Day, Q: last.Q, Item: last.Item, Ahead: -1, T: last.T, N: start.N},
	}})
}

// ownNumber says whether a ticket's number was given by the kiosk itself.
func (k *Kiosk) ownNumber(tid proto.ID) bool {
	for f := range k.j.Facts() {
		if f.K == proto.FactStart && f.TID == tid && f.Off > 0 {
			return true
		}
	}
	return false
}
