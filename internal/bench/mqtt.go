package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"quhao/internal/proto"
)

// The packets of MQTT 3.1.1 that a device sends or gets, as the first byte of each (table 2.1 and 2.2).
const (
	packetConnect   = 0x10
	packetConnack   = 0x20
	packetPublish   = 0x30
	packetPuback    = 0x40
	packetSubscribe = 0x82
	packetSuback    = 0x90
	packetPing      = 0xc0
)

// maxIncoming bounds one packet, in bytes: nothing that a device gets is larger than its configuration.
const maxIncoming = proto.MaxConfig + 1024

// errRefused is returned by dial when the broker closes the connection, or says no, before it is signed in.
var errRefused = errors.New("the broker does not let the connection in")

// client is a lean MQTT connection: it costs the machine much less than paho, so that on two cores the programs are
// measured and not the thousand clients. One goroutine uses it.
type client struct {
	conn *net.TCPConn
	in   *bufio.Reader
	out  []byte
	id   uint16
	held []proto.Message // came before the SUBACK
}

// dial connects as a device does: clean session, last will, user name = client id.
func dial(addr, name, secret string, topics proto.Topics) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn.(*net.TCPConn), in: bufio.NewReaderSize(conn, 2048)}
	body := append([]byte{0, 4}, "MQTT"...)
	body = append(body, 4, 0xc2|0x04|0x08|0x20, 0, 0) // user, password, will retained with QoS 1, clean; no keep-alive: some wait for minutes
	for _, s := range []string{name, topics.Up(name, proto.UpAvail), `{"s":"lost"}`, name, secret} {
		body = text(body, s)
	}
	if err := c.send(packetConnect, body); err != nil {
		return nil, errors.Join(errRefused, err, conn.Close())
	}
	c.deadline(10 * time.Second)
	kind, answer, err := c.packet()
	if err != nil || kind != packetConnack || len(answer) != 2 || answer[1] != 0 {
		return nil, errors.Join(fmt.Errorf("%w: packet %#x %x", errRefused, kind, answer), err, conn.Close())
	}
	return c, nil
}

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// deadline bounds the reads to come.
func (c *client) deadline(d time.Duration) {
	_ = c.conn.SetReadDeadline(time.Now().Add(d)) // fails only with the connection, and then the read does
}

// send writes one packet with one system call.
func (c *client) send(kind byte, body []byte) error {
	c.out = append(c.out[:0], kind)
	n := len(body)
	for ; n >= 0x80; n >>= 7 {
		c.out = append(c.out, byte(n)|0x80)
	}
	c.out = append(append(c.out, byte(n)), body...)
	_, err := c.conn.Write(c.out)
	return err
}

// packet reads one packet.
func (c *client) packet() (kind byte, body []byte, err error) {
	if kind, err = c.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.in) // the same coding, least significant seven bits first (2.2.3)
	if err != nil {
		return 0, nil, err
	}
	if n > maxIncoming {
		return 0, nil, fmt.Errorf("a packet of %d bytes", n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.in, body)
	return kind, body, err
}

// waiting says whether a packet, or a piece of one, comes before a time. It reads nothing, so no deadline can cut a
// packet in two.
func (c *client) waiting(until time.Time) (bool, error) {
	c.deadline(time.Until(until))
	_, err := c.in.Peek(1)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return false, nil
	}
	return err == nil, err
}

// subscribe asks for filters with QoS 1 and waits for the answer.
func (c *client) subscribe(filters ...string) error {
	c.id++
	body := binary.BigEndian.AppendUint16(nil, c.id)
	for _, f := range filters {
		body = append(text(body, f), 1)
	}
	if err := c.send(packetSubscribe, body); err != nil {
		return err
	}
	for {
		kind, body, err := c.packet()
		if err != nil {
			return err
		}
		switch kind & 0xf0 {
		case packetSuback:
			for _, code := range body[min(2, len(body)):] {
				if code > 1 {
					return fmt.Errorf("a filter of %v is refused", filters)
				}
			}
			return nil
		case packetPublish:
			m, err := c.message(kind, body)
			if err != nil {
				return err
			}
			c.held = append(c.held, m)
		}
	}
}

// publish sends a message with QoS 1; nobody waits for its PUBACK.
func (c *client) publish(topic string, payload []byte) error {
	if c.id++; c.id == 0 {
		c.id = 1
	}
	body := binary.BigEndian.AppendUint16(text(make([]byte, 0, len(topic)+len(payload)+4), topic), c.id)
	return c.send(packetPublish|2, append(body, payload...))
}

// next returns the next message.
func (c *client) next() (proto.Message, error) {
	if len(c.held) > 0 {
		m := c.held[0]
		c.held = c.held[1:]
		return m, nil
	}
	for {
		kind, body, err := c.packet()
		if err != nil {
			return proto.Message{}, err
		}
		if kind&0xf0 == packetPublish {
			return c.message(kind, body)
		}
	}
}

// message reads a PUBLISH and acknowledges it.
func (c *client) message(kind byte, body []byte) (proto.Message, error) {
	m := proto.Message{QoS: kind >> 1 & 3, Retain: kind&1 != 0}
	if len(body) < 2 {
		return m, io.ErrUnexpectedEOF
	}
	n := int(binary.BigEndian.Uint16(body))
	end := 2 + n + 2*int(m.QoS)
	if m.QoS > 1 || len(body) < end {
		return m, io.ErrUnexpectedEOF
	}
	m.Topic, m.Payload = string(body[2:2+n]), body[end:]
	if m.QoS == 0 {
		return m, nil
	}
	return m, c.send(packetPuback, body[2+n:end])
}

// cut ends the connection as a cable does that is pulled out: by a reset, without a word.
func (c *client) cut() {
	_ = c.conn.SetLinger(0) // what cannot be set or closed is gone already
	_ = c.conn.Close()
}
