//go:build hwtest

package hwtest

import (
	"fmt"
	"testing"
	"time"
)

// figures are what was done and seen.
type figures struct {
	pressed, seen, spikes, late int
	typed, read                 int
	scanned, ghosts             int // presses on the matrix, and of three keys at once
	unsteady                    int
	wiegand, bits               int
	pulse                       time.Duration // the shortest time from bit to bit
	stuck                       int
	taps, tickets, called       int
	halves, plugs               int
	found                       time.Duration // the longest time until the printer was found again
	class                       classFigures
}

// String is the line that is printed at the end.
func (f figures) String() string {
	return fmt.Sprintf(`
GPIO keys: presses made %d, seen %d, among %d spikes (sequences played too late and left out: %d)
matrix keypad: presses made and seen %d, three at once %d (sequences played too unsteadily and left out: %d)
Wiegand: cards sent and read %d (%d bits, the fastest one each %v)
wedge: cards typed %d, read %d
hall: taps %d, tickets printed %d, called on the LED %d
USB serial printer: unplugged in the middle of a ticket %d, unplug cycles %d, found again within %v
%v
stuck keys told of %d`,
		f.pressed, f.seen, f.spikes, f.late, f.scanned, f.ghosts, f.unsteady, f.wiegand, f.bits, f.pulse, f.typed, f.read, f.taps, f.tickets, f.called, f.halves, f.plugs, f.found.Round(time.Millisecond), f.class, f.stuck)
}

// adapters are the serial adapters by the names of their sockets; the serial number is the name in capitals.
func adapters() []string { return []string{"printer", "led", "other"} }

// lines are the GPIO lines of the machine.
func gpioLines() []string {
	return []string{"NEXT", "START", "COMPLETE", "RATE1", "RATE2", "RATE3", "RATE4", "RATE5", "CHOOSE", "D0", "D1"}
}

// TestHardware tries all of it on one machine, one after the other.
func TestHardware(t *testing.T) {
	m := boot(t)
	m.must("Lines", gpioLines(), &struct{}{})
	var f figures
	for _, part := range []struct {
		name string
		test func(*testing.T, *machine, *figures)
	}{
		{"keys", testKeys}, {"matrix", testMatrix}, {"wiegand", testWiegand}, {"wedge", testWedge}, {"hall", testVisits}, {"usblp", testUSBPrinter},
	} {
		t.Run(part.name, func(t *testing.T) {
			m.t = t
			part.test(t, m, &f)
		})
		m.t = t
	}
	t.Log(f)
}
