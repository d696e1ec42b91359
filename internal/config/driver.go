package config

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"quhao/drivers"
	"quhao/drivers/led"
	"quhao/drivers/usb"
)

// sorts says which kind of driver stands under which key of a device.
func sorts(key string) drivers.Kind {
	switch key {
	case "printer":
		return drivers.Printer
	case "card_reader", "scanner":
		return drivers.Card
	case "led":
		return drivers.LED
	}
	return drivers.Keypad // keypad and rater: both send key presses
}

// driver finds the driver of a peripheral and decodes its options with the decoder of everything else.
func (d *decoder) driver(o owned) {
	p, kind := o.p, sorts(o.key)
	if p.Driver == "" || !d.ok(&p.Driver) {
		return
	}
	spec, ok := drivers.Find(kind, p.Driver)
	if !ok {
		var known []string
		for _, s := range drivers.Table() {
			if s.Kind == kind {
				known = append(known, s.Name)
			}
		}
		slices.Sort(known)
		d.at(&p.Driver, "there is no driver %s for a %s; allowed: %s%s", show(p.Driver), o.key, either(known), didYouMean(p.Driver, known))
		return
	}
	options := spec.New()
	preset(options, d.raw[&p.Options])
	d.usual(&p.Port, spec, options)
	if n := d.raw[&p.Options]; n != nil {
		before := len(*d.mistakes)
		v := reflect.ValueOf(options)
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			d.at(&p.Options, "the driver %s has no options; remove them", p.Driver)
			return
		}
		d.value(n, v.Elem(), rule{name: "options"})
		if len(*d.mistakes) > before || !d.ok(v.Elem().Addr().Interface()) {
			d.bad[&p.Options] = true
			return
		}
	}
	d.judge(p, options)
	p.Options, p.Addr = options, address(options)
	if l, ok := options.(interface{ Lines() []string }); ok {
		p.Port.Lines = strings.Join(l.Lines(), " ")
	}
	if l, ok := options.(interface{ Rows() []string }); ok {
		p.Port.Rows = strings.Join(l.Rows(), " ")
	}
	if l, ok := options.(interface{ Lamps() []string }); ok {
		p.Port.Lamps = strings.Join(l.Lamps(), " ")
	}
}

// preset lets a driver with profiles set its options to the one that is named, before the single options are read.
func preset(options any, given *node) {
	p, ok := options.(interface{ Preset(name string) })
	if v := given.get("profile"); ok && v != nil && v.kind == scalar {
		p.Preset(v.text)
	}
}

// usual gives a serial line what its file does not say: the speed and the flow control that the driver's options, or
// else its line in the table, know to be usual.
func (d *decoder) usual(o *Port, spec drivers.Spec, options any) {
	if o.Serial == "" {
		return
	}
	baud, flow := spec.Baud, o.Flow
	if l, ok := options.(interface{ SerialLine() (int, string) }); ok {
		baud, flow = l.SerialLine()
	}
	if !d.given[&o.Baud] {
		o.Baud = cmp.Or(baud, 9600)
	}
	if !d.given[&o.Flow] {
		o.Flow = flow
	}
}

// judge asks the driver itself. Each of its errors is named at the option whose name it begins with.
func (d *decoder) judge(p *Peripheral, options any) {
	c, ok := options.(interface{ Check() error })
	if !ok {
		return
	}
	err := c.Check()
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // errors.Join
		all = joined.Unwrap()
	}
	d.bad[&p.Options] = true
	n := d.raw[&p.Options]
	for _, err := range all {
		at := d.places[&p.Driver]
		if n != nil {
			at = n.at
		}
		what := strings.ReplaceAll(err.Error(), "\n", "; ")
		for word := range strings.FieldsFuncSeq(what, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if v := n.get(word); v != nil {
				at = v.at
				break
			}
		}
		d.wrong(at, "driver %s: %s", p.Driver, what)
	}
}

