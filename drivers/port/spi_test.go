package port

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/spi/spitest"
)

func transaction(b ...byte) []byte { return append([]byte{byte(len(b))}, b...) }

func TestSPI(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 255) // longer than a chunk of Line.Write together with its length
	play := &spitest.Playback{Playback: conntest.Playback{DontPanic: true, Ops: []conntest.IO{
		{W: []byte{0x0c, 1}}, {W: []byte{1, 2, 3, 4}}, {W: long}, {W: []byte{9}},
	}}}
	l, err := newSPI(play, Options{SPI: "/dev/spidev0.0"})
	if err != nil {
		t.Fatal(err)
	}
	l.stuck = time.Second
	stream := bytes.Join([][]byte{transaction(0x0c, 1), transaction(1, 2, 3, 4), transaction(long...), transaction(9)}, nil)
	if n, err := l.Write(stream); n != len(stream) || err != nil {
		t.Errorf("wrote %d of %d: %v", n, len(stream), err)
	}
	if err := errors.Join(l.Drain(time.Second), l.Close()); err != nil { // Close of the playback says whether all was played
		t.Error(err)
	}
	if _, err := l.Write([]byte{1, 1}); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestSPIFails(t *testing.T) {
	for name, stream := range map[string][]byte{"the bus fails": transaction(1, 2), "no length": {0}} {
		l, err := newSPI(&spitest.Playback{Playback: conntest.Playback{DontPanic: true}}, Options{SPI: "/dev/spidev0.0"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write(stream); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSPIReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := newSPI(&spitest.Playback{}, Options{SPI: "/dev/spidev0.0"})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if n, err := l.Read(make([]byte, 8)); n != 0 || !errors.Is(err, ErrTimeout) || time.Since(start) != readTimeout {
			t.Errorf("read after %v: %d, %v", time.Since(start), n, err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := l.Read(make([]byte, 8))
			read <- err
		}()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-read; !errors.Is(err, ErrClosed) {
			t.Errorf("a read that waits while the line is closed: %v", err)
		}
	})
}

func TestSPINotThere(t *testing.T) {
	if _, err := Open(Options{SPI: "/dev/spidev99.9"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
}
