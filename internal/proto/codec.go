package proto

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// ErrBad is wrapped by every error of Decode.
var ErrBad = errors.New("bad message")

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
	if n := versionOf(reflect.ValueOf(&v).Elem(), b); n > Version {
		return v, fmt.Errorf("%w: protocol version %d, this is %d", ErrBad, n, Version)
	}
	return v, nil
}

// versionOf is the version of a message as it was read, or, where its type does not keep it, read a second time.
func versionOf(v reflect.Value, b []byte) int {
	if v.Kind() == reflect.Struct {
		if f := v.FieldByName("V"); f.IsValid() && f.CanInt() {
			return int(f.Int())
		}
	}
	var head struct {
		V int `json:"v"`
	}
	if json.Unmarshal(b, &head) != nil {
		return 0 // it has no version that could be read
	}
	return head.V
}
