package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"quhao/internal/proto"
)

// MaxPacket is the largest remaining length, in bytes, of a packet that a device may send: topic and payload together.
const MaxPacket = 8 << 10

// The return codes of a CONNACK (MQTT 3.1.1, table 3.1). codeNone closes without a word.
const (
	codeNone     = 0
	codeProtocol = 1
	codeName     = 2
	codePassword = 4
	codeDenied   = 5
)

// refusal is why a connection was not let in.
type refusal struct {
	reason Reason
	code   byte // of the CONNACK
	why    string
}

func (r *refusal) Error() string { return string(r.reason) + ": " + r.why }

func malformed(why string) error { return &refusal{Malformed, codeNone, why} }

// connect is a CONNECT packet (MQTT 3.1.1, 3.1).
type connect struct {
	client, user, password string
	clean                  bool
	keepAlive              uint16         // seconds, 0 for none
	will                   *proto.Message // nil if there is none
}

// readConnect reads exactly one CONNECT packet, fixed header included, and returns its bytes and where the body begins.
// It reads nothing behind it. Every error is a *refusal.
func readConnect(r io.Reader) (raw []byte, body int, err error) {
	raw = make([]byte, 2, 128)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, 0, readRefusal(err)
	}
	if raw[0] != 0x10 {
		return nil, 0, malformed(fmt.Sprintf("the first byte is %#02x, not a CONNECT", raw[0]))
	}
	length, shift := int(raw[1]&0x7f), 7
	for raw[len(raw)-1]&0x80 != 0 {
		// Two bytes of length reach MaxPacket; a third would only pad or exceed it.
		if len(raw) == 3 {
			return nil, 0, &refusal{TooLarge, codeNone, "CONNECT with a length of three bytes"}
		}
		raw = append(raw, 0)
		if _, err := io.ReadFull(r, raw[len(raw)-1:]); err != nil {
			return nil, 0, readRefusal(err)
		}
		length |= int(raw[len(raw)-1]&0x7f) << shift
		shift += 7
	}
	if length > MaxPacket {
		return nil, 0, &refusal{TooLarge, codeNone, fmt.Sprintf("CONNECT of %d bytes", length)}
	}
	body = len(raw)
	raw = append(raw, make([]byte, length)...)
	if _, err := io.ReadFull(r, raw[body:]); err != nil {
		return nil, 0, readRefusal(err)
	}
	return raw, body, nil
}

// readRefusal tells a silent connection from one that was closed.
func readRefusal(err error) *refusal {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &refusal{Timeout, codeNone, "no CONNECT in time"}
	}
	return &refusal{Hangup, codeNone, err.Error()}
}

// parseConnect decodes the body of a CONNECT, strictly: nothing of another protocol level is looked at beyond the level,
// and nothing may follow the last field. Every error is a *refusal.
func parseConnect(body []byte) (connect, error) {
	f := fields{b: body}
	name, level := f.text(), f.byte()
	if f.bad || name != "MQTT" || level != 4 {
		if f.bad || (name != "MQTT" && name != "MQIsdp") {
			return connect{}, malformed("no protocol name and level")
		}
		return connect{}, &refusal{Protocol, codeProtocol, fmt.Sprintf("%s level %d", name, level)}
	}
	flags := f.byte()
	hasUser, hasPassword, hasWill := flags&0x80 != 0, flags&0x40 != 0, flags&0x04 != 0
	switch {
	case flags&0x01 != 0:
		return connect{}, malformed("reserved flag set")
	case !hasWill && flags&0x38 != 0:
		return connect{}, malformed("flags of a last will without one")
	case hasPassword && !hasUser:
		return connect{}, malformed("password without user name")
	}
	c := connect{clean: flags&0x02 != 0, keepAlive: f.uint16(), client: f.text()}
	if hasWill {
		c.will = &proto.Message{Topic: f.text(), Payload: f.bytes(), QoS: flags >> 3 & 3, Retain: flags&0x20 != 0}
	}
	if hasUser {
		c.user = f.text()
	}
	if hasPassword {
		c.password = string(f.bytes())
	}
	if f.bad || len(f.b) > 0 {
		return connect{}, malformed("fields and length do not agree")
	}
	return c, nil
}

// fields takes the fields of a packet one after another; after the first that does not fit, bad is set and all are empty.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if f.bad || n > len(f.b) {
		f.bad = true
		return nil
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

func (f *fields) byte() byte {
	if v := f.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (f *fields) uint16() uint16 {
	if v := f.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (f *fields) bytes() []byte { return f.take(int(f.uint16())) }

func (f *fields) text() string {
	s := string(f.bytes())
	if !goodText(s) {
		f.bad = true
		return ""
	}
	return s
}
