package reader

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"quhao/drivers/card"
	"quhao/drivers/evdev"
	"quhao/drivers/evdev/evdevtest"
	"quhao/drivers/virtual"
)

// oneCard is what each reader gives for one card, whose bytes are 10 86 F4 44 (for the RDM6300 with the customer's byte
// 2A in front; no card is of 125 kHz and 13.56 MHz at once, but for the ones with two chips).
func oneCard(t *testing.T) map[string]struct {
	driver  any
	options string
	bytes   []byte
} {
	keys := func(script string) []byte {
		b, err := evdevtest.Records(script, evdev.Size())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	type reading = struct {
		driver  any
		options string
		bytes   []byte
	}
	return map[string]reading{
		"rdm6300":                       {card.NewRDM6300(), "", []byte("\x022A1086F4440C\x03")},
		"wedge, ten digits":             {card.NewWedge(), "", keys("11 3 8 8 3 8 10 9 2 3 28")},
		"wedge, hex":                    {card.NewWedge(), "types: hex", keys("2 11 9 7 33 5 5 5 28")},
		"wedge, hex, bytes turned":      {card.NewWedge(), "{types: hex, order: lsb}", keys("5 5 33 5 9 7 2 11 28")},
		"wedge, facility and card (24)": {card.NewWedge(), "types: facility", keys("2 4 5 51 7 3 6 4 3 28")},
		"wedge, eight digits (24)":      {card.NewWedge(), "", keys("11 9 9 5 5 4 6 7 28")},
		"wiegand 34":                    {card.NewWiegand(), "", []byte("0000100001000011011110100010001000\n")},
		"wiegand 26 (24)":               {card.NewWiegand(), "", []byte("11000011011110100010001000\n")},
		"pcsc":                          {card.NewPCSC(), "", []byte("3B8F8001804F0CA000000306030001000000006A 1086F4449000\n")},
		"pcsc, bytes turned":            {card.NewPCSC(), "order: lsb", []byte("3B8F8001804F0CA000000306030001000000006A 44F486109000\n")},
		"frame, hex":                    {card.NewFrame(), "", []byte("\x021086F444\x03")},
		"frame, decimal":                {card.NewFrame(), "{start: none, end: 0D0A, field_at: 0, field: decimal}", []byte("0277279812\r\n")},
		"frame, binary, bytes turned":   {card.NewFrame(), "{order: lsb, start: AA, end: none, length: 5, field: binary}", []byte{0xaa, 0x44, 0xf4, 0x86, 0x10}},
		"code that may be a card":       {card.NewScanner(), "{as_card: true, charset: digits, most: 10}", []byte("0277279812\r\n")},
		"mfrc522":                       {card.NewMFRC522(), "", nil},
		"pn532":                         {card.NewPN532(), "", nil},
	}
}

// One card has one number, whichever reader has read it. What has seen 24 bits of it only has another one, which all
// have who are told bits: 24.
func TestOneCard(t *testing.T) {
	for _, bits := range []string{"", "bits: 24"} {
		for name, r := range oneCard(t) {
			want := map[string]string{"": "0277279812", "bits: 24": "0008844356"}[bits]
			if len(name) > 4 && name[len(name)-4:] == "(24)" {
				want = "0008844356"
			}
			if _, code := r.driver.(*card.Scanner); code && bits != "" {
				continue // a code is as long as it is
			}
			for _, options := range []string{r.options, bits} {
				if err := yaml.Unmarshal([]byte(options), r.driver); err != nil {
					t.Fatal(err)
				}
			}
			if c, ok := r.driver.(interface{ Check() error }); ok {
				if err := c.Check(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if got := read(t, r.driver, r.bytes); got != want {
				t.Errorf("%s, %q: %s, want %s", name, bits, got, want)
			}
		}
	}
}

// read lets a driver read the card: from bytes, from the chip's twin, or from that of the module.
func read(t *testing.T, driver any, b []byte) string {
	t.Helper()
	switch d := driver.(type) {
	case card.Chip:
		chip := virtual.NewMFRC522()
		chip.Lay(id(t, "1086F444"))
		n, err := d.Ask(chip)
		if err != nil {
			t.Fatal(err)
		}
		return n.Reveal()
	case card.Talker:
		twin := virtual.NewPN532()
		twin.LayA(id(t, "1086F444"))
		h := hear(t, plugged(t, twin).Path(), 115200, d)
		return first(t, h.taps, "a tap")
	case card.Driver:
		for len(b) > 0 {
			n, num, _, err := d.Decode(b)
			if err != nil || n == 0 {
				t.Fatalf("%T: %d, %v", driver, n, err)
			}
			if num != "" {
				return num.Reveal()
			}
			b = b[n:]
		}
	}
	t.Fatalf("%T: no number", driver)
	return ""
}
