package port

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// wiegandEnd is the silence after which a card is whole. Bits come every 0.2 to 20 ms.
const wiegandEnd = 25 * time.Millisecond

// pulses are two GPIO lines of which one tells the edges of both, in the order in which the kernel saw them. Two lines
// that are waited for apart would tell them in the order in which the scheduler woke somebody up, and a byte of the
// card would be turned round now and then; the parity finds half of these.
type pulses interface {
	// WaitForEdge returns the number of the line that had an edge; the error is os.ErrDeadlineExceeded if there was none.
	WaitForEdge(timeout time.Duration) (number int, edge gpio.Edge, err error)
	Close() error
}

// openWiegand takes the two lines of a Wiegand reader by their names; both must belong to one chip of the board.
func openWiegand(_ context.Context, o Options) (*Line, error) {
	state, err := driverreg.Init()
	if err != nil {
		return nil, fmt.Errorf("start periph: %w", err)
	}
	names := strings.Fields(o.Wiegand)
	if len(names) != 2 {
		return nil, fmt.Errorf("wiegand needs the names of two lines, D0 and D1, and has %q", o.Wiegand)
	}
	for _, chip := range gpioioctl.Chips {
		d0, d1 := chip.ByName(names[0]), chip.ByName(names[1])
		if d0 == nil || d1 == nil {
			continue
		}
		// A pulse pulls the line to ground for 20 to 100 µs.
		set, err := chip.LineSet(gpioioctl.LineInput, gpio.FallingEdge, pullOf(o.Pull), names...)
		if errors.Is(err, unix.EBUSY) {
			err = ErrInUse
		}
		if err != nil {
			return nil, fmt.Errorf("lines %s and %s: %w", names[0], names[1], err)
		}
		return newWiegand(set, d0.Number(), d1.Number(), o), nil
	}
	return nil, fmt.Errorf("on one chip: %w", noLine(o.Wiegand, state))
}

// pullOf is periph's word for a pull.
func pullOf(pull string) gpio.Pull {
	switch pull {
	case Up:
		return gpio.PullUp
	case Down:
		return gpio.PullDown
	}
	return gpio.Float
}

// newWiegand makes a line of the two: it reads as text, "0" or "1" for each pulse and "\n" after 25 ms without any.
// It collects the bits of one card after another and hands each out whole: so whoever reads the line cannot be late for
// a pulse. What is longer than any card is handed out in pieces, without an end.
func newWiegand(set pulses, d0, d1 int, o Options) *Line {
	const longest = 128
	in := newSource(func(s *source) error {
		var bits []byte
		for s.ctx.Err() == nil {
			wait := wiegandEnd
			if len(bits) == 0 {
				wait = lookEvery
			}
			line, _, err := set.WaitForEdge(wait)
			silent := errors.Is(err, os.ErrDeadlineExceeded)
			switch {
			case silent && len(bits) > 0:
				bits = append(bits, '\n')
			case err != nil && !silent:
				return err
			case err == nil && line == d0:
				bits = append(bits, '0')
			case err == nil && line == d1:
				bits = append(bits, '1')
			}
			if silent && len(bits) > 0 || len(bits) >= longest {
				s.say(string(bits))
				bits = bits[:0]
			}
		}
		return nil
	}, set.Close)
	return &Line{name: o.Wiegand, in: in, out: mute{}, stuck: o.StuckAfter}
}
