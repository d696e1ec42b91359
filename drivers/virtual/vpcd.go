package virtual

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// SmartCard is a card in the reader of vsmartcard's vpcd, a driver of pcscd that takes a TCP connection for a card:
// the real pcscd then serves it like any other.
//
// Origin: vsmartcard, vpcd's protocol: each message is two bytes of length, high byte first, and so many bytes; one byte
// is a control, 0 power off, 1 power on, 2 reset, 4 asks for the ATR; anything longer is a command for the card.
type SmartCard struct {
	ATR []byte
	UID []byte // given for FF CA 00 00 00; nil for a card that knows no such command
}

// VPCDAddress is where vpcd waits for its first card.
const VPCDAddress = "127.0.0.1:35963"

// Lay lays the card on the reader until ctx ends or the reader goes away; neither is an error.
func (c SmartCard) Lay(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("lay a card on %s: %w", address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends the read; nothing is lost with it
	defer stop()
	for {
		message, err := vpcdRead(conn)
		if err != nil {
			return errors.Join(ended(ctx, err), gone(conn.Close()))
		}
		answer := c.answer(message)
		if answer == nil {
			continue
		}
		out := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(out, answer...)); err != nil {
			return errors.Join(ended(ctx, err), gone(conn.Close()))
		}
	}
}

// gone turns the error of closing what was closed already into none.
func gone(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func vpcdRead(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err := io.ReadFull(r, message)
	return message, err
}

// answer is what the card says; nil for nothing.
func (c SmartCard) answer(message []byte) []byte {
	switch {
	case len(message) == 1 && message[0] == 4:
		return c.ATR
	case len(message) <= 1: // power and reset
		return nil
	case c.UID != nil && bytes.Equal(message, []byte{0xff, 0xca, 0x00, 0x00, 0x00}):
		return append(slices.Clone(c.UID), 0x90, 0x00)
	}
	return []byte{0x6a, 0x81} // function not supported
}
