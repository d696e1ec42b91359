package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The sample explains the card readers in comments: each of its lines of options is accepted by a driver that it is for.
func TestSampleReaders(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(samples, "devices", "kiosk-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, readers, _ := strings.Cut(string(text), "\ncard_reader:")
	readers, _, ok := strings.Cut(readers, "\nkeypad:")
	if !ok {
		t.Fatal("the sample has no card_reader")
	}
	ports := map[string]string{
		"mfrc522": "spi: /dev/spidev0.0", "wiegand": "wiegand: none", "pcsc": "pcsc: ACR122U",
		"wedge": "evdev: /dev/input/by-id/reader", "scanner_wedge": "evdev: /dev/input/by-id/scanner",
	}
	comment := regexp.MustCompile(`(?m)^  # ?`)
	note := regexp.MustCompile(`\s+# .*`)
	driver, tried := "rdm6300", map[string]int{}
	lines := strings.Split(comment.ReplaceAllString(readers, ""), "\n")
	for i := 0; i < len(lines); i++ {
		line := note.ReplaceAllString(lines[i], "")
		if name, ok := strings.CutPrefix(line, "driver: "); ok {
			driver = name
			continue
		}
		options, ok := strings.CutPrefix(line, "options: ")
		for ok && !strings.HasSuffix(options, "}") {
			i++
			options += " " + strings.TrimSpace(note.ReplaceAllString(lines[i], ""))
		}
		if !ok {
			continue
		}
		use := driver
		if strings.HasPrefix(options, "{uid") {
			use = "wedge"
		}
		if strings.HasPrefix(options, "{as_card") { // needs a charset
			options = strings.Replace(options, "}", ", charset: digits, most: 10}", 1)
		}
		if use == "wiegand" && !strings.Contains(options, "d0:") {
			options = strings.Replace(options, "}", ", d0: GPIO17, d1: GPIO27}", 1)
		}
		port := ports[use]
		if port == "" {
			port = "serial: ports/reader"
		}
		accepted(t, use, port, options)
		tried[use]++
	}
	if len(tried) < 6 {
		t.Errorf("only the options of %v are in the sample", tried)
	}
}

func accepted(t *testing.T, driver, port, options string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kiosk-1.yaml")
	text := `version: 1
id: kiosk-1
kind: kiosk
hall: hall-1
letter: X
keys: [{key: 1, department: office}]
printer: {driver: text, port: {serial: ports/printer}}
card_reader:
  driver: ` + driver + `
  port: {` + port + `}
  options: ` + options + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, mistakes := LoadDevice(file); mistakes.Err() != nil {
		t.Errorf("%s with %s: %v", driver, options, mistakes)
	}
}

// A kiosk may have a scanner beside its card reader, or in its place; a counter unit has none.
func TestScannerOfADevice(t *testing.T) {
	const kiosk = `version: 1
id: kiosk-1
kind: kiosk
hall: hall-1
letter: X
keys: [{key: 1, department: office}]
printer: {driver: text, port: {serial: ports/printer}}
scanner: {driver: scanner_wedge, port: {evdev: "name:Scanner"}}
`
	for text, want := range map[string]string{
		kiosk: "", kiosk + "card_reader: {driver: pcsc, port: {pcsc: ACR122U}}\n": "",
		"version: 1\nid: unit-1\nkind: counter\ncounters: [c1]\nkeypad: {driver: terminal, port: {serial: a}}\n" +
			"scanner: {driver: scanner, port: {serial: b}}\n": "scanner",
		strings.Replace(kiosk, "scanner_wedge", "escpos", 1): "there is no driver",
	} {
		file := filepath.Join(t.TempDir(), strings.Fields(text)[3]+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, mistakes := LoadDevice(file)
		if err := mistakes.Err(); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, mistakes)
		}
	}
}
