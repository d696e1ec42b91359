package device

import (
	"time"

	"quhao/internal/proto"
)

// permitMark is the last permit, and how far the kiosk's own series was when the permit of its day came.
type permitMark struct {
	proto.Permit
	Base int `json:"base"`
}

// Welcomed says whether the controller has let this program in since its start. Until then nobody can know whether the journal
// went back while the program was off, and numbers of its own were given that it does not remember.
func (s *Session) Welcomed() bool { return s.welcome.S == proto.Accepted }

// SetPermit keeps the permission to give numbers while cut off. A permit of another day than the last one begins a new count.
func (j *Journal) SetPermit(p proto.Permit) error {
	mark := permitMark{Permit: p, Base: max(j.c.OffN, p.From-1)}
	if held := j.permit; held != nil {
		if held.Permit == p {
			return nil
		}
		if held.Day == p.Day {
			mark.Base = held.Base
		}
	}
	if err := j.write(record{Permit: &mark}); err != nil {
		return err
	}
	j.permit = &mark
	return nil
}

// NextOff is the next place in the kiosk's own series, if it may give a number of its own at a time, in ms since 1970.
// The series is one over all departments, is never begun anew by a day, and goes on over the whole life of the installation:
// 1,000 is printed as 01 again.
func (j *Journal) NextOff(now int64) (n int, p proto.Permit, ok bool) {
	if j.broken != nil || j.permit == nil || now >= j.permit.Until {
		return 0, p, false
	}
	n = max(j.c.OffN, j.permit.From-1) + 1
	return n, j.permit.Permit, n-j.permit.Base <= j.permit.Cap
}

// Rejected is until when the device stays away from the controller, which has refused it.
func (s *Session) Rejected() time.Duration { return s.rejected }

// Refused says why the controller has rejected this device, empty if it has not. Another device may use the name then, so
// this one gives no numbers of its own either, until it is welcomed again.
func (s *Session) Refused() string { return s.refusal }
