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
	// keepRoom bounds, in bytes, the room that a connection keeps for what is to be written: a configuration is sent once,
	// and a thousand devices would keep its room for ever.
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

	mu       sync.Mutex
	pending  []byte
	closed   bool
	flushing bool           // flush is under way, or has closed the connection
	flushes  sync.WaitGroup // its goroutine
}

func newPipe(conn net.Conn, device string, connect []byte, onSlow func()) *pipe {
	return &pipe{Conn: conn, device: device, head: bytes.NewReader(connect), onSlow: onSlow}
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
	p.startFlush()
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
	p.startFlush()
}

// startFlush lets a goroutine write what waits, with the lock held. There is one only as long as something waits: an idle
// device would pay for its stack.
func (p *pipe) startFlush() {
	if !p.flushing {
		p.flushing = true
		p.flushes.Go(p.flush)
	}
}

// wait returns when a closed pipe has closed its connection.
func (p *pipe) wait() { p.flushes.Wait() }

// isClosed says whether the pipe has been closed by either side of it.
func (p *pipe) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// flush writes what waits. When the pipe is closed or the network fails it closes the connection.
func (p *pipe) flush() {
	var batch []byte
	for {
		p.mu.Lock()
		batch, p.pending = p.pending, batch[:0]
		closed := p.closed
		if len(batch) == 0 && !closed {
			p.flushing = false
			if cap(p.pending) == 0 {
				p.pending = batch // the other of the two, of no use any more
			}
			p.mu.Unlock()
			return
		}
		if !closed {
			p.Conn.SetWriteDeadline(time.Now().Add(writeWait)) // fails only with the connection, and then Write does
		}
		p.mu.Unlock()
		if len(batch) > 0 {
			if _, err := p.Conn.Write(batch); err == nil {
				if cap(batch) > keepRoom {
					batch = nil // after a large message, do not keep its room for each idle device
				}
				continue
			}
			p.Close() // whatever reads on the connection fails as well and tells why
		}
		p.Conn.Close()
		return
	}
}
