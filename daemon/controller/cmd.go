package controller

import (
	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// cmd carries out a command of a device and answers it after the commit.
// Within a session the same id always gets the same answer, refusals too.
func (b *batch) cmd(dev string, d *deviceView, m proto.Cmd) {
	s := b.in(dev, m.Mark)
	if s == nil || m.ID == "" {
		return
	}
	fail := func(err error) {
		delete(s.answers, m.ID) // it may never have been true
		b.tell(dev, proto.DownRes, proto.Res{V: proto.Version, ID: m.ID, Sess: s.id, S: proto.ResError, Why: err.Error()})
	}
	if b.faulted != nil {
		fail(ErrFaulted)
		return
	}
	b.failed = append(b.failed, fail)
	if res, ok := s.answers[m.ID]; ok {
		b.count["repeated"]++
		b.say(dev, proto.DownRes, res)
		return
	}
	res := proto.Res{V: proto.Version, ID: m.ID, Sess: s.id}
	wish, no := b.wishOfCmd(dev, d, m)
	if no == nil {
		cmd := queue.Command{Request: queue.RequestID(m.ID), Actor: "dev:" + dev, Device: dev, Do: wish}
		if m.IfVer != nil {
			cmd.IfVer = &queue.Version{Epoch: uint64(m.IfVer.Epoch), CV: uint64(m.IfVer.Ver)}
		}
		var a queue.Answer
		if a, no = b.do(cmd); no == nil {
			b.fill(&res, a)
		}
	}
	if no != nil {
		res.S, res.Why = string(no.Code), no.Why
	}
	// Another answer of this batch may be asked for the same id: it must not wait for the commit to be remembered.
	s.answers[m.ID] = res
	b.say(dev, proto.DownRes, res)
}

// fill writes the answer of a command that changed something.
func (b *batch) fill(res *proto.Res, a queue.Answer) {
	res.S = string(a.Code)
	if t := b.state.Tickets[a.Ticket]; t != nil {
		res.Ticket = &proto.TicketRes{
			TID: proto.ID(t.ID), Num: t.Number, Day: proto.Day(t.Day), Q: string(t.Dept), Item: t.Item,
			Ahead: a.Ahead, T: t.Issued.UnixMilli(), N: t.PapersBefore(queue.RequestID(res.ID)),
		}
	}
	if a.Counter != "" {
		res.Counter = string(a.Counter)
		res.Ver = &proto.At{Epoch: proto.Epoch(b.state.Epoch), Ver: proto.Ver(a.Seq)}
	}
}

// wishOfCmd says what a command means to the queue. A kiosk takes tickets, a unit works its own counters.
func (b *batch) wishOfCmd(dev string, d *deviceView, m proto.Cmd) (queue.Wish, *queue.Refusal) {
	if m.Op == proto.OpTicket {
		if d.conf.Kind != string(proto.KindKiosk) {
			return nil, refuse("%s is not a kiosk", dev)
		}
		return queue.Take{
			Dept: queue.DeptID(m.Q), Item: m.Item, Holder: m.Card, Lang: m.Lang, Class: m.Class, Needs: m.Needs,
		}, nil
	}
	if !b.serves(dev, m.Counter) {
		return nil, refuse("counter %q is not one of %s", m.Counter, dev)
	}
	if m.IfVer == nil {
		return nil, refuse("an operation of a counter needs if_ver")
	}
	c := queue.CounterID(m.Counter)
	switch m.Op {
	case proto.OpSignOff:
		return queue.SignOff{Counter: c}, nil
	case proto.OpPause:
		return queue.Pause{Counter: c, Reason: m.Reason}, nil
	case proto.OpUnpause:
		return queue.Unpause{Counter: c}, nil
	case proto.OpNext:
		return queue.Next{Counter: c}, nil
	case proto.OpStart:
		return queue.Start{Counter: c}, nil
	case proto.OpRecall:
		return queue.Recall{Counter: c}, nil
	case proto.OpNoShow:
		return queue.Miss{Counter: c}, nil
	case proto.OpPark:
		return queue.Park{Counter: c}, nil
	case proto.OpUnpark:
		return queue.Unpark{Counter: c, Ticket: queue.TicketID(m.Ticket)}, nil
	case proto.OpTransfer:
		return queue.Transfer{Counter: c, To: queue.DeptID(m.To), ToCounter: queue.CounterID(m.ToCounter)}, nil
	case proto.OpComplete:
		return queue.Complete{Counter: c, Outcome: m.Outcome}, nil
	case proto.OpReinstate:
		return queue.Reinstate{Ticket: queue.TicketID(m.Ticket)}, nil
	case proto.OpUndo:
		return queue.Undo{Counter: c}, nil
	case proto.OpSignOn:
		// A device proves an officer by the card: a presence fact. A name in a command proves nothing.
		return nil, refuse("sign on by card, or at the console")
	}
	return nil, refuse("unknown operation %q", m.Op)
}
