package device

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"quhao/internal/proto"
)

// Disk is where a journal lives.
type Disk interface {
	// Load returns all that was kept, or nothing on a new disk.
	Load() ([]byte, error)
	// Append adds to the end. When it returns nil the bytes survive a power cut; after an error any part of them may be there.
	Append(b []byte) error
	// Replace puts b in the place of everything, whole or not at all. Where an error wraps ErrKept, what was there stands.
	Replace(b []byte) error
}

// A journal is a run of records, each framed as
//
//	length of the payload  4 bytes, little-endian
//	CRC-32C of the payload 4 bytes, little-endian
//	payload                one JSON object, record
//
// The first record names the installation. What follows the first frame that does not check is a torn write and is cut off:
// nothing that was announced can stand behind it, because every record is synced before it counts.
const (
	frameHead = 8
	// MaxRecord bounds the payload of one record, in bytes.
	MaxRecord = 4 << 10
	// KeepFor is how long an acknowledged fact stays: a controller restored from a backup asks for it again.
	KeepFor = 7 * 24 * time.Hour
	// compactAt is the size in bytes from which on records that do not matter any more are dropped from the disk.
	compactAt = 1 << 20
)

// record is one line of the journal: exactly one of the fields is set.
type record struct {
	Install  proto.Install   `json:"install,omitempty"`
	Intent   *Intent         `json:"intent,omitempty"`
	Fact     json.RawMessage `json:"fact,omitempty"`
	Ack      *ackMark        `json:"ack,omitempty"`
	Counters *counters       `json:"counters,omitempty"`
	Permit   *permitMark     `json:"permit,omitempty"`
}

// readFrame reads the first record of b; n is 0 if there is no whole, undamaged one.
func readFrame(b []byte) (rec record, n int) {
	if len(b) < frameHead {
		return rec, 0
	}
	size := int(binary.LittleEndian.Uint32(b))
	if size == 0 || size > MaxRecord || len(b) < frameHead+size {
		return rec, 0
	}
	payload := b[frameHead : frameHead+size]
	if crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[4:]) {
		return rec, 0
	}
	if fact, ok := bytes.CutPrefix(payload, []byte(`{"fact":`)); ok && bytes.HasSuffix(fact, []byte("}}")) {
		// Most records are facts. Whether this is one JSON object, and no more, is found out when the fact is read.
		return record{Fact: bytes.Clone(fact[:len(fact)-1])}, frameHead + size
	}
	if json.Unmarshal(payload, &rec) != nil {
		return rec, 0
	}
	return rec, frameHead + size
}

func appendFrame(b []byte, rec record) ([]byte, error) {
	payload, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxRecord {
		return nil, fmt.Errorf("a record of %d bytes, %d are allowed", len(payload), MaxRecord)
	}
	return appendPayload(b, payload), nil
}

func appendPayload(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, payload...)
}
