package controller

import (
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// permitFor is how long a kiosk may give numbers of its own after it was last welcomed: a working day.
const permitFor = 16 * time.Hour

// mark is what the messages of a session prove: its device had begun so many papers when the event first was the last one,
// and no more of them when the event last was.
type mark struct{ papers, first, last uint64 }

// prove keeps what a message of the session proves. A late copy of an earlier message proves nothing.
func (s *session) prove(papers, event uint64) {
	n := len(s.marks)
	switch {
	case n > 0 && s.marks[n-1].papers == papers:
		s.marks[n-1].last = event
	case n == 0 || s.marks[n-1].papers < papers:
		s.marks = append(s.marks, mark{papers: papers, first: event, last: event})
	}
}

// bounds is between which events the n-th paper of the device was begun, as far as the messages of the session prove it.
func (s *session) bounds(n uint64) (notBefore, notAfter uint64) {
	for _, m := range s.marks {
		if m.papers >= n {
			return notBefore, m.first
		}
		notBefore = m.last
	}
	return notBefore, 0
}

// permit lets a kiosk give numbers of its own while it is cut off, once for each installation and day.
func (b *batch) permit(dev string, d *deviceView, h proto.Hello) {
	n := b.o.Config.Centre.Offline.Cap
	if d.conf.Kind != string(proto.KindKiosk) || d.conf.Letter == "" || n == 0 {
		return
	}
	cmd := queue.Command{Actor: "dev:" + dev, Device: dev, Do: queue.Permit{
		Device: dev, Install: queue.InstallID(h.Install), Letters: d.conf.Letter, Cap: n, Has: h.OffN,
	}}
	if _, no := b.do(cmd); no != nil && no.Code == queue.Fault {
		b.log.Warn("no permit for numbers of its own", "device", dev, "err", no)
	}
}

// permitOf is the permit in force for an installation, or nil.
func (c *Controller) permitOf(dev string, in *queue.Install) *proto.Permit {
	d := c.devices[dev]
	if d == nil || !c.state.Open || c.state.Recovering || in.Permit != c.state.Day {
		return nil
	}
	return &proto.Permit{
		Series: d.conf.Letter, From: in.From, Cap: c.o.Config.Centre.Offline.Cap,
		Until: c.lastNow.Add(permitFor).UnixMilli(), Day: proto.Day(c.state.Day),
	}
}

// hear notes the highest numbers that a device has seen: a recovery goes on above them.
func (b *batch) hear(h proto.Hello) {
	for dept, n := range h.Issued {
		b.issued[queue.DeptID(dept)] = max(b.issued[queue.DeptID(dept)], n)
	}
}

// handed is how many papers a kiosk said it had begun, in messages that came in a session.
type handed struct {
	install proto.Install
	papers  uint64
}

// hasHandedIn says whether a kiosk has spoken in a session since the start, and all papers it spoke of are taken. It asks the
// state, so that neither a commit that failed nor an installation that was replaced counts.
func (c *Controller) hasHandedIn(dev string) bool {
	h, spoken := c.handedIn[dev]
	in := c.state.Installs[queue.InstallID(h.install)]
	return spoken && in != nil && c.state.Devices[dev] == in.ID && in.HW >= h.papers
}

// replayed notes what a kiosk says of its papers. When every kiosk of the configuration has handed in all, a recovery is over.
func (b *batch) replayed(dev string, s *session, papers uint64) {
	if h := b.handedIn[dev]; h.install == s.install {
		papers = max(papers, h.papers) // this one may be late
	}
	b.handedIn[dev] = handed{install: s.install, papers: papers}
	if !b.state.Recovering {
		return
	}
	for id, d := range b.devices {
		if d.conf.Kind == string(proto.KindKiosk) && !b.hasHandedIn(id) {
			return
		}
	}
	cmd := queue.Command{Actor: "controller", Do: queue.EndRecovery{Heard: b.issued, Why: "every kiosk has handed in its papers"}}
	if _, no := b.do(cmd); no == nil {
		b.log.Info("the recovery is over: every kiosk has handed in its papers")
	}
}
