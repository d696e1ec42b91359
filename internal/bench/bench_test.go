package main

import (
	"bufio"
	"bytes"
	"path/filepath"
	"testing"
	"time"
)

// TestReadTrace: calls on files of the folder count once each, also where strace cuts a line in two; others do not.
// The lines are those of strace 6.1 with -f -y -s 0.
func TestReadTrace(t *testing.T) {
	got, err := readTrace(filepath.Join("testdata", "strace.txt"), "/data")
	if want := (cost{syncs: 2, bytes: 24 + 2*4096}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestSample(t *testing.T) {
	var s sample
	for i := range 100 {
		s = append(s, time.Duration(100-i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 50, 90: 90, 99: 99, 100: 100} {
		if got := s.at(p); got != want {
			t.Errorf("p%v is %d, want %d", p, got, want)
		}
	}
	if s.noisy() {
		t.Error("p90 under twice p50 is not noisy")
	}
	if quiet := (sample{1, 1, 1, 1, 1, 5, 5, 5, 5, 5}); !quiet.noisy() {
		t.Error("p90 five times p50 is noisy")
	}
	if got := judge(true, sample{1, 1, 9, 9}); got != pass {
		t.Errorf("what is reached in spite of noise is %s", got)
	}
}

// TestTicketRow: a picture on a ticket is counted, rows times bytes of a row (GS v 0 m xL xH yL yH).
func TestTicketRow(t *testing.T) {
	paper := append([]byte("\x1b@A0012\n\x1dv0\x00\x02\x00\x03\x00"), make([]byte, 6)...)
	if r := ticketRow(paper); r.measured != "22; 6; 7" || r.verdict != fail {
		t.Errorf("%+v", r)
	}
	if r := ticketRow([]byte("\x1b@A0012\n\x1dVB\x18")); r.verdict != pass {
		t.Errorf("%+v", r)
	}
}

// FuzzPacket: whatever a broker sends, the lean client gives a message or an error.
func FuzzPacket(f *testing.F) {
	f.Add([]byte{0x30, 5, 0, 1, 'a', 'h', 'i'})
	f.Add([]byte{0x30, 2, 0, 9})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &client{in: bufio.NewReader(bytes.NewReader(b))}
		kind, body, err := c.packet()
		if err != nil {
			return
		}
		m, err := c.message(kind&0x31, body) // QoS 0: there is nobody to acknowledge to
		if err == nil && len(m.Topic)+len(m.Payload)+2 != len(body) {
			t.Errorf("%x: topic of %d and payload of %d bytes", b, len(m.Topic), len(m.Payload))
		}
	})
}
