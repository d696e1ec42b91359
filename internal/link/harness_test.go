package link

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// patience bounds every wait of these tests; a sound machine needs a small part of it.
const patience = 20 * time.Second

// server is a broker whose every answer the test decides.
type server struct {
	t  *testing.T
	ln net.Listener
}

func newServer(t *testing.T) *server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &server{t, ln}
}

// peer is the broker's end of one connection.
type peer struct {
	t *testing.T
	net.Conn
}

// accept takes the next connection and its CONNECT, unanswered.
func (s *server) accept() (*peer, *packets.ConnectPacket) {
	s.t.Helper()
	s.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := s.ln.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	p := &peer{s.t, conn}
	return p, p.read().(*packets.ConnectPacket)
}

// up takes the next connection and answers until the link is up.
func (s *server) up() *peer {
	s.t.Helper()
	p, _ := s.accept()
	p.connack(0)
	p.suback(p.read().(*packets.SubscribePacket), 1)
	return p
}

func (p *peer) read() packets.ControlPacket {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(patience))
	cp, err := packets.ReadPacket(p)
	if err != nil {
		p.t.Fatalf("broker's end: %v", err)
	}
	return cp
}

func (p *peer) write(cp packets.ControlPacket) {
	p.t.Helper()
	p.SetWriteDeadline(time.Now().Add(patience))
	if err := cp.Write(p); err != nil {
		p.t.Fatalf("broker's end: %v", err)
	}
}

func (p *peer) connack(code byte) {
	p.t.Helper()
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = code
	p.write(ack)
}

func (p *peer) suback(sub *packets.SubscribePacket, code byte) {
	p.t.Helper()
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = sub.MessageID
	ack.ReturnCodes = bytes.Repeat([]byte{code}, len(sub.Topics))
	p.write(ack)
}

func (p *peer) publish(text string) {
	p.t.Helper()
	pub := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	pub.TopicName, pub.Payload = "down", []byte(text)
	p.write(pub)
}

// start runs a link to the server with short waits between dials.
func start(t *testing.T, o Options, log *slog.Logger) *Link {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o.ClientID, o.User, o.Password = "kiosk-1", "kiosk-1", "secret"
	o.Subscribe = []string{"down/#"}
	if o.MinWait == 0 {
		o.MinWait, o.MaxWait = time.Millisecond, 10*time.Millisecond
	}
	l := New(o, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
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
	return l
}

func next(t *testing.T, l *Link) Event {
	t.Helper()
	select {
	case e := <-l.Events():
		return e
	case <-time.After(patience):
		t.Fatal("no event")
		return Event{}
	}
}

func wantUp(t *testing.T, l *Link) {
	t.Helper()
	if e := next(t, l); !e.Up {
		t.Fatalf("event %+v, want Up", e)
	}
}

func wantDown(t *testing.T, l *Link) error {
	t.Helper()
	e := next(t, l)
	if !e.Down || e.Err == nil {
		t.Fatalf("event %+v, want Down and why", e)
	}
	return e.Err
}

func wantMsg(t *testing.T, l *Link, text string) {
	t.Helper()
	e := next(t, l)
	if e.Msg == nil || string(e.Msg.Payload) != text {
		t.Fatalf("event %+v, want the message %s", e, text)
	}
}
