package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"quhao/daemon/queue"
)

// codec turns the bodies of events into JSON and back. The format is encoding/json with the Go names of the fields
// in package queue, each kind with a version. To change a body: give the old form a type of its own here and a decoder
// that translates it, for its old version; write the new form under the next version. No decoder is ever removed.
type codec struct {
	decoders map[format]func([]byte) (queue.Body, error)
	current  map[string]int // kind to the version that is written
}

// format is one way a kind of body was written.
type format struct {
	kind    string
	version int
}

// newCodec is the one table of all kinds.
func newCodec() codec {
	c := codec{decoders: map[format]func([]byte) (queue.Body, error){}, current: map[string]int{}}
	as[queue.EpochRaised](c, 1)
	as[queue.Bound](c, 1)
	as[queue.DayOpened](c, 1)
	as[queue.DayClosed](c, 1)
	as[queue.IssuingSet](c, 1)
	as[queue.Issued](c, 1)
	as[queue.Shown](c, 1)
	as[queue.Papered](c, 1)
	as[queue.Ready](c, 1)
	as[queue.FactKept](c, 1)
	as[queue.SignedOn](c, 1)
	as[queue.SignedOff](c, 1)
	as[queue.Paused](c, 1)
	as[queue.Unpaused](c, 1)
	as[queue.Called](c, 1)
	as[queue.Recalled](c, 1)
	as[queue.Started](c, 1)
	as[queue.Ended](c, 1)
	as[queue.Reinstated](c, 1)
	as[queue.Undid](c, 1)
	as[queue.Permitted](c, 1)
	as[queue.GapSkipped](c, 1)
	as[queue.HandsIn](c, 1)
	as[queue.RecoveryBegun](c, 1)
	as[queue.RecoveryEnded](c, 1)
	as[queue.Rated](c, 1)
	return c
}

// as enters the form that a body has in package queue now, under its version.
func as[B queue.Body](c codec, version int) {
	var none B
	c.current[none.Kind()] = version
	c.decoders[format{none.Kind(), version}] = func(text []byte) (queue.Body, error) {
		var b B
		if err := strict(text, &b); err != nil {
			return nil, err
		}
		return b, nil
	}
}

// strict decodes one JSON object with known fields only, and nothing behind it.
func strict(text []byte, into any) error {
	if !bytes.HasPrefix(text, []byte("{")) { // encoding/json takes null for any struct
		return errors.New("the body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

// encode gives the version and the text of a body.
func (c codec) encode(b queue.Body) (version int, text []byte, err error) {
	if b == nil {
		return 0, nil, errors.New("an event without a body")
	}
	version, ok := c.current[b.Kind()]
	if !ok {
		return 0, nil, fmt.Errorf("kind %q is not in the table of the log", b.Kind())
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // it is read by people, not by browsers
	if err := e.Encode(b); err != nil {
		return 0, nil, fmt.Errorf("encode %s: %w", b.Kind(), err)
	}
	return version, bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// decode gives the body that a text of that kind and version stands for, in the form of today.
func (c codec) decode(kind string, version int, text []byte) (queue.Body, error) {
	d, ok := c.decoders[format{kind, version}]
	if !ok {
		return nil, fmt.Errorf("an event of kind %q version %d is not known to this program", kind, version)
	}
	b, err := d(text)
	if err != nil {
		return nil, fmt.Errorf("decode %s version %d: %w", kind, version, err)
	}
	return b, nil
}
