package proto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrBad is wrapped by every error of Decode.
var ErrBad = errors.New("bad message")

// presentVersion is how Encode begins every message of this version: what begins so need not be read a second time.
var presentVersion = fmt.Appendf(nil, `{"v":%d,`, Version)

// Encode writes a message as the wire wants it. It fails only for a message over its limit, which is a fault of the program.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("encode %T: %d bytes, %d are allowed", v, len(b), MaxMessage)
	}
	return b, nil
}

// Decode reads a message. Unknown fields are allowed, so that a newer side can talk to an older one; a message
// over the limit, in another encoding, or of a later protocol is refused.
func Decode[T any](b []byte) (T, error) {
	var v T
	if len(b) > MaxMessage {
		return v, fmt.Errorf("%w: %d bytes, %d are allowed", ErrBad, len(b), MaxMessage)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if bytes.HasPrefix(b, presentVersion) {
		return v, nil
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(b, &head); err == nil && head.V > Version {
		return v, fmt.Errorf("%w: protocol version %d, this is %d", ErrBad, head.V, Version)
	}
	return v, nil
}
