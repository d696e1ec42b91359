package card

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Talker is a Driver whose reader speaks only when it is spoken to.
type Talker interface {
	Driver
	// Poll is called after every read of the line, at the latest every 100 ms, with a time that never goes back. It
	// returns what is to be written now, which is mostly nothing. An error says that the reader does not answer, and
	// what may be wrong; the line is then opened anew, and the driver begins from the start.
	Poll(now time.Duration) ([]byte, error)
	// Begin forgets what was said, for a line that was opened anew.
	Begin()
	// Ready says whether the reader has answered since then.
	Ready() bool
}

// The times of a PN532.
const (
	pnRound  = 100 * time.Millisecond // from one search to the next, if it has found nothing by then
	pnAnswer = 500 * time.Millisecond // for an answer; a search of all kinds of cards takes about 60 ms
	pnTries  = 3                      // so many times it is woken before it counts as absent
)

// PN532 reads cards of 13.56 MHz through a module with NXP's PN532 on a serial line (HSU), 115200 baud: type A with
// UIDs of 4, 7 and 10 bytes, and FeliCa if asked for. It looks for type-B cards as well, only to tell their holders
// that they identify nobody.
//
// It wakes the chip, sets it to normal mode and to give a search up after two attempts, and then searches: type A,
// type B, FeliCa, one after another. A card that is found is released and the field switched off, so that the next
// search finds the card anew while it stays: pass the numbers through Held.
//
// Origin: NXP UM0701-02, PN532 user manual, rev. 02 of 2007-11-05: 6.2.1 (frames), 7.2.10 SAMConfiguration,
// 7.3.1 RFConfiguration, 7.3.5 InListPassiveTarget, 7.3.11 InRelease.
type PN532 struct {
	Numbering `yaml:",inline"`
	// FeliCa looks for FeliCa cards as well, which takes 10 ms more each round.
	FeliCa bool `yaml:"felica"`

	pnTalk
}

// pnTalk is where the talk with the chip stands.
type pnTalk struct {
	step  pnStep
	ready bool
	tries int // wake-ups without an answer

	fresh bool // a command was sent of which Poll has not yet seen when
	until time.Duration
	next  time.Duration // beginning of the next round
}

// pnStep is what the chip has been asked last.
type pnStep int

const (
	pnAsleep   pnStep = iota // nothing yet
	pnMode                   // SAMConfiguration
	pnRetries                // RFConfiguration: how often a search is repeated
	pnA                      // InListPassiveTarget for type A
	pnB                      // for type B
	pnF                      // for FeliCa
	pnRelease                // InRelease
	pnFieldOff               // RFConfiguration: field off
	pnRest                   // nothing: the round is over
)

// The bytes of a PN532. A command's answer has its code plus one.
const (
	pnHost      = 0xd4 // TFI of what we send
	pnChip      = 0xd5 // TFI of what it sends
	pnError     = 0x7f // TFI of its complaint
	pnFrameMax  = 262  // LEN of an extended frame, TFI and all
	pnNormalMax = 255
)

// NewPN532 returns the options with their defaults: no FeliCa.
func NewPN532() *PN532 { return &PN532{Numbering: usual()} }

// Begin implements Talker.
func (p *PN532) Begin() { p.pnTalk = pnTalk{} }

// Ready implements Talker.
func (p *PN532) Ready() bool { return p.ready }

// Poll implements Talker.
func (p *PN532) Poll(now time.Duration) ([]byte, error) {
	if p.fresh {
		p.fresh, p.until = false, now+pnAnswer
	}
	switch {
	case p.step == pnRest && now < p.next:
		return nil, nil
	case p.step == pnRest:
		p.next = now + pnRound
		p.until = now + pnAnswer
		p.step = pnA
		return p.command(), nil
	case p.step != pnAsleep && now < p.until:
		return nil, nil
	}
	if p.tries >= pnTries {
		p.Begin()
		return nil, errors.New("the PN532 does not answer: look at its wires, its switches (HSU) and the baud rate (115200)")
	}
	// Silence: the chip sleeps, has lost its power, or a frame was lost. An ACK from us breaks off what it may be at.
	p.tries++
	p.step, p.until = pnMode, now+pnAnswer
	return append(append(pnAck(), pnWake()...), p.command()...), nil
}

