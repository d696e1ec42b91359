package virtual

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// cabled is a cable to a server that echoes, and one connection over it.
func cabled(t *testing.T) (*Network, net.Conn, <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	far := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far <- c
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	n, err := NewNetwork(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if k := n.Connections(); k != 0 {
			t.Errorf("%d connections are left behind", k)
		}
	})
	return n, dialled(t, n), far
}

func dialled(t *testing.T, n *Network) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// refusedBy is the error of a new connection, whether it comes before or after its first byte.
func refusedBy(n *Network) error {
	c, err := net.Dial("tcp", n.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	return echo(c, "x", later)
}

// echo sends something and waits for it to come back; the error is a time-out after within.
func echo(c net.Conn, what string, within time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, what); err != nil {
		return err
	}
	return heard(c, what, within)
}

func heard(c net.Conn, what string, within time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	b := make([]byte, len(what))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != what {
		return errors.New("heard " + string(b))
	}
	return nil
}

const (
	soon  = 100 * time.Millisecond // nothing comes in this time
	later = 10 * time.Second       // what comes at all has come by then
)

func TestNetworkPassesEverything(t *testing.T) {
	_, c, _ := cabled(t)
	all := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { _, _ = c.Write(all); _ = c.(*net.TCPConn).CloseWrite() }()
	if err := c.SetReadDeadline(time.Now().Add(later)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(all))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, all) {
		t.Errorf("%d bytes came back changed, or %v", len(got), err)
	}
}

func TestNetworkCut(t *testing.T) {
	n, c, _ := cabled(t)
	if err := echo(c, "before", later); err != nil {
		t.Fatal(err)
	}
	n.Cut()
	if err := heard(c, "x", later); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection over a cut cable: %v", err)
	}
	if err := refusedBy(n); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection over a cut cable: %v", err)
	}
	n.Plug()
	if err := echo(dialled(t, n), "after", later); err != nil {
		t.Error(err)
	}
}

func TestNetworkReset(t *testing.T) {
	n, c, _ := cabled(t)
	if err := echo(c, "before", later); err != nil {
		t.Fatal(err)
	}
	n.Reset()
	if err := heard(c, "x", later); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that was reset: %v", err)
	}
	if err := echo(dialled(t, n), "after", later); err != nil {
		t.Errorf("a new one: %v", err)
	}
}

func TestNetworkSilence(t *testing.T) {
	n, c, _ := cabled(t)
	if err := echo(c, "before", later); err != nil {
		t.Fatal(err)
	}
	n.Silence()
	if err := echo(c, "held", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence says %v", err)
	}
	n.Plug()
	if err := heard(c, "held", later); err != nil {
		t.Error(err)
	}
	n.Silence(Far)
	if err := echo(c, "held", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence of the far end says %v", err)
	}
	other := dialled(t, n)
	if err := echo(other, "new", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection in silence: %v", err)
	}
	n.Plug()
	if err := heard(c, "held", later); err != nil {
		t.Error(err)
	}
	if err := heard(other, "new", later); err != nil {
		t.Error(err)
	}
}

func TestNetworkHalfOpen(t *testing.T) {
	for _, gone := range []End{Near, Far} {
		n, c, served := cabled(t)
		if err := echo(c, "before", later); err != nil {
			t.Fatal(err)
		}
		far := <-served
		n.HalfOpen(gone)
		left, over := c, far
		if gone == Near {
			left, over = far, c
		}
		// The echoing server reads the far end itself: only who dialled can be asked whether it has heard of the end.
		if gone == Near {
			if err := heard(over, "x", later); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the end that has gone: %v", err)
			}
			if _, err := left.Write([]byte("x")); err != nil {
				t.Errorf("the end that was not told: %v", err)
			}
		} else if err := echo(left, "x", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the end that was not told: %v", err)
		}
		if err := echo(dialled(t, n), "new", later); err != nil {
			t.Errorf("a new connection: %v", err)
		}
		if k := n.Connections(); k != 2 {
			t.Errorf("%d connections, want the new one and the half open one", k)
		}
		n.Plug() // what was sent to the end that has gone is now answered
		if gone == Far {
			if err := heard(left, "x", later); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after the cable was put right: %v", err)
			}
		}
	}
}

func TestNetworkDelayAndTrickle(t *testing.T) {
	n, c, _ := cabled(t)
	n.Delay(soon)
	start := time.Now()
	if err := echo(c, "slow", later); err != nil || time.Since(start) < 2*soon {
		t.Errorf("there and back after %s: %v", time.Since(start), err)
	}
	n.Delay(0)
	n.Trickle(100) // 2 bytes each 20 ms
	start = time.Now()
	if err := echo(c, "0123456789", later); err != nil || time.Since(start) < 4*trickleEvery {
		t.Errorf("10 bytes after %s: %v", time.Since(start), err)
	}
	n.Delay(time.Hour)
	if err := echo(c, "held", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after a moment: %v", err)
	}
	n.Plug()
	if err := heard(c, "held", later); err != nil {
		t.Error(err)
	}
}

func TestNetworkToNobody(t *testing.T) {
	n, err := NewNetwork("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := refusedBy(n); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody answers: %v", err)
	}
}
