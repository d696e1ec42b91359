package card

import (
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"quhao/drivers/evdev"
	"quhao/drivers/evdev/evdevtest"
)

// frameDrivers names every driver of the package by its testdata file.
func frameDrivers() map[string]func() Driver {
	return map[string]func() Driver{
		"frame": func() Driver {
			f := NewFrame() // the frame of an RDM6300, in the words of these options
			f.Start, f.End, f.Length, f.FieldAt, f.FieldLength, f.Field = "02", "03", 14, 1, 10, HexTyped
			f.Sum, f.SumHex, f.SumFrom, f.SumDigit = Xor, true, 1, true
			return f
		},
		"pcsc":          func() Driver { return NewPCSC() },
		"pn532":         func() Driver { return NewPN532() },
		"rdm6300":       func() Driver { return NewRDM6300() },
		"scanner":       func() Driver { return NewScanner() },
		"scanner_wedge": func() Driver { return NewScannerWedge() },
		"terminal":      func() Driver { return NewTerminal() },
		"wedge":         func() Driver { return NewWedge() },
		"wiegand":       func() Driver { return NewWiegand() },
	}
}

// driverWith returns a driver with the options of a frame's line.
func driverWith(t testing.TB, name, options string) Driver {
	t.Helper()
	d := frameDrivers()[name]()
	if err := yaml.Unmarshal([]byte(options), d); err != nil {
		t.Fatalf("%s: options %q: %v", name, options, err)
	}
	if c, ok := d.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			t.Fatalf("%s: options %q: %v", name, options, err)
		}
	}
	return d
}

// frame is one line of a .frames file: bytes in hex, as a quoted Go string, or as the script of an input device behind
// the word "keys"; then "=>" and what they decode to. Options of the driver stand in front, as form=hex.
type frame struct {
	options string // as YAML
	keys    string // the script
	bytes   []byte
	want    []string // numbers, "bad" for a run of thrown-away bytes, or "none" for a card without an identity
}

func parseFrame(line string) (frame, error) {
	in, out, ok := strings.Cut(line, "=>")
	if !ok {
		return frame{}, fmt.Errorf("no => in %q", line)
	}
	var f frame
	in = strings.TrimSpace(in)
	for !strings.HasPrefix(in, `"`) {
		key, rest, ok := strings.Cut(in, "=")
		if !ok {
			break
		}
		var value string
		value, in, _ = strings.Cut(rest, " ")
		f.options += key + ": " + value + "\n"
	}
	var err error
	if script, ok := strings.CutPrefix(in, "keys "); ok {
		f.keys = script
		f.bytes, err = evdevtest.Records(script, evdev.Size())
	} else if strings.HasPrefix(in, `"`) {
		var s string
		s, err = strconv.Unquote(in)
		f.bytes = []byte(s)
	} else {
		f.bytes, err = hex.DecodeString(strings.ReplaceAll(in, " ", ""))
	}
	for w := range strings.SplitSeq(out, ",") {
		if w = strings.TrimSpace(w); w != "" {
			f.want = append(f.want, w)
		}
	}
	return f, err
}

func readFrames(t testing.TB, name string) []frame {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".frames"))
	if err != nil {
		t.Fatalf("every driver has a file of captured frames: %v", err)
	}
	var all []frame
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f, err := parseFrame(line)
		if err != nil {
			t.Fatalf("%s.frames: %v", name, err)
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		t.Fatalf("%s.frames: no frame in it", name)
	}
	return all
}

// run decodes all it can of the parts as they arrive one after another, and checks the contract of Driver.
func run(t testing.TB, d Driver, parts ...[]byte) (out []string) {
	t.Helper()
	limit := lineWindow
	switch d := d.(type) {
	case *Wedge:
		limit = (wedgeWindow + 1) * d.size
	case *PN532:
		limit = pnFrameMax + 8
	case *Frame:
		limit = frameMax + 1
	}
	talk := talking(t, d)
	var buf []byte
	for _, part := range parts {
		buf = append(buf, part...)
		for talk(); len(buf) > 0; talk() {
			n, num, reply, err := d.Decode(buf)
			switch {
			case n < 0 || n > len(buf):
				t.Fatalf("Decode used %d of %d bytes", n, len(buf))
			case err != nil && (n == 0 || num != "" || errors.Is(err, ErrFrame) == errors.Is(err, ErrNoIdentity)):
				t.Fatalf("Decode: n=%d num=%v err=%v", n, num, err)
			case n == 0 && (num != "" || reply != nil):
				t.Fatalf("Decode gave %v without using a byte", num)
			case num != "" && (len(num) < 4 || len(num) > 32) && !strings.HasPrefix(string(num), codeSpace):
				t.Fatalf("a number of %d characters", len(num))
			}
			if errors.Is(err, ErrNoIdentity) {
				out = append(out, "none")
			} else if err != nil {
				out = append(out, "bad")
			} else if num != "" {
				out = append(out, num.Reveal())
			}
			if n == 0 {
				break
			}
			buf = buf[n:]
		}
		if len(buf) >= limit {
			t.Fatalf("%d bytes kept: the buffer grows without bound", len(buf))
		}
	}
	return out
}

