package flow

import (
	"time"

	"quhao/drivers/keypad"
	"quhao/internal/proto"
)

// request is a key press on its way: the keys are dark until its outcome is shown.
type request struct {
	cmd   proto.Cmd
	at    time.Duration
	again bool      // sent a second time
	done  *proto.At // answered with ok: dark until the display shows this version
}

// press takes a key. While a request is open the keys are dark and do nothing; the rating keys always live.
func (u *Unit) press(c *counter, p keypad.Press) {
	switch {
	case p.Op == keypad.Rate:
		u.rate(c, p.Arg)
		return
	case u.card != "":
		hash := u.card
		u.card = ""
		if u.now.Up < u.cardUntil {
			u.present(c, hash)
			return
		}
	}
	if c.request != nil {
		return
	}
	cmd, ok := c.command(p)
	if !ok || !u.s.Ready(u.now) || u.stale(c) {
		c.signal(u.now.Up)
		return
	}
	cmd.V, cmd.ID, cmd.Counter = proto.Version, u.newID(), c.ID
	cmd.IfVer = &proto.At{Epoch: c.held.Epoch, Ver: c.held.CV}
	c.request = &request{cmd: cmd, at: u.now.Up}
	u.send(c)
}

// send sends the open request in the present session. The id is the same in every session: what it changed, it changes once.
func (u *Unit) send(c *counter) {
	c.request.cmd.Mark = u.s.Mark()
	if err := u.s.Send(proto.UpCmd, c.request.cmd); err != nil {
		u.bad, u.badErr = u.bad+1, err
		c.request = nil
		c.signal(u.now.Up)
	}
}

// command makes an operation of a key, as the counter stands now. ok is false for keys that mean nothing here.
func (c *counter) command(p keypad.Press) (cmd proto.Cmd, ok bool) {
	switch c.meaning(p.Op) {
	case keypad.Next:
		cmd.Op = proto.OpNext
	case keypad.Recall:
		cmd.Op = proto.OpRecall
	case keypad.Start:
		cmd.Op = proto.OpStart
	case keypad.NoShow:
		cmd.Op = proto.OpNoShow
	case keypad.Park:
		cmd.Op = proto.OpPark
	case keypad.Unpark:
		cmd.Op = proto.OpUnpark
	case keypad.Pause:
		cmd.Op = proto.OpPause
		if c.held.S == paused {
			cmd.Op = proto.OpUnpause
		}
	case keypad.Complete, keypad.Invite: // the rating opens with the end of the visit
		cmd.Op, cmd.Outcome = proto.OpComplete, "direct"
	case keypad.Transfer:
		cmd.Op, cmd.To = proto.OpTransfer, c.Transfer[p.Arg]
		return cmd, cmd.To != ""
	}
	return cmd, cmd.Op != ""
}

// meaning is what a key of a pad with few keys means, as the counter stands now.
func (c *counter) meaning(op keypad.Op) keypad.Op {
	called := c.held.S == calling
	switch {
	case op == keypad.Call && called:
		return keypad.Recall
	case op == keypad.Call:
		return keypad.Next
	case op == keypad.End && called:
		return keypad.NoShow
	case op == keypad.End:
		return keypad.Complete
	}
	return op
}

// result takes the answer to an open request. Any other is one that came too late, or twice, or of another session.
func (u *Unit) result(res proto.Res) {
	if res.Sess == "" || res.Sess != u.s.Sess() {
		return
	}
	for _, c := range u.counters {
		if c.request == nil || c.request.cmd.ID != res.ID {
			continue
		}
		switch {
		case res.S != proto.ResOK:
			c.request = nil
			c.signal(u.now.Up)
		case res.Ver == nil:
			c.request = nil
		default:
			c.request.done = res.Ver
		}
		return
	}
}

// follow moves an open request on: it ends when its outcome is shown, or after two seconds whatever came.
func (u *Unit) follow(c *counter) {
	r := c.request
	if r == nil {
		return
	}
	shown := c.shown
	if !c.LED {
		shown = c.held.At()
	}
	since := u.now.Up - r.at
	switch {
	case r.done != nil && !r.done.After(shown):
		c.request = nil
	case since >= darkFor:
		c.request = nil
		if r.done == nil {
			c.signal(u.now.Up) // nobody knows what came of it: look at the display
		}
	case since >= resendAt && !r.again && r.done == nil && u.s.Ready(u.now):
		r.again = true
		u.send(c)
	}
}

// carded takes an officer's card. Without the day's key nothing can be kept of it.
func (u *Unit) carded(ev Card) {
	c := u.counter(ev.Counter)
	if ev.Counter == "" && len(u.counters) == 1 {
		c = u.counters[0]
	}
	if c == nil && ev.Counter != "" {
		return
	}
	key := u.s.DayKey()
	if c != nil && len(key) > 0 {
		u.present(c, proto.CardHash(key, ev.Digest))
		return
	}
	if len(key) > 0 {
		u.card, u.cardUntil = proto.CardHash(key, ev.Digest), u.now.Up+cardWaits
	}
	for _, other := range u.counters { // either refused, or asked for the key of its counter
		if c == nil || c == other {
			other.signal(u.now.Up)
		}
	}
}

// present journals that an officer has come to a counter, or leaves it: counted from now, whenever the controller hears of it.
func (u *Unit) present(c *counter, hash string) {
	on := !c.known || c.held.S == closed
	if c.presume != nil {
		on = !*c.presume
	}
	if !u.add(proto.Fact{K: proto.FactPresence, Counter: c.ID, Officer: hash, On: on}) {
		c.signal(u.now.Up)
		return
	}
	c.presume = &on
	c.notify(u.now.Up, textCard)
}
