package virtual

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	networkChunk   = 4096                  // bytes read at once
	networkFlight  = 64                    // chunks that may be on their way in one direction
	trickleEvery   = 20 * time.Millisecond // between two drops of a trickle
	networkDialFor = 5 * time.Second
)

// End is one of the two ends of a network cable.
type End int

// The ends of a network cable.
const (
	Near End = iota // who dialled: the device
	Far             // who was dialled: the broker
)

// Network is a network cable between a device and its broker that can be pulled out and spoilt: a TCP proxy on this
// machine. It never changes, loses or reorders a byte within a connection, because TCP does not either: what it holds
// back comes late, or the connection ends. All methods are safe for concurrent use.
type Network struct {
	listener net.Listener
	to       string
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu      sync.Mutex
	cut     bool
	silent  [2]bool // by End: nothing of that end passes
	delay   time.Duration
	rate    int // bytes per second, 0: as fast as it goes
	plugs   map[*plug]bool
	changed chan struct{} // closed and made anew at each change of what is above
}

// plug is one connection through the cable.
type plug struct {
	ends   [2]net.Conn // by End
	gone   [2]bool     // by End: the connection is over there, and the other end was not told
	known  bool        // since then the cable was put right: the next byte of the other end is answered by a reset
	closed chan struct{}
	once   sync.Once
}

// end closes what is left of the connection. reset makes both ends hear of it as an error, as after a pulled cable.
func (p *plug) end(reset bool) {
	p.once.Do(func() {
		close(p.closed)
		for _, c := range p.ends {
			if tcp, ok := c.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0) // then Close resets; an error means that it has ended already
			}
			_ = c.Close() // nothing is owed to a connection that ends
		}
	})
}

// NewNetwork returns a cable to an address, host:port, which need not be listening yet. It is plugged in.
func NewNetwork(to string) (*Network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("network cable to %s: %w", to, err)
	}
	n := &Network{listener: l, to: to, plugs: map[*plug]bool{}, changed: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.wg.Go(n.accept)
	return n, nil
}

// Addr is where a device dials instead, host:port.
func (n *Network) Addr() string { return n.listener.Addr().String() }

// Close pulls the cable out for good, and waits until nothing of it is left.
func (n *Network) Close() error {
	n.cancel()
	err := n.listener.Close()
	n.Reset()
	n.wg.Wait()
	return err
}

// Cut resets every connection and each new one, until Plug.
func (n *Network) Cut() {
	n.set(func() { n.cut = true })
	n.Reset()
}

// Reset ends every present connection so that both ends hear of it at once. New ones pass, as after a router that has
// forgotten whom it spoke for.
func (n *Network) Reset() { n.each(func(p *plug) { p.end(true) }) }

// Silence lets nothing of these ends pass, of both if none is named, while every connection seems to be alive, new ones
// too, until Plug: as behind a dead switch. What was held back passes then, as TCP sends again what was not acknowledged.
func (n *Network) Silence(of ...End) {
	n.set(func() {
		for _, end := range of {
			n.silent[end] = true
		}
		if len(of) == 0 {
			n.silent = [2]bool{true, true}
		}
	})
}

// HalfOpen ends every present connection at one end, as after a power cut there. The other end is not told: its connection
// seems to be alive and is silent, until after Plug it sends something, which is answered by a reset. New connections pass.
func (n *Network) HalfOpen(gone End) {
	n.each(func(p *plug) {
		n.mu.Lock()
		p.gone[gone] = true
		n.mu.Unlock()
		if tcp, ok := p.ends[gone].(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // an error means that it has ended already
		}
		_ = p.ends[gone].Close()
	})
}

// Delay lets every byte take so long, in each direction; 0 for none.
func (n *Network) Delay(d time.Duration) { n.set(func() { n.delay = max(d, 0) }) }

// Trickle lets so many bytes a second pass in each direction of a connection; 0 for as many as come.
func (n *Network) Trickle(bytesPerSecond int) { n.set(func() { n.rate = max(bytesPerSecond, 0) }) }

// Plug puts everything right: what is cut can be dialled again, what was held back passes, no delay, no trickle.
func (n *Network) Plug() {
	n.set(func() {
		n.cut, n.silent, n.delay, n.rate = false, [2]bool{}, 0, 0
		for p := range n.plugs {
			p.known = p.gone[Near] || p.gone[Far]
		}
	})
}

// Connections is how many connections stand at present, half open ones included.
func (n *Network) Connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.plugs)
}

// set changes how the cable is, and wakes whatever waits for that.
func (n *Network) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
	close(n.changed)
	n.changed = make(chan struct{})
}

// each does something to every present connection, without holding the lock.
func (n *Network) each(do func(*plug)) {
	n.mu.Lock()
	all := make([]*plug, 0, len(n.plugs))
	for p := range n.plugs {
		all = append(all, p)
	}
	n.mu.Unlock()
	for _, p := range all {
		do(p)
	}
}