// talking returns what a program does between two reads: it polls, and lets time pass when nothing is awaited.
func talking(t testing.TB, d Driver) func() {
	p, ok := d.(*PN532)
	if !ok {
		return func() {}
	}
	var now time.Duration
	return func() {
		if p.step == pnRest {
			now += pnRound
		}
		if _, err := p.Poll(now); err != nil {
			t.Fatal(err)
		}
	}
}

func numbers(out []string) []string {
	return slices.DeleteFunc(slices.Clone(out), func(s string) bool { return s == "bad" })
}

func TestFrames(t *testing.T) {
	for name := range frameDrivers() {
		t.Run(name, func(t *testing.T) {
			for i, f := range readFrames(t, name) {
				if got := run(t, driverWith(t, name, f.options), f.bytes); !slices.Equal(got, f.want) {
					t.Errorf("frame %d (%.60X): got %q, want %q", i+1, f.bytes, got, f.want)
				}
				step := 1
				if f.keys != "" {
					step = 13 // records are long; this meets each of their places
				}
				for cut := 0; cut < len(f.bytes); cut += step {
					got := numbers(run(t, driverWith(t, name, f.options), f.bytes[:cut], f.bytes[cut:]))
					if !slices.Equal(got, numbers(f.want)) {
						t.Errorf("frame %d cut at %d: got %q, want %q", i+1, cut, got, f.want)
					}
				}
			}
		})
	}
}

// TestEveryDriverHasFrames finds the drivers in the source, so that a new one cannot be forgotten.
func TestEveryDriverHasFrames(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Decode" {
				continue
			}
			recv := fn.Recv.List[0].Type
			if star, ok := recv.(*ast.StarExpr); ok {
				recv = star.X
			}
			found++
			known := false
			for driver := range frameDrivers() {
				if strings.EqualFold(strings.ReplaceAll(driver, "_", ""), recv.(*ast.Ident).Name) {
					known = true
					readFrames(t, driver)
				}
			}
			if !known {
				t.Errorf("%s: driver %s is missing in frameDrivers", name, recv.(*ast.Ident).Name)
			}
		}
	}
	if found != len(frameDrivers()) {
		t.Errorf("%d drivers in the source, %d in frameDrivers", found, len(frameDrivers()))
	}
}

// fuzz checks the contract of Driver for any stream, cut anywhere, and that a good frame behind it is found.
func fuzz(f *testing.F, name string, good []byte, num string) {
	for _, fr := range readFrames(f, name) {
		f.Add(fr.bytes, uint16(len(fr.bytes)/2))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		d := frameDrivers()[name]()
		at := min(int(cut), len(stream))
		whole := numbers(run(t, d, stream))
		if parts := numbers(run(t, frameDrivers()[name](), stream[:at], stream[at:])); !slices.Equal(whole, parts) {
			t.Errorf("cut at %d: %q, whole: %q", at, parts, whole)
		}
		if num == "" { // of no use: see the caller
			return
		}
		switch d.(type) {
		case *Wedge, *ScannerWedge: // the kernel gives whole records
			stream = stream[:len(stream)/evdev.Size()*evdev.Size()]
		}
		if got := run(t, frameDrivers()[name](), stream, good); len(got) == 0 || got[len(got)-1] != num {
			t.Errorf("a good frame after the stream is not found: %q", got)
		}
	})
}

func FuzzRDM6300(f *testing.F) {
	fuzz(f, "rdm6300", []byte("\x02100086F44426\x03"), "0008844356")
}

func FuzzTerminal(f *testing.F) {
	fuzz(f, "terminal", []byte("\n0008844356\n"), "0008844356")
}

func FuzzWedge(f *testing.F) {
	fuzz(f, "wedge", script(f, "silence 11 11 11 9 9 5 5 4 6 7 28"), "0008844356")
}

func FuzzScannerWedge(f *testing.F) {
	fuzz(f, "scanner_wedge", script(f, "up:42 up:54 silence 11 11 11 9 9 5 5 4 6 7 28"), codeSpace+"0008844356")
}

// script is the records of a script of an input device.
func script(t testing.TB, keys string) []byte {
	t.Helper()
	b, err := evdevtest.Records(keys, evdev.Size())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzFrame(f *testing.F) {
	fuzz(f, "frame", []byte("\x02100086F44426\x03"), "0008844356")
}

func FuzzScanner(f *testing.F) {
	fuzz(f, "scanner", []byte("\n0008844356\n"), codeSpace+"0008844356")
}

func FuzzWiegand(f *testing.F) {
	fuzz(f, "wiegand", []byte("\n11000011011110100010001000\n"), "0008844356")
}

func FuzzPCSC(f *testing.F) {
	fuzz(f, "pcsc", []byte("\n3B8F8001804F0CA000000306030001000000006A 0086F4449000\n"), "0008844356")
}

// A frame of the PN532 may be announced by noise, and be waited for until the chip's next frame or the time-out: that a
// good one is found at once cannot be asked for. TestPN532 has what comes of that in time.
func FuzzPN532(f *testing.F) { fuzz(f, "pn532", nil, "") }
