package port

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// keyMatrix is a keypad as it is wired: a key that is down connects its row and its column, pulls lift what nobody drives.
type keyMatrix struct {
	rows, columns int
	start         time.Time
	script        []press

	mu     sync.Mutex
	driven map[int]gpio.Level // rows that are driven
	clash  bool               // two rows were driven against each other
	closed int
}

// press is a key that is down from one time to another, since the start.
type press struct {
	row, column int
	from, until time.Duration
}

// joined says which rows a column is connected with, through all keys that are down: current finds every way.
func (b *keyMatrix) joined(column int) (rows []int) {
	now := time.Since(b.start)
	columns := []int{column}
	for i := 0; i < len(columns); i++ {
		for _, p := range b.script {
			if p.column != columns[i] || now < p.from || now >= p.until || slices.Contains(rows, p.row) {
				continue
			}
			rows = append(rows, p.row)
			for _, q := range b.script {
				if q.row == p.row && now >= q.from && now < q.until && !slices.Contains(columns, q.column) {
					columns = append(columns, q.column)
				}
			}
		}
	}
	return rows
}

// wireOf is a line of the board.
type wireOf struct {
	*keyMatrix
	row, column int // the other is -1
}

func (w *wireOf) Name() string                   { return fmt.Sprintf("R%dC%d", w.row, w.column) }
func (w *wireOf) WaitForEdge(time.Duration) bool { panic("a matrix is scanned") }
func (w *wireOf) Close()                         { w.mu.Lock(); w.closed++; w.mu.Unlock() }

func (w *wireOf) In(gpio.Pull, gpio.Edge) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.driven, w.row)
	return nil
}

func (w *wireOf) Out(level gpio.Level) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.driven[w.row] = level
	for _, other := range w.driven {
		w.clash = w.clash || other != level
	}
	return nil
}

func (w *wireOf) Read() gpio.Level {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range w.joined(w.column) {
		if level, ok := w.driven[row]; ok {
			return level
		}
	}
	return gpio.High // the pull
}

// scanned is what a keypad of that script tells within so long.
func scanned(t *testing.T, rows, columns int, long time.Duration, script ...press) string {
	t.Helper()
	b := &keyMatrix{rows: rows, columns: columns, start: time.Now(), script: script, driven: map[int]gpio.Level{}}
	find := func(name string) (contact, error) {
		w := &wireOf{b, -1, -1}
		if n, err := fmt.Sscanf(name, "r%d", &w.row); n == 1 && err == nil {
			return w, nil
		}
		_, err := fmt.Sscanf(name, "c%d", &w.column)
		return w, err
	}
	names := func(kind string, n int) (out string) {
		for i := range n {
			out += fmt.Sprintf("%s%d ", kind, i)
		}
		return out
	}
	l, err := newMatrix(Options{GPIO: names("c", columns), Rows: names("r", rows), Pull: Up}, find)
	if err != nil {
		t.Fatal(err)
	}
	got := heard(t, l, long)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if b.clash || b.closed != rows+columns {
		t.Errorf("rows were driven against each other: %t; %d lines given back of %d", b.clash, b.closed, rows+columns)
	}
	return got
}

