package card

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// PCSC reads contactless cards through pcscd, the daemon of the PC/SC class of readers. Its port is pcsc: it polls the
// daemon and tells a card as a line of text, its ATR and the answer to the command that asks for its UID, both as hex
// digits (drivers/port/pcsc.go; the form is ours).
//
// Origin: PC/SC Workgroup, Interoperability Specification, part 3, rev. 2.01.09, 3.2.2.1.3 "Get Data" (FF CA 00 00 00
// gives the UID of type A, the PUPI of type B, the IDm of FeliCa, and 90 00) and 3.1.3.2.3 (the ATR of contactless
// cards: 3B 8n 80 01, n historical bytes, check byte).
type PCSC struct {
	Numbering `yaml:",inline"`
}

// pcscLine bounds a line: an ATR of 33 bytes, an answer of 10 bytes and the status, two digits each.
const pcscLine = 2*33 + 1 + 2*12 + 1

// NewPCSC returns the options with their defaults.
func NewPCSC() *PCSC { return &PCSC{usual()} }

// Decode implements Driver. It never replies, and an error never quotes digits of a card.
func (p *PCSC) Decode(buf []byte) (n int, num Number, reply []byte, err error) {
	i := bytes.IndexByte(buf[:min(len(buf), pcscLine)], '\n')
	switch {
	case i < 0 && len(buf) < pcscLine:
		return 0, "", nil, nil
	case i < 0:
		return pcscLine, "", nil, fmt.Errorf("pcsc: no end of line within %d bytes: %w", pcscLine, ErrFrame)
	}
	a, b, _ := strings.Cut(string(buf[:i]), " ")
	atr, errA := hex.DecodeString(a)
	answer, errB := hex.DecodeString(b)
	if errors.Join(errA, errB) != nil || len(atr) < 2 {
		return i + 1, "", nil, fmt.Errorf("pcsc: a line that is not an ATR and an answer: %w", ErrFrame)
	}
	num, err = p.card(atr, answer)
	return i + 1, num, nil, err
}

// card judges what a card has answered.
func (p *PCSC) card(atr, answer []byte) (Number, error) {
	id, ok := bytes.CutSuffix(answer, []byte{0x90, 0x00})
	switch {
	case !ok && len(answer) >= 2:
		// 6A 81: the reader knows no such command, as for a card with contacts
		return "", fmt.Errorf("pcsc: the card or its reader tells no UID (%X): %w", answer[len(answer)-2:], ErrNoIdentity)
	case !ok || len(id) < 4 || len(id) > 10:
		return "", fmt.Errorf("pcsc: a UID of %d bytes: %w", len(id), ErrFrame)
	case typeB(atr) && len(id) == 4:
		return "", errTypeB()
	case felica(atr) && felicaMadeUp(id):
		return "", errRandom()
	}
	num, err := p.uid(id)
	if err != nil {
		return "", fmt.Errorf("pcsc: %w", err)
	}
	return num, nil
}

func errTypeB() error {
	return fmt.Errorf("a type-B card, whose number is only pseudo-unique: %w", ErrNoIdentity)
}

// storage begins the historical bytes of a card without a processor: category 80, tag 4F, length 0C, the RID of the
// PC/SC Workgroup; then the standard, 03 for ISO 14443 A part 3, 05 to 07 for B, 11 for FeliCa, and two bytes of name.
const storage = "\x80\x4f\x0c\xa0\x00\x00\x03\x06"

// history returns the historical bytes of a contactless card; nil if the ATR is of another kind.
func history(atr []byte) []byte {
	head := []byte{0x3b, 0x80, 0x80, 0x01}
	if len(atr) < 5 || atr[0] != head[0] || atr[1]&0xf0 != head[1] || !bytes.Equal(atr[2:4], head[2:]) {
		return nil
	}
	n := int(atr[1] & 0x0f)
	if len(atr) < 4+n {
		return nil
	}
	return atr[4 : 4+n]
}

// standard is the byte that names the standard of a storage card, 0 for any other.
func standard(atr []byte) byte {
	rest, ok := bytes.CutPrefix(history(atr), []byte(storage))
	if !ok || len(rest) == 0 {
		return 0
	}
	return rest[0]
}

// typeB says whether an ATR is that of a type-B card. With a processor its historical bytes are always eight: four of
// application data, three of protocol info, and the MBLI in the upper half of the last one, its lower half zero. A
// type-A card may have eight that look so by chance, so the protocol info must be possible as well: bit rates without
// the reserved bit, a protocol type 0 or 1, and a frame waiting time below 15 (ISO/IEC 14443-3, 7.9.4).
func typeB(atr []byte) bool {
	if s := standard(atr); s >= 0x05 && s <= 0x07 {
		return true
	}
	h := history(atr)
	return len(h) == 8 && !bytes.HasPrefix(h, []byte{0x80}) &&
		h[4]&0x08 == 0 && h[5]&0x0f <= 1 && h[5]>>4 <= 8 && h[6]>>4 < 15 && h[7]&0x0f == 0
}

// felica says whether an ATR is that of a FeliCa card.
func felica(atr []byte) bool { return standard(atr) == 0x11 }

// felicaMadeUp says whether an IDm is made up for this tap: 01 FE marks one of NFCIP-1 (ECMA-340), 02 FE one that a
// phone emulates.
func felicaMadeUp(idm []byte) bool {
	return len(idm) == 8 && (idm[0] == 0x01 || idm[0] == 0x02) && idm[1] == 0xfe
}
