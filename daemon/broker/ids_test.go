package broker

import (
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"quhao/internal/proto"
)

// A message for a device's old connection that is sent on the new one before it has subscribed has the same id as the
// SUBSCRIBE: that is granted all the same. A device's PUBLISH with the id of a message to it leaves the broker able to send.
func TestPacketIDsOfBothSidesAreTwoSeries(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.signIn("kiosk-1")
	cl, ok := b.server.Clients.Get("kiosk-1")
	if !ok {
		t.Fatal("mochi does not know the device")
	}
	stray := func(id uint16) { // as publishToClient leaves it
		cl.State.Inflight.Set(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, PacketID: id})
		cl.State.Inflight.DecreaseSendQuota()
	}
	stray(1)
	c.write(subscribe(1, "quhao/1/state/#"))
	c.want(0x90, []byte{0, 1, 1})
	for range 2000 { // more than may be on their way at once
		stray(7)
		c.write(publish("quhao/1/dev/kiosk-1/up/cmd", "x", 1, false))
		c.want(0x40, []byte{0, 7})
	}
	if n := cl.State.Inflight.Len(); n != 0 {
		t.Errorf("%d messages wait for an acknowledgement that cannot come", n)
	}
	if err := b.Publish(proto.Message{Topic: "quhao/1/state/ctl", Payload: []byte("still"), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	c.want(0x32, append(append(text("quhao/1/state/ctl"), 0, 1), "still"...))
}
