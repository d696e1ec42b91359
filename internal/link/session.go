package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"quhao/internal/proto"
)

// errDropped is why a connection ended that Drop or Rest broke.
var errDropped = errors.New("dropped by this side")

// subscribeGranted is the highest return code of a SUBACK for a filter that was granted (MQTT 3.1.1, 3.9.3). Above it, 0x80
// is the only one of that version, but brokers have been seen to send those of MQTT 5.
const subscribeGranted = 2

// session is one connection with a paho client of its own: paho sends again in its next connection what was in flight
// in the last, and a client that never has a next one cannot.
type session struct {
	l      *Link
	ctx    context.Context
	client mqtt.Client
	out    chan proto.Message
	lost   chan error // gets one error, after the last message has been emitted
	conn   *line
	began  time.Time
	last   mqtt.Token // of the last message with QoS 1 that was sent; pump's own until it has returned

	mu     sync.Mutex
	cut    bool          // broken by drop
	rest   time.Duration // given to drop
	direct bool          // messages may be emitted: Up has been
	held   []proto.Message
}

// newSession takes over an open network connection.
func newSession(ctx context.Context, l *Link, conn net.Conn) *session {
	s := &session{l: l, ctx: ctx, out: make(chan proto.Message, maxOut), lost: make(chan error, 1), conn: newLine(conn), began: time.Now()}
	o := mqtt.NewClientOptions()
	o.AddBroker("tcp://" + l.o.ClientID + ".invalid:1") // paho wants one; the connection is there already
	o.SetClientID(l.o.ClientID).SetUsername(l.o.User).SetPassword(l.o.Password)
	o.SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetProtocolVersion(4)
	o.SetKeepAlive(l.o.KeepAlive).SetPingTimeout(pingWait)
	o.SetConnectTimeout(connectWait).SetWriteTimeout(writeWait)
	o.SetStore(mqtt.NewMemoryStore()).SetOrderMatters(true)
	o.SetCustomOpenConnectionFn(s.open)
	o.SetDefaultPublishHandler(s.take) // the only handler: what nobody handles is never acknowledged
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.lost <- err })
	if w := l.o.Will; w.Topic != "" {
		o.SetBinaryWill(w.Topic, w.Payload, w.QoS, w.Retain)
	}
	s.client = mqtt.NewClient(o)
	return s
}

// open gives paho the network connection, with TLS if asked for.
func (s *session) open(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
	addr, secure, err := s.l.o.target()
	if err != nil || !secure {
		return s.conn, err
	}
	conf := s.l.o.TLS.Clone() // nil is the clone of nil
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName, _, err = net.SplitHostPort(addr)
	}
	conn := tls.Client(s.conn, conf)
	ctx, cancel := context.WithTimeout(s.ctx, connectWait)
	defer cancel()
	return conn, errors.Join(err, conn.HandshakeContext(ctx))
}

// dial connects and subscribes. With an error nothing of the session is left.
func (s *session) dial() (got outcome, err error) {
	// Ends the wait for CONNACK with ctx; after that Disconnect takes leave in good order.
	stop := context.AfterFunc(s.ctx, s.hangUp)
	defer stop()
	connecting := s.client.Connect()
	<-connecting.Done() // bounded by connectWait and ctx, in open and in paho
	if err := connecting.Error(); err != nil {
		_ = s.conn.Close() // it may have ended already
		got := unheard
		if hungUp(time.Since(s.began), err) {
			got = nobody
		}
		switch connecting.(*mqtt.ConnectToken).ReturnCode() { // MQTT 3.1.1, table 3.1
		case packets.ErrRefusedBadProtocolVersion, packets.ErrRefusedIDRejected, packets.ErrRefusedBadUsernameOrPassword, packets.ErrRefusedNotAuthorised:
			got = refused
		}
		return got, fmt.Errorf("connect: %w", err)
	}
	if got, err := s.subscribe(); err != nil {
		s.client.Disconnect(uint(goodbyeWait.Milliseconds()))
		return got, err
	}
	return wasUp, nil
}

