package virtual

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// echoWithin is how long the pad waits for its frame to come back.
const echoWithin = 200 * time.Millisecond

// Caller68 is the call key pad with rater of Chinese service halls: FF 68 L L 68 addr func data sum 16.
// The host acknowledges a frame by sending the same bytes back.
type Caller68 struct {
	addr byte
	keys chan []byte

	mu      sync.Mutex
	sent    int
	missing int
}

// NewCaller68 returns a pad with that address.
func NewCaller68(addr byte) *Caller68 { return &Caller68{addr: addr, keys: make(chan []byte, 16)} }

// The values of func: only that of the rater is known; the source takes all others for the keys.
const (
	funcKey  = 0x10
	funcRate = 0x11
)

// Press presses keys; the last is the one that sends the frame: 0C next, 0D recall, 0B invite, 12 pause, 13 transfer
// with digits before it, 0F confirm with a digit before it (06 no-show, 00 hold, 03 call back).
// It is an error if 16 frames wait for a line to go out on, or if there is no key or more than six.
func (c *Caller68) Press(keys ...byte) error {
	if len(keys) == 0 || len(keys) > 6 {
		return errors.New("press: one to six keys make a frame")
	}
	return c.queue(funcKey, keys)
}

// Rate presses one of the visitor's five keys; score is the byte the rater sends.
func (c *Caller68) Rate(score byte) error { return c.queue(funcRate, []byte{score}) }

func (c *Caller68) queue(function byte, data []byte) error {
	body := append([]byte{c.addr, function}, data...)
	var sum byte
	for _, b := range body {
		sum += b
	}
	frame := append([]byte{0xff, 0x68, byte(len(body)), byte(len(body)), 0x68}, body...)
	select {
	case c.keys <- append(frame, sum, 0x16):
		return nil
	default:
		return errors.New("press: too many frames wait for the line")
	}
}

// Counts returns how many frames were sent and how many of them had no echo within 200 ms.
func (c *Caller68) Counts() (sent, missing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent, c.missing
}

// Serve sends what is pressed, one frame after the echo of the other, until ctx ends or the line is cut.
func (c *Caller68) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	heard := make(chan []byte)
	read := make(chan error, 1)
	go func() {
		err := receive(ctx, rw, func(buf []byte) (int, error) {
			select {
			case heard <- bytes.Clone(buf):
			case <-ctx.Done():
			}
			return len(buf), nil
		})
		cancel()
		read <- err
	}()
	if err := c.send(ctx, rw, heard); err != nil {
		return ended(ctx, err) // the read ends with the line
	}
	return <-read
}

// send returns nil when ctx ends.
func (c *Caller68) send(ctx context.Context, w io.Writer, heard <-chan []byte) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-heard: // nothing was sent: no echo, and no other command is known
		case frame := <-c.keys:
			if _, err := w.Write(frame); err != nil {
				return err
			}
			c.count(awaitEcho(ctx, frame, heard))
		}
	}
}

func awaitEcho(ctx context.Context, frame []byte, heard <-chan []byte) bool {
	late := time.NewTimer(echoWithin)
	defer late.Stop()
	var got []byte
	for {
		select {
		case <-ctx.Done():
			return false
		case <-late.C:
			return false
		case b := <-heard:
			if got = append(got, b...); bytes.Contains(got, frame) {
				return true
			}
		}
	}
}

func (c *Caller68) count(echoed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	if !echoed {
		c.missing++
	}
}
