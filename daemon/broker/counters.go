package broker

import (
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Reason says why the gate refused a connection, a message or a subscription, or ended a connection.
type Reason string

// The reasons, in the order in which a connection meets them.
const (
	Crowded   Reason = "crowded"   // pushed out by newer connections before it had signed in
	Handshake Reason = "handshake" // the TLS handshake failed
	Timeout   Reason = "timeout"   // no whole CONNECT within 10 s
	Hangup    Reason = "hangup"    // closed by the other side before CONNECT was whole
	Malformed Reason = "malformed" // bytes that are no MQTT 3.1.1
	TooLarge  Reason = "too_large" // a packet above MaxPacket
	Protocol  Reason = "protocol"  // another protocol level than 4
	Session   Reason = "session"   // a session that is not clean
	Name      Reason = "name"      // not a device's name, or client id and user name differ
	Password  Reason = "password"  // unknown name or wrong password
	Will      Reason = "will"      // a last will that the device could not publish itself
	Topic     Reason = "topic"     // published to a topic that is not its own
	Retain    Reason = "retain"    // a retained message other than avail, health and cfg
	QoS       Reason = "qos"       // quality of service 2
	Filter    Reason = "filter"    // subscribed to a topic that is not its own, or to too many
	Packet    Reason = "packet"    // a kind of packet that no device sends
	Replaced  Reason = "replaced"  // a newer connection of the same name took its place
	Revoked   Reason = "revoked"   // its password was changed or taken away
	Slow      Reason = "slow"      // did not read what was sent to it
	Forgotten Reason = "forgotten" // connected, but unknown to mochi (must stay 0, see seats)
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{Crowded, Handshake, Timeout, Hangup, Malformed, TooLarge, Protocol, Session, Name, Password,
		Will, Topic, Retain, QoS, Filter, Packet, Replaced, Revoked, Slow, Forgotten}
}

// Counters are figures for the metrics. All but Connected only grow.
type Counters struct {
	Refused   map[Reason]uint64 // every reason is a key, also with 0
	Connected int               // devices connected now
	Received  uint64            // messages taken from devices, last wills included
	Dropped   uint64            // messages mochi dropped because a device took them too slowly
}

// logEvery bounds the log: one line per reason in this time, whoever knocks how often.
const logEvery = 10 * time.Second

// tally counts refusals and logs them, but not each one: a flood at the gate must not become a flood in the log.
type tally struct {
	log *slog.Logger

	mu     sync.Mutex
	n      map[Reason]uint64
	logged map[Reason]mark
}

// mark is when a reason was last logged, and its count then.
type mark struct {
	at time.Time
	n  uint64
}

func newTally(log *slog.Logger) *tally {
	return &tally{log: log, n: make(map[Reason]uint64), logged: make(map[Reason]mark)}
}

// refuse counts one refusal. The remote address is "" where a device is better known by its name.
func (t *tally) refuse(r Reason, device, remote, why string) {
	t.mu.Lock()
	t.n[r]++
	now, last := time.Now(), t.logged[r]
	more := t.n[r] - last.n - 1
	loud := last.at.IsZero() || now.Sub(last.at) >= logEvery
	if loud {
		t.logged[r] = mark{now, t.n[r]}
	}
	t.mu.Unlock()
	if loud {
		t.log.Warn("refused at the broker", "reason", string(r), "device", device, "remote", remote, "why", why, "more", more)
	}
}

// all returns a copy of the counts with every reason in it.
func (t *tally) all() map[Reason]uint64 {
	all := make(map[Reason]uint64)
	for _, r := range Reasons() {
		all[r] = 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(all, t.n)
	return all
}
