package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The letters of the kiosks, for the numbers they give while cut off.
const letters = "UVWXYZ"

// writeCentre writes the configuration of a centre with one department, kiosks kiosk-1 to kiosk-n and counter units unit-1 to
// unit-m at the counters c1 to cm, and returns its folder.
func writeCentre(t *testing.T, kiosks, units int) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, format string, args ...any) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, fmt.Appendf(nil, format, args...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	counters, officers := "", ""
	for i := range units {
		counters += fmt.Sprintf("  - {id: c%d, number: %d, hall: hall, departments: [office]}\n", i+1, i+1)
		officers += fmt.Sprintf("  - {id: officer-%d, name: {zh: 甲, en: A}}\n", i+1)
		write(fmt.Sprintf("devices/unit-%d.yaml", i+1), `version: 1
id: unit-%d
kind: counter
counters: [c%d]
led: {driver: terminal, port: {serial: led}}
keypad: {driver: terminal, port: {serial: keypad}}
`, i+1, i+1)
	}
	for i := range kiosks {
		letter := letters[i/6:i/6+1] + letters[i%6:i%6+1] // of one length: none is the beginning of another
		write(fmt.Sprintf("devices/kiosk-%d.yaml", i+1), `version: 1
id: kiosk-%d
kind: kiosk
hall: hall
letter: %s
keys: [{key: 1, department: office}, {key: 2, department: office}, {key: 3, department: office}]
printer: {driver: text, port: {serial: printer}}
keypad: {driver: terminal, port: {serial: keypad}}
`, i+1, letter)
	}
	write("centre.yaml", `version: 1
sample: true
name: {zh: 测试, en: Test}
zone: Asia/Shanghai
departments:
  - id: office
    name: {zh: 办公室, en: Office}
    prefix: A
    series: {width: 4}
halls:
  - {id: hall, name: {zh: 大厅, en: Hall}, floor: 1}
counters:
%sofficers:
%s`, counters, officers)
	return dir
}

// fitPrinters gives every kiosk of a centre a printer that speaks ESC/POS, with these options.
func fitPrinters(t *testing.T, conf, options string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(conf, "devices", "kiosk-*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no kiosks in %s: %v", conf, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(text, []byte("driver: text")) != 1 {
			t.Fatalf("%s has another printer", name)
		}
		if err := os.WriteFile(name, bytes.Replace(text, []byte("driver: text"), []byte("driver: escpos, options: {"+options+"}"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
