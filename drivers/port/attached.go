package port

import (
	"cmp"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"quhao/drivers/usb"
)

// The kinds of what can be attached, by the key of a port that reaches it.
const (
	KindSerial = "serial" // a tty with hardware behind it
	KindEvdev  = "evdev"  // an input device
	KindLP     = "lp"     // a printer of the USB printer class
	KindGPIO   = "gpio"   // a chip of GPIO lines
	KindSPI    = "spi"    // a chip select
)

// Attached is one thing that the kernel has made a device node for.
type Attached struct {
	Kind  string
	Node  string   // /dev/ttyUSB0: after unplugging it may be another thing's
	What  string   // what it says of itself; may be empty
	USB   usb.Name // Vendor is 0 if it says none
	Types bool     // an input device that has digits or Enter: a reader or a keypad, not a mouse or a power key
}

// classes say where in /sys the kernel lists the things of a kind (Documentation/ABI of the kernel), and which of them count.
func classes() []struct{ kind, dir, prefix string } {
	return []struct{ kind, dir, prefix string }{
		{KindSerial, "class/tty", "tty"},
		{KindEvdev, "class/input", "event"},
		{KindLP, "class/usbmisc", "lp"},
		{KindGPIO, "bus/gpio/devices", "gpiochip"},
		{KindSPI, "class/spidev", "spidev"},
	}
}

// List returns what is attached, by kind and node. sys is the root of /sys; what cannot be read there is passed over:
// things come and go while it is read.
func List(sys fs.FS) []Attached {
	var out []Attached
	for _, c := range classes() {
		entries, err := fs.ReadDir(sys, c.dir)
		if err != nil {
			continue // no such bus on this machine
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), c.prefix) {
				continue
			}
			if a, ok := attached(sys, c.kind, path.Join(c.dir, e.Name())); ok {
				out = append(out, a)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Attached) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// attached reads one entry of a class: a link to the folder of the device node, deep in the folders of what it hangs on.
func attached(sys fs.FS, kind, entry string) (Attached, bool) {
	link, err := fs.ReadLink(sys, entry)
	if err != nil {
		return Attached{}, false
	}
	dir := path.Join(path.Dir(entry), link)
	name, ok := property(sys, path.Join(dir, "uevent"), "DEVNAME")
	if !ok || kind == KindSerial && !hasHardware(sys, dir) {
		return Attached{}, false
	}
	a := Attached{Kind: kind, Node: "/dev/" + name, USB: usb.Name{Interface: usb.AnyInterface}}
	a.onUSB(sys, dir)
	switch kind {
	case KindEvdev:
		a.input(sys, path.Dir(dir))
	case KindGPIO:
		a.What = text(sys, path.Join(dir, "device", "of_node", "compatible"))
	}
	return a, true
}

// hasHardware tells a tty behind which there is a line from consoles, ptys, and the places for UARTs that are not there.
func hasHardware(sys fs.FS, dir string) bool {
	if strings.HasPrefix(dir, "devices/virtual/") {
		return false
	}
	return !strings.HasPrefix(path.Base(dir), "ttyS") || text(sys, path.Join(dir, "type")) != "0"
}

// onUSB looks upwards for the interface and the device of USB that the thing belongs to.
func (a *Attached) onUSB(sys fs.FS, dir string) {
	for ; strings.Contains(dir, "/"); dir = path.Dir(dir) {
		if n, err := strconv.ParseUint(text(sys, path.Join(dir, "bInterfaceNumber")), 16, 8); err == nil && a.USB.Interface == usb.AnyInterface {
			a.USB.Interface = int(n)
		}
		vendor, err := usb.Hex4(text(sys, path.Join(dir, "idVendor")))
		if err != nil {
			continue
		}
		product, err := usb.Hex4(text(sys, path.Join(dir, "idProduct")))
		if err != nil {
			continue
		}
		a.USB.Vendor, a.USB.Product, a.USB.Serial = vendor, product, text(sys, path.Join(dir, "serial"))
		a.What = strings.TrimSpace(text(sys, path.Join(dir, "manufacturer")) + " " + text(sys, path.Join(dir, "product")))
		return
	}
	a.USB.Interface = usb.AnyInterface
}

// input reads what an input device says of itself. Its own numbers count before those of USB: it may hang on Bluetooth.
func (a *Attached) input(sys fs.FS, dir string) {
	if name := text(sys, path.Join(dir, "name")); name != "" {
		a.What = name
	}
	vendor, err := usb.Hex4(text(sys, path.Join(dir, "id", "vendor")))
	if product, perr := usb.Hex4(text(sys, path.Join(dir, "id", "product"))); err == nil && perr == nil {
		a.USB.Vendor, a.USB.Product = vendor, product
	}
	a.USB.Serial = cmp.Or(a.USB.Serial, text(sys, path.Join(dir, "uniq")))
	a.Types = hasKeys(text(sys, path.Join(dir, "capabilities", "key")), 2, 28, 79, 96) // KEY_1, KEY_ENTER, KEY_KP1, KEY_KPENTER
}

// hasKeys says whether a bitmap of keys as the kernel prints it, words in hex with the highest first, has one of these.
// A word is as wide as a long of the kernel, which is seen by its digits.
func hasKeys(bitmap string, keys ...int) bool {
	words := strings.Fields(bitmap)
	slices.Reverse(words)
	width := 32
	for _, w := range words {
		if len(w) > 8 {
			width = 64
		}
	}
	return slices.ContainsFunc(keys, func(key int) bool {
		if key/width >= len(words) {
			return false
		}
		w, err := strconv.ParseUint(words[key/width], 16, 64)
		return err == nil && w&(1<<(key%width)) != 0
	})
}

// text is a file of /sys without the white space around it, empty if it cannot be read.
func text(sys fs.FS, name string) string {
	b, err := fs.ReadFile(sys, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " ")) // the device tree ends its words with NUL
}

// property finds KEY=value among the lines of a file.
func property(sys fs.FS, name, key string) (string, bool) {
	for line := range strings.Lines(text(sys, name)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return v, true
		}
	}
	return "", false
}

// Links returns the lasting names under which /dev leads to a node, such as those of /dev/serial/by-id. They are made by
// udev; without it there are none.
func Links(node string) (out []string) {
	for _, dir := range []string{"/dev/serial/by-id", "/dev/serial/by-path", "/dev/input/by-id", "/dev/input/by-path", "/dev/quhao"} {
		entries, err := filepath.Glob(dir + "/*")
		if err != nil {
			continue // the pattern is well-formed
		}
		for _, link := range entries {
			if to, err := filepath.EvalSymlinks(link); err == nil && to == node {
				out = append(out, link)
			}
		}
	}
	return out
}
