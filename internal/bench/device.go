package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"quhao/internal/proto"
)

// answerWithin bounds the wait for anything that a device asks for.
const answerWithin = 30 * time.Second

// device is one device in session over the lean client: the wire's own messages, without hardware and journal.
type device struct {
	*client
	id, counter string // counter is empty for a kiosk
	kind        proto.Kind
	install     proto.Install
	topics      proto.Topics

	sess  proto.Session
	seen  proto.Seen
	seq   uint64 // of the last fact
	state proto.CounterState
	hall  bool // the state of the hall was heard

	configured bool // the configuration was heard
}

func random() string { b := make([]byte, 16); rand.Read(b); return hex.EncodeToString(b) }

// newID makes the id of a command.
func newID() proto.ID {
	var r [10]byte
	rand.Read(r[:])
	return proto.NewID(time.Now().UnixMilli(), r)
}

// kioskAt and unitAt are devices of a centre, not connected yet.
func (c *centre) kioskAt(i int) *device {
	return &device{id: c.kiosk(i), kind: proto.KindKiosk, install: proto.Install(random()), topics: proto.NewTopics("")}
}

func (c *centre) unitAt(i int) *device {
	d := &device{id: c.unit(i), kind: proto.KindCounter, install: proto.Install(random()), topics: proto.NewTopics("")}
	d.counter = c.counter(i)
	return d
}

// open connects, subscribes to what such a device wants, and opens a session. errRefused is in the error if the broker
// does not let it in.
func (d *device) open(addr, secret string) (err error) {
	if d.client, err = dial(addr, d.id, secret, d.topics); err != nil {
		return err
	}
	d.deadline(answerWithin)
	d.configured = false
	state := d.topics.Hall("hall")
	if d.counter != "" {
		state = d.topics.Counter(d.counter)
	}
	if err := d.subscribe(d.topics.AllDown(d.id), d.topics.Ctl(), state); err != nil {
		return fmt.Errorf("%s: subscribe: %w", d.id, err)
	}
	return d.hello()
}

// hello opens a session and hands in that there are no facts, as PROTOCOL.md wants it of every device.
func (d *device) hello() error {
	d.sess, d.hall, d.state = "", false, proto.CounterState{}
	nonce := random()
	err := d.say(proto.UpHello, proto.Hello{
		V: proto.Version, Nonce: nonce, Kind: d.kind, FW: "bench", Proto: proto.Version, Install: d.install, Boot: proto.Boot(d.install),
		First: d.seq + 1, Seen: d.seen, Clock: proto.Clock{T: time.Now().UnixMilli(), OK: true},
	})
	if err != nil {
		return err
	}
	for d.sess == "" {
		m, err := d.next()
		if err != nil {
			return fmt.Errorf("%s: wait for welcome: %w", d.id, err)
		}
		if _, what, ok := d.topics.ReadDown(m.Topic); !ok || what != proto.DownHello {
			d.heard(m)
			continue
		}
		w, err := proto.Decode[proto.Welcome](m.Payload)
		if err != nil {
			return err
		}
		if w.Nonce != nonce {
			continue
		}
		if w.S != proto.Accepted {
			return fmt.Errorf("%s: %s: %s", d.id, w.S, w.Why)
		}
		d.sess, d.seen, d.seq = w.Sess, proto.Seen{Epoch: w.Epoch, Boot: w.Boot}, w.Ack
	}
	return d.say(proto.UpFact, proto.Facts{V: proto.Version, Mark: d.mark(), Facts: []json.RawMessage{}})
}

func (d *device) mark() proto.Mark {
	return proto.Mark{Sess: d.sess, HWSeq: d.seq, First: d.seq + 1, Seen: d.seen}
}

// say publishes a message of the device.
func (d *device) say(what string, v any) error {
	b, err := proto.Encode(v)
	if err != nil {
		return err
	}
	return d.publish(d.topics.Up(d.id, what), b)
}

