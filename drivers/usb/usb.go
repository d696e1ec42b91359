// Package usb has the lasting names of things on USB: who made a thing, and not where or when it was plugged in.
//
//	usb:1a86:7523               the only thing of that vendor and product
//	usb:0403:6001/A50285BI      the one with that serial number
//	usb:0403:6010:1             the second interface (they count from 0) of an adapter with several
//	usb:0403:6010:1/FT4XYZ      both
//
// Vendor and product are the numbers that lsusb prints. The package reads names and compares them; what is plugged in,
// package port finds out.
package usb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Prefix begins every name of this package.
const Prefix = "usb:"

// AnyInterface is the Interface of a name that says none.
const AnyInterface = -1

// Name is what is known, or wanted, of a thing on USB.
type Name struct {
	Vendor, Product uint16
	Interface       int    // 0 to 255, or AnyInterface
	Serial          string // as the thing tells it; empty for none, or for any
}

// Is says whether a text is meant to be such a name; it may still be a wrong one.
func Is(s string) bool { return strings.HasPrefix(s, Prefix) }

// Parse reads a name. The error says how one is written.
func Parse(s string) (Name, error) {
	rest, ok := strings.CutPrefix(s, Prefix)
	numbers, serial, slash := strings.Cut(rest, "/")
	parts := strings.Split(numbers, ":")
	if !ok || len(parts) < 2 || len(parts) > 3 || slash && (serial == "" || strings.ContainsAny(serial, " \t\r\n")) {
		return Name{}, wrong(s)
	}
	n := Name{Interface: AnyInterface, Serial: serial}
	var errs [3]error
	n.Vendor, errs[0] = Hex4(parts[0])
	n.Product, errs[1] = Hex4(parts[1])
	if len(parts) == 3 {
		var i uint64
		i, errs[2] = strconv.ParseUint(parts[2], 10, 8)
		n.Interface = int(i)
	}
	if errors.Join(errs[:]...) != nil {
		return Name{}, wrong(s)
	}
	return n, nil
}

func wrong(s string) error {
	return fmt.Errorf("%q must be usb:VENDOR:PRODUCT in four hex digits each as lsusb prints them, such as usb:1a86:7523, "+
		"with :INTERFACE or /SERIAL behind it if there are several", s)
}

// Hex4 reads the four hex digits of a vendor or product.
func Hex4(s string) (uint16, error) {
	if len(s) != 4 {
		return 0, fmt.Errorf("%q is not four hex digits", s)
	}
	n, err := strconv.ParseUint(s, 16, 16)
	return uint16(n), err
}

// String is the name as it is written in a configuration.
func (n Name) String() string {
	s := fmt.Sprintf("%s%04x:%04x", Prefix, n.Vendor, n.Product)
	if n.Interface != AnyInterface {
		s += ":" + strconv.Itoa(n.Interface)
	}
	if n.Serial != "" {
		s += "/" + n.Serial
	}
	return s
}

// Fits says whether a thing is one that the name n names.
func (n Name) Fits(thing Name) bool {
	return n.Vendor == thing.Vendor && n.Product == thing.Product &&
		(n.Interface == AnyInterface || n.Interface == thing.Interface) && (n.Serial == "" || n.Serial == thing.Serial)
}
