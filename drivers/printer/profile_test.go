package printer_test

import (
	"encoding/hex"
	"regexp"
	"testing"

	"quhao/drivers/printer"
)

// Every row of the table is one that Check accepts, says what it is, and leads to bytes that are written down.
func TestProfiles(t *testing.T) {
	word := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	seen := map[string]bool{}
	for _, p := range printer.Profiles() {
		e := printer.NewESCPOS()
		e.Preset(p.Name)
		if err := e.Check(); err != nil || seen[p.Name] || !word.MatchString(p.Name) || p.Doc == "" || p.Doc[len(p.Doc)-1] != '.' {
			t.Errorf("%s: doubled, nameless or refused: %q, %v", p.Name, p.Doc, err)
		}
		seen[p.Name] = true
		if baud, flow := e.SerialLine(); baud != p.Baud || flow != p.Flow {
			t.Errorf("%s: %d baud, flow %s", p.Name, baud, flow)
		}
		if (len(e.Ask()) == 0) != (p.Status == "none") || (len(e.Enable()) > 0) != (p.Status == "automatic") || (len(e.Recover()) > 0) != (p.Recover == "enq") {
			t.Errorf("%s: asks % x, enables % x, recovers % x", p.Name, e.Ask(), e.Enable(), e.Recover())
		}
		for _, paper := range []string{"ticket", "rare"} {
			out := e.Encode(papers()[paper])
			harmless(t, out)
			golden(t, "escpos-profile-"+p.Name+"-"+paper, []byte(hex.Dump(out)))
		}
	}
}

// A profile sets every option; what is set after it stays; a name that is not there changes nothing.
func TestPreset(t *testing.T) {
	e := printer.NewESCPOS()
	e.Preset("zj-58")
	e.Codepage = "gbk"
	if e.Cols != 32 || e.Cutter || e.QR != "raster" || e.QRSize != 4 || e.Feed != 24 || e.Profile != "zj-58" {
		t.Errorf("%+v", e)
	}
	before := *e
	before.Profile = "zj58"
	if e.Preset("zj58"); *e != before || e.Check() == nil {
		t.Errorf("%+v, want %+v and refused", e, before)
	}
	if baud, flow := e.SerialLine(); baud != 9600 || flow != "none" {
		t.Errorf("an unknown profile: %d baud, flow %s", baud, flow)
	}
}

// What Recover may end is a fault of the cutter or the mechanism alone: heat goes by itself, and for the rest it is too late.
func TestCurable(t *testing.T) {
	e := printer.NewESCPOS()
	for in, want := range map[string]bool{
		"\x1a\x52\x1a\x12": true, "\x1a\x52\x16\x12": true, "\x1a\x52\x52\x12": false, "\x1a\x52\x3a\x12": false, "\x12\x12\x12\x12": false,
		"\x18\x08\x00\x00": true, "\x18\x04\x00\x00": true, "\x18\x40\x00\x00": false, "\x18\x28\x00\x00": false, "\x38\x08\x00\x00": false,
	} {
		if _, s, err := e.DecodeStatus([]byte(in)); s.Curable != want || err != nil || s.Unasked != (in[0]&2 == 0) {
			t.Errorf("% x: %+v, %v", in, s, err)
		}
	}
}
