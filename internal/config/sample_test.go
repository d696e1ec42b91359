package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const samples = "../../configs"

// TestSamples loads every file in configs, so that none can rot unread.
func TestSamples(t *testing.T) {
	read := map[string]bool{}
	for _, folder := range []string{samples, filepath.Join(samples, "hall")} {
		cfg, mistakes := Load(folder)
		if mistakes.Err() != nil {
			t.Fatal(mistakes)
		}
		for _, src := range slices.Concat([]Source{cfg.in.centre}, cfg.in.devices, cfg.in.profiles) {
			read[src.File] = true
		}
		if again, mistakes := Load(filepath.Join(folder, "centre.yaml")); mistakes.Err() != nil || len(again.Devices) != len(cfg.Devices) {
			t.Errorf("by the path of its centre.yaml %s has another content: %v", folder, mistakes)
		}
		if !cfg.Centre.Sample {
			t.Errorf("%s is not marked as sample", folder)
		}
	}
	err := filepath.WalkDir(samples, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !read[p] {
			t.Errorf("%s is read by no test", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSampleCentre(t *testing.T) {
	cfg, mistakes := Load(samples)
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	c := cfg.Centre
	items := 0
	for _, d := range c.Departments {
		items += len(d.Items)
	}
	if len(c.Departments) != 12 || len(c.Counters) != 14 || items < 8 || len(c.Officers) != 14 || len(cfg.Devices) != 8 {
		t.Errorf("%s, %d items, %d officers", cfg, items, len(c.Officers))
	}
	finance := c.Department("finance")
	if finance.Floor != 2 || finance.Series != (Series{3, 1, 999, AtLimitWiden}) {
		t.Errorf("finance: %+v", finance)
	}
	want := Missed{Recalls: 2, Every: 15 * time.Second, Within: 30 * time.Minute, After: 3, Times: 1}
	if finance.Missed != want {
		t.Errorf("a group given in part keeps the other defaults: got %+v, want %+v", finance.Missed, want)
	}
	if got := c.Department("science").Short.ZH; got != "科研院" {
		t.Errorf("short name %q", got)
	}
	if got := c.Department("network").Short.ZH; got != "信息中心" {
		t.Errorf("short name by default %q", got)
	}
	if got := c.Counter("c12").Name; got != (Text{"12号窗口", "Counter 12"}) {
		t.Errorf("counter name by default %+v", got)
	}
	unit := cfg.Device("unit-4")
	if len(unit.Keypad) != 2 || unit.Keypad[1].Addr != 2 || unit.Keypad[1].Counter != "c13" || unit.Keypad[1].Port.Baud == 0 {
		t.Errorf("keypads of unit-4: %+v", unit.Keypad)
	}
	if led := cfg.Device("unit-1").LED[0]; led.Counter != "c01" || led.Driver != "xunpeng" || led.Options == nil || led.Port.Serial == "" {
		t.Errorf("a device joins its profile key by key: %+v", led)
	}
}

// TestSampleNamesEveryOption reads the fields' tags: whoever adds an option also explains it in the samples.
func TestSampleNamesEveryOption(t *testing.T) {
	var text strings.Builder
	for _, name := range []string{"centre.yaml", "profiles/kiosk-80mm.yaml", "devices/kiosk-1.yaml", "devices/unit-4.yaml", "devices/unit-5.yaml", "devices/unit-6.yaml"} {
		data, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	for _, key := range optionNames() {
		if !strings.Contains(text.String(), key+":") {
			t.Errorf("no sample shows the option %s", key)
		}
	}
}

func TestLoadDevice(t *testing.T) {
	p, mistakes := LoadDevice(filepath.Join(samples, "devices", "kiosk-1.yaml"))
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	if p.Printer == nil || p.Printer.Driver != "escpos" || p.Printer.Port.Baud != 19200 || p.Printer.Port.Flow != "rtscts" {
		t.Errorf("printer of kiosk-1: %+v", p.Printer)
	}
	if _, mistakes := LoadDevice(filepath.Join(t.TempDir(), "none.yaml")); mistakes.Err() == nil {
		t.Error("a file that does not exist was read")
	}
}

// A profile of the printer sets options and line, and a single one of either overrides it.
func TestPrinterProfile(t *testing.T) {
	for _, c := range []struct {
		port, options string
		baud          int
		flow          string
		cols          int
		status        string
	}{
		{"serial: /dev/p", "", 9600, "none", 48, "ask"},
		{"serial: /dev/p", "options: {profile: tm-t82}", 38400, "xonxoff", 48, "automatic"},
		{"serial: /dev/p, baud: 19200, flow: rtscts", "options: {status: ask, profile: tm-t82, columns: 42}", 19200, "rtscts", 42, "ask"},
		{"lp: 'usb:04b8:0e15'", "options: {profile: 80mm-usb}", 0, "none", 48, "ask"},
	} {
		text := "version: 1\nid: kiosk-1\nkind: kiosk\nhall: hall\nletter: X\nkeys: [{key: 1, department: study}]\n" +
			"card_reader: {driver: rdm6300, port: {serial: /dev/c}}\nprinter:\n  driver: escpos\n  port: {" + c.port + "}\n  " + c.options + "\n"
		name := filepath.Join(t.TempDir(), "kiosk-1.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, mistakes := LoadDevice(name)
		if mistakes.Err() != nil {
			t.Fatalf("%s %s: %v", c.port, c.options, mistakes)
		}
		e := reflect.ValueOf(p.Printer.Options).Elem()
		cols, status := int(e.FieldByName("Cols").Int()), e.FieldByName("Status").String()
		if o := p.Printer.Port; o.Baud != c.baud || o.Flow != c.flow || cols != c.cols || status != c.status {
			t.Errorf("%s %s: %+v, %+v", c.port, c.options, o, e)
		}
	}
}

func TestLoadNothing(t *testing.T) {
	cfg, mistakes := Load(filepath.Join(t.TempDir(), "none"))
	if cfg != nil || len(mistakes) != 1 {
		t.Errorf("got %v, %v", cfg, mistakes)
	}
}
