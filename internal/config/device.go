package config

// The kinds of devices.
const (
	Kiosk       = "kiosk"   // 取号机: takes taps and keys, prints tickets
	CounterUnit = "counter" // 窗口: shows, calls and rates for one or more counters
)

// Device is a file devices/<id>.yaml, with what its profile adds.
type Device struct {
	Version int    `yaml:"version" must:"the first line of every configuration file is version: 1"`
	ID      string `yaml:"id" must:"every device needs an id, the name of its file" form:"device"`
	Profile string `yaml:"profile" form:"id"` // name of a file in profiles/ whose keys this device takes over; empty for none
	Kind    string `yaml:"kind" must:"kiosk or counter" oneof:"kiosk counter"`
	Place   Text   `yaml:"place"` // where it stands
	Owner   string `yaml:"owner"` // who looks after it (regulation, articles 42 to 45)

	// Of a kiosk.
	Hall   string `yaml:"hall"`                                 // id of its hall; required for a kiosk
	Letter string `yaml:"letter" form:"kiosk"`                  // marks the numbers it issues while cut off; required for a kiosk
	Card   string `yaml:"card" oneof:"required optional never"` // default: the department's rule
	Lang   string `yaml:"lang" oneof:"zh en"`                   // language of the ticket; default zh
	Keys   []Key  `yaml:"keys" count:"1..99"`

	// Of a counter unit.
	Counters []string `yaml:"counters" count:"1..16"`

	Printer    *Peripheral   `yaml:"printer"`
	CardReader *Peripheral   `yaml:"card_reader"`
	Scanner    *Peripheral   `yaml:"scanner"` // of a kiosk: a second reader, of campus codes, beside the one of cards
	LED        []*Peripheral `yaml:"led" one:"yes" count:"1..16"`
	Keypad     []*Peripheral `yaml:"keypad" one:"yes" count:"1..16"` // call keys of a counter, department keys of a kiosk
	Rater      []*Peripheral `yaml:"rater" one:"yes" count:"1..16"`
}

func (d *Device) defaults() { d.Lang = "zh" }

// Key is a key of a kiosk: the department, and perhaps the item, that it stands for.
type Key struct {
	Key        int    `yaml:"key" must:"the number of the key, as the keypad sends it" range:"1..99"`
	Department string `yaml:"department" must:"the department that the key stands for"`
	Item       string `yaml:"item"` // empty: the department as a whole
}

// Peripheral is one thing on a wire: its driver, its line, its options.
//
// A unit with several counters has a list of them, each with its counter. Several may share one line (RS-485)
// if their driver has the option addr and each has its own.
type Peripheral struct {
	Counter string  `yaml:"counter"` // which counter it belongs to; default the unit's only one; empty on a kiosk
	Driver  string  `yaml:"driver" must:"the name of the driver"`
	Port    Port    `yaml:"port" must:"where it is connected: serial, tcp, lp, evdev, gpio, spi, wiegand or pcsc"`
	Options any     `yaml:"options"` // what the driver's New returned, filled from the file: a card.Driver, keypad.Driver, led.Driver or printer.Driver
	Effects Effects `yaml:"effects"` // of a led: how a call is shown, and how bright
	Addr    int     `yaml:"-"`       // its address on a shared line: the driver's option addr; 0 if the driver has none
}

// Port is where a peripheral is connected. Exactly one of Serial, TCP, LP, Evdev, GPIO, SPI, Wiegand and PCSC is set,
// and the driver says which of them it can work on.
type Port struct {
	Serial string `yaml:"serial"` // a tty: an absolute path, one relative to the data folder of the device's program, or usb:VENDOR:PRODUCT as in package usb
	Baud   int    `yaml:"baud"`   // of a serial line; default the driver's usual speed
	Flow   string `yaml:"flow" oneof:"none rtscts xonxoff"`
	TCP    string `yaml:"tcp"`                       // host:port of a terminal server or a network printer
	LP     string `yaml:"lp"`                        // a printer of the USB printer class: usb:VENDOR:PRODUCT as in package usb, or an absolute path
	Evdev  string `yaml:"evdev"`                     // a thing that poses as a keyboard: its path in /dev/input/by-id or by-path, usb:VENDOR:PRODUCT, or name: and what it calls itself
	GPIO   string `yaml:"gpio" oneof:"up down none"` // lines of the board, which the driver's options name: what pulls them
	SPI    string `yaml:"spi"`                       // a chip select: /dev/spidev0.0

	Wiegand string `yaml:"wiegand" oneof:"up down none"` // two lines of the board, d0 and d1 of the driver's options: what pulls them
	PCSC    string `yaml:"pcsc"`                         // a reader of pcscd: a part of its name, or a pattern with *

	// From the driver's options, names of GPIO lines with spaces between: those that are read, the rows of a matrix,
	// and the lamps.
	Lines string `yaml:"-"`
	Rows  string `yaml:"-"`
	Lamps string `yaml:"-"`
}

func (p *Port) defaults() { p.Flow = "none" }

// kinds lists the keys of the places that a port names, with their fields.
func (p *Port) kinds() (keys []string, fields []*string) {
	for _, k := range []struct {
		key   string
		field *string
	}{{"serial", &p.Serial}, {"tcp", &p.TCP}, {"lp", &p.LP}, {"evdev", &p.Evdev}, {"gpio", &p.GPIO}, {"spi", &p.SPI}, {"wiegand", &p.Wiegand}, {"pcsc", &p.PCSC}} {
		if *k.field != "" {
			keys, fields = append(keys, k.key), append(fields, k.field)
		}
	}
	return keys, fields
}
