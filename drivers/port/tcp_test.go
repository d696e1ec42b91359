package port

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// dialled returns a TCP line and the connection of the device at its other end.
func dialled(t *testing.T, o Options) (*Line, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	o.TCP = ln.Addr().String()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return l, c.(*net.TCPConn)
}

func TestTCP(t *testing.T) {
	l, far := dialled(t, Options{})
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, ErrTimeout) {
		t.Errorf("a silent line: %v", err)
	}
	if _, err := far.Write([]byte("tap")); err != nil {
		t.Fatal(err)
	}
	if got, err := readUntil(t, l, 3); got != "tap" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	_ = far.Close()
	if _, err := readUntil(t, l, 1); !errors.Is(err, ErrGone) || errors.Is(err, ErrTimeout) {
		t.Errorf("after the far side closed: %v", err)
	}
	within(t, closeLimit, "close", func() { _ = l.Close() })
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestTCPNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	if _, err := Open(Options{TCP: addr}); err == nil {
		t.Error("opened a port nobody listens on")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenContext(ctx, Options{TCP: addr}); !errors.Is(err, context.Canceled) {
		t.Errorf("a dial given up: %v", err)
	}
}

func TestTCPStuckAndDrain(t *testing.T) {
	l, far := dialled(t, Options{StuckAfter: 200 * time.Millisecond})
	paper := make([]byte, 64<<20)
	n, err := l.Write(paper)
	if !errors.Is(err, ErrStuck) || n == 0 || n == len(paper) {
		t.Fatalf("nobody reads: wrote %d, %v", n, err)
	}
	if err := l.Drain(50 * time.Millisecond); !errors.Is(err, ErrStuck) {
		t.Errorf("drain of a full queue: %v", err)
	}
	read := make(chan int64, 1)
	go func() {
		k, _ := io.CopyN(io.Discard, far, int64(n))
		read <- k
	}()
	if err := l.Drain(10 * time.Second); err != nil {
		t.Errorf("drain while the device reads: %v", err)
	}
	if k := <-read; k != int64(n) {
		t.Errorf("the device got %d bytes of %d", k, n)
	}
}

// Close must end a write to a device that has stopped reading.
func TestTCPCloseWhileWriting(t *testing.T) {
	l, _ := dialled(t, Options{StuckAfter: time.Minute})
	done := make(chan error, 1)
	go func() {
		_, err := l.Write(make([]byte, 64<<20))
		done <- err
	}()
	last := 0
	eventually(t, "the connection is full", func() bool {
		n, err := l.queued()
		full := err == nil && n > 0 && n == last
		last = n
		return full
	})
	within(t, closeLimit, "close", func() { _ = l.Close() })
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}
