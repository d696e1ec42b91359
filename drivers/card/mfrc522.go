package card

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/devices/v3/mfrc522/commands"
)

// Bus carries out one transaction on a bus: w is sent, and r, which is nil or as long as w, is filled meanwhile.
type Bus interface {
	Tx(w, r []byte) error
}

// Chip is a reader on a bus, which has no line to listen to: it is asked, again and again.
type Chip interface {
	// Ask looks once for a card; no number and no error means that there is none. It takes up to 50 ms.
	// An error that wraps ErrFrame or ErrNoIdentity is about the card; any other one means that the chip is not
	// there, and says what may be wrong.
	Ask(bus Bus) (Number, error)
}

// MFRC522 reads type-A cards of 13.56 MHz, UIDs of 4, 7 and 10 bytes, through NXP's MFRC522 (boards RC522) on an SPI
// bus. Its port is spi. The reset line of the board is tied to 3.3 V; its IRQ line is not used.
//
// The registers are written by periph's driver, and it is bounded: a card's answer is waited for by the chip's own
// timer, 15 ms. periph's ReadUID is not used: it waits on the IRQ line without end, leaves a goroutine behind after an
// error, and knows no UID of 10 bytes. Two cards at once are not taken apart, and count as a bad frame.
//
// Origin: NXP MFRC522 data sheet rev. 3.9, 9.3 (registers); ISO/IEC 14443-3, 6 (WUPA, anticollision, select, HLTA).
type MFRC522 struct {
	Numbering `yaml:",inline"`
	// Gain is the receiver's gain, 0 (18 dB) to 7 (48 dB).
	Gain int `yaml:"gain"`

	wire *wire
	low  *commands.LowLevel
}

// NewMFRC522 returns the options with their defaults: a gain of 4 (33 dB), that of the chip.
func NewMFRC522() *MFRC522 { return &MFRC522{Numbering: usual(), Gain: 4} }

// Check judges the options; it names every mistake.
func (m *MFRC522) Check() error {
	errs := m.mistakes(Decimal10, Hex)
	if m.Gain < 0 || m.Gain > 7 {
		errs = append(errs, fmt.Errorf("gain %d: must be 0 to 7", m.Gain))
	}
	return errors.Join(errs...)
}

// versionReg tells the chip's version, 91 or 92 hex, or another one on a copy of the chip. commands has no name for it.
const versionReg = 0x37

// Ask implements Chip.
func (m *MFRC522) Ask(bus Bus) (Number, error) {
	if m.wire == nil || m.wire.Bus != bus {
		if err := m.connect(bus); err != nil {
			return "", err
		}
	}
	if err := m.wake(); err != nil {
		m.wire = nil
		return "", fmt.Errorf("mfrc522: %w", err)
	}
	uid, err := m.uidOf()
	if m.wire.err != nil {
		err, m.wire = m.wire.err, nil
		return "", fmt.Errorf("mfrc522: %w", err)
	}
	if err != nil || uid == nil {
		return "", err
	}
	num, err := m.uid(uid)
	if err != nil {
		return "", fmt.Errorf("mfrc522: %w", err)
	}
	return num, nil
}

// connect makes periph's driver work on bus.
func (m *MFRC522) connect(bus Bus) error {
	m.wire = &wire{Bus: bus}
	low, err := commands.NewLowLevelSPI(m.wire, tied{gpio.INVALID}, nil)
	if err != nil {
		return fmt.Errorf("mfrc522: %w", err)
	}
	low.SetAntennaGain(m.Gain)
	m.low = low
	return nil
}

// wake makes sure that a chip is there and its field on. A chip that has lost its power has lost its settings.
func (m *MFRC522) wake() error {
	version, err := m.low.DevRead(versionReg)
	if err != nil {
		return err
	}
	if version == 0x00 || version == 0xff {
		return fmt.Errorf("no chip answers (version %02X): look at its wires, at SPI's, and whether SPI is switched on", version)
	}
	field, err := m.low.DevRead(commands.TxControlReg)
	if err != nil || field&0x03 == 0x03 {
		return err
	}
	return m.low.Init()
}

// The commands of ISO/IEC 14443-3, type A.
const (
	wupa    = 0x52 // wakes halted cards as well
	nvb     = 0x20 // anticollision: nothing of the UID is known
	nvbAll  = 0x70 // select: all of it is
	cascade = 0x88 // CT: the first byte of a part that is not the last
	more    = 0x04 // in the SAK: the UID is not complete
)

// uidOf looks for a card, reads its UID and halts it; nil if there is none.
func (m *MFRC522) uidOf() ([]byte, error) {
	if answer := m.exchange(7, wupa); len(answer) != 2 {
		return nil, nil // no card, or one that the last look has left half way: it answers the next one
	}
	var uid []byte
	for _, level := range []byte{0x93, 0x95, 0x97} {
		part := m.exchange(0, level, nvb)
		if len(part) != 5 || part[0]^part[1]^part[2]^part[3] != part[4] {
			return nil, fmt.Errorf("mfrc522: no card could be made out; there may be two: %w", ErrFrame)
		}
		sak := m.exchange(0, withCRC(append([]byte{level, nvbAll}, part...))...)
		if len(sak) != 3 || string(withCRC(sak[:1:1])) != string(sak) {
			return nil, fmt.Errorf("mfrc522: the card was taken away while it was read: %w", ErrFrame)
		}
		if sak[0]&more == 0 {
			uid = append(uid, part[:4]...)
			m.exchange(0, withCRC([]byte{0x50, 0x00})...) // HLTA: silence is the answer
			return uid, nil
		}
		if part[0] != cascade {
			break
		}
		uid = append(uid, part[1:4]...)
	}
	return nil, fmt.Errorf("mfrc522: a UID that does not end: %w", ErrFrame)
}

// exchange sends bytes to the card, of the last one only so many bits (0 for all), and returns its answer; nil if there
// was none or it was spoilt. An error of the bus is kept by the wire.
func (m *MFRC522) exchange(bits byte, b ...byte) []byte {
	if m.low.DevWrite(commands.BitFramingReg, bits) != nil {
		return nil
	}
	answer, n, err := m.low.CardWrite(commands.PCD_TRANSCEIVE, b)
	if err != nil || n != 8*len(answer) {
		return nil
	}
	return answer
}

// withCRC puts CRC_A behind b (ISO/IEC 14443-3, 6.2.4: polynomial 8408 reflected, start 6363, low byte first).
func withCRC(b []byte) []byte {
	v := uint16(0x6363)
	for _, c := range b {
		v ^= uint16(c)
		for range 8 {
			carry := v & 1
			v = v>>1 ^ 0x8408*carry
		}
	}
	return append(b, byte(v), byte(v>>8))
}

// wire is a Bus as periph wants to see it. It keeps the first error, which periph does not tell from a missing card.
type wire struct {
	Bus
	err error
}

func (w *wire) Tx(out, in []byte) error {
	err := w.Bus.Tx(out, in)
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *wire) String() string                                            { return "bus" }
func (w *wire) Duplex() conn.Duplex                                       { return conn.Full }
func (w *wire) TxPackets([]spi.Packet) error                              { return errors.ErrUnsupported }
func (w *wire) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return w, nil }

// tied is a reset line that is tied to 3.3 V: it is always high, which is all that periph asks of it.
type tied struct{ gpio.PinIO }

func (tied) Out(gpio.Level) error { return nil }
