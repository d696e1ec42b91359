package port

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"time"
)

// The kinds of flow control.
const (
	NoFlow  = "none"
	RTSCTS  = "rtscts"  // the device stops us by CTS, as a printer without paper does
	XONXOFF = "xonxoff" // the device stops us by the byte 13 and lets us go on by 11: for lines of text and printers only
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
	maxLines          = 64
)

// The pulls of GPIO lines.
const (
	Up     = "up"   // the key connects the line to ground
	Down   = "down" // the key connects the line to 3.3 V
	NoPull = "none" // there is a resistor already
)

// Options say where a device is connected. Exactly one of Serial, TCP, LP, Evdev, GPIO, SPI, Wiegand
// and PCSC is set.
//
// A virtual twin is reached like the real thing: by the path of its pty as Serial, or by its socket as TCP.
type Options struct {
	// Serial is the path of a tty, or a name that Find understands, such as usb:1a86:7523. Prefer /dev/serial/by-id/… or
	// such a name, which stays the same when an adapter is plugged in again; /dev/ttyUSB0 may then be ttyUSB1.
	Serial string `yaml:"serial"`
	// Baud is the speed in bits a second, one of the usual rates from 300 to 921600. 0 means the driver's usual speed.
	Baud int `yaml:"baud"`
	// Parity is none (the default), even or odd. There are always eight data bits and one stop bit.
	Parity string `yaml:"parity"`
	// Flow is none (the default), rtscts or xonxoff.
	Flow string `yaml:"flow"`
	// TCP is host:port of a device or a serial server on the network.
	TCP string `yaml:"tcp"`
	// LP is a printer of the USB printer class: a path such as /dev/usb/lp0, or a name that Find understands.
	LP string `yaml:"lp"`
	// Evdev is the path of an input device: /dev/input/by-id/…-event-kbd, which stays the same when it is
	// plugged in again; or a name that Find understands. What is read are records of package evdev.
	Evdev string `yaml:"evdev"`
	// GPIO are the names of lines, such as GPIO17, with spaces between; at most 64. What is read are lines of text.
	GPIO string `yaml:"gpio"`
	// Rows are the names of the lines of a matrix's rows; GPIO are its columns then, 1 to 16 each.
	Rows string `yaml:"-"`
	// Lamps are the names of lines that are written, in the words in which those of GPIO are read.
	Lamps string `yaml:"-"`
	// Wiegand are the names of the lines D0 and D1 of a Wiegand reader, with a space between.
	Wiegand string `yaml:"wiegand"`
	// PCSC is the name of a reader of pcscd: a part of it, or a pattern in which * stands for anything.
	PCSC string `yaml:"pcsc"`
	// Pull is none (the default), up or down, for all lines of GPIO or Wiegand.
	Pull string `yaml:"pull"`
	// SPI is the path of a chip select: /dev/spidev0.0. What is written are transactions, each with its length.
	SPI string `yaml:"spi"`
	// StuckAfter is how long a write may make no progress before it fails with ErrStuck,
	// 100 ms to 1 min; 0 means 5 s.
	StuckAfter time.Duration `yaml:"stuck_after"`

	// Trace hears what goes over the line; nil for nobody.
	Trace Tracer `yaml:"-"`
	// Sys is where things are looked for by name; nil is the machine's own /sys. For tests.
	Sys fs.FS `yaml:"-"`
}

// Tracer hears the bytes of a line as they go: those written before they are, those read after they were.
// It is called by the line's reader and writers, at the same time, and must not keep p.
type Tracer interface{ Trace(out bool, p []byte) }

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
	switch kinds := o.kinds(); len(kinds) {
	case 0:
		bad("neither serial nor tcp, lp, evdev, gpio, spi, wiegand or pcsc is given")
	case 1:
	default:
		bad("%s are both given: only one is possible", strings.Join(kinds, " and "))
	}
	if o.TCP != "" {
		if host, port, err := net.SplitHostPort(o.TCP); err != nil || host == "" || port == "" {
			bad("tcp %q: must be host:port", o.TCP)
		}
	}
	for kind, name := range map[string]string{KindSerial: o.Serial, KindLP: o.LP, KindEvdev: o.Evdev} {
		if err := checkName(kind, name); err != nil {
			bad("%s %w", kind, err)
		}
	}
	if o.Serial == "" && (o.Baud != 0 || o.Parity != "" || o.Flow != "") {
		bad("baud, parity and flow have no meaning but with serial")
	}
	if names := strings.Fields(o.GPIO); len(names) > maxLines {
		bad("gpio: %d lines, allowed are %d", len(names), maxLines)
	}
	if o.Pull != "" && o.GPIO == "" && o.Wiegand == "" {
		bad("pull has no meaning but with gpio and wiegand")
	}
	if !slices.Contains([]string{"", NoPull, Up, Down}, o.Pull) {
		bad("pull %q: must be none, up or down", o.Pull)
	}
	if o.Baud != 0 && !slices.Contains(rates(), o.Baud) {
		bad("baud %d: must be one of %v", o.Baud, rates())
	}
	if !slices.Contains([]string{"", NoParity, Even, Odd}, o.Parity) {
		bad("parity %q: must be none, even or odd", o.Parity)
	}
	if !slices.Contains([]string{"", NoFlow, RTSCTS, XONXOFF}, o.Flow) {
		bad("flow %q: must be none, rtscts or xonxoff", o.Flow)
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

// kinds are the names of what is set of Serial, TCP, LP, Evdev, GPIO and SPI.
func (o Options) kinds() []string {
	var out []string
	for _, k := range []struct{ name, value string }{
		{"serial", o.Serial}, {"tcp", o.TCP}, {"lp", o.LP}, {"evdev", o.Evdev}, {"gpio", o.GPIO}, {"spi", o.SPI},
		{"wiegand", o.Wiegand}, {"pcsc", o.PCSC},
	} {
		if k.value != "" {
			out = append(out, k.name)
		}
	}
	return out
}

// name is what errors call the line.
func (o Options) name() string {
	return cmp.Or(o.TCP, o.Serial, o.LP, o.Evdev, o.GPIO, o.SPI, o.Wiegand, o.PCSC)
}
