package flow

import (
	"fmt"

	"quhao/internal/device"
	"quhao/internal/proto"
)

// A kiosk that is cut off gives numbers of its own: prefix of the department, letters of the kiosk, place in its own series.
// It may do so only while the controller's permit lasts, with a right clock, up to a number that the permit names, and for
// departments that were open when the controller was last heard. The paper's place in the order is by its time.

// mayGive says whether the kiosk may give a number of its own for a department now.
func (k *Kiosk) mayGive(now device.Now, q string) bool {
	t, sure := k.s.Time(now)
	if !sure || !k.s.Welcomed() || k.s.Refused() != "" || !k.isOpen(q) || k.c.Departments[q].Prefix == "" {
		return false
	}
	_, _, ok := k.j.NextOff(t)
	return ok
}

// armed says whether it may for any department.
func (k *Kiosk) armed(now device.Now) bool {
	for _, c := range k.c.Choices {
		if k.mayGive(now, c.Q) {
			return true
		}
	}
	return false
}

// possible says whether a number of a department can be had now: from the controller, or from the kiosk itself.
func (k *Kiosk) possible(now device.Now, q string) bool {
	return k.s.Ready(now) || k.mayGive(now, q)
}

// alone settles the open request, which nobody has answered, by a number of the kiosk's own; without a permit there is none this time.
func (k *Kiosk) alone(now device.Now) {
	in := k.open.intent
	t, _ := k.s.Time(now)
	n, permit, ok := k.j.NextOff(t)
	if !ok || !k.mayGive(now, in.Q) {
		k.abandon(now, Retry)
		return
	}
	ticket := proto.TicketRes{
		TID: k.newID(), Num: fmt.Sprintf("%s%s%02d", k.c.Departments[in.Q].Prefix, permit.Series, (n-1)%999+1),
		Day: permit.Day, Q: in.Q, Item: in.Item, Ahead: -1, T: t,
	}
	k.start(now, proto.Fact{
		K: proto.FactStart, ID: in.ID, TID: ticket.TID, Num: ticket.Num, Day: ticket.Day,
		Q: in.Q, Item: in.Item, Card: in.Card, Lang: in.Lang, Off: n,
	}, ticket, k.plain(TakeOffline))
}
