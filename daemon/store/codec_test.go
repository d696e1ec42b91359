package store

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quhao/daemon/queue"
)

// filled gives a body of the kind with every field set, so that its golden file shows every field.
func filled(t *testing.T, c codec, kind string) queue.Body {
	t.Helper()
	b, err := c.decode(kind, c.current[kind], []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.New(reflect.TypeOf(b)).Elem()
	n := 0
	fill(t, v, kind, &n)
	return v.Interface().(queue.Body)
}

func fill(t *testing.T, v reflect.Value, name string, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %d <号&\">", strings.ToLower(name), *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(1<<53 + uint64(*n)) // more than a float holds
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name, n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), name, n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, name, n)
			fill(t, value, name, n)
			v.SetMapIndex(key, value)
		}
	default:
		t.Fatalf("%s: a field of kind %s has no golden value yet", name, v.Kind())
	}
}

func golden(kind string, version int) string {
	return filepath.Join("testdata", "events", fmt.Sprintf("%s.v%d.json", kind, version))
}

// TestGolden holds the format of every kind of event fast. After a change on purpose, which needs a new version once
// the format was released: UPDATE_GOLDEN=1 go test -run TestGolden.
func TestGolden(t *testing.T) {
	c := newCodec()
	for f := range c.decoders {
		t.Run(fmt.Sprintf("%s.v%d", f.kind, f.version), func(t *testing.T) {
			b := filled(t, c, f.kind)
			version, text, err := c.encode(b)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
			if os.Getenv("UPDATE_GOLDEN") != "" && version == f.version {
				if err := os.WriteFile(golden(f.kind, version), text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden(f.kind, f.version))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.decode(f.kind, f.version, want)
			if err != nil {
				t.Fatalf("what was written once is not read any more: %v", err)
			}
			if version != f.version {
				return // an old form: that it is read is all
			}
			if !bytes.Equal(text, want) {
				t.Errorf("encode gives\n%swant\n%s", text, want)
			}
			if !reflect.DeepEqual(got, b) {
				t.Errorf("decode gives\n%#v\nwant\n%#v", got, b)
			}
		})
	}
}

// TestEveryKindIsInTheTable reads package queue's source: a kind that is not in the table could be decided, but not written.
func TestEveryKindIsInTheTable(t *testing.T) {
	kinds := kindsOf(t)
	if len(kinds) < 21 {
		t.Fatalf("found only the kinds %v", kinds)
	}
	c := newCodec()
	for _, k := range kinds {
		if c.current[k] == 0 {
			t.Errorf("kind %s is missing in newCodec", k)
		}
	}
	for k := range c.current {
		if !slices.Contains(kinds, k) {
			t.Errorf("kind %s is in newCodec and not in package queue", k)
		}
	}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < len(c.decoders) {
		t.Errorf("%d golden files for %d forms (%v)", len(files), len(c.decoders), err)
	}
}

// kindsOf gives what the methods Kind in package queue return.
func kindsOf(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../queue/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Kind" {
				continue
			}
			word, err := strconv.Unquote(f.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, word)
		}
	}
	return kinds
}

func TestDecodeRefuses(t *testing.T) {
	c := newCodec()
	for name, x := range map[string]struct {
		kind    string
		version int
		text    string
	}{
		"an unknown kind":    {"flown", 1, `{}`},
		"a later version":    {"rated", 2, `{}`},
		"version zero":       {"rated", 0, `{}`},
		"an unknown field":   {"rated", 1, `{"Visit":"v","Score":3,"Who":"me"}`},
		"a second value":     {"rated", 1, `{"Visit":"v","Score":3}{}`},
		"a wrong type":       {"rated", 1, `{"Visit":"v","Score":"3"}`},
		"a fraction":         {"rated", 1, `{"Visit":"v","Score":3.5}`},
		"an array":           {"rated", 1, `[]`},
		"null":               {"rated", 1, `null`},
		"half a value":       {"rated", 1, `{"Visit":"v"`},
		"nothing":            {"rated", 1, ``},
		"a negative number":  {"undid", 1, `{"Counter":"1","Of":-1}`},
		"a number too large": {"undid", 1, `{"Counter":"1","Of":18446744073709551616}`},
	} {
		if b, err := c.decode(x.kind, x.version, []byte(x.text)); err == nil {
			t.Errorf("%s was taken: %#v", name, b)
		} else if !strings.Contains(err.Error(), x.kind) {
			t.Errorf("%s: the error does not name the kind: %v", name, err)
		}
	}
}

// stranger is a body that no table knows.
type stranger struct{}

func (stranger) Kind() string { return "stranger" }

func TestEncodeRefuses(t *testing.T) {
	for _, b := range []queue.Body{nil, stranger{}} {
		if _, _, err := newCodec().encode(b); err == nil {
			t.Errorf("%#v was encoded", b)
		}
	}
}

func FuzzDecode(f *testing.F) {
	c := newCodec()
	for form := range c.decoders {
		text, err := os.ReadFile(golden(form.kind, form.version))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(form.kind, form.version, text)
	}
	f.Fuzz(func(t *testing.T, kind string, version int, text []byte) {
		b, err := c.decode(kind, version, text)
		if err != nil {
			return
		}
		_, again, err := c.encode(b)
		if err != nil {
			t.Fatalf("%#v was decoded and is not encoded: %v", b, err)
		}
		back, err := c.decode(kind, c.current[kind], again)
		if err != nil || !reflect.DeepEqual(back, b) {
			t.Fatalf("%#v comes back as %#v, %v", b, back, err)
		}
	})
}
