package card

import (
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

// frameDrivers names every driver of the package by its testdata file; form is the option of the frame's line.
func frameDrivers() map[string]func(form string) Driver {
	return map[string]func(form string) Driver{
		"rdm6300": func(form string) Driver {
			r := NewRDM6300()
			if form != "" {
				r.Form = form
			}
			return r
		},
		"terminal": func(string) Driver { return NewTerminal() },
		"wedge": func(form string) Driver {
			w := NewWedge()
			w.Form = cmp.Or(form, w.Form)
			return w
		},
	}
}

// frame is one line of a .frames file: bytes in hex, as a quoted Go string, or as the script of an input device behind
// the word "keys"; then "=>" and what they decode to.
type frame struct {
	form  string
	keys  string // the script
	bytes []byte
	want  []string // numbers, or "bad" for a run of thrown-away bytes
}

func parseFrame(line string) (frame, error) {
	in, out, ok := strings.Cut(line, "=>")
	if !ok {
		return frame{}, fmt.Errorf("no => in %q", line)
	}
	var f frame
	in = strings.TrimSpace(in)
	if rest, ok := strings.CutPrefix(in, "form="); ok {
		f.form, in, _ = strings.Cut(rest, " ")
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
	if w, ok := d.(*Wedge); ok {
		limit = (wedgeWindow + 1) * w.size
	}
	var buf []byte
	for _, part := range parts {
		buf = append(buf, part...)
		for len(buf) > 0 {
			n, num, reply, err := d.Decode(buf)
			switch {
			case n < 0 || n > len(buf):
				t.Fatalf("Decode used %d of %d bytes", n, len(buf))
			case err != nil && (n == 0 || num != "" || !errors.Is(err, ErrFrame)):
				t.Fatalf("Decode: n=%d num=%v err=%v", n, num, err)
			case n == 0 && (num != "" || reply != nil):
				t.Fatalf("Decode gave %v without using a byte", num)
			case num != "" && (len(num) < 4 || len(num) > 32):
				t.Fatalf("a number of %d characters", len(num))
			}
			if err != nil {
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

func numbers(out []string) []string {
	return slices.DeleteFunc(slices.Clone(out), func(s string) bool { return s == "bad" })
}

func TestFrames(t *testing.T) {
	for name, build := range frameDrivers() {
		t.Run(name, func(t *testing.T) {
			for i, f := range readFrames(t, name) {
				if got := run(t, build(f.form), f.bytes); !slices.Equal(got, f.want) {
					t.Errorf("frame %d (%X): got %q, want %q", i+1, f.bytes, got, f.want)
				}
				step := 1
				if f.keys != "" {
					step = 13 // records are long; this meets each of their places
				}
				for cut := 0; cut < len(f.bytes); cut += step {
					got := numbers(run(t, build(f.form), f.bytes[:cut], f.bytes[cut:]))
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
func fuzz(f *testing.F, name string, good []byte, num string) {
	for _, fr := range readFrames(f, name) {
		f.Add(fr.bytes, uint16(len(fr.bytes)/2))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		d := frameDrivers()[name]("")
		at := min(int(cut), len(stream))
		whole := numbers(run(t, d, stream))
		if parts := numbers(run(t, d, stream[:at], stream[at:])); !slices.Equal(whole, parts) {
			t.Errorf("cut at %d: %q, whole: %q", at, parts, whole)
		}
		if w, ok := d.(*Wedge); ok { // the kernel gives whole records
			stream = stream[:len(stream)/w.size*w.size]
		}
		if got := run(t, d, stream, good); len(got) == 0 || got[len(got)-1] != num {
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
	good, err := evdevtest.Records("silence 11 11 11 9 9 5 5 4 6 7 28", evdev.Size())
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "wedge", good, "0008844356")
}
