package port

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// The kinds of flow control.
const (
	NoFlow = "none"
	RTSCTS = "rtscts" // the device stops us by CTS, as a printer without paper does
)

// The parities.
const (
	NoParity = "none"
	Even     = "even"
	Odd      = "odd"
)

// The bounds and defaults of Options.
const (
	defaultBaud       = 9600
	defaultStuckAfter = 5 * time.Second
	minStuckAfter     = 100 * time.Millisecond
	maxStuckAfter     = time.Minute
)

// Options say where a device is connected. Exactly one of Serial and TCP is set.
//
// A virtual twin is reached like the real thing: by the path of its pty as Serial, or by its socket as TCP.
type Options struct {
	// Serial is the path of a tty. Prefer /dev/serial/by-id/…, which stays the same when an adapter
	// is plugged in again; /dev/ttyUSB0 may then be ttyUSB1.
	Serial string `yaml:"serial"`
	// Baud is the speed in bits a second, one of the usual rates from 300 to 921600. 0 means the driver's usual speed.
	Baud int `yaml:"baud"`
	// Parity is none (the default), even or odd. There are always eight data bits and one stop bit.
	Parity string `yaml:"parity"`
	// Flow is none (the default) or rtscts.
	Flow string `yaml:"flow"`
	// TCP is host:port of a device or a serial server on the network.
	TCP string `yaml:"tcp"`
	// StuckAfter is how long a write may make no progress before it fails with ErrStuck,
	// 100 ms to 1 min; 0 means 5 s.
	StuckAfter time.Duration `yaml:"stuck_after"`
}

// WithBaud returns o with the driver's usual speed filled in if o is a serial line that names none.
func (o Options) WithBaud(usual int) Options {
	if o.Serial != "" && o.Baud == 0 {
		o.Baud = usual
	}
	return o
}

// Check judges the options without touching anything; it names every mistake.
func (o Options) Check() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	switch {
	case o.Serial == "" && o.TCP == "":
		bad("neither serial nor tcp is given")
	case o.Serial != "" && o.TCP != "":
		bad("serial and tcp are both given: only one is possible")
	case o.TCP != "":
		if host, port, err := net.SplitHostPort(o.TCP); err != nil || host == "" || port == "" {
			bad("tcp %q: must be host:port", o.TCP)
		}
		if o.Baud != 0 || o.Parity != "" || o.Flow != "" {
			bad("baud, parity and flow have no meaning with tcp")
		}
	}
	if o.Baud != 0 && !slices.Contains(rates(), o.Baud) {
		bad("baud %d: must be one of %v", o.Baud, rates())
	}
	if !slices.Contains([]string{"", NoParity, Even, Odd}, o.Parity) {
		bad("parity %q: must be none, even or odd", o.Parity)
	}
	if !slices.Contains([]string{"", NoFlow, RTSCTS}, o.Flow) {
		bad("flow %q: must be none or rtscts", o.Flow)
	}
	if o.StuckAfter != 0 && (o.StuckAfter < minStuckAfter || o.StuckAfter > maxStuckAfter) {
		bad("stuck_after %v: must be %v to %v", o.StuckAfter, minStuckAfter, maxStuckAfter)
	}
	return errors.Join(errs...)
}

// rates are the speeds that devices of a counter are sold with; tarm/serial refuses any odd one.
func rates() []int {
	return []int{300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}
}

// name is what errors call the line.
func (o Options) name() string {
	if o.TCP != "" {
		return o.TCP
	}
	return o.Serial
}
