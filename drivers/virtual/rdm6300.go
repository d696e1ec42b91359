package virtual

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// repeatEvery is how often an RDM6300 sends the card that lies on it.
const repeatEvery = 50 * time.Millisecond

// Reader is an RDM6300 card reader (EM4100, 9600 8N1): 02, ten hex digits, two hex digits of XOR, 03.
// Each frame goes in one write, as the module sends it without gaps.
type Reader struct {
	taps chan tap
}

type tap struct {
	frame []byte
	held  time.Duration
}

// NewReader returns a reader without a card.
func NewReader() *Reader { return &Reader{taps: make(chan tap, 16)} }

// Tap lays a card on the reader and takes it away at once: one frame. number is the card's five bytes as ten hex
// digits, the customer byte first; CardHex makes it from the number printed on the card.
// It is an error if number has another form, or if 16 taps wait for a line to go out on.
func (r *Reader) Tap(number string) error { return r.TapFor(number, 0) }

// TapFor lays a card on the reader for a while: the frame comes every 50 ms.
func (r *Reader) TapFor(number string, held time.Duration) error {
	frame, err := rdmFrame(number)
	if err != nil {
		return err
	}
	select {
	case r.taps <- tap{frame, held}:
		return nil
	default:
		return errors.New("tap: too many taps wait for the line")
	}
}

// CardHex returns the ten hex digits of a card with that customer byte and that number printed on it.
func CardHex(customer byte, printed uint32) string { return fmt.Sprintf("%02X%08X", customer, printed) }

func rdmFrame(number string) ([]byte, error) {
	id, err := hex.DecodeString(number)
	if err != nil || len(id) != 5 {
		return nil, fmt.Errorf("tap: a card has ten hex digits, got %d characters", len(number))
	}
	var sum byte
	for _, b := range id {
		sum ^= b
	}
	return fmt.Appendf(nil, "\x02%X%02X\x03", id, sum), nil
}

// Serve sends the taps until ctx ends or the line is cut. What is written to the reader it does not understand.
func (r *Reader) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	read := make(chan error, 1)
	go func() {
		err := receive(ctx, rw, func(buf []byte) (int, error) { return len(buf), nil })
		cancel()
		read <- err
	}()
	err := r.send(ctx, rw)
	if err != nil {
		return ended(ctx, err) // the read ends with the line
	}
	return <-read
}

// send returns nil when ctx ends.
func (r *Reader) send(ctx context.Context, w io.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-r.taps:
			for left := t.held; ; left -= repeatEvery {
				if _, err := w.Write(t.frame); err != nil {
					return err
				}
				if left < repeatEvery || ctx.Err() != nil {
					break
				}
				pause(ctx, repeatEvery)
			}
		}
	}
}
