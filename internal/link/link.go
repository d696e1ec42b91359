// Package link is the MQTT pipe of a device, and of the controller with an external broker, over paho.
//
// It promises less than MQTT does, because nothing may rest on MQTT: a message is handed over while the connection is
// open or not at all; nothing is queued while it is not, and nothing of one connection is sent in the next.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"quhao/internal/proto"
)

// ErrOffline is returned by Publish when no connection is open. The message is gone.
var ErrOffline = errors.New("offline")

// ErrBusy is returned by Publish when the network takes messages more slowly than they are handed over:
// maxOut of them wait already. The message is gone.
var ErrBusy = errors.New("too many messages wait for the network")

const (
	maxOut         = 1024             // messages that wait for the network
	reachWait      = 2 * time.Second  // for TCP: a host that comes back answers the next try, not one that doubles its pauses
	connectWait    = 10 * time.Second // for TLS, CONNACK and, once more, for SUBACK
	writeWait      = 5 * time.Second  // for one message to be written
	pingWait       = 5 * time.Second  // for the answer to a ping
	goodbyeWait    = 250 * time.Millisecond
	ackWait        = time.Second // at the end, for the broker to acknowledge what was sent
	defaultAlive   = 10 * time.Second
	defaultMinWait = 500 * time.Millisecond
	defaultMaxWait = 10 * time.Second
	defaultRefused = 5 * time.Minute // as for a device that the controller rejects
)

// Options say where to connect and as whom.
type Options struct {
	Addr      string        // host:port, tcp://host:port or tls://host:port
	ClientID  string        // also the user name, with our own broker
	User      string        // may be empty with an external broker
	Password  string        // may be empty with an external broker
	TLS       *tls.Config   // used with tls://, and with host:port if not nil
	Will      proto.Message // published by the broker when the connection is lost; none if the topic is empty
	Subscribe []string      // topic filters, all with QoS 1
	KeepAlive time.Duration // ping after this silence, whole seconds; 0 means 10 s. No answer for another 5 s is a loss
	MinWait   time.Duration // between two dials while nobody listens, up to twice as long; 0 means 500 ms
	MaxWait   time.Duration // to it the pauses grow while connections end before they are up; 0 means 10 s
	Refused   time.Duration // to it they grow while the broker says no; 0 means 5 min
}

// Event is what happened on the link. Exactly one of Up, Down and Msg is set.
type Event struct {
	Up   bool           // connected, and every filter subscribed
	Down bool           // the connection that was up is lost
	Err  error          // with Down: why
	Msg  *proto.Message // a message of the connection that is up
}

// Link is one MQTT connection that is made again whenever it is lost. Make it with New.
type Link struct {
	o      Options
	log    *slog.Logger
	events chan Event

	mu   sync.Mutex
	open *session // nil while offline
}

// New returns a link with these options. It does not dial: Run does.
func New(o Options, log *slog.Logger) *Link {
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultAlive
	}
	o.KeepAlive = max(o.KeepAlive, time.Second) // less would round to 0, which is no keep-alive at all
	if o.MinWait == 0 {
		o.MinWait = defaultMinWait
	}
	if o.MaxWait == 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.Refused == 0 {
		o.Refused = defaultRefused
	}
	return &Link{o: o, log: log, events: make(chan Event)}
}

// Events returns the stream of everything that happens, in order: Up, messages, Down, Up and so on. It is never closed.
// A consumer that does not read holds up the connection, which after the keep-alive may be lost; nothing is dropped.
func (l *Link) Events() <-chan Event { return l.events }

// Run dials, and dials again whenever the connection is lost or refused, until ctx ends; then it takes leave from the
// broker, so that no last will is published, and returns nil. What was published before ctx ended is still sent, if the
// network takes it within a quarter of a second. It fails at once if the address is none. It is called once.
func (l *Link) Run(ctx context.Context) error {
	if _, _, err := l.o.target(); err != nil {
		return err
	}
	pauses, said := newPauses(l.o), complaint{}
	for {
		got, rest, err := l.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if said.isNew(got, err, time.Now()) {
			l.log.Warn("cannot connect to the broker", "addr", l.o.Addr, "err", err)
		}
		select {
		case <-time.After(max(rest, pauses.after(got))):
		case <-ctx.Done():
			return nil
		}
	}
}

// Publish hands a message over to the open connection, at once and without waiting for the network. ErrOffline and
// ErrBusy mean that it was not taken; without an error it may still be lost with the connection.
// The payload must not be changed afterwards.
func (l *Link) Publish(m proto.Message) error {
	if m.QoS > 1 {
		return fmt.Errorf("publish to %s: quality of service %d", m.Topic, m.QoS)
	}
	if m.Topic == "" || strings.ContainsAny(m.Topic, "+#\x00") {
		return fmt.Errorf("publish to %q: not a topic", m.Topic)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil || !l.open.client.IsConnectionOpen() {
		return fmt.Errorf("publish to %s: %w", m.Topic, ErrOffline)
	}
	select {
	case l.open.out <- m:
		return nil
	default:
		return fmt.Errorf("publish to %s: %w", m.Topic, ErrBusy)
	}
}

// Drop breaks the open connection, if there is one, and dials anew. The broker publishes the last will.
func (l *Link) Drop() { l.Rest(0) }

// Rest is Drop, but dials no sooner than after d: for a device that the controller has rejected.
func (l *Link) Rest(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil {
		l.open.drop(d)
	}
}

// connect lives through one connection: dial, subscribe, up, lost. It returns how far it got, how long to rest, and why
// it ended.
func (l *Link) connect(ctx context.Context) (got outcome, rest time.Duration, err error) {
	conn, err := l.reach(ctx)
	if err != nil {
		return nobody, 0, fmt.Errorf("connect: %w", err)
	}
	s := newSession(ctx, l, conn)
	if got, err := s.dial(); err != nil {
		return got, 0, err
	}
	l.setOpen(s)
	pumped := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump(stop)
	}()
	s.emit(Event{Up: true})
	s.release()
	select {
	case err = <-s.lost:
		l.setOpen(nil)
		close(stop)
	case <-ctx.Done():
		l.setOpen(nil)
		close(stop)
		select {
		case <-pumped: // what was published before the end still goes out
			s.leave()
		case <-time.After(goodbyeWait):
			s.client.Disconnect(uint(goodbyeWait.Milliseconds()))
		}
		return wasUp, 0, ctx.Err()
	}
	if dropped, d := s.dropped(); dropped {
		rest, err = d, errDropped
	}
	s.emit(Event{Down: true, Err: err})
	return wasUp, rest, err
}

// reach opens the network connection, before anything of MQTT or TLS is made.
func (l *Link) reach(ctx context.Context) (net.Conn, error) {
	addr, _, err := l.o.target()
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{Timeout: reachWait}).DialContext(ctx, "tcp", addr)
}

func (l *Link) setOpen(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = s
}

// target returns what to dial and whether by TLS.
func (o *Options) target() (addr string, secure bool, err error) {
	addr, secure = o.Addr, o.TLS != nil
	if scheme, rest, ok := strings.Cut(o.Addr, "://"); ok {
		switch scheme {
		case "tcp":
			addr, secure = rest, false
		case "tls":
			addr, secure = rest, true
		default:
			return "", false, fmt.Errorf("broker address %s: neither tcp:// nor tls://", o.Addr)
		}
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return "", false, fmt.Errorf("broker address %s: %w", o.Addr, err)
	}
	return addr, secure, nil
}
