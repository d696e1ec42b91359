package port

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What pcscd answers here was written from pcsc-lite's winscard_msg.h; the real one is asked in drivers/reader (scripts/pcsc).

// description is a reader as pcscd describes it.
func description(name string, counter, state uint32, atr []byte) []byte {
	b := make([]byte, pcscReaderSize)
	copy(b, name)
	binary.LittleEndian.PutUint32(b[128:], counter)
	binary.LittleEndian.PutUint32(b[132:], state)
	copy(b[140:173], atr)
	binary.LittleEndian.PutUint32(b[176:], uint32(len(atr)))
	return b
}

// pretended is a pcscd whose answers a test decides.
type pretended struct {
	readers func() []byte     // the list of readers
	code    map[uint32]uint32 // by command: what it fails with
	answer  []byte            // of the card
}

func (p pretended) serve(c net.Conn) {
	defer c.Close()
	for {
		var head [8]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(head[:]))
		command := binary.LittleEndian.Uint32(head[4:])
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		var more []byte
		switch {
		case command == pcscdReaders:
			body = make([]byte, pcscReaderSize*pcscReaderMax)
			copy(body, p.readers())
		case command == pcscdTransmit:
			if _, err := io.CopyN(io.Discard, c, int64(binary.LittleEndian.Uint32(body[12:]))); err != nil {
				return
			}
			binary.LittleEndian.PutUint32(body[24:], uint32(len(p.answer)))
			more = p.answer
		}
		if code := p.code[command]; code != 0 {
			binary.LittleEndian.PutUint32(body[len(body)-4:], code)
			more = nil
		}
		if _, err := c.Write(append(body, more...)); err != nil {
			return
		}
	}
}

// listen serves p on a socket until the end of the test.
func (p pretended) listen(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pcscd.comm")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.serve(c)
		}
	}()
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return path
}

// pcscLineAt is openPCSC on another socket.
func pcscLineAt(t *testing.T, path, name string) (*Line, error) {
	t.Helper()
	p, err := dialPCSCD(t.Context(), path)
	if err != nil {
		return nil, err
	}
	if _, err := p.choose(name); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return &Line{name: name, in: newSource(func(s *source) error { return p.watch(s, name) }, p.close), out: mute{}}, nil
}

// said reads a line of text, or the error that ends it.
func said(t *testing.T, l *Line) (string, error) {
	t.Helper()
	buf := make([]byte, 256)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		n, err := l.Read(buf)
		if !errors.Is(err, ErrTimeout) {
			return string(buf[:n]), err
		}
	}
	return "", errors.New("nothing was said")
}

func TestPCSCD(t *testing.T) {
	present := func() []byte {
		return append(description("Other 00 00", 0, 2, nil), description("ACS ACR122U PICC 00 00", 7, 0x34, []byte{0x3b, 0x81})...)
	}
	for name, c := range map[string]struct {
		p    pretended
		want string // the first line; empty for an error
		err  string
		is   error
	}{
		"a card":             {pretended{readers: present, answer: []byte{1, 2, 3, 0x90, 0}}, "3B81 0102039000\n", "", nil},
		"the reader goes":    {pretended{readers: present, code: map[uint32]uint32{pcscdConnect: pcscUnplugged}}, "", "the reader is gone", ErrGone},
		"held by another":    {pretended{readers: present, code: map[uint32]uint32{pcscdConnect: pcscInUse}}, "", "in use", ErrInUse},
		"not allowed":        {pretended{readers: present, code: map[uint32]uint32{pcscdConnect: pcscForbidden}}, "", "polkit", ErrGone},
		"not allowed at all": {pretended{readers: present, code: map[uint32]uint32{pcscdEstablish: 0x8010001d}}, "", "8010001D", nil},
		"another protocol":   {pretended{readers: present, code: map[uint32]uint32{pcscdVersion: 0x8010001d}}, "", "agree", nil},
		"no such reader":     {pretended{readers: func() []byte { return nil }}, "", "knows no reader", nil},
		"an answer too long": {pretended{readers: present, answer: make([]byte, 300)}, "", "300 bytes", ErrGone},
	} {
		l, err := pcscLineAt(t, c.p.listen(t), "acr122u")
		got := ""
		if err == nil {
			got, err = said(t, l)
			if err := l.Close(); err != nil {
				t.Errorf("%s: close: %v", name, err)
			}
		}
		if got != c.want || (c.want == "") != (err != nil) || err != nil && !strings.Contains(err.Error(), c.err) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A daemon that has ceased to answer does not hold up the closing of its line.
func TestPCSCDHangs(t *testing.T) {
	asked, release, calls := make(chan struct{}), make(chan struct{}), 0
	p := pretended{readers: func() []byte {
		if calls++; calls == 2 {
			close(asked)
			<-release
		}
		return description("ACR122U 00 00", 1, 2, nil)
	}}
	path := p.listen(t)
	defer close(release)
	l, err := pcscLineAt(t, path, "ACR*")
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	within(t, closeLimit, "close", func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Read(make([]byte, 8)); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestPCSCDNotThere(t *testing.T) {
	if _, err := dialPCSCD(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "package pcscd") {
		t.Errorf("no daemon: %v", err)
	}
}

func TestPCSCNames(t *testing.T) {
	for _, c := range []struct {
		name, reader string
		want         bool
	}{
		{"ACR122U", "ACS ACR122U PICC Interface 00 00", true}, {"acr122u", "ACS ACR122U PICC Interface 00 00", true},
		{"*", "any", true}, {"*00 01", "Virtual PCD 00 01", true}, {"*00 01", "Virtual PCD 00 00", false},
		{"ACR*", "ACS ACR122U", false}, {"[*", "any", false}, {"Omnikey", "ACS ACR122U", false},
	} {
		if got := pcscNamed(c.name, c.reader); got != c.want {
			t.Errorf("%q is %q: %t", c.name, c.reader, got)
		}
	}
}

// Whatever pcscd sends for a list, it is read without panic, and no name or ATR is longer than it may be.
func FuzzPCSCList(f *testing.F) {
	f.Add(append(description("ACS ACR122U PICC 00 00", 7, 0x34, []byte{0x3b, 0x81}), description("", 0, 0, nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range pcscList(b) {
			if len(r.name) == 0 || len(r.name) > pcscReaderName || len(r.atr) > pcscATR {
				t.Fatalf("%+v", r)
			}
		}
	})
}
