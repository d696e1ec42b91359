//go:build hwtest

package hwtest

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"quhao/drivers/virtual"
)

// wire is a serial adapter with a twin behind it, as the host has it.
type wire struct {
	m    *machine
	name string
	twin virtual.Server // nil: nothing; what comes is kept

	conn   net.Conn
	cancel context.CancelFunc
	served chan error

	mu    sync.Mutex
	stray []byte        // what came to an adapter without a twin
	left  int           // bytes until the wire stops
	stop  chan struct{} // closed when it has stopped; nil: it does not
}

func newWire(m *machine, name string, twin virtual.Server) *wire {
	w := &wire{m: m, name: name, twin: twin}
	if twin == nil {
		w.twin = sink{w}
	}
	return w
}

// serial is the serial number of the adapter.
func (w *wire) serial() string { return strings.ToUpper(w.name) }

// link is the adapter's lasting name.
func (w *wire) link() string {
	return "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_" + w.serial() + "-if00-port0"
}

// plug plugs the adapter in.
func (w *wire) plug() {
	w.m.t.Helper()
	conn, err := net.Dial("unix", w.m.socket(w.name))
	if err != nil {
		w.m.fatal("adapter %s: %v", w.name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.conn, w.cancel, w.served = conn, cancel, make(chan error, 1)
	go func() { w.served <- w.twin.Serve(ctx, &metered{Conn: conn, w: w, ctx: ctx}) }()
	w.m.qmp.plug(w.name, "usb-serial", map[string]any{"chardev": w.name, "serial": w.serial()})
}

// pull pulls the adapter out. What is still in the wire is lost.
func (w *wire) pull() {
	w.m.t.Helper()
	w.m.qmp.unplug(w.name)
	w.cancel()
	if err := w.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		w.m.fatal("adapter %s: %v", w.name, err)
	}
	if err := <-w.served; err != nil {
		w.m.fatal("the twin behind %s: %v", w.name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = nil
}

// stopAfter lets the twin have n more bytes and no more until the adapter is pulled out. The channel is closed when
// they have come.
func (w *wire) stopAfter(n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.stop = n, make(chan struct{})
	return w.stop
}

// metered is what a twin reads from.
type metered struct {
	net.Conn
	w   *wire
	ctx context.Context
}

// Read implements io.Reader: a few bytes at a time.
func (c *metered) Read(b []byte) (int, error) {
	c.w.mu.Lock()
	stop, left := c.w.stop, c.w.left
	c.w.mu.Unlock()
	b = b[:min(len(b), 16)]
	if stop != nil {
		if left == 0 {
			close(stop)
			<-c.ctx.Done()
			return 0, io.EOF
		}
		b = b[:min(len(b), left)]
	}
	n, err := c.Conn.Read(b)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.w.stop == stop && stop != nil {
		c.w.left -= n
	}
	return n, err
}

// sink is nothing behind an adapter.
type sink struct{ w *wire }

// Serve implements virtual.Server.
func (s sink) Serve(ctx context.Context, rw io.ReadWriter) error {
	b := make([]byte, 256)
	for {
		n, err := rw.Read(b)
		s.w.mu.Lock()
		s.w.stray = append(s.w.stray, b[:n]...)
		s.w.mu.Unlock()
		if err != nil {
			return nil // pulled out
		}
	}
}

// strayed is what has come to an adapter that nobody should talk to.
func (w *wire) strayed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.stray)
}
