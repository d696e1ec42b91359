package port

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/spi/spitest"
)

func TestTx(t *testing.T) {
	play := &spitest.Playback{Playback: conntest.Playback{DontPanic: true, Ops: []conntest.IO{
		{W: []byte{0xee, 0}, R: []byte{0, 0x92}}, {W: []byte{0x02, 0x0f}},
	}}}
	l, err := newSPI(play, Options{SPI: "/dev/spidev0.0"})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if err := l.Tx([]byte{0xee, 0}, got); err != nil || !slices.Equal(got, []byte{0, 0x92}) {
		t.Errorf("% X, %v", got, err)
	}
	if err := l.Tx([]byte{0x02, 0x0f}, nil); err != nil {
		t.Error(err)
	}
	if err := l.Tx([]byte{1, 2}, nil); !errors.Is(err, ErrGone) {
		t.Errorf("the bus fails: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Tx([]byte{1, 2}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	other := &Line{name: "D0 D1", in: newSource(func(*source) error { return nil }, func() error { return nil }), out: mute{}}
	if err := other.Tx([]byte{1}, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("on a line that is no bus: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		broken := errors.New("broken")
		var at []time.Duration
		err := Every(t.Context(), time.Second, func() error {
			if at = append(at, time.Since(start)); len(at) == 3 {
				return broken
			}
			return nil
		})
		if !errors.Is(err, broken) || !slices.Equal(at, []time.Duration{0, time.Second, 2 * time.Second}) {
			t.Errorf("%v, at %v", err, at)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := Every(ctx, time.Second, func() error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// What is to be said is said before anything is heard, and what is heard may be answered.
func TestTalk(t *testing.T) {
	d := newDevice(t)
	l := d.line(t, Options{})
	got, end := make(chan string, 4), make(chan error, 1)
	silent := errors.New("it does not answer")
	said := 0
	go func() {
		end <- Talk(t.Context(), l, func() ([]byte, error) {
			if said++; said == 1 {
				return []byte("hello"), nil
			}
			if len(got) == 2 {
				return nil, silent
			}
			return nil, nil
		}, words, func(s string) bool { return s != "" }, func(s string) { got <- s }, func(err error) { t.Error(err) })
	}()
	buf := make([]byte, 16)
	n, err := d.Read(buf)
	if err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	d.send(t, "one.two.")
	if err := <-end; !errors.Is(err, silent) {
		t.Errorf("end: %v", err)
	}
}