// pnWake wakes a sleeping chip: two bytes of any kind, and zeros while its clock starts (AN10609, HSU wake up).
func pnWake() []byte { return append([]byte{0x55, 0x55}, make([]byte, 14)...) }

// pnAck is the frame that acknowledges one, and from us breaks off a command.
func pnAck() []byte { return []byte{0x00, 0x00, 0xff, 0x00, 0xff, 0x00} }

// pnNack asks for the last answer once more.
func pnNack() []byte { return []byte{0x00, 0x00, 0xff, 0xff, 0x00, 0x00} }

// command is the frame of the present step.
func (p *PN532) command() []byte {
	return pnFrame(map[pnStep][]byte{
		pnMode:     {0x14, 0x01, 0x17, 0x00},                         // normal mode, no time-out, no P70_IRQ
		pnRetries:  {0x32, 0x05, 0xff, 0x01, 0x01},                   // MxRtyATR, MxRtyPSL as after a reset; two attempts
		pnA:        {0x4a, 0x01, 0x00},                               // one target of 106 kbps type A
		pnB:        {0x4a, 0x01, 0x03, 0x00},                         // 106 kbps type B, any application
		pnF:        {0x4a, 0x01, 0x01, 0x00, 0xff, 0xff, 0x00, 0x00}, // 212 kbps FeliCa, any system
		pnRelease:  {0x52, 0x00},                                     // all targets
		pnFieldOff: {0x32, 0x01, 0x00},
	}[p.step])
}

// pnFrame is a normal frame: length and data each with a byte that makes the sum zero.
func pnFrame(data []byte) []byte {
	n := byte(len(data) + 1)
	out := []byte{0x00, 0x00, 0xff, n, -n, pnHost}
	sum := byte(pnHost)
	for _, b := range data {
		sum += b
	}
	return append(append(out, data...), -sum, 0x00)
}

// Decode implements Driver. Its replies are the commands that come next. An error never quotes digits of a card.
func (p *PN532) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	body, n, err := pnParse(buf)
	switch {
	case err != nil && errors.Is(err, errSum) && p.step > pnAsleep && p.step < pnRest:
		return n, "", pnNack(), err
	case err != nil || body == nil:
		return n, "", nil, err
	}
	was := p.step
	num, err = p.answer(body)
	if p.step != was {
		p.fresh = true
		if p.step != pnRest {
			reply = p.command()
		}
	}
	return n, num, reply, err
}

// errSum is wrapped by the error of a frame whose data were spoilt on the line, and can be asked for once more.
var errSum = fmt.Errorf("the data do not match their checksum: %w", ErrFrame)

// pnParse looks for a frame at the start of buf: its TFI and data, and how many bytes were used. body is nil for an
// acknowledgement, for zeros between frames, and if there is not enough yet (n == 0).
func pnParse(buf []byte) (body []byte, n int, err error) {
	at := bytes.Index(buf, []byte{0x00, 0xff})
	if at < 0 {
		keep := 0 // the last byte may begin a frame
		if len(buf) > 0 && buf[len(buf)-1] == 0 {
			keep = 1
		}
		return nil, len(buf) - keep, pnNoise(buf[:len(buf)-keep])
	}
	if at > 0 {
		return nil, at, pnNoise(buf[:at])
	}
	rest := buf[2:]
	if len(rest) < 2 {
		return nil, 0, nil
	}
	length, head := int(rest[0]), 2
	switch {
	case rest[0] == 0x00 && rest[1] == 0xff, rest[0] == 0xff && rest[1] == 0x00:
		return nil, 4, nil // ACK, NACK; the zero behind them is a zero between frames
	case rest[0] == 0xff && rest[1] == 0xff: // an extended frame, of more than 255 bytes
		if len(rest) < 5 {
			return nil, 0, nil
		}
		if rest[2]+rest[3]+rest[4] != 0 {
			return nil, 2, fmt.Errorf("pn532: the length does not match its checksum: %w", ErrFrame)
		}
		length, head = int(rest[2])<<8|int(rest[3]), 5
	case rest[0]+rest[1] != 0:
		return nil, 2, fmt.Errorf("pn532: the length does not match its checksum: %w", ErrFrame)
	}
	if length == 0 || length > pnFrameMax {
		return nil, 2, fmt.Errorf("pn532: a frame of %d bytes: %w", length, ErrFrame)
	}
	if len(rest) < head+length+1 {
		return nil, 0, nil
	}
	body = rest[head : head+length]
	sum := rest[head+length]
	for _, b := range body {
		sum += b
	}
	if sum != 0 {
		// The frame's own length was right, but a byte may be missing: what follows is looked at again.
		return nil, 2, fmt.Errorf("pn532: %w", errSum)
	}
	return body, 2 + head + length + 1, nil
}

