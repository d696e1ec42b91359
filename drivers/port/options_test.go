package port

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want []string // each must be in the error; none means well
	}{
		{"serial", Options{Serial: "/dev/serial/by-id/usb-x"}, nil},
		{"serial, all set", Options{Serial: "/dev/ttyS0", Baud: 115200, Parity: Even, Flow: RTSCTS, StuckAfter: time.Minute}, nil},
		{"tcp", Options{TCP: "10.0.0.7:9100"}, nil},
		{"tcp v6", Options{TCP: "[fe80::1]:9100", StuckAfter: 100 * time.Millisecond}, nil},
		{"evdev", Options{Evdev: "/dev/input/by-id/usb-x-event-kbd"}, nil},
		{"gpio", Options{GPIO: "GPIO17 GPIO27", Pull: Up}, nil},
		{"spi", Options{SPI: "/dev/spidev0.0"}, nil},
		{"gpio with flow", Options{GPIO: "GPIO17", Flow: RTSCTS}, []string{"but with serial"}},
		{"pull alone", Options{SPI: "/dev/spidev0.0", Pull: Down}, []string{"but with gpio"}},
		{"a strange pull", Options{GPIO: "GPIO17", Pull: "left"}, []string{`pull "left"`}},
		{"too many lines", Options{GPIO: strings.Repeat("L ", 65)}, []string{"65 lines"}},
		{"three", Options{Serial: "x", GPIO: "y", SPI: "z"}, []string{"serial and gpio and spi"}},
		{"none", Options{}, []string{"neither"}},
		{"both", Options{Serial: "/dev/ttyS0", TCP: "a:1"}, []string{"both"}},
		{"tcp without port", Options{TCP: "printer"}, []string{"host:port"}},
		{"tcp without host", Options{TCP: ":9100"}, []string{"host:port"}},
		{"tcp with baud", Options{TCP: "a:1", Baud: 9600}, []string{"no meaning"}},
		{"all wrong", Options{Serial: "x", Baud: 9601, Flow: "xon", Parity: "mark", StuckAfter: time.Millisecond},
			[]string{"9601", "xon", "mark", "stuck_after 1ms"}},
	} {
		err := c.o.Check()
		if len(c.want) == 0 && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q in it", c.name, err, w)
			}
		}
	}
}

func TestWithBaud(t *testing.T) {
	if got := (Options{Serial: "x"}).WithBaud(115200).Baud; got != 115200 {
		t.Errorf("the driver's speed is not taken: %d", got)
	}
	if got := (Options{Serial: "x", Baud: 300}).WithBaud(115200).Baud; got != 300 {
		t.Errorf("the speed of the file is lost: %d", got)
	}
	if err := (Options{TCP: "a:1"}).WithBaud(115200).Check(); err != nil {
		t.Errorf("a driver's speed spoils tcp: %v", err)
	}
}

func TestOptionsFromYAML(t *testing.T) {
	var o Options
	err := yaml.Unmarshal([]byte("serial: /dev/ttyS0\nbaud: 19200\nparity: odd\nflow: rtscts\nstuck_after: 8s\n"), &o)
	want := Options{Serial: "/dev/ttyS0", Baud: 19200, Parity: Odd, Flow: RTSCTS, StuckAfter: 8 * time.Second}
	if err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
}

// Every rate that Check allows must be one that tarm can set.
func TestRatesOpen(t *testing.T) {
	d := newDevice(t)
	for _, baud := range rates() {
		l, err := Open(Options{Serial: d.path, Baud: baud})
		if err != nil {
			t.Errorf("%d: %v", baud, err)
			continue
		}
		_ = l.Close()
	}
}
