package controller

import (
	"quhao/daemon/queue"
	"quhao/internal/proto"
)

// stranger notes another installation with the name of a device that has one: it waits for an administrator.
func (b *batch) stranger(dev string, d *deviceView, h proto.Hello) {
	if _, known := d.pending[h.Install]; !known && len(d.pending) < 16 {
		d.pending[h.Install] = b.now
		b.log.Warn("another installation with the name of this device waits: replace the old one, or take it away",
			"device", dev, "install", h.Install)
	}
	b.count["installs_refused"]++
	s := b.waits(dev, d, h)
	b.then = append(b.then, func() {
		w := proto.Welcome{
			V: proto.Version, Nonce: h.Nonce, S: proto.Pending,
			Why: "another installation is bound to this name: run quhaod replace, or give the device its own name",
		}
		if in := b.state.Installs[queue.InstallID(h.Install)]; s != nil && in != nil {
			w.Sess, w.T, w.Ack, w.AckSum = s.id, b.leaves(), in.Ack, in.Sum
		}
		b.tell(dev, proto.DownHello, w)
	})
}

// waits lets an installation that waits for an administrator hand in its journal meanwhile, if a recovery needs it; it has the
// device's secret. It gets a session for that and for nothing else; nil if there is no recovery.
func (b *batch) waits(dev string, d *deviceView, h proto.Hello) *session {
	if _, known := d.pending[h.Install]; !known || !b.state.Recovering {
		d.waiting = nil
		return nil
	}
	b.do(queue.Command{Actor: "dev:" + dev, Device: dev, Do: queue.LetHandIn{Device: dev, Install: queue.InstallID(h.Install)}})
	s := d.waiting[h.Install]
	if s == nil {
		s = &session{id: proto.Session(b.o.Random()), install: h.Install}
		if d.waiting == nil {
			d.waiting = map[proto.Install]*session{}
		}
		d.waiting[h.Install] = s
	}
	return s
}

// ofWaiting is the session of an installation that waits for an administrator; nil if the mark names none.
func (b *batch) ofWaiting(dev string, m proto.Mark) *session {
	if d := b.devices[dev]; b.state.Recovering && m.Sess != "" {
		for _, s := range d.waiting {
			if s.id == m.Sess && b.state.Devices[dev] != queue.InstallID(s.install) {
				s.prove(m.HWSeq, b.state.Seq)
				return s
			}
		}
	}
	return nil
}
