package broker

import (
	"bytes"
	"net"
	"sync"
	"time"
)

const (
	// maxPending bounds, in bytes, what waits for a device that does not read: four times the largest message.
	maxPending = 1 << 20
	// keepRoom bounds, in bytes, the room that a connection keeps for what is to be written, twice: a configuration is
	// sent once, and a thousand devices would keep its room for ever.
	keepRoom = 4 << 10
	// writeWait is how long one write to the network may take before the device counts as gone.
	writeWait = 10 * time.Second
	// closeWait is how long a closed pipe still tries to hand over what was written before.
	closeWait = time.Second
)

// pipe is a signed-in connection as mochi sees it: it reads the CONNECT once more, and it writes without ever waiting.
// mochi holds a client's lock while it writes and takes the same lock when it publishes, so one device that does not
// read would otherwise hold up the controller.
type pipe struct {
	net.Conn
	device string
	onSlow func()        // called once, when too much waits
	head   *bytes.Reader // the CONNECT, until it has been read
	live   bool          // the session was established; only the connection's own goroutine uses it

	mu      sync.Mutex
	pending []byte
	closed  bool
	wake    chan struct{} // holds one token when there is something to do
}

func newPipe(conn net.Conn, device string, connect []byte, onSlow func()) *pipe {
	return &pipe{Conn: conn, device: device, head: bytes.NewReader(connect), onSlow: onSlow, wake: make(chan struct{}, 1)}
}

// Read returns the CONNECT first, then what comes from the network.
func (p *pipe) Read(b []byte) (int, error) {
	if p.head.Len() > 0 {
		return p.head.Read(b)
	}
	return p.Conn.Read(b)
}

// Write takes b to be written by flush. It fails with net.ErrClosed after Close, or when the device reads too slowly.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	if len(p.pending)+len(b) > maxPending {
		p.onSlow()
		p.pending = nil
		p.close()
		return 0, net.ErrClosed
	}
	p.pending = append(p.pending, b...)
	p.nudge()
	return len(b), nil
}

// SetDeadline sets the deadline for reading only (mochi means its keep-alive by it); writes have writeWait.
func (p *pipe) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed // must not undo what close has set
	}
	return p.Conn.SetReadDeadline(t)
}

// Close ends reading at once and returns at once; flush closes the connection.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
	return nil
}

// close is Close with the lock held.
func (p *pipe) close() {
	if p.closed {
		return
	}
	p.closed = true
	now := time.Now()
	p.Conn.SetReadDeadline(now) // fails only if the connection has ended already
	p.Conn.SetWriteDeadline(now.Add(closeWait))
	p.nudge()
}

func (p *pipe) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// isClosed says whether the pipe has been closed by either side of it.
func (p *pipe) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// flush writes what waits until the pipe is closed or the network fails; then it closes the connection.
func (p *pipe) flush() {
	defer p.Conn.Close()
	defer p.Close()
	var batch []byte
	for {
		p.mu.Lock()
		batch, p.pending = p.pending, batch[:0]
		closed := p.closed
		if !closed {
			p.Conn.SetWriteDeadline(time.Now().Add(writeWait)) // fails only with the connection, and then Write does
		}
		p.mu.Unlock()
		switch {
		case len(batch) > 0:
			if _, err := p.Conn.Write(batch); err != nil {
				return // whatever reads on the connection fails as well and tells why
			}
			if cap(batch) > keepRoom {
				batch = nil // after a large message, do not keep its room for each idle device
			}
		case closed:
			return
		default:
			<-p.wake
		}
	}
}
