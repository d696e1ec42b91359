package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quhao/internal/proto"
)

// patience bounds every wait of these tests; a sound machine needs a small part of it.
const patience = 20 * time.Second

const secret = "correct horse"

// bench is a running broker with the devices kiosk-1, kiosk-2 and unit-1, and what its controller has heard.
type bench struct {
	t *testing.T
	*Broker
	addr string
	stop func()

	mu    sync.Mutex
	heard []heard
}

// heard is a message, or with a nil Msg the news that the client has gone.
type heard struct {
	client string
	msg    *proto.Message
}

func newBench(t *testing.T, change ...func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t}
	o := Options{
		Listen:    "127.0.0.1:0",
		Passwords: passwordFile(t, "kiosk-1", "kiosk-2", "unit-1"),
		OnMessage: func(client string, m proto.Message) { b.hear(heard{client, &m}) },
		OnGone:    func(client string) { b.hear(heard{client: client}) },
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if b.Broker, err = New(o, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if plain, _ := b.Addr(); plain != nil {
		b.addr = plain.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end with its context")
		}
	})
	t.Cleanup(b.stop)
	b.until("the broker runs", b.running.Load)
	return b
}

// passwordFile writes a file in which every name has the same secret.
func passwordFile(t *testing.T, names ...string) string {
	t.Helper()
	p := make(Passwords)
	for _, n := range names {
		hash, err := HashPassword(secret)
		if err != nil {
			t.Fatal(err)
		}
		p[n] = hash
	}
	file := filepath.Join(t.TempDir(), "passwords")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	return file
}

func (b *bench) hear(h heard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, h)
}

// said returns what was heard so far.
func (b *bench) said() []heard {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard[:len(b.heard):len(b.heard)]
}

// until polls until the condition holds.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); !ok(); <-poll.C {
		if time.Now().After(end) {
			b.t.Fatalf("in vain: %s; counters %v", what, b.Counters())
		}
	}
}

// counted waits until the reason has been counted n times, and fails if it goes beyond.
func (b *bench) counted(r Reason, n uint64) {
	b.t.Helper()
	b.until(string(r)+" is counted", func() bool { return b.Counters().Refused[r] >= n })
	if got := b.Counters().Refused[r]; got != n {
		b.t.Errorf("%s counted %d times, want %d", r, got, n)
	}
}

// goodDeviceGetsIn signs in, subscribes, publishes and is sent a message.
func (b *bench) goodDeviceGetsIn() {
	b.t.Helper()
	c := b.dial()
	defer c.Close()
	c.signIn("unit-1")
	c.write(subscribe(1, "quhao/1/dev/unit-1/down/#"))
	c.want(0x90, []byte{0, 1, 1})
	before := len(b.said())
	c.write(publish("quhao/1/dev/unit-1/up/cmd", "still here", 1, false))
	c.want(0x40, []byte{0, 7})
	if now := b.said(); len(now) <= before {
		b.t.Fatal("PUBACK before the controller had the message")
	}
	if err := b.Publish(proto.Message{Topic: "quhao/1/dev/unit-1/down/res", Payload: []byte("yes")}); err != nil {
		b.t.Fatal(err)
	}
	c.want(0x30, append(text("quhao/1/dev/unit-1/down/res"), "yes"...))
	c.write([]byte{0xe0, 0})
}

// raw is a device that sends what it likes.
type raw struct {
	b *bench
	net.Conn
}

func (b *bench) dial() *raw {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	b.t.Cleanup(func() { conn.Close() })
	return &raw{b, conn}
}

func (c *raw) write(p []byte) {
	c.b.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.b.t.Fatalf("device's end: %v", err)
	}
}

// packet reads one packet: the first byte and the body.
func (c *raw) packet() (byte, []byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0, nil, err
	}
	length, last := int(head[1]&0x7f), head[1:]
	for shift := 7; last[0]&0x80 != 0; shift += 7 {
		if _, err := io.ReadFull(c, last); err != nil {
			return 0, nil, err
		}
		length |= int(last[0]&0x7f) << shift
	}
	body := make([]byte, length)
	_, err := io.ReadFull(c, body)
	return head[0], body, err
}

func (c *raw) want(first byte, body []byte) {
	c.b.t.Helper()
	gotFirst, got, err := c.packet()
	if err != nil || gotFirst != first || !bytes.Equal(got, body) {
		c.b.t.Fatalf("device got % x % x (%v), want % x % x", gotFirst, got, err, first, body)
	}
}

// wantEnd reads until the broker has closed the connection.
func (c *raw) wantEnd() {
	c.b.t.Helper()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		c.b.t.Fatal("the broker does not close the connection")
	}
}

func (c *raw) signIn(name string) {
	c.b.t.Helper()
	c.write(hello{id: name, user: name, password: secret}.packet())
	c.want(0x20, []byte{0, 0})
}

// hello is a CONNECT to be written; the zero value of a field is what a device of ours sends.
type hello struct {
	proto              string // MQTT
	level              byte   // 4
	id, user, password string
	dirty              bool
	will               *proto.Message
	more               []byte // appended to the body
	props              []byte // behind the keep-alive
}

func (h hello) packet() []byte {
	if h.proto == "" {
		h.proto, h.level = "MQTT", max(h.level, 4)
	}
	flags := byte(0xc2)
	if h.dirty {
		flags &^= 2
	}
	body := text(h.id)
	if h.will != nil {
		flags |= 4 | h.will.QoS<<3
		if h.will.Retain {
			flags |= 0x20
		}
		body = append(append(body, text(h.will.Topic)...), text(string(h.will.Payload))...)
	}
	body = append(append(body, text(h.user)...), text(h.password)...)
	head := append(text(h.proto), h.level, flags, 0, 30)
	return framed(0x10, append(append(append(head, h.props...), body...), h.more...))
}

func publish(topic, payload string, qos byte, retain bool) []byte {
	first, body := 0x30|qos<<1, text(topic)
	if retain {
		first |= 1
	}
	if qos > 0 {
		body = append(body, 0, 7)
	}
	return framed(first, append(body, payload...))
}

func subscribe(id byte, filters ...string) []byte {
	body := []byte{0, id}
	for _, f := range filters {
		body = append(append(body, text(f)...), 1)
	}
	return framed(0x82, body)
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func framed(first byte, body []byte) []byte {
	p := []byte{first}
	n := len(body)
	for n > 127 {
		p = append(p, byte(n)|0x80)
		n >>= 7
	}
	return append(append(p, byte(n)), body...)
}

// lost is the last will of a good device.
func lost(name string) *proto.Message {
	return &proto.Message{Topic: "quhao/1/dev/" + name + "/up/avail", Payload: []byte(`{"s":"lost"}`), QoS: 1, Retain: true}
}

// messages returns the payloads heard from a client, "gone" for its end.
func (b *bench) messages(client string) string {
	var all []string
	for _, h := range b.said() {
		switch {
		case h.client != client:
		case h.msg == nil:
			all = append(all, "gone")
		default:
			all = append(all, string(h.msg.Payload))
		}
	}
	return strings.Join(all, " ")
}
