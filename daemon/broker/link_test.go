package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"quhao/internal/link"
	"quhao/internal/proto"
)

// joined is a link that runs against a bench.
type joined struct {
	t *testing.T
	*link.Link
}

func join(t *testing.T, o link.Options) *joined {
	t.Helper()
	if o.ClientID == "" {
		o.ClientID, o.User = "kiosk-1", "kiosk-1"
	}
	if o.Password == "" {
		o.Password = secret
	}
	if o.Subscribe == nil {
		o.Subscribe = []string{"quhao/1/dev/kiosk-1/down/#", "quhao/1/state/ctl"}
	}
	o.MinWait, o.MaxWait = time.Millisecond, 10*time.Millisecond
	l := &joined{t, link.New(o, slog.New(slog.DiscardHandler))}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return l
}

func (l *joined) next() link.Event {
	l.t.Helper()
	select {
	case e := <-l.Events():
		return e
	case <-time.After(patience):
		l.t.Fatal("no event")
		return link.Event{}
	}
}

func (l *joined) wantUp() {
	l.t.Helper()
	if e := l.next(); !e.Up {
		l.t.Fatalf("event %+v, want Up", e)
	}
}

func (l *joined) wantDown() {
	l.t.Helper()
	if e := l.next(); !e.Down {
		l.t.Fatalf("event %+v, want Down", e)
	}
}

func (l *joined) wantMsg(text string) {
	l.t.Helper()
	if e := l.next(); e.Msg == nil || string(e.Msg.Payload) != text {
		l.t.Fatalf("event %+v, want the message %q", e, text)
	}
}

func (b *bench) publish(topic, payload string, retain bool) {
	b.t.Helper()
	if err := b.Publish(proto.Message{Topic: "quhao/1/" + topic, Payload: []byte(payload), Retain: retain, QoS: 1}); err != nil {
		b.t.Fatal(err)
	}
}

// What is published right after Up arrives, and retained state with it.
func TestUpMeansSubscribed(t *testing.T) {
	b := newBench(t)
	b.publish("state/ctl", "retained", true)
	l := join(t, link.Options{Addr: b.addr})
	l.wantUp()
	l.wantMsg("retained")
	for i := range 100 {
		b.publish("dev/kiosk-1/down/res", fmt.Sprint(i), false)
		l.wantMsg(fmt.Sprint(i))
		if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("c"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.until("all commands are there", func() bool { return len(b.said()) == 100 })
}

func TestForeignFilterIsNeverUp(t *testing.T) {
	b := newBench(t)
	l := join(t, link.Options{Addr: b.addr, Subscribe: []string{"quhao/1/dev/unit-1/down/#"}})
	b.until("it has tried three times", func() bool { return b.Counters().Refused[Filter] >= 3 })
	select {
	case e := <-l.Events():
		t.Errorf("event %+v", e)
	default:
	}
}

// After a restart of the broker the link subscribes anew; what it could not hand over in between never arrives.
func TestBrokerRestart(t *testing.T) {
	first := newBench(t)
	l := join(t, link.Options{Addr: first.addr})
	l.wantUp()
	first.stop()
	l.wantDown()
	err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("offline"), QoS: 1})
	if !errors.Is(err, link.ErrOffline) {
		t.Errorf("offline: %v, want ErrOffline", err)
	}
	second := newBench(t, func(o *Options) { o.Listen = first.addr })
	l.wantUp()
	second.publish("dev/kiosk-1/down/res", "again", false)
	l.wantMsg("again")
	if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("online"), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	second.until("the command is there", func() bool { return second.messages("kiosk-1") == "online" })
}

func TestDrop(t *testing.T) {
	b := newBench(t)
	l := join(t, link.Options{Addr: b.addr, Will: *lost("kiosk-1")})
	l.wantUp()
	l.Drop()
	l.wantDown()
	l.wantUp()
	b.publish("dev/kiosk-1/down/res", "again", false)
	l.wantMsg("again")
	b.until("the will is told", func() bool { return b.messages("kiosk-1") == `{"s":"lost"} gone` })
}

