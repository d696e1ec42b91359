package station

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"quhao/drivers/port"
)

const (
	maxTrace   = 8 << 20 // bytes of a trace's file; with the one before it there are never more than twice as many
	traceWidth = 32      // bytes shown in one line
)

// Trace writes what goes over a device's lines, for somebody who looks for a fault: when, which part, > to it or < from it,
// the bytes in hex and as text.
//
//	19:04:02.123456 printer > 10 04 01  |...|
//
// A nil Trace writes nothing. It is safe for concurrent use.
type Trace struct {
	now func() time.Time

	mu   sync.Mutex
	out  io.Writer
	path string // of the file; empty if it is none
	file *os.File
	size int64
	err  error // the first one: nothing is written after it
}

// OpenTrace opens the trace that -trace asks for: nil for an empty path, out for "-", and otherwise a file to which it
// adds. A file of 8 MiB is renamed to FILE.1, in the place of an older one, and begun anew.
func OpenTrace(path string, out io.Writer) (*Trace, error) {
	t := &Trace{now: time.Now, out: out}
	switch path {
	case "":
		return nil, nil
	case "-":
		return t, nil
	}
	t.path = path
	if err := t.begin(); err != nil {
		return nil, err
	}
	return t, nil
}

// begin opens the file. Only its owner may read it.
func (t *Trace) begin() error {
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("trace: %w", err), f.Close())
	}
	t.file, t.out, t.size = f, f, info.Size()
	return nil
}

// Of returns what hears a part's line.
func (t *Trace) Of(part string) port.Tracer {
	if t == nil {
		return nil
	}
	return traced{t: t, part: part}
}

// OfCards returns what hears the line of a card reader: it writes how many bytes came and not which, because they are
// people's cards.
func (t *Trace) OfCards(part string) port.Tracer {
	if t == nil {
		return nil
	}
	return traced{t: t, part: part, secret: true}
}

// traced is the trace of one part.
type traced struct {
	t      *Trace
	part   string
	secret bool
}

// Trace implements port.Tracer.
func (p traced) Trace(out bool, b []byte) {
	way := '<'
	if out {
		way = '>'
	}
	stamp := p.t.now().Format("15:04:05.000000")
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.secret {
		p.t.write(fmt.Appendf(nil, "%s %s %c %d bytes, not shown: a card's number\n", stamp, p.part, way, len(b)))
		return
	}
	for len(b) > 0 {
		n := min(len(b), traceWidth)
		p.t.write(fmt.Appendf(nil, "%s %s %c % x  |%s|\n", stamp, p.part, way, b[:n], readable(b[:n])))
		b = b[n:]
	}
}

// readable is the text in bytes, a point for what is none.
func readable(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return out
}

// write writes a line, in a new file if the old one is full. t.mu is held.
func (t *Trace) write(line []byte) {
	if t.err != nil {
		return
	}
	if t.file != nil && t.size+int64(len(line)) > maxTrace {
		if t.err = errors.Join(t.file.Close(), os.Rename(t.path, t.path+".1")); t.err == nil {
			t.err = t.begin()
		}
	}
	if t.err == nil {
		_, t.err = t.out.Write(line)
		t.size += int64(len(line))
	}
}

// Close closes the file and returns the first error that there was: a trace that cannot be written keeps nothing from working.
func (t *Trace) Close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return t.err
	}
	return errors.Join(t.err, t.file.Close())
}
