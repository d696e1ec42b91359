package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Console reads what is typed on the first virtual console, as a program that waits for a password there would.
func (g *guest) Console(_ struct{}, id *int) error {
	f, err := os.OpenFile("/dev/tty1", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	p := &program{changed: make(chan struct{}), stop: func() { _ = f.Close() }} // ends the reading
	go func() {
		_, err := io.Copy(p, f)
		if errors.Is(err, os.ErrClosed) {
			err = nil
		}
		p.end(err)
	}()
	*id = g.add(p)
	return nil
}