// heard takes note of a state, and that the configuration has come.
func (d *device) heard(m proto.Message) {
	if _, what, ok := d.topics.ReadDown(m.Topic); ok && what == proto.DownCfg {
		d.configured = true
	}
	switch kind, _, _ := d.topics.ReadState(m.Topic); kind {
	case "counter":
		if s, err := proto.Decode[proto.CounterState](m.Payload); err == nil && s.At().After(d.state.At()) {
			d.state = s
		}
	case "hall":
		d.hall = true
	}
}

// inState says whether the device has heard the state that it shows.
func (d *device) inState() bool { return d.hall || d.state.Ver > 0 }

// awaitState waits until it has.
func (d *device) awaitState(is func() bool) error {
	d.deadline(answerWithin)
	for !is() {
		m, err := d.next()
		if err != nil {
			return fmt.Errorf("%s: wait for a state: %w", d.id, err)
		}
		d.heard(m)
	}
	return nil
}

// errNotOK is in the error of a command that was refused.
var errNotOK = errors.New("refused")

// await waits for the message of one kind and returns its payload. Nothing is decoded until it is there.
func (d *device) await(what string) ([]byte, error) {
	topic := d.topics.Down(d.id, what)
	for {
		m, err := d.next()
		if err != nil {
			return nil, fmt.Errorf("%s: wait for %s: %w", d.id, what, err)
		}
		if m.Topic == topic {
			return m.Payload, nil
		}
		d.heard(m)
	}
}

// ticket is the command that asks for a number.
func (d *device) ticket() proto.Cmd {
	return proto.Cmd{V: proto.Version, ID: newID(), Mark: d.mark(), Op: proto.OpTicket, Q: "office", Item: "paper", Card: random(), Lang: "zh"}
}

// call is the command that calls the next visitor to the counter as it was last heard.
func (d *device) call() proto.Cmd {
	return proto.Cmd{
		V: proto.Version, ID: newID(), Mark: d.mark(), Op: proto.OpNext, Counter: d.counter,
		IfVer: &proto.At{Epoch: d.state.Epoch, Ver: d.state.CV},
	}
}

// ask sends a command and returns its answer and how long that took, decoding apart.
func (d *device) ask(cmd proto.Cmd) (proto.Res, time.Duration, error) {
	b, err := proto.Encode(cmd)
	if err != nil {
		return proto.Res{}, 0, err
	}
	d.deadline(answerWithin)
	began := time.Now()
	if err := d.publish(d.topics.Up(d.id, proto.UpCmd), b); err != nil {
		return proto.Res{}, 0, err
	}
	for {
		payload, err := d.await(proto.DownRes)
		took := time.Since(began)
		if err != nil {
			return proto.Res{}, took, err
		}
		res, err := proto.Decode[proto.Res](payload)
		switch {
		case err != nil:
			return res, took, err
		case res.ID != cmd.ID:
			continue
		case res.S != proto.ResOK:
			return res, took, fmt.Errorf("%s: %s: %w: %s: %s", d.id, cmd.Op, errNotOK, res.S, res.Why)
		}
		return res, took, nil
	}
}

// print hands in that a ticket was printed, as a kiosk does, and waits for the acknowledgement.
func (d *device) print(id proto.ID, t *proto.TicketRes) error {
	first := d.seq + 1
	var facts []json.RawMessage
	for _, f := range []proto.Fact{
		{K: proto.FactStart, ID: id, TID: t.TID, Num: t.Num, Day: t.Day, Q: t.Q, Item: t.Item},
		{K: proto.FactEnd, ID: id, TID: t.TID, How: proto.HowSent},
	} {
		d.seq++
		f.Seq, f.T, f.Clk = d.seq, time.Now().UnixMilli(), true
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		facts = append(facts, b)
	}
	mark := d.mark()
	mark.First = first
	if err := d.say(proto.UpFact, proto.Facts{V: proto.Version, Mark: mark, Facts: facts}); err != nil {
		return err
	}
	for {
		b, err := d.await(proto.DownAck)
		if err != nil {
			return err
		}
		ack, err := proto.Decode[proto.Ack](b)
		if err != nil || ack.Ack >= d.seq {
			return err
		}
	}
}