// address is the value of the option addr, by which several units share one line; 0 if the driver has no such option.
func address(options any) int {
	v := reflect.Indirect(reflect.ValueOf(options))
	if v.Kind() != reflect.Struct {
		return 0
	}
	for f, field := range v.Fields() {
		if f.Tag.Get("yaml") == "addr" && field.CanInt() {
			return int(field.Int())
		}
	}
	return 0
}

// How Linux names devices.
var (
	// shifting matches the names that Linux hands out by order of plugging in.
	shifting = regexp.MustCompile(`^/dev/(tty(USB|ACM)|usb/lp|input/event)[0-9]+$`)
	chip     = regexp.MustCompile(`^/dev/spidev[0-9]+\.[0-9]+$`)
)

// port checks where a peripheral is connected.
func (d *decoder) port(own owned) {
	o := &own.p.Port
	if !d.given[o] || !d.ok(o, &o.Serial, &o.TCP, &o.LP, &o.Evdev, &o.GPIO, &o.SPI, &o.Wiegand, &o.PCSC) {
		return
	}
	keys, fields := o.kinds()
	switch {
	case len(keys) == 0:
		d.at(o, "port needs serial (a path such as /dev/serial/by-id/…), tcp (host:port), lp (usb:VENDOR:PRODUCT of a USB printer), evdev (a path in /dev/input/by-id), gpio (up, down or none), spi (/dev/spidev0.0), wiegand (up, down or none) or pcsc (a part of the name of a reader of pcscd)")
		return
	case len(keys) > 1:
		d.at(fields[1], "port has %s; a thing hangs on one line, so remove one", strings.Join(keys, " and "))
		return
	}
	if keys[0] != "serial" && (d.given[&o.Baud] || d.given[&o.Flow]) {
		d.at(fields[0], "baud and flow belong to a serial line; remove them")
	}
	d.place(o)
	d.suits(own, keys[0], fields[0])
	speeds := []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400}
	if d.given[&o.Baud] && d.ok(&o.Baud) && !slices.Contains(speeds, o.Baud) {
		words := make([]string, len(speeds))
		for i, s := range speeds {
			words[i] = strconv.Itoa(s)
		}
		d.at(&o.Baud, "baud must be %s, not %d", either(words), o.Baud)
	}
}

// place checks the name of the one place of a port.
func (d *decoder) place(o *Port) {
	for _, name := range []*string{&o.Serial, &o.LP, &o.Evdev} {
		if usb.Is(*name) {
			if _, err := usb.Parse(*name); err != nil {
				d.at(name, "%v", err)
			}
			return
		}
	}
	switch {
	case o.TCP != "":
		d.address(&o.TCP, "tcp")
	case shifting.MatchString(o.Serial):
		d.at(&o.Serial, "%s is another device after it was unplugged; write the lasting name from /dev/serial/by-id or /dev/serial/by-path", o.Serial)
	case o.Serial != "" && !filepath.IsAbs(o.Serial) && !filepath.IsLocal(o.Serial):
		d.at(&o.Serial, "serial must be an absolute path, or one inside the data folder of the device's program, not %s", show(o.Serial))
	case shifting.MatchString(o.LP):
		d.at(&o.LP, "%s is another printer after it was unplugged; write usb:VENDOR:PRODUCT, the two numbers that lsusb shows for it, or a lasting path such as /dev/quhao/printer", o.LP)
	case o.LP != "" && !filepath.IsAbs(o.LP):
		d.at(&o.LP, "lp must be usb:VENDOR:PRODUCT, the two numbers that lsusb shows for the printer, or an absolute path such as /dev/quhao/printer, not %s", show(o.LP))
	case shifting.MatchString(o.Evdev):
		d.at(&o.Evdev, "%s is another device after it was unplugged; write the lasting name from /dev/input/by-id or /dev/input/by-path", o.Evdev)
	case o.Evdev != "" && !filepath.IsAbs(o.Evdev) && !calledByName(o.Evdev):
		d.at(&o.Evdev, "evdev must be an absolute path, such as /dev/input/by-id/…-event-kbd, or usb:VENDOR:PRODUCT, or name: and what the thing calls itself, not %s", show(o.Evdev))
	case strings.TrimSpace(o.PCSC) != o.PCSC || len(o.PCSC) > 127:
		d.at(&o.PCSC, "pcsc must be a part of the reader's name as pcscd knows it, such as ACR122U, or a pattern with *, not %s", show(o.PCSC))
	case o.SPI != "" && !chip.MatchString(o.SPI):
		d.at(&o.SPI, "spi must be a path such as /dev/spidev0.0 (bus 0, chip select 0), not %s", show(o.SPI))
	}
}

