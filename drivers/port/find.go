package port

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"quhao/drivers/usb"
)

// namePrefix begins the name of an input device by what it calls itself.
const namePrefix = "name:"

// ErrAmbiguous is wrapped by the error of Open for a name that fits several things: one of them has to be named exactly.
var ErrAmbiguous = errors.New("fits several things")

// Sys is the machine's own /sys.
func Sys() fs.FS { return os.DirFS("/sys") }

// lasting says whether a name is one that Find looks for, and not a path.
func lasting(name string) bool { return usb.Is(name) || strings.HasPrefix(name, namePrefix) }

// checkName judges a name without looking whether there is such a thing.
func checkName(kind, name string) error {
	switch {
	case usb.Is(name):
		_, err := usb.Parse(name)
		return err
	case strings.HasPrefix(name, namePrefix) && kind != KindEvdev:
		return fmt.Errorf("%q: only an input device is found by what it calls itself", name)
	case name == namePrefix:
		return errors.New("name: must be followed by what the input device calls itself")
	}
	return nil
}

// Find returns the node of the one thing of a kind that a lasting name fits: usb:…, see package usb, or for an input
// device name: and what it calls itself. A path is returned as it is. sys is the root of /sys.
//
// If nothing fits, the error wraps fs.ErrNotExist and says what else of the kind is there; if several do, it wraps
// ErrAmbiguous and names them. Of an input device with several nodes those that have no digits and no Enter do not count.
func Find(sys fs.FS, kind, name string) (node string, err error) {
	if !lasting(name) {
		return name, nil
	}
	if err := checkName(kind, name); err != nil {
		return "", err
	}
	var there, fit []Attached
	for _, a := range List(sys) {
		if a.Kind != kind {
			continue
		}
		there = append(there, a)
		if fits(name, a) {
			fit = append(fit, a)
		}
	}
	if typing := typing(fit); len(typing) > 0 {
		fit = typing
	}
	switch len(fit) {
	case 1:
		return fit[0].Node, nil
	case 0:
		return "", fmt.Errorf("nothing of that name is plugged in; of its kind there is %s: %w", listed(there), fs.ErrNotExist)
	}
	return "", fmt.Errorf("%s %w: %s; name one by its serial number or interface, or by its path in by-path", name, ErrAmbiguous, listed(fit))
}

func fits(name string, a Attached) bool {
	if called, ok := strings.CutPrefix(name, namePrefix); ok {
		return a.What == called
	}
	n, err := usb.Parse(name)
	return err == nil && a.USB.Vendor != 0 && n.Fits(a.USB)
}

func typing(all []Attached) (out []Attached) {
	for _, a := range all {
		if a.Types {
			out = append(out, a)
		}
	}
	return out
}

// listed names things for a person who has to choose one.
func listed(all []Attached) string {
	var words []string
	for _, a := range all {
		words = append(words, a.String())
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// String is the node with what the thing is called: /dev/ttyUSB0 (usb:1a86:7523:0, QinHeng USB Serial).
func (a Attached) String() string {
	var words []string
	if a.USB.Vendor != 0 {
		words = append(words, a.USB.String())
	}
	if a.What != "" {
		words = append(words, a.What)
	}
	if len(words) == 0 {
		return a.Node
	}
	return a.Node + " (" + strings.Join(words, ", ") + ")"
}

// resolve puts the node in the place of a lasting name.
func (o Options) resolve() (Options, error) {
	sys := o.Sys
	if sys == nil {
		sys = Sys()
	}
	var err error
	if o.Serial, err = Find(sys, KindSerial, o.Serial); err != nil {
		return o, err
	}
	if o.LP, err = Find(sys, KindLP, o.LP); err != nil {
		return o, err
	}
	o.Evdev, err = Find(sys, KindEvdev, o.Evdev)
	return o, err
}