func TestMatrix(t *testing.T) {
	s, ms := time.Second, time.Millisecond
	for _, c := range []struct {
		name   string
		script []press
		want   string
	}{
		{"nothing", nil, ""},
		{"one key", []press{{1, 2, s, 2 * s}}, "r2 c3 down\nr2 c3 up\n"},
		{"held from the start", []press{{0, 0, 0, s}, {0, 0, 2 * s, 3 * s}}, "r1 c1 up\nr1 c1 down\nr1 c1 up\n"},
		{"a spark", []press{{0, 0, s, s + 15*ms}}, ""},
		{"bounce", []press{{0, 1, s, s + 3*ms}, {0, 1, s + 5*ms, s + 6*ms}, {0, 1, s + 8*ms, 2 * s}}, "r1 c2 down\nr1 c2 up\n"},
		{"two keys in one row", []press{{0, 0, s, 3 * s}, {0, 1, 2 * s, 3 * s}}, "r1 c1 down\nr1 c2 down\nr1 c1 up\nr1 c2 up\n"},
		{"two keys in one column", []press{{0, 0, s, 3 * s}, {1, 0, 2 * s, 3 * s}}, "r1 c1 down\nr2 c1 down\nr1 c1 up\nr2 c1 up\n"},
		{"three on the corners: the fourth is a ghost", []press{{0, 0, s, 4 * s}, {0, 1, s, 4 * s}, {1, 0, 2 * s, 3 * s}}, "r1 c1 down\nr1 c2 down\nr1 c1 up\nr1 c2 up\n"},
		{"three that are no rectangle", []press{{0, 0, s, 2 * s}, {1, 1, s, 2 * s}, {2, 2, s, 2 * s}}, "r1 c1 down\nr2 c2 down\nr3 c3 down\nr1 c1 up\nr2 c2 up\nr3 c3 up\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := scanned(t, 3, 3, 5*s, c.script...); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		})
	}
}

// A keypad of a single row, with the pull down, and lines that are not to be had.
func TestMatrixLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := scanned(t, 1, 16, 2*time.Second, press{0, 15, time.Second, time.Hour}); got != "r1 c16 down\n" {
			t.Errorf("%q", got)
		}
	})
	none := func(string) (contact, error) { return nil, os.ErrNotExist }
	if _, err := newMatrix(Options{GPIO: "a", Rows: "b"}, none); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "line a") {
		t.Error(err)
	}
	readOnly := func(name string) (contact, error) { return &silent{name: name}, nil }
	if _, err := newMatrix(Options{GPIO: "a", Rows: "b"}, readOnly); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "line b") {
		t.Error(err)
	}
}

// silent is a line that can only be read.
type silent struct {
	name   string
	closed bool
}

func (s *silent) Name() string                   { return s.name }
func (s *silent) In(gpio.Pull, gpio.Edge) error  { return nil }
func (s *silent) Read() gpio.Level               { return gpio.High }
func (s *silent) WaitForEdge(time.Duration) bool { return false }
func (s *silent) Close()                         { s.closed = true }

// bulb is a line that is written.
type bulb struct {
	silent
	level gpio.Level
	err   error
}

func (b *bulb) Out(l gpio.Level) error { b.level = l; return b.err }

func TestLamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, lamp := &scripted{name: "K", start: time.Now(), first: gpio.High}, &bulb{silent: silent{name: "L"}}
		find := func(name string) (contact, error) {
			if name == "L" {
				return lamp, nil
			}
			return key, nil
		}
		l, err := newGPIO(Options{GPIO: "K", Lamps: "L", StuckAfter: time.Second}, find)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			word string
			want gpio.Level
		}{{"L high\n", gpio.High}, {"L low\nL high\nL low\n", gpio.Low}, {"L hi", gpio.Low}, {"gh\n", gpio.High}} {
			if _, err := l.Write([]byte(c.word)); err != nil || lamp.level != c.want {
				t.Errorf("after %q it is %v: %v", c.word, lamp.level, err)
			}
		}
		for _, bad := range []string{"M high\n", "L bright\n", strings.Repeat("x", 65)} {
			if _, err := (&lamps{all: map[string]pin{"L": lamp}}).Write([]byte(bad)); err == nil {
				t.Errorf("%q was taken", bad)
			}
		}
		lamp.err = os.ErrPermission
		if _, err := l.Write([]byte("L low\n")); err == nil {
			t.Error("a line that cannot be set")
		}
		if err := l.Close(); err != nil || !lamp.closed || !key.closed {
			t.Errorf("close: %v; given back: lamp %t, key %t", err, lamp.closed, key.closed)
		}
	})
}
