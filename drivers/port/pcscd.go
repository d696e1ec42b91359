package port

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// pcscdSocket is where pcscd listens, or systemd for it.
const pcscdSocket = "/run/pcscd/pcscd.comm"

// pcscdPatience bounds one exchange with pcscd: a card that is taken away in the middle of a command can hold it up.
const pcscdPatience = 5 * time.Second

// The commands of pcscd's protocol, version 4, those that are needed. Origin: pcsc-lite, src/winscard_msg.h: a request
// is the length of its body and a command, both uint32 of the machine, and the body; the answer is the same struct as
// the body, filled. The library gballet/go-libpcsclite was looked at: it does not tell the ATR or whether a card is
// present, waits without end, and never closes its connection.
const (
	pcscdEstablish  = 0x01
	pcscdConnect    = 0x04
	pcscdDisconnect = 0x06
	pcscdTransmit   = 0x09
	pcscdVersion    = 0x11
	pcscdReaders    = 0x12
)

// The codes of pcsc-lite, pcsclite.h, that mean more than "not now".
const (
	pcscNotThere  = 0x80100009 // SCARD_E_UNKNOWN_READER
	pcscInUse     = 0x8010000b // SCARD_E_SHARING_VIOLATION
	pcscUnplugged = 0x80100017 // SCARD_E_READER_UNAVAILABLE
	pcscForbidden = 0x8010006a // SCARD_W_SECURITY_VIOLATION
)

// pcscError is a code of pcsc-lite.
type pcscError uint32

func (e pcscError) Error() string {
	switch e {
	case pcscInUse:
		return "the reader is in use by another program"
	case pcscNotThere, pcscUnplugged:
		return "the reader is gone"
	case pcscForbidden:
		return "pcscd does not let this user use cards: a polkit rule for access_card is missing"
	}
	return fmt.Sprintf("pcscd says %08X", uint32(e))
}

// pcscd is a connection to the daemon.
type pcscd struct {
	conn    net.Conn
	context uint32
}

// dialPCSCD connects, agrees on the protocol and opens a context.
func dialPCSCD(ctx context.Context, path string) (*pcscd, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("no pcscd (is the package pcscd installed, and its service running?): %w", err)
	}
	p := &pcscd{conn: conn}
	if err := p.greet(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return p, nil
}

func (p *pcscd) greet() error {
	// 4.3 to 4.5 differ in nothing that is used here, and not every daemon takes an older one.
	var err error
	for _, minor := range []uint32{4, 3, 5} {
		_, err = p.call(pcscdVersion, pcscWords(4, minor, 0), 12, nil)
		if _, coded := errors.AsType[pcscError](err); !coded {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("pcscd hangs up: a polkit rule that lets this user use it (access_pcsc) may be missing: %w", err)
	}
	if err != nil {
		return fmt.Errorf("agree with pcscd on a protocol: %w", err)
	}
	answer, err := p.call(pcscdEstablish, pcscWords(2, 0, 0), 12, nil) // scope: system
	if err != nil {
		return err
	}
	p.context = binary.LittleEndian.Uint32(answer[4:])
	return nil
}

// pcscWords is a body of words.
func pcscWords(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// call sends a command with its body and, behind it, more; it returns the answer of size bytes, whose last word is the
// code of the result unless it is the list of readers.
func (p *pcscd) call(command uint32, body []byte, size int, more []byte) ([]byte, error) {
	if err := p.conn.SetDeadline(time.Now().Add(pcscdPatience)); err != nil {
		return nil, err
	}
	out := append(pcscWords(uint32(len(body)), command), body...)
	if _, err := p.conn.Write(append(out, more...)); err != nil {
		return nil, fmt.Errorf("ask pcscd: %w", err)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(p.conn, answer); err != nil {
		return nil, fmt.Errorf("hear pcscd: %w", err)
	}
	if code := binary.LittleEndian.Uint32(answer[size-4:]); code != 0 && command != pcscdReaders {
		return nil, pcscError(code)
	}
	return answer, nil
}

// pcscReader is a reader as pcscd describes it.
type pcscReader struct {
	name    string
	counter uint32 // of cards that came and went
	present bool
	atr     []byte
}

// The list of readers: 16 descriptions, of which those without a name are free.
const (
	pcscReaderSize = 184
	pcscReaderName = 128
	pcscReaderMax  = 16
	pcscPresent    = 0x0004 // SCARD_PRESENT
	pcscATR        = 33
)

// readers lists what pcscd knows.
func (p *pcscd) readers() ([]pcscReader, error) {
	b, err := p.call(pcscdReaders, nil, pcscReaderSize*pcscReaderMax, nil)
	if err != nil {
		return nil, err
	}
	return pcscList(b), nil
}

// pcscList reads a list of readers.
func pcscList(b []byte) []pcscReader {
	var out []pcscReader
	for ; len(b) >= pcscReaderSize; b = b[pcscReaderSize:] {
		name, _, _ := bytes.Cut(b[:pcscReaderName], []byte{0})
		if len(name) == 0 {
			continue
		}
		word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
		out = append(out, pcscReader{
			name: string(name), counter: word(128), present: word(132)&pcscPresent != 0,
			atr: bytes.Clone(b[140:][:min(word(176), pcscATR)]),
		})
	}
	return out
}

// ask connects to the card on a reader, shared with others and by T=1 as contactless cards speak, sends it a command,
// and lets go of it again.
func (p *pcscd) ask(reader string, command []byte) (answer []byte, err error) {
	name := make([]byte, pcscReaderName)
	copy(name, reader)
	const shared, t1, leave = 2, 2, 0
	body := append(append(pcscWords(p.context), name...), pcscWords(shared, t1, 0, 0, 0)...)
	got, err := p.call(pcscdConnect, body, len(body), nil)
	if err != nil {
		return nil, err
	}
	card := binary.LittleEndian.Uint32(got[140:])
	defer func() {
		if _, e := p.call(pcscdDisconnect, pcscWords(card, leave, 0), 12, nil); err == nil {
			err = e
		}
	}()
	const room = 264
	got, err = p.call(pcscdTransmit, pcscWords(card, t1, 8, uint32(len(command)), 0, 0, room, 0), 32, command)
	if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(got[24:])
	if n > room {
		return nil, fmt.Errorf("pcscd answers with %d bytes where %d have room", n, room)
	}
	answer = make([]byte, n)
	if _, err := io.ReadFull(p.conn, answer); err != nil {
		return nil, fmt.Errorf("hear pcscd: %w", err)
	}
	return answer, nil
}

// close ends the connection, and a call that waits; pcscd tidies up behind it. It may be called twice.
func (p *pcscd) close() error {
	if err := p.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
