package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestServed serves every sample device and reads it back as the device would.
func TestServed(t *testing.T) {
	for _, folder := range []string{samples, filepath.Join(samples, "hall")} {
		cfg, mistakes := Load(folder)
		if mistakes.Err() != nil {
			t.Fatal(mistakes)
		}
		for _, p := range cfg.Devices {
			data, err := cfg.Serve(p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := cfg.Serve(p.ID); !bytes.Equal(data, again) {
				t.Errorf("%s: two servings differ", p.ID)
			}
			for _, private := range []string{"guide:", "officer", "substitute_for", cfg.Centre.Officers[0].Card} {
				if bytes.Contains(data, []byte(private+":")) || private != "officer" && bytes.Contains(data, []byte(private)) {
					t.Errorf("%s is served %q", p.ID, private)
				}
			}
			got, mistakes := ParseServed(data)
			if mistakes.Err() != nil {
				t.Fatalf("%s: %v", p.ID, mistakes)
			}
			if len(got.Devices) != 1 || !reflect.DeepEqual(got.Devices[0], p) {
				t.Errorf("%s reads back as %+v", p.ID, got.Devices)
			}
			if len(got.Centre.Officers) != 0 || len(got.Centre.Departments) != len(cfg.Centre.Departments) ||
				!reflect.DeepEqual(got.Centre.Hours, cfg.Centre.Hours) {
				t.Errorf("%s: the served centre differs", p.ID)
			}
			for i, d := range got.Centre.Departments {
				if d.Floor != cfg.Centre.Departments[i].Floor {
					t.Errorf("%s: the floor of %s is %d, want %d", p.ID, d.ID, d.Floor, cfg.Centre.Departments[i].Floor)
				}
			}
			for _, id := range p.Counters {
				if !reflect.DeepEqual(got.Centre.Counter(id), cfg.Centre.Counter(id)) {
					t.Errorf("%s: its counter %s reads back as %+v", p.ID, id, got.Centre.Counter(id))
				}
			}
		}
		if _, err := cfg.Serve("nobody"); err == nil {
			t.Error("an unknown device was served")
		}
	}
}

// TestServedLines changes what stands after the emptied blocks: a device names the line of the controller's file.
func TestServedLines(t *testing.T) {
	cfg, mistakes := Load(samples)
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	data, err := cfg.Serve("unit-1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(samples, centreFile))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Count(string(text[:bytes.Index(text, []byte("jump: 300"))]), "\n") + 1
	_, mistakes = ParseServed(bytes.Replace(data, []byte("jump: 300"), []byte("jump: 301x"), 1))
	if len(mistakes) != 1 || mistakes[0].File != centreFile || mistakes[0].Line != want {
		t.Errorf("want one mistake at line %d, got:\n%v", want, mistakes)
	}
	if _, mistakes = ParseServed(bytes.Replace(data, []byte("device: unit-1"), []byte("device: unit-2"), 1)); mistakes.Err() == nil {
		t.Error("a file of another device was accepted")
	}
}

// TestServedCounters leaves out the counters of others, but for those that the checks of the centre rest on.
func TestServedCounters(t *testing.T) {
	cfg, mistakes := Load(samples)
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	data, err := cfg.Serve("kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	got, mistakes := ParseServed(data)
	if mistakes.Err() != nil {
		t.Fatal(mistakes)
	}
	if n, all := len(got.Centre.Counters), len(cfg.Centre.Counters); n >= all || n == 0 {
		t.Errorf("a kiosk is served %d of %d counters", n, all)
	}
	for _, text := range []string{
		"counters: [{id: a}, {id: b}]\n", "counters:\n- {id: a}\n-   {id: b}\n", "counters:\n  -\n    id: a\n  - id: b\n",
	} {
		p, err := newPublic([]byte("version: 1\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		c := &Centre{Counters: make([]Counter, 2)}
		out := p.only(c, nil)
		if bytes.Count(out, []byte("\n")) != bytes.Count(p.text, []byte("\n")) {
			t.Errorf("%q became %q", text, out)
		}
	}
	p, err := newPublic([]byte("counters:\n  - id: a\n    hall: x\n\n    # of b\n  - id: b\n    hall: y\nzone: z\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Centre{Counters: []Counter{{ID: "a"}, {ID: "b"}}}
	if got, want := string(p.only(c, []string{"a"})), "counters:\n  - id: a\n    hall: x\n\n    # of b\n\n\nzone: z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(p.only(c, []string{"b"})), "counters:\n\n\n\n\n  - id: b\n    hall: y\nzone: z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOfficersThatCannotBeLeftOut(t *testing.T) {
	for _, text := range []string{"{version: 1, officers: []}\n", "version: 1\n? officers\n: []\n",
		"version: 1\nofficers: [\n{id: a, card: b}\n]\nzone: x\n"} {
		if out, err := withoutPrivate([]byte(text)); err == nil {
			t.Errorf("%q was served as %q", text, out)
		}
	}
	got, err := withoutPrivate([]byte("version: 1\nofficers:\n- {id: a,\n   card: b}\n# between\n\nzone: x\n"))
	if want := "version: 1\n\n\n\n\n\nzone: x\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func FuzzServed(f *testing.F) {
	cfg, mistakes := Load(filepath.Join(samples, "hall"))
	if mistakes.Err() != nil {
		f.Fatal(mistakes)
	}
	for _, p := range cfg.Devices {
		data, err := cfg.Serve(p.ID)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, mistakes := ParseServed(data)
		placed(t, data, cfg != nil, mistakes)
		if cfg != nil {
			if _, err := cfg.Serve(cfg.Devices[0].ID); err != nil && !strings.Contains(err.Error(), "bytes") {
				t.Errorf("what was served cannot be served: %v", err)
			}
		}
		if out, err := withoutPrivate(data); err == nil && len(data) > 0 && bytes.Count(out, []byte("\n")) < bytes.Count(data, []byte("\n")) {
			t.Errorf("lines were lost: %q became %q", data, out)
		}
	})
}