// calledByName says whether an input device is named by what it calls itself.
func calledByName(evdev string) bool {
	called, ok := strings.CutPrefix(evdev, "name:")
	return ok && called != ""
}

// suits refuses a port that the driver cannot work on, and lines without names.
func (d *decoder) suits(own owned, key string, field *string) {
	p := own.p
	spec, ok := drivers.Find(sorts(own.key), p.Driver)
	if !ok || !d.ok(&p.Driver) {
		return
	}
	line := key == "serial" || key == "tcp" || key == "lp" && spec.Kind == drivers.Printer
	switch {
	case spec.Port == drivers.Line && spec.Kind == drivers.Printer && !line:
		d.at(field, "the driver %s needs a port with serial, tcp or lp, not %s", p.Driver, key)
	case spec.Port == drivers.Line && !line:
		d.at(field, "the driver %s needs a port with serial or tcp, not %s", p.Driver, key)
	case spec.Port != drivers.Line && string(spec.Port) != key:
		d.at(field, "the driver %s needs a port with %s, not %s", p.Driver, spec.Port, key)
	case spec.Port == drivers.GPIO && d.ok(&p.Options) && p.Port.Lines == "":
		d.at(field, "the options of the driver %s name no line; write one for each key, such as next: GPIO17", p.Driver)
	case spec.Port == drivers.Wiegand && d.ok(&p.Options) && p.Port.Lines == "":
		d.at(field, "the options of the driver %s do not name both lines; write d0: GPIO17 and d1: GPIO27, or where they are", p.Driver)
	}
}

// display asks the driver of a counter's display whether it can show what that counter will call.
func (d *decoder) display(p *Peripheral, c *Centre) {
	if p == nil || !d.ok(&p.Options, &p.Driver, &p.Counter) {
		return
	}
	fitter, ok := p.Options.(interface{ Fits(led.Show) error })
	counter := c.Counter(p.Counter)
	if !ok || counter == nil {
		return
	}
	for _, id := range counter.Departments {
		own := c.Department(id)
		if own == nil || !d.ok(&own.Prefix, &own.Series.First, &own.Series.Width, &own.Series.Limit, &own.Short, &own.Short.ZH) {
			continue
		}
		err := fitter.Fits(led.Show{Mode: led.Idle, Text: own.Short.ZH})
		for n := range own.numbers() {
			number := fmt.Sprintf("%s%0*d", own.Prefix, own.Series.Width, n)
			if err == nil {
				err = fitter.Fits(led.Show{Mode: led.Calling, Text: "请" + number + "号办理", Number: number})
			}
		}
		if err != nil {
			d.at(&p.Driver, "the display %s of counter %q cannot show department %q: %s", p.Driver, counter.ID, id, strings.ReplaceAll(err.Error(), "\n", "; "))
			return
		}
	}
}

// numbers yields the numbers to try on a display: all of a series that has at most four digits, because a display
// may keep one for a sign of its own, otherwise its ends; and the largest number that widening leads to.
func (d *Department) numbers() iter.Seq[int] {
	return func(yield func(int) bool) {
		s := d.Series
		for n := s.First; n <= s.Limit && s.Limit <= 9999; n++ {
			if !yield(n) {
				return
			}
		}
		if !yield(s.First) || !yield(s.Limit) {
			return
		}
		if s.AtLimit == AtLimitWiden {
			yield(int(math.Pow10(s.Width+1)) - 1)
		}
	}
}
