package keypad

import (
	"bytes"
	"cmp"
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

	"quhao/drivers/evdev"
	"quhao/drivers/evdev/evdevtest"
)

// frameDrivers names every driver of the package by its testdata file; it is built with the options of the frame's line.
func frameDrivers() map[string]func(o map[string]string) Driver {
	return map[string]func(o map[string]string) Driver{
		"caller68": func(o map[string]string) Driver {
			c := NewCaller68()
			if o["best"] == "1" {
				c.Best = 1
			}
			return c
		},
		"terminal": func(map[string]string) Driver { return NewTerminal() },
		"evdev": func(o map[string]string) Driver {
			k := NewEvdev()
			k.Op, k.Enter = cmp.Or(o["op"], k.Op), o["enter"] == "yes"
			if o["best"] == "1" {
				k.Best = 1
			}
			return k
		},
		"gpio": func(o map[string]string) Driver {
			g := NewGPIO()
			g.Next, g.Recall, g.NoShow = "GPIO17", "GPIO27", "GPIO22"
			g.Transfer, g.Rate = []string{"T1", "T2"}, []string{"R1", "R2", "R3", "R4", "R5"}
			g.ActiveLow = o["active"] != "high"
			return g
		},
		"qsystem": func(o map[string]string) Driver {
			q := NewQSystem()
			if o["redirect"] != "" {
				q.Redirect = int(o["redirect"][0] - '0')
			}
			return q
		},
		"bytes": func(o map[string]string) Driver {
			b := NewBytes()
			if o["table"] == "pad" {
				b.Keys = []string{"A1 next", "A2 recall", "A3 transfer 2", "b1 rate 5"}
			}
			return b
		},
		"matrix": func(map[string]string) Driver {
			return &Matrix{RowLines: []string{"GPIO5", "GPIO6"}, Columns: []string{"GPIO12", "GPIO16", "GPIO20"}, Keys: []string{"next recall -", "transfer:2 rate:5 no_show"}}
		},
	}
}

// frame is one line of a .frames file: options, bytes in hex, as a quoted Go string, or as the script of an input device
// behind the word "keys"; then "=>" and what they decode to.
type frame struct {
	options map[string]string
	keys    string // the script
	bytes   []byte
	want    []string // presses as "op arg@addr", or "bad"
}

