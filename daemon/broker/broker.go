// Package broker is the controller's own MQTT broker: mochi-mqtt behind a gate that lets in only devices with a password,
// speaking MQTT 3.1.1, each on its own topics. It is a pipe: what it keeps is gone at its end.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"quhao/internal/proto"
)

// ErrClosed is returned by Publish when the broker is not running.
var ErrClosed = errors.New("the broker is closed")

// Options say where the broker listens and whom it serves.
type Options struct {
	Listen      string      // plain text, host:port, port 0 for any; a loopback address unless PlainBeyond; "" for none
	TLSListen   string      // TLS, host:port; "" for none
	TLS         *tls.Config // with a certificate, if TLSListen is set
	Prefix      string      // of all topics, with a slash at the end; "" means quhao/1/
	Passwords   string      // file in Mosquitto's format, see ParsePasswords
	PlainBeyond bool        // plain text beyond loopback as well: for a network that carries nothing else

	// OnMessage takes a device's message in that device's goroutine, before its PUBACK; a device's messages come one
	// after another, its last will being the last of a connection. While it blocks, that device waits. Required.
	OnMessage func(client string, m proto.Message)
	// OnGone is called when a device's connection has ended, before the first message of its next one. May be nil.
	OnGone func(client string)

	connectWait time.Duration // for a whole CONNECT, TLS included; 0 means 10 s. Tests shorten it
}

// Broker is the embedded broker. Make it with New.
type Broker struct {
	o      Options
	access access
	tally  *tally
	room   *room
	seats  seats
	server *mqtt.Server
	self   *mqtt.Client // publishes for the controller; not registered, so no device can take its name
	plain  *gate        // nil if there is none
	secure *gate        // nil if there is none

	passwords atomic.Pointer[Passwords]
	connected atomic.Int64
	received  atomic.Uint64
	running   atomic.Bool
}

// New checks the options, reads the password file and opens the sockets; connections wait until Run.
// The caller must call Run, which closes the sockets.
func New(o Options, log *slog.Logger) (*Broker, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	p, err := LoadPasswords(o.Passwords)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	b := &Broker{o: o, access: access{o.Prefix}, tally: newTally(log), room: newRoom(), seats: seats{taken: make(map[string]*seat)}}
	b.passwords.Store(&p)
	b.server = mqtt.New(&mqtt.Options{
		Capabilities:           capabilities(),
		Logger:                 slog.New(slog.DiscardHandler), // mochi logs whole packets: passwords and cards would be in them
		SysTopicResendInterval: 3600,                          // seconds; nobody can read $SYS
	})
	if err := b.server.AddHook(&hooks{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	b.self = b.server.NewClient(nil, mqtt.LocalListener, "(controller)", true)
	if err := b.listen(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b, nil
}

// check fills in the defaults and returns all that is wrong.
func (o *Options) check() error {
	if o.Prefix == "" {
		o.Prefix = "quhao/1/"
	}
	if o.connectWait == 0 {
		o.connectWait = 10 * time.Second
	}
	var errs []error
	if !goodPrefix(o.Prefix) {
		errs = append(errs, fmt.Errorf("prefix %q: must be levels of plain text with a slash at the end", o.Prefix))
	}
	if o.OnMessage == nil {
		errs = append(errs, errors.New("no OnMessage"))
	}
	if o.Listen == "" && o.TLSListen == "" {
		errs = append(errs, errors.New("nowhere to listen"))
	}
	if o.TLSListen != "" && o.TLS == nil {
		errs = append(errs, errors.New("TLS without a certificate"))
	}
	if o.Listen != "" && !o.PlainBeyond && !loopback(o.Listen) {
		errs = append(errs, fmt.Errorf("%s: plain text only on a loopback address", o.Listen))
	}
	return errors.Join(errs...)
}

// loopback says whether addr, host:port, names this machine and nothing else.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// capabilities are the least that devices need.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumMessageExpiryInterval = 0  // else retained messages vanish after 24 h
	c.MaximumClientWritesPending = 256  // each costs memory; a device reads a dozen topics, and pipe takes them at once
	c.MaximumPacketSize = MaxPacket + 1 // mochi compares it with the remaining length plus one
	c.MaximumInflight = 1024            // unacknowledged messages to one device
	c.ReceiveMaximum = 64
	c.MinimumProtocolVersion = 4
	c.MaximumQos = 1
	c.TopicAliasMaximum = 0
	c.SharedSubAvailable = 0
	c.SubIDAvailable = 0
	return c
}

// listen opens the sockets and gives them to mochi.
func (b *Broker) listen() error {
	open := func(id, addr string, conf *tls.Config) (*gate, error) {
		if addr == "" {
			return nil, nil
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, err
		}
		g := newGate(id, ln, conf, b)
		return g, b.server.AddListener(g)
	}
	var err error
	if b.plain, err = open("plain", b.o.Listen, nil); err != nil {
		return err
	}
	if b.secure, err = open("tls", b.o.TLSListen, b.o.TLS); err != nil {
		if b.plain != nil {
			b.plain.ln.Close()
		}
		return err
	}
	return nil
}

// Addr returns the addresses listened on, with the true ports; nil for what is not listened on.
func (b *Broker) Addr() (plain, secure net.Addr) {
	if b.plain != nil {
		plain = b.plain.ln.Addr()
	}
	if b.secure != nil {
		secure = b.secure.ln.Addr()
	}
	return plain, secure
}

// Run serves until ctx ends, then closes all connections, waits until they are gone, and returns nil.
// It is called once. Last wills and OnGone are not called for connections that the end of ctx cuts.
func (b *Broker) Run(ctx context.Context) error {
	if ctx.Err() == nil {
		b.running.Store(true)
		if err := b.server.Serve(); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		<-ctx.Done()
		b.running.Store(false)
	}
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

// Publish hands a message to all devices that have subscribed to its topic, and keeps it for later ones if it is
// retained (an empty payload deletes what was kept). It does not wait for the network. The payload must not be changed
// afterwards. Before Run and after its end it fails with ErrClosed.
func (b *Broker) Publish(m proto.Message) error {
	if !b.running.Load() {
		return ErrClosed
	}
	rest, ok := strings.CutPrefix(m.Topic, b.o.Prefix)
	if !ok || rest == "" || len(m.Topic) > maxTopic || !goodText(m.Topic) || strings.ContainsAny(m.Topic, "+#") {
		return fmt.Errorf("publish to %q: not a topic under %s", m.Topic, b.o.Prefix)
	}
	if m.QoS > 1 {
		return fmt.Errorf("publish to %s: quality of service %d", m.Topic, m.QoS)
	}
	err := b.server.InjectPacket(b.self, packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: m.QoS, Retain: m.Retain},
		TopicName:   m.Topic,
		Payload:     m.Payload,
		PacketID:    uint16(m.QoS), // mochi wants one with QoS 1 and none with QoS 0; it is not used
	})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", m.Topic, err)
	}
	return nil
}

