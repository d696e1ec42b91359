package controller

import (
	"time"

	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// permitFor is how long a kiosk may give numbers of its own after it was last welcomed: a working day.
const permitFor = 16 * time.Hour

// mark is what the messages of a session prove: at first its device had begun so many papers, and at last still.
type mark struct {
	papers      uint64
	first, last time.Time
}

// prove keeps what a message of the session proves.
func (s *session) prove(papers uint64, now time.Time) {
	if n := len(s.marks); n > 0 && s.marks[n-1].papers == papers {
		s.marks[n-1].last = now
		return
	}
	s.marks = append(s.marks, mark{papers: papers, first: now, last: now})
}

// bounds is between which times the n-th paper of the device was begun, as far as the messages of the session prove it.
func (s *session) bounds(n uint64) (notBefore, notAfter time.Time) {
	for _, m := range s.marks {
		if m.papers < n {
			notBefore = m.last
		} else if notAfter.IsZero() {
			notAfter = m.first
		}
	}
	return notBefore, notAfter
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

// replayed notes that a kiosk has handed in all its papers. When every kiosk of the configuration has, a recovery is over.
func (b *batch) replayed(dev string, s *session, papers uint64) {
	in := b.state.Installs[queue.InstallID(s.install)]
	if in == nil || in.HW < papers {
		return
	}
	b.handedIn[dev] = true
	if !b.state.Recovering {
		return
	}
	for id, d := range b.devices {
		if d.conf.Kind == string(proto.KindKiosk) && !b.handedIn[id] {
			return
		}
	}
	cmd := queue.Command{Actor: "controller", Do: queue.EndRecovery{Heard: b.issued, Why: "every kiosk has handed in its papers"}}
	if _, no := b.do(cmd); no == nil {
		b.log.Info("the recovery is over: every kiosk has handed in its papers")
	}
}
