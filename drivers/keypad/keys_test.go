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
