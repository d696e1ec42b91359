package port

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

var errBad = errors.New("bad")

// words is a small decoder: a frame is letters ended by a full stop, answered by "ok"; a digit is noise.
func words(buf []byte) (int, string, []byte, error) {
	if '0' <= buf[0] && buf[0] <= '9' {
		return 1, "", nil, errBad
	}
	i := bytes.IndexByte(buf, '.')
	if i < 0 {
		return 0, "", nil, nil
	}
	return i + 1, string(buf[:i]), []byte("ok"), nil
}

// decoding is a Decode that runs on a pty.
type decoding struct {
	d    *device
	got  chan string
	bad  chan error
	end  chan error
	stop context.CancelFunc
}

func startDecode(t *testing.T, decode func([]byte) (int, string, []byte, error)) *decoding {
	t.Helper()
	d := newDevice(t)
	l := d.line(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	g := &decoding{d, make(chan string, 16), make(chan error, 16), make(chan error, 1), cancel}
	go func() {
		g.end <- Decode(ctx, l, decode, func(s string) bool { return s != "" },
			func(s string) { g.got <- s }, func(err error) { g.bad <- err })
	}()
	return g
}

func TestDecode(t *testing.T) {
	g := startDecode(t, words)
	g.d.send(t, "one.tw")
	if s := <-g.got; s != "one" {
		t.Errorf("got %q", s)
	}
	g.d.send(t, "o.7.three.")
	if got := []string{<-g.got, <-g.got}; !slices.Equal(got, []string{"two", "three"}) {
		t.Errorf("got %q", got)
	}
	if err := <-g.bad; !errors.Is(err, errBad) {
		t.Errorf("bad: %v", err)
	}
	var replies []byte // one for each frame, the empty one (".") too
	for buf := make([]byte, 64); len(replies) < 8; {
		n, err := g.d.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, buf[:n]...)
	}
	if string(replies) != "okokokok" {
		t.Errorf("replies %q", replies)
	}
	g.stop()
	if err := <-g.end; !errors.Is(err, context.Canceled) {
		t.Errorf("end: %v", err)
	}
}

func TestDecodeBoundsItsBuffer(t *testing.T) {
	g := startDecode(t, words)
	go func() { // more than the pty holds: it is written while Decode reads
		_, _ = g.d.WriteString(strings.Repeat("x", 2*bufferSize) + ".good.")
	}()
	for range 2 {
		if err := <-g.bad; !errors.Is(err, ErrNoFrame) {
			t.Errorf("bad: %v", err)
		}
	}
	if s := <-g.got; s != "good" {
		t.Errorf("after the noise: %.20q", s)
	}
}

func TestDecodeUnplugged(t *testing.T) {
	g := startDecode(t, words)
	g.d.send(t, "one.")
	<-g.got
	g.d.unplug()
	if err := <-g.end; !errors.Is(err, ErrGone) {
		t.Errorf("end: %v", err)
	}
}

// A decoder that breaks its contract must end the loop or go on, but never hang or panic.
func TestDecodeWrongDecoder(t *testing.T) {
	for _, n := range []int{-1, 2} {
		g := startDecode(t, func([]byte) (int, string, []byte, error) { return n, "x", nil, nil })
		g.d.send(t, "1")
		if err := <-g.end; err == nil || !strings.Contains(err.Error(), "of 1 bytes") {
			t.Errorf("n = %d: %v", n, err)
		}
	}
	g := startDecode(t, func([]byte) (int, string, []byte, error) { return 0, "", nil, errBad })
	g.d.send(t, "12")
	for range 2 {
		if err := <-g.bad; !errors.Is(err, errBad) {
			t.Errorf("bad: %v", err)
		}
	}
}
