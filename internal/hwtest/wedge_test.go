//go:build hwtest

package hwtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

const cards = 20

// wedgeName is the lasting name of the wedge.
const wedgeName = "/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_WEDGE-event-kbd"

// plugged says whether a lasting name stands for something now.
func (m *machine) plugged(name string) bool {
	m.t.Helper()
	var links map[string]string
	m.must("Links", struct{}{}, &links)
	return links[name] != ""
}

// testWedge types cards on a USB keyboard. While the reader holds the keyboard, nothing comes to the console.
func testWedge(t *testing.T, m *machine, f *figures) {
	m.qmp.plug("wedge", "usb-kbd", map[string]any{"serial": "WEDGE"})
	defer m.qmp.unplug("wedge")
	var console int
	m.must("Console", struct{}{}, &console)
	tty := &running{m: m, name: "the console", id: console}
	m.within("the keyboard", func() bool { return m.plugged(wedgeName) })
	m.qmp.typed("7", "ret")
	tty.until("what the keyboard types", func(text string) bool { return strings.Contains(text, "7\n") })
	reader := m.listen(Reader{Kind: "card", Driver: "wedge", Port: `{evdev: "usb:0627:0001"}`, Options: "{digits: 7}"})
	tty.more(0)
	before := len(tty.text)
	r := rand.New(rand.NewPCG(3, 4))
	for f.typed < cards {
		number := fmt.Sprintf("%07d", r.IntN(1e7))
		m.qmp.typed(append(strings.Split(number, ""), "ret")...)
		f.typed++
		reader.until("card "+number, func(string) bool { return len(reader.lines("card")) >= f.typed })
		if got := reader.lines("card"); got[len(got)-1] != "000"+number {
			m.fatal("typed %s, read %s", number, got[len(got)-1])
		}
		f.read++
	}
	tty.more(0)
	if leaked := tty.text[before:]; leaked != "" {
		t.Errorf("on the console came %q", leaked)
	}
	reader.end(syscall.SIGTERM)
	m.within("the keyboard given back", func() bool { // the port may still be closing when its reader has ended
		m.qmp.typed("8", "ret")
		tty.more(500 * time.Millisecond)
		return strings.Contains(tty.text[before:], "8\n")
	})
	tty.end(syscall.SIGTERM)
}
