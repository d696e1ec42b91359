package device

import (
	"errors"

	"quhao/internal/proto"
)

// pending waits for an administrator. A controller that is recovering takes the journal meanwhile, in a session that is good
// for nothing else.
func (s *Session) pending(now Now, w proto.Welcome) {
	s.ctlAt = now.Up
	if w.Sess == "" || w.Sess == s.waits {
		s.waits = w.Sess
		return
	}
	if s.renewed(now, w) {
		return
	}
	s.waits = w.Sess
	if err := s.j.Ack(w.Ack, w.AckSum, w.T); err != nil {
		s.err = errors.Join(s.err, err)
	}
	s.facts(now)
}

// renewed begins a new installation, and a new session of it, if the journal has gone back.
func (s *Session) renewed(now Now, w proto.Welcome) bool {
	if !s.wentBack(w) {
		return false
	}
	if err := s.j.Renew(proto.Install(s.o.Random())); err != nil {
		s.err = errors.Join(s.err, err)
		return true
	}
	s.greet(now)
	return true
}

// wentBack says whether the journal has lost what it once handed in: the fact the controller took last is not here although
// it should be, or is another one. That an old fact was dropped because of its age is no sign of it; nor is a fact that the
// controller has skipped for that reason, of which it knows no checksum: on the disk it may still be.
func (s *Session) wentBack(w proto.Welcome) bool {
	if w.Ack == 0 || w.AckSum == "" {
		return w.Ack >= s.j.Next()
	}
	if sum, held := s.j.SumOf(w.Ack); held {
		return sum != w.AckSum
	}
	return w.Ack >= s.j.First()
}
