package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"quhao/daemon/broker"
)

const (
	// maxKiosks is how many kiosks one configuration can hold with letters of two, U to Z.
	maxKiosks = 36
	letters   = "UVWXYZ"
	// maxUnits is how many counters it can hold: their numbers are 1 to 999, each once.
	maxUnits = 999
)

// centre is a configuration for measuring: one department, kiosks kiosk-1 and on, counter units unit-1 and on at the
// counters c1 and on, each with the officer officer-1 and on, all in one hall.
type centre struct {
	dir           string
	kiosks, units int
	secrets       map[string]string // by device
}

// newCentre writes the configuration into a folder, and the passwords of its devices into the data folder of quhaod.
func newCentre(dir, data string, kiosks, units int) (*centre, error) {
	if kiosks > maxKiosks || units > maxUnits {
		return nil, fmt.Errorf("%d kiosks and %d units: a configuration holds %d and %d", kiosks, units, maxKiosks, maxUnits)
	}
	c := &centre{dir: dir, kiosks: kiosks, units: units, secrets: map[string]string{}}
	if err := os.MkdirAll(filepath.Join(dir, "devices"), 0o700); err != nil {
		return nil, err
	}
	for i := range kiosks {
		if err := c.device(c.kiosk(i), kioskYAML, letters[i/6:i/6+1]+letters[i%6:i%6+1]); err != nil {
			return nil, err
		}
	}
	for i := range units {
		if err := c.device(c.unit(i), unitYAML, c.counter(i), c.led()); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "centre.yaml"), []byte(c.yaml()), 0o600); err != nil {
		return nil, err
	}
	return c, c.enrol(data)
}

const kioskYAML = `version: 1
id: %s
kind: kiosk
hall: hall
letter: %s
keys: [{key: 1, department: office, item: paper}]
printer: {driver: escpos, port: {serial: printer}}
card_reader: {driver: rdm6300, port: {serial: card}}
`

const unitYAML = `version: 1
id: %s
kind: counter
counters: [%s]
led: {driver: %s, port: {serial: led}}
keypad: {driver: terminal, port: {serial: keypad}}
`

const centreYAML = `version: 1
sample: true
name: {zh: 综合事务服务中心, en: Service Centre}
zone: Asia/Shanghai
ticket: {qr: "https://centre.example/t/"}
departments:
  - id: office
    name: {zh: 综合办公室, en: General Office}
    prefix: A
    series: {%s}
    items:
      - id: paper
        name: {zh: 成绩单, en: Transcripts}
        guide:
          audience: {zh: 所有人, en: Everybody}
          conditions: {zh: 无, en: None}
          materials: {zh: 校园卡, en: Campus card}
          process: {zh: 取号；办理, en: Take a number; be served}
          place: {zh: 服务大厅, en: The hall}
          limit: {zh: 当场办结, en: Done at once}
halls:
  - {id: hall, name: {zh: 大厅, en: Hall}, floor: 1}
counters:
%sofficers:
%s`

func (c *centre) kiosk(i int) string   { return fmt.Sprintf("kiosk-%d", i+1) }
func (c *centre) unit(i int) string    { return fmt.Sprintf("unit-%d", i+1) }
func (c *centre) counter(i int) string { return fmt.Sprintf("c%d", i+1) }
func (c *centre) officer(i int) string { return fmt.Sprintf("officer-%d", i+1) }

// devices are all devices, kiosks first.
func (c *centre) devices() []string {
	var out []string
	for i := range c.kiosks {
		out = append(out, c.kiosk(i))
	}
	for i := range c.units {
		out = append(out, c.unit(i))
	}
	return out
}

func (c *centre) device(id, form string, own ...any) error {
	text := fmt.Appendf(nil, form, append([]any{id}, own...)...)
	return os.WriteFile(filepath.Join(c.dir, "devices", id+".yaml"), text, 0o600)
}

// many says that more tickets are taken than the number display can show: it ends at 9999, and shows 8888 when it hears nothing.
func (c *centre) many() bool { return c.kiosks >= crowdKiosks }

func (c *centre) led() string {
	if c.many() {
		return "terminal"
	}
	return "xunpeng"
}

// yaml is the centre's file.
func (c *centre) yaml() string {
	var counters, officers strings.Builder
	for i := range max(c.units, 1) {
		fmt.Fprintf(&counters, "  - {id: %s, number: %d, hall: hall, departments: [office]}\n", c.counter(i), i+1)
		fmt.Fprintf(&officers, "  - {id: %s, name: {zh: 甲, en: A}}\n", c.officer(i))
	}
	series := "width: 4, limit: 8887"
	if c.many() {
		series = "width: 5"
	}
	return fmt.Sprintf(centreYAML, series, counters.String(), officers.String())
}

// enrol gives each device a secret. quhaod enrol does the same for one device at a time and syncs the file each time.
func (c *centre) enrol(data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	all := broker.Passwords{}
	for _, id := range c.devices() {
		c.secrets[id] = random()
		hash, err := broker.HashPassword(c.secrets[id])
		if err != nil {
			return err
		}
		all[id] = hash
	}
	return all.Save(filepath.Join(data, "passwords"))
}

// identity writes the file that makes a program this device, and returns its path.
func (c *centre) identity(dir, id, addr string) (string, error) {
	name := filepath.Join(dir, id+".id.yaml")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return name, os.WriteFile(name, fmt.Appendf(nil, "version: 1\nid: %s\ncontroller: %s\nsecret: %s\n", id, addr, c.secrets[id]), 0o600)
}
