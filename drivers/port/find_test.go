package port

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// sysFile is an entry of a /sys that is made up.
func sysFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }

// plug puts a device node into a made-up /sys: its entry in a class, and the folder that leads to, below parent.
func plug(sys fstest.MapFS, class, parent, name, node string) {
	dir := path.Join(parent, path.Base(class), name)
	up := strings.Repeat("../", strings.Count(class, "/")+1)
	sys[path.Join(class, name)] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte(up + dir)}
	sys[path.Join(dir, "uevent")] = sysFile("MAJOR=188\nMINOR=0\nDEVNAME=" + node)
}

// usbThing puts a device with one interface into a made-up /sys and returns the folder of the interface.
func usbThing(sys fstest.MapFS, where, vendor, product, serial, what string) string {
	dir := "devices/pci0000:00/usb1/" + where
	sys[dir+"/idVendor"], sys[dir+"/idProduct"], sys[dir+"/product"] = sysFile(vendor), sysFile(product), sysFile(what)
	if serial != "" {
		sys[dir+"/serial"] = sysFile(serial)
	}
	sys[dir+"/"+where+":1.0/bInterfaceNumber"] = sysFile("00")
	return dir + "/" + where + ":1.0"
}

// board is a machine with two alike adapters, one of another make, a card reader that is two input devices, and consoles.
func board() fstest.MapFS {
	sys := fstest.MapFS{}
	for i, where := range []string{"1-1.1", "1-1.2"} {
		name := "ttyUSB" + string(rune('0'+i))
		plug(sys, "class/tty", usbThing(sys, where, "1a86", "7523", "", "USB Serial")+"/"+name, name, name)
	}
	plug(sys, "class/tty", usbThing(sys, "1-1.3", "0403", "6001", "A50285BI", "FT232R USB UART")+"/ttyUSB2", "ttyUSB2", "ttyUSB2")
	two := usbThing(sys, "1-1.4", "0403", "6010", "FT4", "Dual RS232")
	plug(sys, "class/tty", two+"/ttyUSB3", "ttyUSB3", "ttyUSB3")
	second := strings.TrimSuffix(two, "0") + "1"
	sys[second+"/bInterfaceNumber"] = sysFile("01")
	plug(sys, "class/tty", second+"/ttyUSB4", "ttyUSB4", "ttyUSB4")
	plug(sys, "class/tty", "devices/platform/fe201000.serial", "ttyAMA0", "ttyAMA0")
	plug(sys, "class/tty", "devices/platform/serial8250", "ttyS0", "ttyS0")
	sys["devices/platform/serial8250/tty/ttyS0/type"] = sysFile("0")
	plug(sys, "class/tty", "devices/virtual", "tty1", "tty1")
	reader := usbThing(sys, "1-1.5", "ffff", "0035", "", "SYC ID Reader")
	for i, keys := range []string{"e080ffdf01cfffff fffffffffffffffe", "10000 0 0"} {
		input := reader + "/input" + string(rune('0'+i))
		sys[input+"/name"], sys[input+"/id/vendor"], sys[input+"/id/product"] = sysFile("SYC ID Reader"), sysFile("ffff"), sysFile("0035")
		sys[input+"/capabilities/key"] = sysFile(keys)
		sys["class/input/event"+string(rune('0'+i))] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../../" + input + "/event" + string(rune('0'+i)))}
		sys[input+"/event"+string(rune('0'+i))+"/uevent"] = sysFile("DEVNAME=input/event" + string(rune('0'+i)))
	}
	plug(sys, "class/usbmisc", usbThing(sys, "1-1.6", "0416", "5011", "", "POS58"), "lp0", "usb/lp0")
	plug(sys, "class/spidev", "devices/platform/spi", "spidev0.0", "spidev0.0")
	plug(sys, "bus/gpio/devices", "devices/platform/fe200000.gpio", "gpiochip0", "gpiochip0")
	return sys
}

