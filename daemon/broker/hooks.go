package broker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"quhao/internal/proto"
)

const (
	// maxFilters bounds the subscriptions of one device; a unit needs a handful.
	maxFilters = 64
	// nowhere is the topic that mochi is given for a last will which the controller has already got. No device can read it.
	nowhere = "$quhao/nowhere"
)

// hooks are the points at which mochi asks the broker.
type hooks struct {
	mqtt.HookBase
	b *Broker
}

// ID is the hook's name within mochi.
func (h *hooks) ID() string { return "quhao" }

// Provides says which of the methods below mochi shall call.
func (h *hooks) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSessionEstablished,
		mqtt.OnPacketRead, mqtt.OnPublish, mqtt.OnWill, mqtt.OnDisconnect}, b) >= 0
}

// OnConnectAuthenticate lets through what the gate has let through; the password has been checked there.
func (h *hooks) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	p, ok := cl.Net.Conn.(*pipe)
	return ok && p.device == cl.ID && p.device == string(cl.Properties.Username)
}

// OnACLCheck judges filters at SUBSCRIBE, topics at PUBLISH, and topics again before each delivery.
func (h *hooks) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	if write {
		_, ok := h.b.access.written(cl.ID, topic)
		return ok
	}
	return h.b.access.read(cl.ID, topic)
}

// OnSessionEstablished marks the connection as a device that is there: it has got its CONNACK.
func (h *hooks) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if p, ok := cl.Net.Conn.(*pipe); ok {
		p.live = true
		h.b.connected.Add(1)
	}
}

// OnPacketRead sees every packet of a device before mochi acts on it. Any error other than ErrRejectPacket would be
// passed over by mochi; ErrRejectPacket here ends the connection, and its last will is published.
func (h *hooks) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Connect:
		if cl.ID != "" {
			return h.reject(cl, pk, Packet, "a second CONNECT")
		}
	case packets.Publish:
		if reason := h.b.access.publish(cl.ID, message(pk)); reason != "" {
			return h.reject(cl, pk, reason, "published to "+clip(pk.TopicName))
		}
		h.ownIDs(cl, pk.PacketID)
	case packets.Subscribe:
		if cl.State.Subscriptions.Len()+len(pk.Filters) > maxFilters {
			return h.reject(cl, pk, Filter, "too many subscriptions")
		}
		for _, s := range pk.Filters { // OnACLCheck refuses the filter in the SUBACK; here it is counted
			if !h.b.access.read(cl.ID, s.Filter) {
				h.b.tally.refuse(Filter, cl.ID, cl.Net.Remote, "subscribed to "+clip(s.Filter))
			}
		}
		h.ownIDs(cl, pk.PacketID)
	case packets.Pingreq:
		// The second lock behind seats: a client that mochi has forgotten would get its pings answered and nothing else.
		if now, ok := h.b.server.Clients.Get(cl.ID); !ok || now != cl {
			return h.reject(cl, pk, Forgotten, "not the registered connection of this device")
		}
	case packets.Puback, packets.Unsubscribe, packets.Disconnect:
	default: // only QoS 2, MQTT 5 and servers have others
		return h.reject(cl, pk, Packet, packets.PacketNames[pk.FixedHeader.Type])
	}
	return pk, nil
}

// ownIDs keeps the packet ids of a device apart from those of what is on its way to it; they are two series (MQTT 3.1.1,
// 2.3.1), but one for mochi. A message that was meant for a device's old connection can be sent on its new one, as id 1,
// before it has subscribed: then mochi refused every filter of a SUBSCRIBE with the id 1 (6 of 20,000 reconnects). And a
// PUBLISH used up the right to send one more message for good. What was on its way is taken as acknowledged: nothing
// rests on that.
func (h *hooks) ownIDs(cl *mqtt.Client, id uint16) {
	if id != 0 && cl.State.Inflight.Delete(id) {
		cl.State.Inflight.IncreaseSendQuota()
		atomic.AddInt64(&h.b.server.Info.Inflight, -1)
	}
}

// reject counts a packet and ends its connection.
func (h *hooks) reject(cl *mqtt.Client, pk packets.Packet, reason Reason, why string) (packets.Packet, error) {
	h.b.tally.refuse(reason, cl.ID, cl.Net.Remote, why)
	return pk, packets.ErrRejectPacket
}

// OnPublish gives a device's message to the controller, in the device's goroutine and before its PUBACK.
// CodeSuccessIgnore makes mochi acknowledge it and neither keep nor forward it.
func (h *hooks) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	if !h.b.deliver(cl.ID, message(pk)) {
		return pk, packets.ErrRejectPacket // shutting down: no acknowledgement for what nobody took
	}
	return pk, packets.CodeSuccessIgnore
}

// OnWill gives a last will, judged at CONNECT, to the controller and leaves mochi nothing to publish.
func (h *hooks) OnWill(cl *mqtt.Client, w mqtt.Will) (mqtt.Will, error) {
	h.b.deliver(cl.ID, proto.Message{Topic: w.TopicName, Payload: w.Payload, Retain: w.Retain, QoS: w.Qos})
	return mqtt.Will{TopicName: nowhere}, nil
}

// OnDisconnect counts connections that mochi ended for what they sent.
func (h *hooks) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	if reason := ended(err); reason != "" {
		h.b.tally.refuse(reason, cl.ID, cl.Net.Remote, err.Error())
	}
}

// ended returns the reason in the error that ended a connection, or "" for an ordinary end and what was counted before.
func ended(err error) Reason {
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case err == nil, errors.Is(err, packets.ErrRejectPacket), errors.Is(err, mqtt.ErrConnectionClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, os.ErrDeadlineExceeded), isNet && netErr != nil:
		return ""
	case errors.Is(err, packets.ErrPacketTooLarge):
		return TooLarge
	}
	return Malformed
}

// message is a PUBLISH as the controller knows it.
func message(pk packets.Packet) proto.Message {
	return proto.Message{Topic: pk.TopicName, Payload: pk.Payload, Retain: pk.FixedHeader.Retain, QoS: pk.FixedHeader.Qos}
}

// clip shortens a topic for the log.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