// accept takes connections until the cable is pulled out for good.
func (n *Network) accept() {
	for {
		near, err := n.listener.Accept()
		if err != nil {
			return // Close
		}
		n.wg.Go(func() { n.connect(near) })
	}
}

// connect joins one connection to the other side and carries bytes until it ends.
func (n *Network) connect(near net.Conn) {
	ctx, cancel := context.WithTimeout(n.ctx, networkDialFor)
	defer cancel()
	far, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.to)
	p := &plug{ends: [2]net.Conn{near, far}, closed: make(chan struct{})}
	if err != nil {
		p.ends[Far] = near // nobody is there: the device hears it as a reset
		p.end(true)
		return
	}
	n.mu.Lock()
	over := n.cut || n.ctx.Err() != nil
	if !over {
		n.plugs[p] = true
	}
	n.mu.Unlock()
	if over {
		p.end(true)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { n.carry(p, Near) })
	both.Go(func() { n.carry(p, Far) })
	both.Wait()
	p.end(false)
	n.mu.Lock()
	delete(n.plugs, p)
	n.mu.Unlock()
}

// flight is what was sent, and when.
type flight struct {
	bytes []byte
	sent  time.Time
}

// carry takes bytes from one end to the other until one of them ends. That it does passes like a byte, behind the last.
func (n *Network) carry(p *plug, from End) {
	way := make(chan flight, networkFlight)
	var reader sync.WaitGroup
	var broken error
	reader.Go(func() {
		defer close(way)
		broken = p.read(from, way)
	})
	whole := true
	for f := range way {
		if whole = n.arrive(p, from, f); !whole {
			break
		}
	}
	switch passed := n.pass(p, from, time.Now()); {
	case n.half(p):
		<-p.closed // the other end is not to hear of it yet
	case passed && whole && errors.Is(broken, io.EOF):
		if tcp, ok := p.ends[1-from].(*net.TCPConn); ok {
			_ = tcp.CloseWrite() // an error means that it has ended already
		}
	default:
		p.end(true)
	}
	for range way { // lets the reader end
	}
	reader.Wait()
}

// read puts what comes from one end on its way, and says why nothing more comes.
func (p *plug) read(from End, way chan<- flight) error {
	for {
		b := make([]byte, networkChunk)
		k, err := p.ends[from].Read(b)
		if k > 0 {
			select {
			case way <- flight{b[:k], time.Now()}:
			case <-p.closed:
				return net.ErrClosed
			}
		}
		if err != nil {
			return err
		}
	}
}

// arrive writes what was sent, when it is due. It is false if the connection is over, or half of it.
func (n *Network) arrive(p *plug, from End, f flight) bool {
	for len(f.bytes) > 0 {
		if !n.pass(p, from, f.sent) {
			return false
		}
		if n.half(p) {
			n.nobody(p, from)
			return false
		}
		n.mu.Lock()
		rate := n.rate
		n.mu.Unlock()
		k := len(f.bytes)
		if rate > 0 {
			k = min(k, max(1, rate*int(trickleEvery)/int(time.Second)))
		}
		if _, err := p.ends[1-from].Write(f.bytes[:k]); err != nil {
			return false
		}
		if f.bytes = f.bytes[k:]; rate > 0 && !n.wait(p, max(trickleEvery, time.Second/time.Duration(rate)), nil) {
			return false
		}
	}
	return true
}

// pass waits until bytes that were sent at a time are due, and the cable lets them through; false if the connection ended before.
func (n *Network) pass(p *plug, from End, sent time.Time) bool {
	for {
		n.mu.Lock()
		silent, due, changed := n.silent[from], sent.Add(n.delay), n.changed
		n.mu.Unlock()
		left := time.Until(due)
		switch {
		case !silent && left <= 0:
			select {
			case <-p.closed:
				return false
			default:
				return true
			}
		case silent:
			left = time.Hour // any change wakes it
		}
		if !n.wait(p, left, changed) {
			return false
		}
	}
}

// wait waits so long, or until the cable changes; false if the connection ended before.
func (n *Network) wait(p *plug, d time.Duration, changed <-chan struct{}) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-p.closed:
		return false
	case <-late.C:
	case <-changed:
	}
	return true
}

// half says whether one end of the connection has gone without the other's knowing.
func (n *Network) half(p *plug) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return p.gone[Near] || p.gone[Far]
}

// nobody is what a byte meets that was sent to an end which has gone: nothing, and after Plug a reset.
func (n *Network) nobody(p *plug, from End) {
	for {
		n.mu.Lock()
		known, mine, changed := p.known, p.gone[from], n.changed
		n.mu.Unlock()
		if known && !mine {
			p.end(true)
		}
		if mine || known || !n.wait(p, time.Hour, changed) {
			return
		}
	}
}
