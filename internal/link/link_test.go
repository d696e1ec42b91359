package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"quhao/internal/proto"
)

func TestConnectPacket(t *testing.T) {
	s := newServer(t)
	will := proto.Message{Topic: "up/avail", Payload: []byte(`{"s":"lost"}`), Retain: true, QoS: 1}
	start(t, Options{Addr: s.ln.Addr().String(), Will: will}, nil)
	_, c := s.accept()
	if c.ProtocolVersion != 4 || !c.CleanSession || c.ClientIdentifier != "kiosk-1" || c.Username != "kiosk-1" ||
		string(c.Password) != "secret" || c.Keepalive != 10 {
		t.Errorf("CONNECT %s", c)
	}
	if c.WillTopic != will.Topic || !bytes.Equal(c.WillMessage, will.Payload) || !c.WillRetain || c.WillQos != 1 {
		t.Errorf("last will in %s", c)
	}
}

// A broker may send messages before its SUBACK; Up comes before them, and they stay in order.
func TestUpBeforeMessagesAfterSuback(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	p, _ := s.accept()
	p.connack(0)
	sub := p.read().(*packets.SubscribePacket)
	var acked atomic.Bool
	go func() {
		for i := range 50 {
			p.publish(fmt.Sprint(i))
		}
		acked.Store(true)
		p.suback(sub, 1)
		for i := range 50 {
			p.publish(fmt.Sprint(50 + i))
		}
	}()
	wantUp(t, l)
	if !acked.Load() {
		t.Error("Up before the SUBACK was sent")
	}
	for i := range 100 {
		wantMsg(t, l, fmt.Sprint(i))
	}
}

func TestRefusedSubscriptionIsNotUp(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	p, _ := s.accept()
	p.connack(0)
	p.suback(p.read().(*packets.SubscribePacket), 0x80)
	s.up() // dialled anew
	wantUp(t, l)
}

func TestPublishOffline(t *testing.T) {
	s := newServer(t)
	l := New(Options{Addr: s.ln.Addr().String()}, slog.New(slog.DiscardHandler))
	if err := l.Publish(proto.Message{Topic: "up/cmd"}); !errors.Is(err, ErrOffline) {
		t.Errorf("before Run: %v, want ErrOffline", err)
	}
	l = start(t, Options{Addr: s.ln.Addr().String()}, nil)
	p := s.up()
	wantUp(t, l)
	if err := l.Publish(proto.Message{Topic: "up/cmd"}); err != nil {
		t.Errorf("while up: %v", err)
	}
	p.read()
	p.Close()
	wantDown(t, l)
	if err := l.Publish(proto.Message{Topic: "up/cmd", QoS: 1}); !errors.Is(err, ErrOffline) {
		t.Errorf("after Down: %v, want ErrOffline", err)
	}
}