func TestList(t *testing.T) {
	var got []string
	for _, a := range List(board()) {
		got = append(got, a.Kind+" "+a.String())
	}
	want := strings.Join([]string{
		"gpio /dev/gpiochip0",
		"evdev /dev/input/event0 (usb:ffff:0035:0, SYC ID Reader)",
		"evdev /dev/input/event1 (usb:ffff:0035:0, SYC ID Reader)",
		"spi /dev/spidev0.0",
		"serial /dev/ttyAMA0",
		"serial /dev/ttyUSB0 (usb:1a86:7523:0, USB Serial)",
		"serial /dev/ttyUSB1 (usb:1a86:7523:0, USB Serial)",
		"serial /dev/ttyUSB2 (usb:0403:6001:0/A50285BI, FT232R USB UART)",
		"serial /dev/ttyUSB3 (usb:0403:6010:0/FT4, Dual RS232)",
		"serial /dev/ttyUSB4 (usb:0403:6010:1/FT4, Dual RS232)",
		"lp /dev/usb/lp0 (usb:0416:5011:0, POS58)",
	}, "\n")
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("attached are\n%s\nwant\n%s", s, want)
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ kind, name, want, says string }{
		{KindSerial, "/dev/serial/by-id/usb-x", "/dev/serial/by-id/usb-x", ""},
		{KindSerial, "usb:0403:6001", "/dev/ttyUSB2", ""},
		{KindSerial, "usb:0403:6001/A50285BI", "/dev/ttyUSB2", ""},
		{KindSerial, "usb:0403:6001/OTHER", "", "/dev/ttyUSB2 (usb:0403:6001:0/A50285BI, FT232R USB UART)"},
		{KindSerial, "usb:0403:6010:1", "/dev/ttyUSB4", ""},
		{KindSerial, "usb:0403:6010", "", "fits several things: /dev/ttyUSB3"},
		{KindSerial, "usb:1a86:7523", "", "/dev/ttyUSB0 (usb:1a86:7523:0, USB Serial), /dev/ttyUSB1"},
		{KindSerial, "usb:ffff:0035", "", "nothing of that name is plugged in"},
		{KindSerial, "usb:1a86", "", "must be usb:VENDOR:PRODUCT"},
		{KindSerial, "name:FT232R USB UART", "", "only an input device"},
		{KindEvdev, "usb:ffff:0035", "/dev/input/event0", ""},
		{KindEvdev, "name:SYC ID Reader", "/dev/input/event0", ""},
		{KindEvdev, "name:", "", "must be followed"},
		{KindLP, "usb:0416:5011", "/dev/usb/lp0", ""},
	} {
		node, err := Find(board(), c.kind, c.name)
		if node != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s is %q, %v", c.kind, c.name, node, err)
		}
	}
	_, err := Find(board(), KindSerial, "usb:1a86:7523")
	_, none := Find(fstest.MapFS{}, KindSerial, "usb:1a86:7523")
	if !errors.Is(err, ErrAmbiguous) || !errors.Is(none, fs.ErrNotExist) {
		t.Errorf("%v; %v", err, none)
	}
}

func TestHasKeys(t *testing.T) {
	for _, c := range []struct {
		bitmap string
		key    int
		want   bool
	}{
		{"", 2, false}, {"0", 2, false}, {"4", 2, true}, {"zz", 2, false},
		{"e080ffdf01cfffff fffffffffffffffe", 79, true}, {"100000000 0", 96, true}, {"10000 0 0", 28, false},
		{"1 0 0 0", 96, true}, // of a kernel of 32 bits
	} {
		if got := hasKeys(c.bitmap, c.key); got != c.want {
			t.Errorf("key %d in %q: %v", c.key, c.bitmap, got)
		}
	}
}

// hub is a made-up /sys that changes while it is read.
type hub struct {
	mu  sync.Mutex
	now fstest.MapFS
}

func (h *hub) set(sys fstest.MapFS) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = sys
}

func (h *hub) get() fstest.MapFS {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hub) Open(name string) (fs.File, error)          { return h.get().Open(name) }
func (h *hub) ReadLink(name string) (string, error)       { return h.get().ReadLink(name) }
func (h *hub) Lstat(name string) (fs.FileInfo, error)     { return h.get().Lstat(name) }
func (h *hub) ReadDir(name string) ([]fs.DirEntry, error) { return h.get().ReadDir(name) }

