package proto

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// Version is the version of the protocol, the second level of every topic.
const Version = 1

// Limits of the wire, in bytes unless said otherwise.
const (
	MaxMessage   = 8000      // any message but a device's configuration; with its topic it fits the broker's 8 KiB
	MaxConfig    = 256 << 10 // down/cfg
	MaxFact      = 1 << 10   // one fact, checked when it is journaled
	MaxFactBytes = 6 << 10   // the facts of one message together
	MaxFacts     = 20        // facts of one message, a count
)

// Identities of the wire. They are types of their own, so that mixing them up does not compile.
type (
	// Session is one conversation of a device with one start of the controller; random, never stored.
	Session string
	// Install is the random id on a device's disk.
	Install string
	// Boot is the random id of one start of a program.
	Boot string
	// Epoch is raised at every start of the controller.
	Epoch uint64
	// Ver is the version of a state within an epoch.
	Ver uint64
	// Day is a service day: a running integer.
	Day int64
	// ID is the id of a command or a ticket: a ULID.
	ID string
)

// Seen is the latest epoch and boot of the controller that a device has heard of. On the wire [epoch,"boot"].
type Seen struct {
	Epoch Epoch
	Boot  Boot
}

// MarshalJSON writes [epoch,"boot"].
func (s Seen) MarshalJSON() ([]byte, error) { return json.Marshal([]any{s.Epoch, s.Boot}) }

// UnmarshalJSON reads [epoch,"boot"].
func (s *Seen) UnmarshalJSON(b []byte) error {
	pair := []any{&s.Epoch, &s.Boot} // an element that holds a pointer is read into what it points to
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("seen has %d parts, not 2", len(pair))
	}
	return nil
}

// At is a version within an epoch. On the wire [epoch,ver].
type At struct {
	Epoch Epoch
	Ver   Ver
}

// MarshalJSON writes [epoch,ver].
func (a At) MarshalJSON() ([]byte, error) {
	return []byte("[" + strconv.FormatUint(uint64(a.Epoch), 10) + "," + strconv.FormatUint(uint64(a.Ver), 10) + "]"), nil
}

// UnmarshalJSON reads [epoch,ver].
func (a *At) UnmarshalJSON(b []byte) error {
	var pair []uint64
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a version has %d parts, not 2", len(pair))
	}
	a.Epoch, a.Ver = Epoch(pair[0]), Ver(pair[1])
	return nil
}

// After says whether a is later than b: a higher epoch, or the same epoch and a higher version.
func (a At) After(b At) bool { return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Ver > b.Ver }

// CardDigest is the first step of hashing a card: what a configuration file may hold of an officer's card.
// Lower-case hex SHA-256 of "quhao card " and the number.
func CardDigest(number string) string {
	sum := sha256.Sum256([]byte("quhao card " + number))
	return hex.EncodeToString(sum[:])
}

// CardHash is what travels and is kept instead of a card's number: 32 hex digits of the HMAC-SHA256 of its digest under the day's key.
// The key is deleted when the day closes, so that nobody can find out later whose ticket it was.
func CardHash(dayKey []byte, digest string) string {
	m := hmac.New(sha256.New, dayKey)
	m.Write([]byte(digest))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Sum is the checksum of a fact as journaled: 16 hex digits of its SHA-256.
func Sum(fact []byte) string {
	s := sha256.Sum256(fact)
	return hex.EncodeToString(s[:8])
}

// NewID makes a ULID: 48 bits of a clock in ms and 80 random bits, in Crockford's base 32, 26 characters.
// Only its randomness is relied on; the clock in it may be wrong.
func NewID(ms int64, random [10]byte) ID {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, 0, 16)
	b = append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
	b = append(b, random[:]...)
	out := make([]byte, 26)
	acc, bits, in := uint32(0), 2, 0 // two leading zero bits make 130 of 128
	for i := range out {
		for bits < 5 && in < len(b) {
			acc, bits, in = acc<<8|uint32(b[in]), bits+8, in+1
		}
		out[i] = digits[acc>>(bits-5)&31]
		bits -= 5
	}
	return ID(out)
}
