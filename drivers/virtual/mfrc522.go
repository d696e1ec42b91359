package virtual

import (
	"bytes"
	"errors"
	"sync"
)

// MFRC522 is an MFRC522 on an SPI bus, with at most one card of type A in its field: as much of the chip's registers as
// a reader of UIDs uses. It answers transactions, one after another; a register has its address in bits 1 to 6 of the
// first byte, and bit 7 set to be read.
//
// Origin: NXP MFRC522 data sheet rev. 3.9, 8.1.2 (SPI) and 9.3 (registers); ISO/IEC 14443-3 for the card.
type MFRC522 struct {
	mu   sync.Mutex
	reg  [64]byte
	fifo []byte
	card *typeA
	gone error
	ops  int
}

// NewMFRC522 returns a chip that has just been given power, without a card.
func NewMFRC522() *MFRC522 {
	m := &MFRC522{}
	m.reset()
	return m
}

// The registers that the chip knows.
const (
	mfCommand = 0x01
	mfIrq     = 0x04
	mfError   = 0x06
	mfFIFO    = 0x09
	mfLevel   = 0x0a
	mfControl = 0x0c
	mfFraming = 0x0d
	mfTx      = 0x14
	mfVersion = 0x37
)

func (m *MFRC522) reset() {
	m.reg = [64]byte{mfCommand: 0x20, mfTx: 0x80, mfVersion: 0x92}
	m.fifo = nil
	m.card.field(false)
}

// Lay puts a card with that UID of 4, 7 or 10 bytes into the field; nil takes it away.
func (m *MFRC522) Lay(uid []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.card = nil
	if uid != nil {
		m.card = &typeA{uid: bytes.Clone(uid)}
	}
}

// Power takes the chip's power away and gives it back: its settings are lost.
func (m *MFRC522) Power() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reset()
}

// Break lets every transaction fail with err from now on; nil mends it. With ErrUnplugged the bus works and nothing
// hangs on it: every bit reads as one.
func (m *MFRC522) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = err
}

// ErrUnplugged is for Break: the bus works, and nothing hangs on it.
var ErrUnplugged = errors.New("unplugged")

// Transactions is how many have been carried out.
func (m *MFRC522) Transactions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// Tx carries out one transaction.
func (m *MFRC522) Tx(w, r []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ops++
	switch {
	case errors.Is(m.gone, ErrUnplugged):
		for i := range r {
			r[i] = 0xff
		}
		return nil
	case m.gone != nil:
		return m.gone
	case len(w) != 2 || r != nil && len(r) != 2:
		return errors.New("the twin knows transactions of one register only")
	}
	at := w[0] >> 1 & 0x3f
	if w[0]&0x80 == 0 {
		m.write(at, w[1])
		return nil
	}
	if r != nil {
		r[1] = m.read(at)
	}
	return nil
}

func (m *MFRC522) read(at byte) byte {
	switch at {
	case mfLevel:
		return byte(len(m.fifo))
	case mfFIFO:
		if len(m.fifo) == 0 {
			return 0
		}
		b := m.fifo[0]
		m.fifo = m.fifo[1:]
		return b
	}
	return m.reg[at]
}

func (m *MFRC522) write(at, b byte) {
	switch {
	case at == mfFIFO:
		m.fifo = append(m.fifo, b)
	case at == mfLevel:
		if b&0x80 != 0 { // FlushBuffer
			m.fifo = nil
		}
	case at == mfIrq:
		if b&0x80 == 0 { // the marked bits are cleared
			m.reg[at] &^= b
		}
	case at == mfCommand && b&0x0f == 0x0f: // SoftReset
		m.reset()
	case at == mfFraming && b&0x80 != 0 && m.reg[mfCommand]&0x0f == 0x0c: // StartSend of Transceive
		m.reg[at] = b
		m.transceive(b & 0x07)
	default:
		m.reg[at] = b
		if at == mfTx {
			m.card.field(b&0x03 == 0x03)
		}
	}
}

// transceive sends what is in the FIFO to the card, of the last byte only so many bits, and puts its answer there.
func (m *MFRC522) transceive(bits byte) {
	sent := m.fifo
	m.fifo, m.reg[mfError], m.reg[mfControl] = nil, 0, 0
	var answer []byte
	if m.card != nil && m.reg[mfTx]&0x03 == 0x03 {
		answer = m.card.hear(sent, bits)
	}
	if answer == nil {
		m.reg[mfIrq] |= 0x01 // TimerIRq
		return
	}
	m.fifo = answer
	m.reg[mfIrq] |= 0x30 // RxIRq, IdleIRq
}

// typeA is a card of type A: idle, ready, active or halted.
type typeA struct {
	uid    []byte
	state  string
	halted bool
	level  int
}

// field tells the card that the field is on or off. Nothing happens to no card.
func (c *typeA) field(on bool) {
	if c == nil || on {
		return
	}
	c.state, c.halted, c.level = "", false, 0
}

// part is what the card tells of its UID at a level, and whether it is the last part.
func (c *typeA) part(level int) (part []byte, last bool) {
	levels := map[int]int{4: 1, 7: 2, 10: 3}[len(c.uid)]
	last = level == levels-1
	if last {
		part = bytes.Clone(c.uid[3*level:])
	} else {
		part = append([]byte{0x88}, c.uid[3*level:3*level+3]...)
	}
	return append(part, part[0]^part[1]^part[2]^part[3]), last
}

// hear answers a frame, or is silent.
func (c *typeA) hear(b []byte, bits byte) []byte {
	switch {
	case len(b) == 1 && bits == 7 && (b[0] == 0x52 || b[0] == 0x26 && !c.halted) && c.state == "":
		c.state, c.level = "ready", 0
		return []byte{0x04, 0x00}
	case c.state == "ready" && len(b) >= 2 && b[0] == 0x93+byte(2*c.level):
		part, last := c.part(c.level)
		if b[1] == 0x20 && len(b) == 2 {
			return part
		}
		if b[1] != 0x70 || len(b) != 9 || !bytes.Equal(b[2:7], part) || !bytes.Equal(crcA(b[:7]), b[7:]) {
			break
		}
		sak := byte(0x04)
		if last {
			sak, c.state = 0x08, "active"
		}
		c.level++
		return append([]byte{sak}, crcA([]byte{sak})...)
	case c.state == "active" && len(b) == 4 && b[0] == 0x50 && bytes.Equal(crcA(b[:2]), b[2:]):
		c.halted = true
	}
	c.state = "" // idle again, or halted; a halted card that is disturbed stays halted
	return nil
}

// crcA is CRC_A, bit by bit as the standard draws it.
func crcA(b []byte) []byte {
	v := uint16(0x6363)
	for _, x := range b {
		for i := range 8 {
			bit := uint16(x>>i) & 1
			mix := v&1 != bit
			v >>= 1
			if mix {
				v ^= 0x8408
			}
		}
	}
	return []byte{byte(v), byte(v >> 8)}
}