// A cut cable: no byte and no end arrives on either side. The broker publishes the last will, the link notices by its
// ping, and what was sent into the dead cable does not come out of the new one.
func TestCableCut(t *testing.T) {
	b := newBench(t)
	p := newProxy(t, b.addr)
	l := join(t, link.Options{Addr: p.addr, Will: *lost("kiosk-1"), KeepAlive: time.Second})
	l.wantUp()
	p.cut(true)
	for range 3 { // taken: nobody knows yet
		if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("into the dark"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.until("the will is told", func() bool { return b.messages("kiosk-1") == `{"s":"lost"} gone` })
	l.wantDown()
	l.wantUp()
	if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("new"), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	b.until("the new message is there", func() bool { return b.messages("kiosk-1") == `{"s":"lost"} gone new` })
}

// PUBACKs that get lost with the connection make no second delivery.
func TestLostAcknowledgements(t *testing.T) {
	b := newBench(t)
	p := newProxy(t, b.addr)
	l := join(t, link.Options{Addr: p.addr})
	l.wantUp()
	p.cut(false) // the way to the broker stays open
	for range 5 {
		if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("x"), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.until("all have arrived", func() bool { return b.messages("kiosk-1") == "x x x x x" })
	p.breakAll()
	l.wantDown()
	l.wantUp()
	if err := l.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/up/cmd", Payload: []byte("last"), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	b.until("the last has arrived", func() bool { return b.messages("kiosk-1") == "x x x x x gone last" })
}

func TestTLS(t *testing.T) {
	cert, pool := selfSigned(t)
	b := newBench(t, func(o *Options) {
		o.Listen, o.TLSListen = "", "127.0.0.1:0"
		o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	})
	_, secure := b.Addr()
	l := join(t, link.Options{Addr: "tls://" + secure.String(), TLS: &tls.Config{RootCAs: pool}, Will: *lost("kiosk-1")})
	l.wantUp()
	b.publish("dev/kiosk-1/down/res", "hello", false)
	l.wantMsg("hello")
	plain, err := net.Dial("tcp", secure.String()) // a device that forgot TLS
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Write(hello{id: "kiosk-2", user: "kiosk-2", password: secret}.packet()); err != nil {
		t.Fatal(err)
	}
	b.counted(Handshake, 1)
	l.Drop()
	l.wantDown()
	l.wantUp()
}

// selfSigned returns a certificate for 127.0.0.1 and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// proxy lays a cable from the link to the broker for each connection.
type proxy struct {
	addr string

	mu     sync.Mutex
	cables []*cable
}

// cable can be cut: then bytes vanish in it, and the end of a connection as well.
type cable struct {
	conns [2]net.Conn // the broker's, the link's
	dead  [2]bool     // towards the broker, towards the link
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); p.breakAll(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			c := &cable{conns: [2]net.Conn{out, in}}
			p.mu.Lock()
			p.cables = append(p.cables, c)
			p.mu.Unlock()
			wg.Go(func() { p.carry(c, 0) })
			wg.Go(func() { p.carry(c, 1) })
		}
	})
	return p
}

// carry copies towards one side until the other ends.
func (p *proxy) carry(c *cable, to int) {
	buf := make([]byte, 4096)
	for {
		n, err := c.conns[1-to].Read(buf)
		p.mu.Lock()
		dead := c.dead[to]
		p.mu.Unlock()
		if err != nil {
			if !dead {
				c.conns[to].Close()
			}
			return
		}
		if !dead {
			c.conns[to].Write(buf[:n]) // an error shows as the end of the other way
		}
	}
}

// cut cuts the cables that lie now, towards the link and, if both, towards the broker.
func (p *proxy) cut(both bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.cables {
		c.dead = [2]bool{both, true}
	}
}

// breakAll ends all connections on both sides.
func (p *proxy) breakAll() {
	p.mu.Lock()
	cables := slices.Clone(p.cables)
	p.mu.Unlock()
	for _, c := range cables {
		c.conns[0].Close()
		c.conns[1].Close()
	}
}
