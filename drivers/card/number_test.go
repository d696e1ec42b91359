package card

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNumbering(t *testing.T) {
	for _, c := range []struct {
		options Numbering
		id      string
		want    Number // empty for no identity
	}{
		{usual(), "0086F444", "0008844356"},
		{usual(), "100086F444", "0008844356"}, // an EM4100 card: the customer's byte does not count
		{usual(), "86F444", "0008844356"},     // of a reader of 24 bits
		{usual(), "FFFFFFFE", "4294967294"},
		{usual(), "04A1B2C3D4E5F6", "04A1B2C3D4E5F6"},
		{Numbering{Form: Decimal10, Order: LSB}, "44F48600", "0008844356"},
		{Numbering{Form: Decimal10, Order: LSB}, "F6E5D4C3B2A104", "04A1B2C3D4E5F6"},
		{Numbering{Form: Hex, Order: MSB}, "100086F444", "100086F444"},
		{Numbering{Form: Decimal10, Order: MSB, Bits: 24}, "1086F444", "0008844356"},
		{Numbering{Form: Decimal10, Order: MSB, Bits: 32}, "04A1B2C3D4E5F6", "3285509622"},
		{usual(), "00000000", ""}, {usual(), "FFFFFFFF", ""}, {usual(), "01020304", ""}, {usual(), "04030201", ""},
		{usual(), "2A00000000", ""}, {usual(), "2A01020304", ""}, {usual(), "01020304050607", ""},
		{usual(), "0001020304", ""}, {usual(), "010203", "0000066051"},
		{Numbering{Form: Decimal10, Order: MSB, NoIdentity: []string{"0008844356"}}, "0086F444", ""},
		{Numbering{Form: Decimal10, Order: LSB, NoIdentity: []string{"0086f444"}}, "44F48600", ""},
	} {
		got, err := c.options.number(bytesOf(t, c.id))
		if got != c.want || (c.want == "") != errors.Is(err, ErrNoIdentity) {
			t.Errorf("%+v of %s: %q, %v; want %q", c.options, c.id, got.Reveal(), err, c.want.Reveal())
		}
	}
}

// The first byte of a UID decides, in whatever order it is then written; longer UIDs and EM4100 cards may begin with 08.
func TestRandomUID(t *testing.T) {
	n := usual()
	n.Order = LSB
	for id, made := range map[string]bool{"08112233": true, "11223308": false, "08112233445566": false, "0811223344": false} {
		if _, err := n.uid(bytesOf(t, id)); errors.Is(err, ErrNoIdentity) != made {
			t.Errorf("UID %s: %v", id, err)
		}
	}
}

func TestNumberingCheck(t *testing.T) {
	n := Numbering{Form: "roman", Order: "random", Bits: 26, NoIdentity: []string{"12", "0011223344", "X123"}}
	err := n.Check()
	for _, word := range []string{`form "roman"`, `order "random"`, "bits 26", `no_identity "12"`, `no_identity "X123"`} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not named: %v", word, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "0011223344") {
		t.Errorf("a good number is refused: %v", err)
	}
}

// The check values of the CRCs, for 123456789, are those that their descriptions give.
func TestChecksums(t *testing.T) {
	for name, want := range map[string]string{
		CRC16: "374B", CRC16ARC: "3DBB", CRC16CCITT: "29B1", CRC16X: "31C3", Sum8: "DD", NegSum8: "23", Xor: "31", NoSum: "",
	} {
		f := NewFrame()
		f.Sum = name
		got := strings.ToUpper(hex.EncodeToString(f.sum([]byte("123456789"))))
		if got != want || f.sumWidth() != len(want)/2 {
			t.Errorf("%s: %s, %d bytes, want %s", name, got, f.sumWidth(), want)
		}
	}
	// CRC_A of HLTA is 57 CD (ISO/IEC 14443-3, 6.4.3).
	if got := hex.EncodeToString(withCRC([]byte{0x50, 0x00})); got != "500057cd" {
		t.Errorf("CRC_A: %s", got)
	}
}

func TestFrameCheck(t *testing.T) {
	f := Frame{Numbering: usual(), Start: "0", End: none, LengthPlus: 99, LengthAt: 20, Length: 3, Sum: "md5", Field: "words", UID: "both"}
	err := f.Check()
	for _, word := range []string{"start", "length_plus 99", "length_at 20", `sum "md5"`, `field "words"`, `uid "both"`} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not named: %v", word, err)
		}
	}
	for _, bad := range []Frame{
		{Numbering: usual(), Start: none, End: none, Sum: NoSum, Field: Binary, Length: 8},                             // nothing to find it by
		{Numbering: usual(), Sum: NoSum, Field: Binary, Start: "02", End: none},                                        // nothing says where it ends
		{Numbering: usual(), Sum: CRC16, Field: Binary, Start: "02", End: none, Length: 6, FieldAt: 1, FieldLength: 4}, // no room for the checksum
		{Numbering: usual(), Sum: NoSum, Field: Binary, Start: "02", End: "03", Length: 4, FieldAt: 1, FieldLength: 4},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is not refused", bad)
		}
	}
}

func TestCodeCheck(t *testing.T) {
	s := Scanner{Code{Prefix: strings.Repeat("x", 33), Charset: "chinese", Least: 2, Most: 1, AsCard: true}}
	err := s.Check()
	for _, word := range []string{"prefix", `charset "chinese"`, "least 2", "most 1", "as_card"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not named: %v", word, err)
		}
	}
	if err := NewScannerWedge().Check(); err != nil {
		t.Error(err)
	}
}

// No code that a stranger may print is the number of a card, whatever the charset.
func TestCodeIsNoCard(t *testing.T) {
	for _, charset := range []string{Digits, Hex, Alnum, Text} {
		c := Code{Charset: charset, Least: 4, Most: 64}
		for _, code := range []string{"0008844356", "04A1B2C3D4E5F6", "code:0008844356", "1234"} {
			if n, err := c.number(code); err == nil && !strings.HasPrefix(n.Reveal(), codeSpace) {
				t.Errorf("%s: %s became %s", charset, code, n.Reveal())
			}
		}
	}
}

// Whatever is refused, no error says what was read.
func TestErrorsQuoteNothing(t *testing.T) {
	for name := range frameDrivers() {
		for _, f := range readFrames(t, name) {
			d := driverWith(t, name, f.options)
			talk := talking(t, d)
			for b := f.bytes; len(b) > 0; {
				talk()
				n, _, _, err := d.Decode(b)
				if err != nil {
					for _, digits := range []string{"8844356", "86F444", "86f444", "8844357", "11AA22", "62532", "202130"} {
						if strings.Contains(err.Error(), digits) {
							t.Errorf("%s: %v", name, err)
						}
					}
				}
				if n == 0 {
					break
				}
				b = b[n:]
			}
		}
	}
}
