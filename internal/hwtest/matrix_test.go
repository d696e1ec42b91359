//go:build hwtest

package hwtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scans is how long a port of drivers/port needs for a change of a matrix keypad: three scans in 10 ms each, and one more.
const scans = 60 * time.Millisecond

// steady moves lines, and says whether the keypad was scanned often enough meanwhile for what it did to count: on a busy
// host the machine can sleep through most of a press.
func (m *machine) steady(steps []Step) bool {
	m.t.Helper()
	var p Played
	m.must("Play", steps, &p)
	return max(p.Late, p.Stall) < scans/3
}

// touched are the lines that steps move, each once.
func touched(steps []Step) (lines []string) {
	for _, s := range steps {
		lines = append(lines, s.Line)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// testMatrix presses every key of a matrix keypad several times with bounce, and then three on the corners of a
// rectangle, which look like four on its wires.
func testMatrix(t *testing.T, m *machine, f *figures) {
	pad := m.listen(Reader{Kind: "keypad", Driver: "matrix", Port: "{pull: up}", Options: `
rows: [ROW1, ROW2, ROW3, ROW4]
columns: [COL1, COL2, COL3, COL4]
keys: ["choose:1 choose:2 choose:3 choose:4", "choose:5 choose:6 choose:7 choose:8",
  "choose:9 choose:10 choose:11 choose:12", "choose:13 choose:14 choose:15 choose:16"]`})
	r := rand.New(rand.NewPCG(5, 6))
	var want []string
	played := func(steps []Step) bool {
		if m.steady(steps) {
			return true
		}
		if f.unsteady++; f.unsteady > presses {
			m.fatal("the machine is too slow: %d sequences were played unsteadily", f.unsteady)
		}
		want = m.quiet(pad, touched(steps))
		return false
	}
	for f.scanned < 3*MatrixSize*MatrixSize {
		key := f.scanned % (MatrixSize * MatrixSize)
		line := MatrixKey(key/MatrixSize+1, key%MatrixSize+1)
		if !played(append(bounces(r, line, false, scans), bounces(r, line, true, scans)...)) {
			continue
		}
		want = append(want, fmt.Sprintf("choose %d", key+1))
		pad.until("the press of "+line, func(string) bool { return len(pad.lines("key")) >= len(want) })
		if got := pad.lines("key"); !slices.Equal(got, want) {
			m.fatal("pressed %v, seen %v", want, got)
		}
		f.scanned++
	}
	for f.ghosts < 4 {
		a, b, c := MatrixKey(1, 1), MatrixKey(1, 3), MatrixKey(3, 1) // the ghost is in row 3, column 3: 11
		if !played([]Step{{a, false, scans}, {b, false, scans}, {c, false, 2 * scans}, {c, true, scans}, {b, true, scans}, {a, true, 5 * scans}}) {
			continue
		}
		want = append(want, "choose 1", "choose 3")
		f.ghosts++
	}
	for !played([]Step{{MatrixKey(4, 4), false, scans}, {MatrixKey(4, 4), true, scans}}) {
	}
	want = append(want, "choose 16")
	pad.until("the last key", func(string) bool { return len(pad.lines("key")) >= len(want) })
	if got := pad.lines("key"); !slices.Equal(got, want) {
		t.Errorf("three keys at once: pressed %v, seen %v", want, got)
	}
	if bad := pad.lines("bad:"); len(bad) > 0 {
		t.Errorf("not understood: %q", bad)
	}
	var shorts string
	m.must("Read", "/sys/devices/platform/matrix-sim/shorts", &shorts)
	if strings.TrimSpace(shorts) != "0" {
		t.Errorf("lines were driven against each other %s times", shorts)
	}
	pad.end(syscall.SIGTERM)
}
