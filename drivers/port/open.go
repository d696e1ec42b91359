package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

const dialTimeout = 2 * time.Second

// Open opens the line o describes. The error wraps ErrInUse if another program has locked the port,
// and otherwise what the system said.
func Open(o Options) (*Line, error) { return OpenContext(context.Background(), o) }

// OpenContext is Open that gives up dialling when ctx ends; without that it takes at most 2 s.
func OpenContext(ctx context.Context, o Options) (*Line, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("open port: %w", err)
	}
	if o.StuckAfter == 0 {
		o.StuckAfter = defaultStuckAfter
	}
	found, err := o.resolve()
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", o.name(), err)
	}
	l, err := opener(found)(ctx, found)
	if err == nil && found.name() != o.name() {
		l.name = o.name() + " at " + found.name()
		// Between the look and the opening the node may have become another thing's.
		if again, lost := o.resolve(); lost != nil || again.name() != found.name() {
			_ = l.Close() // nothing was written
			err = fmt.Errorf("%w: it went while it was opened", ErrGone)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", o.name(), err)
	}
	l.trace = o.Trace
	return l, nil
}

// opener chooses how to open what checked options describe.
func opener(o Options) func(context.Context, Options) (*Line, error) {
	switch {
	case o.TCP != "":
		return dialTCP
	case o.LP != "":
		return openLP
	case o.Evdev != "":
		return openEvdev
	case o.GPIO != "":
		return openGPIO
	case o.SPI != "":
		return openSPI
	case o.Wiegand != "":
		return openWiegand
	case o.PCSC != "":
		return openPCSC
	}
	return openTTY
}

// openTTY opens the tty without waiting, for all but its settings: those tarm makes, through a descriptor of its own.
func openTTY(_ context.Context, o Options) (*Line, error) {
	// NONBLOCK: do not wait for a modem's carrier, and let the runtime keep the deadlines of Write.
	ctl, err := os.OpenFile(o.Serial, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	l, err := setUp(ctl, o)
	if err != nil {
		return nil, errors.Join(err, ctl.Close())
	}
	return l, nil
}

func setUp(ctl *os.File, o Options) (*Line, error) {
	raw, err := ctl.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := lock(raw); err != nil {
		return nil, err
	}
	if err := ctl.SetWriteDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("cannot wait with a time-out: %w", err)
	}
	if o.Baud == 0 {
		o.Baud = defaultBaud
	}
	// The settings belong to the tty and stay when tarm's descriptor is closed. Without a time-out tarm sets VMIN to 1: a
	// read that finds nothing is told so, and the runtime waits for bytes without a thread of its own for each line.
	tarm, err := serial.OpenPort(&serial.Config{Name: o.Serial, Baud: o.Baud, Parity: parity(o.Parity)})
	if err == nil {
		err = tarm.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("set to %d baud: %w", o.Baud, err)
	}
	switch o.Flow {
	case RTSCTS:
		err = handshake(raw)
	case XONXOFF:
		err = inBand(raw)
	}
	if err == nil {
		// What came while nobody listened is old: a tap of an hour ago must not print a ticket.
		err = control(raw, func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
	}
	if err != nil {
		return nil, err
	}
	return &Line{name: o.Serial, in: &patient{ctl}, out: ctl, raw: raw, queue: outq, tty: true, stuck: o.StuckAfter}, nil
}

// lock takes the lock of the port. Programs that do not ask for it are not kept out;
// TIOCEXCL would keep them out, but not root, and tarm's own open as well.
func lock(raw syscall.RawConn) error {
	err := control(raw, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// handshake switches RTS/CTS on, which tarm cannot, and makes sure that the driver took it.
func handshake(raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return fmt.Errorf("flow rtscts: %w", err)
		}
		t.Cflag |= unix.CRTSCTS
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
			return fmt.Errorf("flow rtscts: %w", err)
		}
		t, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil && t.Cflag&unix.CRTSCTS == 0 {
			err = errors.New("the port has no RTS/CTS")
		}
		if err != nil {
			return fmt.Errorf("flow rtscts: %w", err)
		}
		return nil
	})
}

// inBand switches XON/XOFF on for what is written, and never for what is read: we are always fast enough, and a byte of
// ours in the middle of a ticket would be printed. tarm leaves all control characters zero, so these are set as well.
// The kernel takes the two bytes out of what is read, which no status of a printer contains (bits 0 and 4 never both).
func inBand(raw syscall.RawConn) error {
	return control(raw, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return fmt.Errorf("flow xonxoff: %w", err)
		}
		t.Iflag |= unix.IXON
		t.Iflag &^= unix.IXOFF | unix.IXANY
		t.Cc[unix.VSTART], t.Cc[unix.VSTOP] = 0x11, 0x13
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
			return fmt.Errorf("flow xonxoff: %w", err)
		}
		return nil
	})
}

func parity(name string) serial.Parity {
	switch name {
	case Even:
		return serial.ParityEven
	case Odd:
		return serial.ParityOdd
	}
	return serial.ParityNone
}

// control calls f with the descriptor while it cannot be closed.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	ctl := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(ctl, err)
}

// dialTCP connects to a device on the network. Keep-alive finds a silent end of the connection within 12 s.
func dialTCP(ctx context.Context, o Options) (*Line, error) {
	d := net.Dialer{
		Timeout: dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 6 * time.Second, Interval: 2 * time.Second, Count: 3,
		},
	}
	c, err := d.DialContext(ctx, "tcp", o.TCP)
	if err != nil {
		return nil, err
	}
	conn := c.(*net.TCPConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Line{name: o.TCP, in: &patient{conn}, out: conn, raw: raw, queue: outq, stuck: o.StuckAfter}, nil
}

// patient gives each read a time-out.
type patient struct{ deadlineReader }

type deadlineReader interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return 0, err
	}
	return p.deadlineReader.Read(b)
}