// What was in flight or was refused while offline never reaches the next connection.
func TestNothingIsSentLater(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	p := s.up()
	wantUp(t, l)
	for range 3 { // QoS 1, never acknowledged
		if err := l.Publish(proto.Message{Topic: "up/cmd", Payload: []byte("old"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
		p.read()
	}
	p.Close()
	wantDown(t, l)
	_ = l.Publish(proto.Message{Topic: "up/cmd", Payload: []byte("offline"), QoS: 1}) // ErrOffline, tested above
	p = s.up()
	wantUp(t, l)
	for i := range 2 {
		if err := l.Publish(proto.Message{Topic: "up/cmd", Payload: []byte("new"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
		pub, ok := p.read().(*packets.PublishPacket)
		if !ok || string(pub.Payload) != "new" || pub.Dup {
			t.Fatalf("packet %d of the new connection is %s, want the new message", i, pub)
		}
	}
}

// A broker that does not read must not hold up the caller.
func TestPublishNeverWaits(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	s.up()
	wantUp(t, l)
	big := make([]byte, 256<<10)
	begin := time.Now()
	for range 10_000 {
		err := l.Publish(proto.Message{Topic: "up/cmd", Payload: big})
		if errors.Is(err, ErrBusy) {
			if d := time.Since(begin); d >= writeWait { // as long as a message may take that nobody reads
				t.Errorf("it took %v to say so", d)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("never busy, with 2.5 GB unread")
}

func TestPublishRefusesWhatMQTTCannot(t *testing.T) {
	l := New(Options{}, slog.New(slog.DiscardHandler))
	for _, m := range []proto.Message{{Topic: "up", QoS: 2}, {Topic: ""}, {Topic: "up/#"}, {Topic: "up/+/a"}, {Topic: "a\x00"}} {
		if err := l.Publish(m); err == nil || errors.Is(err, ErrOffline) {
			t.Errorf("%+v: %v, want a refusal", m, err)
		}
	}
}

// A slow consumer gets everything, in order.
func TestNothingIsDropped(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	p := s.up()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range 2000 {
			p.publish(fmt.Sprint(i))
		}
	}()
	wantUp(t, l)
	for i := range 2000 {
		wantMsg(t, l, fmt.Sprint(i))
	}
	<-sent
	p.Close()
	wantDown(t, l)
}

func TestDrop(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	l.Drop() // offline: nothing to break
	s.up()
	wantUp(t, l)
	l.Drop()
	if err := wantDown(t, l); !errors.Is(err, errDropped) {
		t.Errorf("Down with %v", err)
	}
	s.up()
	wantUp(t, l)
}

func TestRestStaysAway(t *testing.T) {
	s := newServer(t)
	l := start(t, Options{Addr: s.ln.Addr().String()}, nil)
	s.up()
	wantUp(t, l)
	const rest = 300 * time.Millisecond // far above the 10 ms of MaxWait
	begin := time.Now()
	l.Rest(rest)
	wantDown(t, l)
	s.accept()
	if d := time.Since(begin); d < rest {
		t.Errorf("dialled again after %v, want no sooner than %v", d, rest)
	}
}

// The end of the context takes leave, so that the broker publishes no last will, after what was published before.
func TestEndTakesLeave(t *testing.T) {
	s := newServer(t)
	l := New(Options{Addr: s.ln.Addr().String(), ClientID: "kiosk-1", Subscribe: []string{"down/#"}}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	p := s.up()
	wantUp(t, l)
	for range 20 {
		if err := l.Publish(proto.Message{Topic: "up/avail", Payload: []byte("off"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	acks := make([]*packets.PubackPacket, 20)
	for i := range acks {
		pub, ok := p.read().(*packets.PublishPacket)
		if !ok {
			t.Fatalf("packet %d: %s", i, pub)
		}
		acks[i] = packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		acks[i].MessageID = pub.MessageID
	}
	p.SetReadDeadline(time.Now().Add(ackWait / 10))
	if n, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("left before the broker has acknowledged: %d bytes, %v", n, err)
	}
	for _, ack := range acks {
		p.write(ack)
	}
	if d, ok := p.read().(*packets.DisconnectPacket); !ok {
		t.Errorf("%s, want DISCONNECT", d)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("Run does not end")
	}
}

// The end of the context also ends a wait for a CONNACK that never comes.
func TestEndWhileConnecting(t *testing.T) {
	s := newServer(t)
	start(t, Options{Addr: s.ln.Addr().String()}, nil) // its clean-up checks that Run ends
	s.accept()
}

// lines counts log lines.
type lines struct {
	slog.Handler
	n atomic.Int64
}

func (h *lines) Enabled(context.Context, slog.Level) bool      { return true }
func (h *lines) Handle(_ context.Context, _ slog.Record) error { h.n.Add(1); return nil }

func TestSameRefusalIsLoggedOnce(t *testing.T) {
	s := newServer(t)
	h := &lines{Handler: slog.DiscardHandler}
	l := start(t, Options{Addr: s.ln.Addr().String()}, slog.New(h))
	for range 5 {
		p, c := s.accept()
		if c.ProtocolVersion != 4 {
			t.Fatalf("tried protocol level %d", c.ProtocolVersion)
		}
		p.connack(packets.ErrRefusedNotAuthorised)
	}
	s.up()
	wantUp(t, l)
	if n := h.n.Load(); n != 1 {
		t.Errorf("%d log lines for five equal refusals, want 1", n)
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		in, addr string
		secure   bool
		bad      string
	}{
		{"10.0.0.1:1883", "10.0.0.1:1883", false, ""},
		{"tcp://centre:1883", "centre:1883", false, ""},
		{"tls://centre:8883", "centre:8883", true, ""},
		{"tls://[::1]:8883", "[::1]:8883", true, ""},
		{"ws://centre:80", "", false, "neither"},
		{"centre", "", false, "missing port"},
		{"", "", false, "missing port"},
	} {
		addr, secure, err := (&Options{Addr: c.in}).target()
		switch {
		case c.bad == "" && (err != nil || addr != c.addr || secure != c.secure):
			t.Errorf("%q: %q, %t, %v", c.in, addr, secure, err)
		case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)):
			t.Errorf("%q: error %v, want one with %q", c.in, err, c.bad)
		}
	}
	if err := New(Options{Addr: "ws://x:1"}, slog.New(slog.DiscardHandler)).Run(t.Context()); err == nil {
		t.Error("Run dials what is no address")
	}
}