// Reload reads the password file again and closes the connections whose password was changed or taken away.
// With an error nothing has changed.
func (b *Broker) Reload() error {
	p, err := LoadPasswords(b.o.Passwords)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	b.passwords.Store(&p)
	for _, name := range b.seats.revoke(p) {
		b.tally.refuse(Revoked, name, "", "password changed")
	}
	return nil
}

// Where returns the remote address of a device that is connected, host:port, or "".
func (b *Broker) Where(device string) string {
	if p := b.seats.of(device); p != nil {
		return p.RemoteAddr().String()
	}
	return ""
}

// Counters returns the figures for the metrics.
func (b *Broker) Counters() Counters {
	return Counters{
		Refused:   b.tally.all(),
		Connected: int(b.connected.Load()),
		Received:  b.received.Load(),
		Dropped:   uint64(atomic.LoadInt64(&b.server.Info.MessagesDropped)),
	}
}

// judge checks the password and what the CONNECT asks for. It returns the hash that let the device in.
func (b *Broker) judge(c connect) (hash string, err error) {
	hash, ok := b.passwords.Load().check(c.user, c.password)
	switch {
	case !ok:
		return "", &refusal{Password, codePassword, "unknown name or wrong password"}
	case !c.clean:
		return "", &refusal{Session, codeDenied, "the session is not clean"}
	case c.will == nil:
		return hash, nil
	}
	if reason := b.access.publish(c.client, *c.will); reason != "" {
		return "", &refusal{Will, codeDenied, fmt.Sprintf("last will on %s: %s", clip(c.will.Topic), reason)}
	}
	if len(c.will.Payload) == 0 {
		return "", &refusal{Will, codeDenied, "last will without a payload"}
	}
	return hash, nil
}

// deliver gives a message to the controller; false if the broker is ending.
func (b *Broker) deliver(client string, m proto.Message) bool {
	if !b.running.Load() {
		return false
	}
	b.received.Add(1)
	b.o.OnMessage(client, m)
	return true
}

// gone tells the controller that a connection has ended.
func (b *Broker) gone(client string) {
	if b.o.OnGone != nil && b.running.Load() {
		b.o.OnGone(client)
	}
}
