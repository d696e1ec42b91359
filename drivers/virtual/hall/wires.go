package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"quhao/drivers/led"
	"quhao/drivers/printer"
	"quhao/drivers/virtual"
	"quhao/internal/config"
)

// wire is one cable of the hall with the twin at its far end.
type wire struct {
	*virtual.Cable
	twin virtual.Server
	dev  string // the device it belongs to
	part string // printer, card, keypad or led
}

// kiosk is a kiosk as a visitor finds it: a place for the card, keys, and the slot the paper comes out of.
type kiosk struct {
	id     string
	place  words
	choose []config.Key
	card   reader // nil without one
	keys   *virtual.Typist
	paper  *virtual.Printer // nil if the printer cannot run out of paper
	window string           // host:port of its state page

	mu        sync.Mutex
	out, open bool // the paper is out, the cover is open
}

// setOut takes the paper out, or puts it in. Only for a kiosk with a paper that can run out.
func (k *kiosk) setOut(out bool) {
	k.mu.Lock()
	k.out = out
	k.mu.Unlock()
	k.paper.SetOut(out)
}

// setCover opens or closes the printer. Only for a kiosk with a paper that can run out.
func (k *kiosk) setCover(open bool) {
	k.mu.Lock()
	k.open = open
	k.mu.Unlock()
	k.paper.SetCover(open)
}

// hatch says whether the paper is out and whether the printer is open.
func (k *kiosk) hatch() (out, open bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.out, k.open
}

// counterUnit is a counter as officer and visitor find it.
type counterUnit struct {
	id      string
	counter string
	number  int // painted on the desk
	depts   []string
	keys    pad
	card    reader
	screen  *virtual.LED
	digits  bool // the display has digits and colours instead of words
	window  string
}

// wires is all of the hardware.
type wires struct {
	all    map[string]wire             // by name
	nets   map[string]*virtual.Network // by device: the cable to the controller, named like the device
	kiosks []*kiosk
	units  []*counterUnit

	mu      sync.Mutex
	plugged map[string]bool // by the name of the cable
}

// newWires makes a twin for every peripheral of the configuration. Nothing is plugged in yet.
func newWires(dir string, conf *config.Config, p *papers, out *voice) (*wires, error) {
	w := &wires{all: map[string]wire{}, nets: map[string]*virtual.Network{}, plugged: map[string]bool{}}
	for _, d := range conf.Devices {
		ports := filepath.Join(dir, d.ID)
		if err := os.MkdirAll(filepath.Join(ports, "ports"), 0o700); err != nil {
			return nil, err
		}
		var err error
		if d.Kind == config.Kiosk {
			err = w.kiosk(ports, d, p)
		} else {
			err = w.unit(ports, d, conf.Centre, out)
		}
		if err != nil {
			return nil, fmt.Errorf("wire %s: %w", d.ID, err)
		}
	}
	return w, nil
}

// add lays the cable of a peripheral: its path is within the device's own folder.
func (w *wires) add(dir, part string, p *config.Peripheral, twin virtual.Server) error {
	path := p.Port.Serial
	if !filepath.IsLocal(path) {
		return fmt.Errorf("%s %q: only a path inside the device's folder can be plugged into", p.Driver, path)
	}
	w.all[filepath.Base(path)] = wire{virtual.NewCable(filepath.Join(dir, path)), twin, filepath.Base(dir), part}
	return nil
}

func (w *wires) kiosk(dir string, d *config.Device, p *papers) error {
	k := &kiosk{id: d.ID, place: words(d.Place), choose: d.Keys, keys: virtual.NewTypist()}
	take := func(v virtual.Paper) { p.take(d.ID, v) }
	var twin virtual.Server
	switch driver := d.Printer.Options.(type) {
	case *printer.Text:
		text, err := virtual.NewTextPrinter(driver.Columns(), take)
		if err != nil {
			return err
		}
		twin = text
	case printer.Driver:
		k.paper = virtual.NewPrinter(virtual.PrinterOptions{Dots: 12 * driver.Columns(), OnPaper: take})
		twin = k.paper
	}
	err := w.add(dir, "printer", d.Printer, twin)
	if len(d.Keypad) != 1 || d.Keypad[0].Driver != "terminal" {
		return errors.New("its keypad must be a terminal: no other twin has keys for departments")
	}
	err = errors.Join(err, w.add(dir, "keypad", d.Keypad[0], k.keys))
	if d.CardReader != nil {
		var twin virtual.Server
		k.card, twin = newReader(d.CardReader.Driver)
		err = errors.Join(err, w.add(dir, "card", d.CardReader, twin))
	}
	w.kiosks = append(w.kiosks, k)
	return err
}

