package controller

import (
	"encoding/json"
	"testing"
	"time"

	"quhao/internal/proto"
)

// FuzzMessage lets a device in session say anything at all: nothing panics, and memory stays what the log says.
func FuzzMessage(f *testing.F) {
	for what, v := range map[string]any{
		proto.UpHello:  proto.Hello{V: 1, Nonce: "n", Kind: proto.KindKiosk, Install: "i", Seen: proto.Seen{Epoch: 9, Boot: "b"}},
		proto.UpCmd:    proto.Cmd{V: 1, ID: "t2", Mark: proto.Mark{Sess: "S"}, Op: proto.OpTicket, Q: "finance", Needs: []string{"low-desk"}},
		proto.UpFact:   proto.Facts{V: 1, Mark: proto.Mark{Sess: "S", First: 1}, Facts: []json.RawMessage{json.RawMessage(`{"seq":1,"k":"start","id":"t1","tid":"t1","num":"B001","day":1,"q":"finance"}`)}},
		proto.UpBeat:   proto.Beat{V: 1, Mark: proto.Mark{Sess: "S"}, Shown: map[string]proto.At{"c3": {Epoch: 1, Ver: 1}}},
		proto.UpAvail:  proto.Avail{S: "on"},
		proto.UpHealth: proto.Health{V: 1, Parts: map[string]string{"printer": "ok"}},
	} {
		b, err := proto.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("kiosk-1", what, b)
		f.Add("unit-3", what, b)
	}
	f.Add("unit-3", proto.UpCmd, []byte(`{"v":1,"id":"n","sess":"S","op":"next","counter":"c3","if_ver":[1,1]}`))
	f.Add("unit-3", proto.UpFact, []byte(`{"v":1,"sess":"S","first":1,"facts":[{"seq":1,"k":"rating","tok":"x","v":5},{"seq":2,"k":"presence","counter":"c3","officer":"o"}]}`))
	conf := hallConfig(f)
	f.Fuzz(func(t *testing.T, dev, what string, payload []byte) {
		b := newBenchOf(t, conf)
		b.open()
		k, u := b.connect("kiosk-1"), b.connect("unit-3")
		k.take("t1")
		// The sessions have random names; the seeds call any of them S.
		b.c.sessions[k.id].id, b.c.sessions[u.id].id = "S", "S"
		m := proto.Message{Topic: b.top.Up(dev, what), Payload: payload, QoS: 1}
		b.handle(Input{Dev: dev, Message: &m})
		b.handle(Input{Dev: dev, Message: &m}, Input{Dev: dev, Message: &m})
		b.pass(21 * time.Second)
		if err := (View{b.c}).Faulted(); err != nil {
			t.Fatalf("%s of %s broke the state: %v: %q", what, dev, err, payload)
		}
		b.sameAsLog()
	})
}
