package broker

import (
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxWaiting is how many connections may be open that have not signed in yet.
	maxWaiting = 32
	// grace is how long a connection may take to sign in whoever else comes. When all devices of a centre come back at
	// once, a third of them were pushed out by the others without it and stayed away for a second or two. It bounds a
	// flood of silent connections to 320 a second; the rest wait in the kernel.
	grace = 100 * time.Millisecond
)

// room holds the connections that have not signed in. When it is full, the one that has waited longest is closed:
// a good device signs in within milliseconds, so hundreds of silent connections cannot keep it out.
type room struct {
	mu     sync.Mutex
	closed bool
	conns  []waiting // the longest waiting first
	freed  chan struct{}
}

// waiting is a connection that has not signed in, and since when.
type waiting struct {
	net.Conn
	since time.Time
}

func newRoom() *room { return &room{freed: make(chan struct{}, 1)} }

// await returns when there is room, or the one to be pushed out has had its time, or stop is closed.
func (r *room) await(stop <-chan struct{}) {
	for {
		r.mu.Lock()
		left := time.Duration(0)
		if len(r.conns) == maxWaiting {
			left = grace - time.Since(r.conns[0].since)
		}
		r.mu.Unlock()
		if left <= 0 {
			return
		}
		select {
		case <-r.freed:
		case <-time.After(left):
		case <-stop:
			return
		}
	}
}

// enter takes a connection in. It returns the connection that had to go for it, already closed, or nil; ok is false
// after shut.
func (r *room) enter(c net.Conn) (out net.Conn, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	if len(r.conns) == maxWaiting {
		out = r.conns[0].Conn
		out.Close()
		r.conns = slices.Delete(r.conns, 0, 1)
	}
	r.conns = append(r.conns, waiting{c, time.Now()})
	return out, true
}

// leave takes a connection out; false if it had been pushed out before.
func (r *room) leave(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.conns, func(w waiting) bool { return w.Conn == c })
	if i < 0 {
		return false
	}
	r.conns = slices.Delete(r.conns, i, i+1)
	select {
	case r.freed <- struct{}{}:
	default:
	}
	return true
}

// shut closes all connections and lets none in any more.
func (r *room) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// seats gives each device's name to one connection at a time: a newer one ends the older and waits until mochi has
// cleaned up behind it. Without that, mochi's clean-up of the old connection can delete the new client (facts: 157 to
// 251 of 19,200 reconnects), and an old last will can overtake the new connection's first message.
type seats struct {
	mu     sync.Mutex
	closed bool
	taken  map[string]*seat
}

type seat struct {
	p    *pipe
	hash string        // the line of the password file that let it in
	left chan struct{} // closed when mochi is through with it
}

// enter takes the seat of p's device, after the connection that sat there is gone. The caller calls leave in any case;
// it goes on only if p is still open.
func (s *seats) enter(p *pipe, hash string) (mine *seat, replaced bool) {
	mine = &seat{p: p, hash: hash, left: make(chan struct{})}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		p.Close()
		return mine, false
	}
	old := s.taken[p.device]
	s.taken[p.device] = mine
	s.mu.Unlock()
	if old == nil {
		return mine, false
	}
	old.p.Close()
	<-old.left
	return mine, true
}

// of returns the connection on a device's seat, nil if there is none.
func (s *seats) of(device string) *pipe {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seat := s.taken[device]; seat != nil {
		return seat.p
	}
	return nil
}

// leave frees the seat.
func (s *seats) leave(mine *seat) {
	s.mu.Lock()
	if s.taken[mine.p.device] == mine {
		delete(s.taken, mine.p.device)
	}
	s.mu.Unlock()
	close(mine.left)
}

// revoke closes the connections whose line in the password file is not as it was, and returns their names.
func (s *seats) revoke(p Passwords) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, seat := range s.taken {
		if p[name] != seat.hash {
			seat.p.Close()
			names = append(names, name)
		}
	}
	return names
}

// shut closes all connections and lets none in any more.
func (s *seats) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, seat := range s.taken {
		seat.p.Close()
	}
}
