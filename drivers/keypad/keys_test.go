package keypad

import (
	"slices"
	"strings"
	"testing"

	"quhao/drivers/evdev"
	"quhao/drivers/evdev/evdevtest"
)

// The same scripts, in the records of a 32-bit and of a 64-bit program.
func TestEvdevBothSizes(t *testing.T) {
	ran := 0
	for _, f := range readFrames(t, "evdev") {
		for _, size := range []int{evdev.Size32, evdev.Size64} {
			ran++
			b, err := evdevtest.Records(f.keys, size)
			if err != nil {
				t.Fatal(err)
			}
			k := frameDrivers()["evdev"](f.options).(*Evdev)
			k.size = size
			if got := run(t, k, b); !slices.Equal(got, f.want) {
				t.Errorf("%s in records of %d bytes: %q, want %q", f.keys, size, got, f.want)
			}
		}
	}
	if ran < 30 {
		t.Errorf("only %d scripts ran", ran)
	}
}

// A digit that is followed by a key that repeats for ever fills no memory, and the next number is whole.
func TestEvdevHeldKey(t *testing.T) {
	b, err := evdevtest.Records("2 "+strings.Repeat("again:30 ", 200)+"14 4 28", evdev.Size())
	if err != nil {
		t.Fatal(err)
	}
	k := NewEvdev()
	k.Op, k.Enter = string(Choose), true
	for _, cut := range []int{0, 3, 100, 172} { // as it may be read in two pieces
		cut *= evdev.Size()
		if got := run(t, k, b[:cut], b[cut:]); !slices.Equal(got, []string{"bad", "choose 3@0"}) {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
}

func TestEvdevCheck(t *testing.T) {
	err := (&Evdev{Op: "next", Enter: true, Best: 3}).Check()
	for _, want := range []string{`op "next"`, "enter: ", "best 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if err := (&Evdev{Op: "choose", Enter: true, Best: 5}).Check(); err != nil {
		t.Error(err)
	}
}

func TestGPIOLines(t *testing.T) {
	g := GPIO{Recall: "GPIO27", Next: "GPIO17", Rate: []string{"A", "B", "C", "D", "E"}, Choose: []string{"F"}}
	if got := g.Lines(); !slices.Equal(got, strings.Fields("GPIO17 GPIO27 A B C D E F")) {
		t.Errorf("lines %q", got)
	}
	if got := NewGPIO().Lines(); len(got) != 0 {
		t.Errorf("lines of no keys: %q", got)
	}
}

// Every option reaches its own operation.
func TestGPIOEveryKey(t *testing.T) {
	g := GPIO{
		Next: "a", Recall: "b", Start: "c", NoShow: "d", Park: "e", Unpark: "f", Pause: "g", Complete: "h", Invite: "i",
		Transfer: []string{"j", "k"}, Rate: []string{"l", "m", "n", "o", "p"}, Choose: []string{"q", "r"},
	}
	var stream []byte
	for _, line := range g.Lines() {
		stream = append(stream, line+" high\n"...)
	}
	want := "next@0 recall@0 start@0 no_show@0 park@0 unpark@0 pause@0 complete@0 invite@0 transfer 1@0 transfer 2@0 " +
		"rate 1@0 rate 2@0 rate 3@0 rate 4@0 rate 5@0 choose 1@0 choose 2@0"
	if got := strings.Join(run(t, &g, stream), " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := g.Check(); err != nil {
		t.Error(err)
	}
}

func TestGPIOCheck(t *testing.T) {
	g := GPIO{Next: "GPIO 17", Recall: "GPIO27", Park: "GPIO27", Rate: []string{"A"}, Choose: slices.Repeat([]string{"GPIO27"}, 100)}
	err := g.Check()
	for _, want := range []string{`next: "GPIO 17"`, "park: the line GPIO27 is the key recall already", "rate: 1 lines", "99 lines"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestGPIOLamp(t *testing.T) {
	g := GPIO{Next: "GPIO17", LampLine: "GPIO23"}
	if on, off := string(g.Lamp(true)), string(g.Lamp(false)); on != "GPIO23 high\n" || off != "GPIO23 low\n" {
		t.Errorf("on %q, off %q", on, off)
	}
	g.LampLow = true
	if on := string(g.Lamp(true)); on != "GPIO23 low\n" || !slices.Equal(g.Lamps(), []string{"GPIO23"}) {
		t.Errorf("on %q, lines %q", on, g.Lamps())
	}
	if b := NewGPIO().Lamp(true); b != nil || NewGPIO().Lamps() != nil {
		t.Errorf("without a lamp: %q", b)
	}
	g.LampLine = "GPIO17"
	if err := g.Check(); err == nil || !strings.Contains(err.Error(), "lamp: the line GPIO17 is the key next already") {
		t.Error(err)
	}
}

// Every driver that tells of releases tells of the key that was pressed.
func TestReleases(t *testing.T) {
	records := func(script string) []byte {
		b, err := evdevtest.Records(script, evdev.Size())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	number := NewEvdev()
	number.Op, number.Enter = string(Choose), true
	for _, c := range []struct {
		d     Driver
		frame []byte
		want  []Press
	}{
		{&GPIO{Next: "A", ActiveLow: true}, []byte("A high\n"), []Press{{Op: Next}}},
		{&GPIO{Next: "A", ActiveLow: true}, []byte("A low\n"), nil},
		{&GPIO{Next: "A"}, []byte("B high\n"), nil},
		{frameDrivers()["matrix"](nil), []byte("r2 c2 up\n"), []Press{{Op: Rate, Arg: 5}}},
		{frameDrivers()["matrix"](nil), []byte("r1 c3 up\n"), nil},
		{frameDrivers()["matrix"](nil), []byte("r9 c3 up\n"), nil},
		{NewEvdev(), records("down:6 up:6 down:2 up:2 up:69"), []Press{{Op: Rate, Arg: 5}, {Op: Rate, Arg: 1}}},
		{NewEvdev(), records("down:6 again:6"), nil},
		{number, records("up:6"), nil},
	} {
		if got := c.d.(Releaser).Releases(c.frame); !slices.Equal(got, c.want) {
			t.Errorf("%T %q: %v, want %v", c.d, c.frame, got, c.want)
		}
	}
}

func TestPadsCheck(t *testing.T) {
	for _, c := range []struct {
		d    interface{ Check() error }
		want []string
	}{
		{&QSystem{Addr: 0, Redirect: 100, Light: "off"}, []string{"addr 0", "redirect 100", `lamp "off"`}},
		{&Bytes{}, []string{"keys: name at least one"}},
		{&Bytes{Keys: []string{"3 rate 1", "zz rate 1", "31 rate 6", "31 rate 1", "31 rate 2", ""}}, []string{
			`"3 rate 1" does not begin`, `"zz rate 1" does not begin`, `"31 rate 6": after the byte`, `"31 rate 2" means "31 rate 1" already`, `"" does not begin`,
		}},
		{&Matrix{RowLines: []string{"A", "A B"}, Columns: []string{"C", "A"}, Keys: []string{"next", "next hop"}}, []string{
			"the line A stands twice", `rows: "A B" is no name`, "keys: 1 keys in row 1 for 2 columns", `keys: "hop" in row 2 means nothing`,
		}},
		{&Matrix{Columns: []string{"C"}}, []string{"rows: the columns have no rows"}},
		{&Matrix{RowLines: []string{"A"}, Columns: slices.Repeat([]string{"C"}, 17)}, []string{"columns: 17 lines", "keys: 0 rows of keys for 1"}},
	} {
		err := c.d.Check()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%T: %v, want %q in it", c.d, err, want)
			}
		}
	}
	if err := frameDrivers()["matrix"](nil).(*Matrix).Check(); err != nil {
		t.Error(err)
	}
}

// The lamp's frames as the source has them.
func TestQSystemLamp(t *testing.T) {
	for light, want := range map[string][2]string{
		"none": {"", ""}, "steady": {"\x01\x09\x32\x07", "\x01\x09\x30\x07"}, "blinking": {"\x01\x09\x36\x07", "\x01\x09\x30\x07"},
	} {
		q := QSystem{Addr: 9, Light: light}
		if on, off := string(q.Lamp(true)), string(q.Lamp(false)); on != want[0] || off != want[1] {
			t.Errorf("%s: on % x, off % x", light, on, off)
		}
	}
}
