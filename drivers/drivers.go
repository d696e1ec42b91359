// Package drivers is the one table of all device drivers: their names, kinds and options with defaults.
//
// Reading the table imports no hardware, so the controller checks every device file with it.
package drivers

// Kind is the kind of a peripheral.
type Kind string

// The kinds of peripherals.
const (
	Printer Kind = "printer"
	Card    Kind = "card"
	LED     Kind = "led"
	Keypad  Kind = "keypad"
)

// PortKind is a kind of port that only some drivers can work on; most take any line of bytes.
type PortKind string

// The kinds of ports, as the keys of port: in YAML.
const (
	Line  PortKind = ""      // serial or tcp
	Evdev PortKind = "evdev" // an input device of Linux
	GPIO  PortKind = "gpio"  // GPIO lines; the driver's options name them: Lines() []string
	SPI   PortKind = "spi"   // a chip select of an SPI bus

	Wiegand PortKind = "wiegand" // two GPIO lines with pulses; the driver's options name them: Lines() []string
	PCSC    PortKind = "pcsc"    // a reader of pcscd
)

// Spec describes one driver: one line of the table.
type Spec struct {
	Kind Kind
	Name string // as written in YAML: driver: escpos
	Doc  string // one sentence for the administrator
	Baud int    // usual speed of its serial line; 0 if it has none
	// New returns a pointer to the driver's options with their defaults filled in.
	// The struct's yaml tags are the option names; if it has a method Check() error, that judges them.
	// The value is a card.Driver or card.Chip, keypad.Driver, led.Driver or printer.Driver, after Kind.
	New func() any
	// Port is what it has to be connected to.
	Port PortKind
}

// Find returns the driver of that kind and name.
func Find(kind Kind, name string) (Spec, bool) {
	for _, s := range Table() {
		if s.Kind == kind && s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}
