//go:build hwtest

package hwtest

import (
	"encoding/json"
	"net"
	"time"
)

// qmp is the connection to QEMU's monitor. Origin: QEMU, docs/interop/qmp-spec.txt and qapi.
type qmp struct {
	m       *machine
	enc     *json.Encoder
	answers chan reply
	events  chan reply
}

// reply is an answer or an event.
type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

// dialQMP connects to the monitor, which is there as long as the machine is.
func dialQMP(m *machine) *qmp {
	m.t.Helper()
	conn, err := net.Dial("unix", m.socket("qmp"))
	if err != nil {
		m.fatal("qmp: %v", err)
	}
	q := &qmp{m: m, enc: json.NewEncoder(conn), answers: make(chan reply, 1), events: make(chan reply, 1024)}
	go q.read(json.NewDecoder(conn))
	q.do("qmp_capabilities", map[string]any{})
	return q
}

// read sorts what the monitor says until it ends.
func (q *qmp) read(dec *json.Decoder) {
	for {
		var r reply
		if err := dec.Decode(&r); err != nil {
			return
		}
		switch {
		case r.Event == "DEVICE_DELETED":
			q.events <- r
		case r.Return != nil || r.Error != nil:
			q.answers <- r
		}
	}
}

// do carries out a command.
func (q *qmp) do(command string, args map[string]any) {
	q.m.t.Helper()
	if err := q.enc.Encode(map[string]any{"execute": command, "arguments": args}); err != nil {
		q.m.fatal("qmp %s: %v", command, err)
	}
	select {
	case r := <-q.answers:
		if r.Error != nil {
			q.m.fatal("qmp %s: %s", command, r.Error.Desc)
		}
	case <-time.After(endurance):
		q.m.fatal("qmp %s: no answer", command)
	}
}

// plug plugs a USB device in.
func (q *qmp) plug(id, driver string, props map[string]any) {
	q.m.t.Helper()
	args := map[string]any{"id": id, "driver": driver, "bus": "usb.0"}
	for k, v := range props {
		args[k] = v
	}
	q.do("device_add", args)
}

// unplug pulls a USB device out, and waits until QEMU has forgotten it.
func (q *qmp) unplug(id string) {
	q.m.t.Helper()
	q.do("device_del", map[string]any{"id": id})
	late := time.After(endurance)
	for {
		select {
		case e := <-q.events:
			if e.Data.Device == id {
				return
			}
		case <-late:
			q.m.fatal("%s stays plugged in", id)
		}
	}
}

// typed types on the USB keyboard, one key after the other as fast as the guest asks for them. Up to eight keys are one
// command, all that QEMU's keyboard can keep: more would come in pieces, and a busy host would tear a number apart.
func (q *qmp) typed(keys ...string) {
	q.m.t.Helper()
	var events []map[string]any
	for _, key := range keys {
		for _, down := range []bool{true, false} {
			code := map[string]any{"type": "qcode", "data": key}
			events = append(events, map[string]any{"type": "key", "data": map[string]any{"down": down, "key": code}})
		}
	}
	q.do("input-send-event", map[string]any{"events": events})
}