func parseFrame(line string) (frame, error) {
	in, out, ok := strings.Cut(line, "=>")
	if !ok {
		return frame{}, fmt.Errorf("no => in %q", line)
	}
	f := frame{options: map[string]string{}}
	in = strings.TrimSpace(in)
	for {
		word, rest, _ := strings.Cut(in, " ")
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			break
		}
		f.options[name], in = value, rest
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
		t.Fatalf("every driver has a file of frames: %v", err)
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

func text(p Press) string {
	if p.Arg == 0 {
		return fmt.Sprintf("%s@%d", p.Op, p.Addr)
	}
	return fmt.Sprintf("%s %d@%d", p.Op, p.Arg, p.Addr)
}

// run decodes all it can of the parts as they arrive one after another, and checks the contract of Driver.
func run(t testing.TB, d Driver, parts ...[]byte) (out []string) {
	t.Helper()
	limit := lineWindow
	if k, ok := d.(*Evdev); ok {
		limit = (evdevWindow + 1) * k.size
	}
	var buf []byte
	for _, part := range parts {
		buf = append(buf, part...)
		for len(buf) > 0 {
			n, p, reply, err := d.Decode(buf)
			switch {
			case n < 0 || n > len(buf):
				t.Fatalf("Decode used %d of %d bytes", n, len(buf))
			case err != nil && (n == 0 || p != Press{} || !errors.Is(err, ErrFrame)):
				t.Fatalf("Decode: n=%d press=%v err=%v", n, p, err)
			case n == 0 && (p.Op != "" || reply != nil):
				t.Fatalf("Decode gave %v without using a byte", p)
			case p.Op == Rate && (p.Arg < 1 || p.Arg > 5), p.Op == Choose && (p.Arg < 1 || p.Arg > 99):
				t.Fatalf("argument out of range: %v", p)
			case reply != nil && !bytes.Equal(reply, buf[:n]):
				t.Fatalf("reply % X to % X is no echo", reply, buf[:n])
			}
			if _, echoes := d.(*Caller68); echoes && p.Op != "" && reply == nil {
				t.Fatalf("press %v is not acknowledged", p)
			}
			if err != nil {
				out = append(out, "bad")
			} else if p.Op != "" {
				out = append(out, text(p))
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

func presses(out []string) []string {
	return slices.DeleteFunc(slices.Clone(out), func(s string) bool { return s == "bad" })
}

func TestFrames(t *testing.T) {
	for name, build := range frameDrivers() {
		t.Run(name, func(t *testing.T) {
			for i, f := range readFrames(t, name) {
				if got := run(t, build(f.options), f.bytes); !slices.Equal(got, f.want) {
					t.Errorf("frame %d (% X): got %q, want %q", i+1, f.bytes, got, f.want)
				}
				step := 1
				if f.keys != "" {
					step = 13 // records are long; this meets each of their places
				}
				for cut := 0; cut < len(f.bytes); cut += step {
					got := presses(run(t, build(f.options), f.bytes[:cut], f.bytes[cut:]))
					if !slices.Equal(got, presses(f.want)) {
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
			driver := strings.ToLower(recv.(*ast.Ident).Name)
			found++
			if frameDrivers()[driver] == nil {
				t.Errorf("%s: driver %s is missing in frameDrivers", name, driver)
				continue
			}
			readFrames(t, driver)
		}
	}
	if found != len(frameDrivers()) {
		t.Errorf("%d drivers in the source, %d in frameDrivers", found, len(frameDrivers()))
	}
}

// fuzz checks the contract of Driver for any stream, cut anywhere, and that a good frame behind it is found.
func fuzz(f *testing.F, name string, options map[string]string, good []byte, press string) {
	for _, fr := range readFrames(f, name) {
		f.Add(fr.bytes, uint16(len(fr.bytes)/2))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		d := frameDrivers()[name](options)
		at := min(int(cut), len(stream))
		whole := presses(run(t, d, stream))
		if parts := presses(run(t, d, stream[:at], stream[at:])); !slices.Equal(whole, parts) {
			t.Errorf("cut at %d: %q, whole: %q", at, parts, whole)
		}
		if k, ok := d.(*Evdev); ok { // the kernel gives whole records
			stream = stream[:len(stream)/k.size*k.size]
		}
		if got := run(t, d, stream, good); len(got) == 0 || got[len(got)-1] != press {
			t.Errorf("a good frame after the stream is not found: %q", got)
		}
	})
}

func FuzzCaller68(f *testing.F) {
	fuzz(f, "caller68", nil, []byte{0xFF, 0x68, 3, 3, 0x68, 1, 0x10, 0x0C, 0x1D, 0x16}, "next@1")
}

func FuzzTerminal(f *testing.F) {
	fuzz(f, "terminal", nil, []byte("\nnext\n"), "next@0")
}

func FuzzEvdev(f *testing.F) {
	good, err := evdevtest.Records("+1h 6", evdev.Size())
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "evdev", nil, good, "rate 5@0")
}

func FuzzEvdevNumber(f *testing.F) {
	good, err := evdevtest.Records("14 2 3 28", evdev.Size()) // Backspace first: it ends what was begun
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "evdev", map[string]string{"op": "choose", "enter": "yes"}, good, "choose 12@0")
}

func FuzzGPIO(f *testing.F) {
	fuzz(f, "gpio", nil, []byte("\nGPIO17 low\n"), "next@0")
}

func FuzzQSystem(f *testing.F) {
	fuzz(f, "qsystem", nil, []byte{7, 7, 7, 1, 9, 0x31, 7}, "call@9")
}

func FuzzBytes(f *testing.F) {
	fuzz(f, "bytes", nil, []byte("4"), "rate 4@0")
}

func FuzzMatrix(f *testing.F) {
	fuzz(f, "matrix", nil, []byte("\nr1 c1 down\n"), "next@0")
}
