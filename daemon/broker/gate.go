package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// gate is a mochi listener that lets only connections through which have signed in: mochi never decodes a packet of
// anyone else, and never one of another protocol level (an 8-byte MQTT 5 SUBSCRIBE panics it).
type gate struct {
	id  string
	ln  net.Listener
	tls *tls.Config // nil for plain text
	b   *Broker

	mu     sync.Mutex
	closed bool
	stop   chan struct{}
	wg     sync.WaitGroup
}

func newGate(id string, ln net.Listener, conf *tls.Config, b *Broker) *gate {
	return &gate{id: id, ln: ln, tls: conf, b: b, stop: make(chan struct{})}
}

// Init does nothing: the socket is open before mochi hears of it.
func (g *gate) Init(*slog.Logger) error { return nil }

// ID is the listener's name within mochi.
func (g *gate) ID() string { return g.id }

// Address is the address that is listened on.
func (g *gate) Address() string { return g.ln.Addr().String() }

// Protocol is the network of the address.
func (g *gate) Protocol() string { return g.ln.Addr().Network() }

// Serve accepts connections until Close. establish is mochi's: it returns when the connection has ended and mochi has
// cleaned up behind it.
func (g *gate) Serve(establish listeners.EstablishFn) {
	for {
		conn, err := g.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files: what is open may close
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-g.stop:
				return
			}
		}
		g.b.room.await(g.stop)
		g.mu.Lock()
		if g.closed {
			conn.Close()
		} else if out, ok := g.b.room.enter(conn); ok { // here and not in handle: await must see who has come
			g.wg.Go(func() { g.handle(conn, out, establish) })
		} else {
			conn.Close()
		}
		g.mu.Unlock()
	}
}

// Close stops listening, ends all connections of the broker and waits until they are gone.
func (g *gate) Close(listeners.CloseFn) {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.stop)
		g.ln.Close() // fails only if it was closed before
	}
	g.mu.Unlock()
	g.b.room.shut()
	g.b.seats.shut()
	g.wg.Wait()
}

// handle takes one connection from its first byte to its end. out is the one that had to go for it, or nil.
func (g *gate) handle(raw, out net.Conn, establish listeners.EstablishFn) {
	defer raw.Close()
	if out != nil {
		g.b.tally.refuse(Crowded, "", out.RemoteAddr().String(), "newer connections came before it had signed in")
	}
	raw.SetDeadline(time.Now().Add(g.b.o.connectWait)) // fails only with the connection, and then the read below does
	conn, p, hash, err := g.signIn(raw)
	if !g.b.room.leave(raw) {
		return // pushed out, counted by the one who came
	}
	if err != nil {
		g.refuse(conn, p, err)
		return
	}
	conn.SetDeadline(time.Time{})
	g.seat(p, hash, establish)
}

// refuse counts a refusal and tells the other side, if MQTT has a word for it.
func (g *gate) refuse(conn net.Conn, p *pipe, err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{Malformed, codeNone, err.Error()}
	}
	device := ""
	if p != nil {
		device = p.device
	}
	g.b.tally.refuse(r.reason, device, conn.RemoteAddr().String(), r.why)
	if r.code != codeNone {
		conn.Write([]byte{0x20, 2, 0, r.code}) // a CONNACK; whether it arrives does not matter
	}
	conn.Close()
}

// signIn reads the CONNECT and checks it. It returns the connection to answer on, also with an error;
// p is not nil as soon as a name is known.
func (g *gate) signIn(raw net.Conn) (conn net.Conn, p *pipe, hash string, err error) {
	conn = raw
	if g.tls != nil {
		secure := tls.Server(raw, g.tls)
		conn = secure
		if err := secure.HandshakeContext(context.Background()); err != nil { // bounded by raw's deadline
			reason := Handshake
			if errors.Is(err, os.ErrDeadlineExceeded) {
				reason = Timeout
			}
			return raw, nil, "", &refusal{reason, codeNone, err.Error()}
		}
	}
	packet, body, err := readConnect(conn)
	if err != nil {
		return conn, nil, "", err
	}
	c, err := parseConnect(packet[body:])
	if err != nil {
		return conn, nil, "", err
	}
	if !goodName(c.client) || c.client != c.user {
		return conn, nil, "", &refusal{Name, codeName, fmt.Sprintf("client id %.40q, user name %.40q", c.client, c.user)}
	}
	p = newPipe(conn, c.client, packet, func() {
		g.b.tally.refuse(Slow, c.client, raw.RemoteAddr().String(), fmt.Sprintf("%d bytes unread", maxPending))
	})
	hash, err = g.b.judge(c)
	return conn, p, hash, err
}

// seat hands a signed-in connection to mochi and stays until it has ended.
func (g *gate) seat(p *pipe, hash string, establish listeners.EstablishFn) {
	defer p.wait()
	defer p.Close()
	mine, replaced := g.b.seats.enter(p, hash)
	defer g.b.seats.leave(mine)
	if replaced {
		g.b.tally.refuse(Replaced, p.device, p.RemoteAddr().String(), "this is the address of the newer one")
	}
	if p.isClosed() {
		return
	}
	if (*g.b.passwords.Load())[p.device] != hash { // Reload came between the check and the seat
		g.b.tally.refuse(Revoked, p.device, p.RemoteAddr().String(), "password changed")
		return
	}
	// The error says how the connection ended; what is worth counting the hooks have counted.
	_ = establish(g.id, p)
	if p.live {
		g.b.connected.Add(-1)
		g.b.gone(p.device)
	}
}