// pnNoise is nil for zeros, which may stand between frames in any number.
func pnNoise(b []byte) error {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return nil
	}
	return fmt.Errorf("pn532: %d bytes outside a frame: %w", len(b), ErrFrame)
}

// answer takes the answer to the present step and moves on to the next.
func (p *PN532) answer(body []byte) (Number, error) {
	if body[0] == pnError {
		// The chip did not like a command, which is how it answers half of one. It is repeated when time is up.
		return "", fmt.Errorf("pn532: it reports a syntax error: %w", ErrFrame)
	}
	if body[0] != pnChip || len(body) < 2 {
		return "", fmt.Errorf("pn532: a frame that is no answer: %w", ErrFrame)
	}
	want := map[pnStep]byte{
		pnMode: 0x15, pnRetries: 0x33, pnA: 0x4b, pnB: 0x4b, pnF: 0x4b, pnRelease: 0x53, pnFieldOff: 0x33,
	}[p.step]
	if want != body[1] {
		return "", fmt.Errorf("pn532: an answer to something else: %w", ErrFrame)
	}
	p.ready, p.tries = true, 0
	if body[1] != 0x4b {
		p.step = p.after()
		return "", nil
	}
	if len(body) < 3 {
		return "", fmt.Errorf("pn532: a search without a result: %w", ErrFrame)
	}
	if body[2] == 0 {
		p.step = p.after()
		return "", nil
	}
	searched := p.step
	p.step = pnRelease
	num, err := p.target(searched, body[3:])
	if err != nil {
		return "", fmt.Errorf("pn532: %w", err)
	}
	return num, nil
}

// after is the step behind one that has found nothing, or had nothing to find.
func (p *PN532) after() pnStep {
	switch p.step {
	case pnMode:
		return pnRetries
	case pnA:
		return pnB
	case pnB:
		if p.FeliCa {
			return pnF
		}
	case pnRelease:
		return pnFieldOff
	}
	return pnRest
}

// target reads the first target of a search: its number Tg, and then what its kind of card has told.
func (p *PN532) target(kind pnStep, b []byte) (Number, error) {
	bad := func() (Number, error) { return "", fmt.Errorf("a card's data are cut short: %w", ErrFrame) }
	switch kind {
	case pnA: // Tg, SENS_RES (2), SEL_RES, length of the UID, UID, and an ATS that does not matter
		if len(b) < 5 || len(b) < 5+int(b[4]) {
			return bad()
		}
		if uid := b[5 : 5+int(b[4])]; len(uid) == 4 || len(uid) == 7 || len(uid) == 10 {
			return p.uid(uid)
		}
		return "", fmt.Errorf("a UID of %d bytes: %w", b[4], ErrFrame)
	case pnB: // Tg, ATQB: 50, PUPI (4), application data (4), protocol info (3)
		if len(b) < 13 || b[1] != 0x50 {
			return bad()
		}
		return "", errTypeB()
	default: // Tg, POL_RES: length, 01, NFCID2 (8), PAD (8)
		if len(b) < 11 || b[2] != 0x01 {
			return bad()
		}
		if felicaMadeUp(b[3:11]) {
			return "", errRandom()
		}
		return p.number(b[3:11])
	}
}