// An adapter that is pulled out and comes back under another name, a thousand times: it is found each time by what it is,
// nothing is left behind, and what is seen is not an older cycle's.
func TestFoundAgainUnderAnotherName(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 100
	}
	h := &hub{now: fstest.MapFS{}}
	states := make(chan State)
	ctx, cancel := context.WithCancel(t.Context())
	k := keeper{
		name:  "reader",
		open:  func() (*Line, error) { return Open(Options{Serial: "usb:1a86:7523", Sys: h}) },
		use:   listen,
		note:  func(s State) { states <- s },
		first: time.Millisecond, last: 2 * time.Millisecond,
	}
	newDevice(t).unplug() // the runtime opens two descriptors of its own for the first line, which stay
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	ended := make(chan error, 1)
	go func() { ended <- k.run(ctx) }()
	if s := <-states; s.Up || !errors.Is(s.Err, fs.ErrNotExist) {
		t.Fatalf("before it is plugged in: %+v", s)
	}
	for i := range cycles {
		d := newDevice(t)
		sys := fstest.MapFS{}
		name := "ttyUSB" + string(rune('0'+i%7))
		plug(sys, "class/tty", usbThing(sys, "1-1", "1a86", "7523", "", "USB Serial")+"/"+name, name, strings.TrimPrefix(d.path, "/dev/"))
		h.set(sys)
		for s := <-states; !s.Up; s = <-states {
			if errors.Is(s.Err, ErrInUse) || errors.Is(s.Err, ErrAmbiguous) {
				t.Fatalf("cycle %d: %v", i, s.Err)
			}
		}
		h.set(fstest.MapFS{})
		d.unplug()
		if s := <-states; s.Up || !errors.Is(s.Err, ErrGone) {
			t.Fatalf("cycle %d: unplugged: %+v", i, s)
		}
	}
	cancel()
	for waiting := true; waiting; {
		select {
		case <-states:
		case err := <-ended:
			waiting = false
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		}
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := descriptors(t); n > fds {
		t.Errorf("%d descriptors before, %d after", fds, n)
	}
}

// A line that was found by name says under which node it was found, and a node that goes while it is opened is not used.
func TestOpenByName(t *testing.T) {
	d := newDevice(t)
	sys := fstest.MapFS{}
	plug(sys, "class/tty", usbThing(sys, "1-1", "1a86", "7523", "", "USB Serial")+"/ttyUSB0", "ttyUSB0", strings.TrimPrefix(d.path, "/dev/"))
	l, err := Open(Options{Serial: "usb:1a86:7523", Sys: sys})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil || l.Name() != "usb:1a86:7523 at "+d.path {
		t.Errorf("%s, %v", l.Name(), err)
	}
	if _, err := Open(Options{Serial: "usb:1a86:7523", Sys: &going{FS: sys, left: 1}}); !errors.Is(err, ErrGone) {
		t.Errorf("gone while it was opened: %v", err)
	}
	if _, err := Open(Options{Serial: "usb:1a86:7523", Sys: os.DirFS(t.TempDir())}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("on a machine without serial ports: %v", err)
	}
}

// going is a /sys whose serial ports are gone after they were listed so often.
type going struct {
	fs.FS
	left int
}

func (g *going) ReadLink(name string) (string, error)   { return fs.ReadLink(g.FS, name) }
func (g *going) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(g.FS, name) }
func (g *going) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == "class/tty" {
		if g.left == 0 {
			return nil, fs.ErrNotExist
		}
		g.left--
	}
	return fs.ReadDir(g.FS, name)
}

// Pulled out and put back under another name, with the pauses of the program: found again. TestRunPauses shows that they
// allow 5 s; how long it took here is told, for this machine may be busy.
func TestFoundAgainInTime(t *testing.T) {
	h := &hub{now: fstest.MapFS{}}
	put := func(name string) *device {
		d := newDevice(t)
		sys := fstest.MapFS{}
		plug(sys, "class/tty", usbThing(sys, "1-1", "1a86", "7523", "", "USB Serial")+"/"+name, name, strings.TrimPrefix(d.path, "/dev/"))
		h.set(sys)
		return d
	}
	states := make(chan State, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	open := func() (*Line, error) { return Open(Options{Serial: "usb:1a86:7523", Sys: h}) }
	first := put("ttyUSB0")
	go func() { ended <- Run(ctx, "reader", open, listen, func(s State) { states <- s }) }()
	until := func(what string, ok func(State) bool) {
		t.Helper()
		began, late := time.Now(), time.After(20*time.Second)
		for {
			select {
			case s := <-states:
				if ok(s) {
					t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
					return
				}
			case <-late:
				t.Fatalf("%s: not within 20 s", what)
			}
		}
	}
	isUp := func(s State) bool { return s.Up }
	until("found", isUp)
	h.set(fstest.MapFS{})
	first.unplug()
	until("missed", func(s State) bool { return errors.Is(s.Err, fs.ErrNotExist) })
	put("ttyUSB1")
	until("found under another name", isUp)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}