func (w *wires) unit(dir string, d *config.Device, c *config.Centre, out *voice) error {
	if len(d.Counters) != 1 || len(d.LED) != 1 || len(d.Keypad) != 1 || d.CardReader == nil {
		return errors.New("the hall has units for one counter each, with display, keypad and card reader")
	}
	counter := c.Counter(d.Counters[0])
	u := &counterUnit{id: d.ID, counter: counter.ID, number: counter.Number, depts: counter.Departments}
	watch := &display{number: counter.Number, out: out, idle: idleTexts(counter, c)}
	u.screen = virtual.NewTextLED(watch.show)
	if _, words := d.LED[0].Options.(*led.Terminal); !words {
		u.screen, u.digits = virtual.NewLED(watch.show), true
	}
	err := w.add(dir, "led", d.LED[0], u.screen)
	var twin virtual.Server
	u.keys, twin = newPad(d.Keypad[0].Driver, d.Keypad[0].Addr)
	err = errors.Join(err, w.add(dir, "keypad", d.Keypad[0], twin))
	u.card, twin = newReader(d.CardReader.Driver)
	w.units = append(w.units, u)
	return errors.Join(err, w.add(dir, "card", d.CardReader, twin))
}

// plugAll plugs every cable of a peripheral in.
func (w *wires) plugAll(ctx context.Context) error {
	for name := range w.all {
		if err := w.plug(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// connect lays the network cable of a device and returns where the device dials now. It is plugged in.
func (w *wires) connect(dev, controller string) (addr string, err error) {
	n, err := virtual.NewNetwork(controller)
	if err != nil {
		return "", err
	}
	w.nets[dev] = n
	w.is(dev, true)
	return n.Addr(), nil
}

// names are the names of all cables, sorted.
func (w *wires) names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name := range w.all {
			if !yield(name) {
				return
			}
		}
		maps.Keys(w.nets)(yield)
	})
}

// part is what hangs on a cable, and whose it is.
func (w *wires) part(name string) (dev, part string) {
	if _, ok := w.nets[name]; ok {
		return name, network
	}
	return w.all[name].dev, w.all[name].part
}

// network is the part of a device that hangs on its network cable.
const network = "network"

func (w *wires) plug(ctx context.Context, name string) error {
	if n := w.nets[name]; n != nil {
		n.Plug()
		w.is(name, true)
		return nil
	}
	one, ok := w.all[name]
	if !ok {
		return no("there is no cable %q", "没有线缆 %q", name)
	}
	if err := one.Plug(ctx, one.twin); err != nil {
		return err
	}
	w.is(name, true)
	return nil
}

func (w *wires) cut(name string) error {
	if n := w.nets[name]; n != nil {
		w.is(name, false)
		n.Cut()
		return nil
	}
	one, ok := w.all[name]
	if !ok {
		return no("there is no cable %q", "没有线缆 %q", name)
	}
	w.is(name, false)
	return one.Cut()
}

// is notes whether a cable is plugged in.
func (w *wires) is(name string, in bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plugged[name] = in
}

// in says whether a cable is plugged in.
func (w *wires) in(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.plugged[name]
}

// cutAll takes every cable away. The programs must have ended.
func (w *wires) cutAll() (err error) {
	for name := range w.all {
		err = errors.Join(err, w.cut(name))
	}
	for _, n := range w.nets {
		err = errors.Join(err, n.Close())
	}
	return err
}

// window notes where a device shows its state.
func (w *wires) window(id, addr string) {
	for _, k := range w.kiosks {
		if k.id == id {
			k.window = addr
		}
	}
	for _, u := range w.units {
		if u.id == id {
			u.window = addr
		}
	}
}

// kioskOf returns the kiosk with that id.
func (w *wires) kioskOf(id string) (*kiosk, error) {
	for _, k := range w.kiosks {
		if k.id == id {
			return k, nil
		}
	}
	return nil, no("there is no kiosk %q", "没有取号机 %q", id)
}

// unitOf returns the unit at the counter with that number.
func (w *wires) unitOf(number int) (*counterUnit, error) {
	for _, u := range w.units {
		if u.number == number {
			return u, nil
		}
	}
	return nil, no("there is no counter %d", "没有 %d 号窗口", number)
}