// subscribe asks for all filters in one packet and waits for the answer.
func (s *session) subscribe() (got outcome, err error) {
	if len(s.l.o.Subscribe) == 0 {
		return wasUp, nil
	}
	filters := make(map[string]byte)
	for _, f := range s.l.o.Subscribe {
		filters[f] = 1
	}
	token := s.client.SubscribeMultiple(filters, nil)
	select {
	case <-token.Done():
	case err := <-s.lost:
		return unheard, fmt.Errorf("subscribe: %w", err)
	case <-s.ctx.Done():
		return unheard, s.ctx.Err()
	case <-time.After(connectWait):
		return unheard, errors.New("subscribe: no answer")
	}
	if err := token.Error(); err != nil {
		return unheard, fmt.Errorf("subscribe: %w", err)
	}
	granted := token.(*mqtt.SubscribeToken).Result()
	for _, f := range slices.Sorted(slices.Values(s.l.o.Subscribe)) {
		if code, ok := granted[f]; !ok || code > subscribeGranted {
			return refused, fmt.Errorf("subscribe to %s: refused by the broker", f)
		}
	}
	return wasUp, nil
}

// take is paho's handler. Until Up has been emitted it keeps messages (a broker may send them before its SUBACK, and
// waiting here would keep the SUBACK from being read); then it emits them, and waits for the consumer.
func (s *session) take(_ mqtt.Client, pm mqtt.Message) {
	m := proto.Message{Topic: pm.Topic(), Payload: pm.Payload(), Retain: pm.Retained(), QoS: pm.Qos()}
	s.mu.Lock()
	if !s.direct {
		s.held = append(s.held, m)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.emit(Event{Msg: &m})
	runtime.Gosched() // to the consumer, who has waited for it: the acknowledgement comes after, and nobody waits for that
}

// release emits what was kept before Up, and lets take emit from now on.
func (s *session) release() {
	for {
		s.mu.Lock()
		held := s.held
		s.held = nil
		s.direct = len(held) == 0
		s.mu.Unlock()
		if len(held) == 0 {
			return
		}
		for i := range held {
			s.emit(Event{Msg: &held[i]})
		}
	}
}

// emit waits until the consumer takes the event, or the link ends.
func (s *session) emit(e Event) {
	select {
	case s.l.events <- e:
	case <-s.ctx.Done():
	}
}

// pump gives messages to paho, one after another, until stop is closed and nothing waits any more, or paho takes none.
// Nothing of it outlives the session: paho is not connected again.
func (s *session) pump(stop <-chan struct{}) {
	for {
		select {
		case m := <-s.out:
			if !s.send(m) {
				return
			}
			continue
		case <-stop:
		}
		for {
			select {
			case m := <-s.out:
				if !s.send(m) {
					return
				}
			default:
				return
			}
		}
	}
}

// send gives one message to paho; false if the connection does not take it.
func (s *session) send(m proto.Message) bool {
	token := s.client.Publish(m.Topic, m.QoS, m.Retain, m.Payload)
	select {
	case <-token.Done():
		if token.Error() != nil {
			s.hangUp()
			return false
		}
	default: // the acknowledgement comes later, and nothing rests on it
	}
	if m.QoS > 0 {
		s.last = token
	}
	return true
}

// leave takes leave in good order after pump has returned. It waits a while until the broker has acknowledged what was sent:
// Mosquitto drops what it has not read yet of a connection that is closed before it can acknowledge the first of it.
func (s *session) leave() {
	if s.last != nil {
		s.last.WaitTimeout(ackWait)
	}
	s.client.Disconnect(uint(goodbyeWait.Milliseconds()))
}

// drop breaks the connection and remembers how long to stay away.
func (s *session) drop(rest time.Duration) {
	s.mu.Lock()
	s.cut, s.rest = true, max(s.rest, rest)
	s.mu.Unlock()
	s.hangUp()
}

// dropped says whether drop broke the connection, and how long to stay away.
func (s *session) dropped() (bool, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut, s.rest
}

// hangUp ends the network connection by a failing read: paho would not notice that it was closed on this side.
func (s *session) hangUp() { s.conn.cut() }

// line is a network connection whose reading, once cut, stays cut: paho sets deadlines of its own around CONNACK.
// It reads ahead, because paho asks for the head of each packet byte by byte.
type line struct {
	net.Conn
	ahead *bufio.Reader

	mu   sync.Mutex
	over bool
}

func newLine(conn net.Conn) *line { return &line{Conn: conn, ahead: bufio.NewReader(conn)} }

func (c *line) Read(p []byte) (int, error) { return c.ahead.Read(p) }

func (c *line) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.Conn.SetReadDeadline(time.Unix(1, 0)) // fails only if the connection has ended already
}

// SetDeadline sets both deadlines, unless the line was cut.
func (c *line) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.Conn.SetWriteDeadline(t)
	}
	return c.Conn.SetDeadline(t)
}
