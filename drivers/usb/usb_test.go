package usb

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Name{
		"usb:1a86:7523":          {0x1a86, 0x7523, AnyInterface, ""},
		"usb:0403:6001/A50285BI": {0x0403, 0x6001, AnyInterface, "A50285BI"},
		"usb:0403:6010:1":        {0x0403, 0x6010, 1, ""},
		"usb:0403:6010:0/FT/4":   {0x0403, 0x6010, 0, "FT/4"},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, written %s, %v", text, got, got, err)
		}
	}
	for _, text := range []string{
		"", "usb:", "usb:1a86", "usb:1a86:", "1a86:7523", "usb:1a86:75233", "usb:1a86:75g3", "usb:1a86:7523:", "usb:1a86:7523:256",
		"usb:1a86:7523:1:2", "usb:1a86:7523/", "usb:1a86:7523/a b", "usb:+a86:7523", "usb:1a86:7523:-1",
	} {
		if n, err := Parse(text); err == nil || !strings.Contains(err.Error(), "usb:1a86:7523") {
			t.Errorf("%q is %+v, %v", text, n, err)
		}
	}
}

func TestFits(t *testing.T) {
	thing := Name{0x0403, 0x6010, 1, "FT4XYZ"}
	for text, want := range map[string]bool{
		"usb:0403:6010": true, "usb:0403:6010:1": true, "usb:0403:6010/FT4XYZ": true, "usb:0403:6010:1/FT4XYZ": true,
		"usb:0403:6011": false, "usb:0404:6010": false, "usb:0403:6010:0": false, "usb:0403:6010/FT4": false,
	} {
		n, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if n.Fits(thing) != want {
			t.Errorf("%s fits: %v", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("usb:1a86:7523")
	f.Add("usb:0403:6010:1/FT4XYZ")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(n.String()); err != nil || again != n || !n.Fits(n) {
			t.Errorf("%q is %+v, written %q and read as %+v, %v", s, n, n, again, err)
		}
	})
}
