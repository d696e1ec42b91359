package port

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	_ "periph.io/x/host/v3/sysfs" // spidev
)

// spiSpeed is far below what chips can do (10 MHz), because a display hangs on half a metre of wire.
const spiSpeed = physic.MegaHertz

// openSPI opens a chip select of an SPI bus, in mode 0, at 1 MHz. A program that runs as a user needs the group spi.
func openSPI(_ context.Context, o Options) (*Line, error) {
	if _, err := os.Stat(o.SPI); err != nil { // periph would only say that it knows no such name
		return nil, err
	}
	if _, err := driverreg.Init(); err != nil {
		return nil, fmt.Errorf("start periph: %w", err)
	}
	p, err := spireg.Open(o.SPI)
	if err != nil {
		return nil, err
	}
	return newSPI(p, o)
}

// newSPI makes a line of an open port, and closes the port if it cannot.
//
// What is written to the line is a row of transactions, each behind one byte with its length, 1 to 255: the bounds of
// a transaction, where the chip select rises, are what a chip obeys. Nothing is ever read from it.
func newSPI(p spi.PortCloser, o Options) (*Line, error) {
	c, err := p.Connect(spiSpeed, spi.Mode0, 8)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	t := &transactions{port: p, conn: c, ended: make(chan struct{})}
	return &Line{name: o.SPI, in: t, out: t, stuck: o.StuckAfter}, nil
}

// transactions carries out what is written to it.
type transactions struct {
	port  spi.PortCloser
	conn  spi.Conn
	part  []byte // of a transaction that is not yet whole; the writer's own
	once  sync.Once
	ended chan struct{}
}

// Write carries out every transaction that is whole; the rest waits for more.
func (t *transactions) Write(p []byte) (int, error) {
	t.part = append(t.part, p...)
	for len(t.part) > 0 && len(t.part) > int(t.part[0]) {
		end := 1 + int(t.part[0])
		if end == 1 {
			return 0, errors.New("a transaction of no bytes")
		}
		if err := t.conn.Tx(t.part[1:end], nil); err != nil {
			return 0, err
		}
		t.part = t.part[end:]
	}
	return len(p), nil
}

// Read waits 100 ms, or until the line is closed: nothing comes.
func (t *transactions) Read([]byte) (int, error) {
	late := time.NewTimer(readTimeout)
	defer late.Stop()
	select {
	case <-t.ended:
		return 0, os.ErrClosed
	case <-late.C:
		return 0, os.ErrDeadlineExceeded
	}
}

// Close closes the port, once.
func (t *transactions) Close() (err error) {
	t.once.Do(func() {
		close(t.ended)
		err = t.port.Close()
	})
	return err
}

// SetWriteDeadline does nothing: the host drives the clock, so nothing can hold a transaction up.
func (t *transactions) SetWriteDeadline(time.Time) error { return nil }

// SyscallConn is not to be had.
func (t *transactions) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }
