// Package config reads the centre and its devices from YAML files, strictly: it names every mistake at once,
// each as file:line:column with what is wrong and what is allowed, and touches no hardware.
//
// A configuration is a folder:
//
//	centre.yaml          the centre: departments, items, halls, counters, officers
//	devices/<id>.yaml    one kiosk or counter unit each
//	profiles/<name>.yaml what alike devices share; a device takes it over with profile: <name>
//
// The controller and the devices check with the same code. Every file begins with version: 1.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	_ "time/tzdata" // zones are checked and used on machines without a zone database
)

// Config is a whole configuration that was found good.
type Config struct {
	Centre  *Centre
	Devices []*Device // in the order of their files' names

	in     contents
	public func() (*public, error) // the centre's file as devices get it, made once: it is parsed for that
}

// Source is one file of a configuration as text.
type Source struct {
	Name string // of a profile: what devices write after profile:
	File string // the path to print in mistakes
	Data []byte
}

// Load reads a configuration. The path is the folder, or the centre.yaml in it.
// The Config is nil if there is any mistake, a file that cannot be read included.
func Load(name string) (*Config, Mistakes) {
	if filepath.Base(name) == centreFile {
		name = filepath.Dir(name)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, Mistakes{{name, 1, 1, "cannot open the folder of the configuration: " + plain(err)}}
	}
	defer root.Close()
	return loadFS(root.FS(), func(inner string) string { return filepath.Join(name, filepath.FromSlash(inner)) })
}

// LoadDevice reads one device file for the bench, with its profile from the folder profiles beside the file's own folder.
func LoadDevice(name string) (*Device, Mistakes) {
	var mistakes Mistakes
	data, err := readBounded(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return nil, Mistakes{{name, 1, 1, "cannot read the file: " + plain(err)}}
	}
	folder := filepath.Join(filepath.Dir(filepath.Dir(name)), profilesFolder)
	show := func(inner string) string { return filepath.Join(filepath.Dir(folder), filepath.FromSlash(inner)) }
	profiles := readFolder(os.DirFS(filepath.Dir(folder)), profilesFolder, show, &mistakes)
	device, more := ParseDevice(name, data, profiles...)
	if mistakes = append(mistakes, more...); len(mistakes) > 0 {
		return nil, mistakes.sorted()
	}
	return device, nil
}

// ParseCentre reads the text of a centre.yaml. File is the path to print in mistakes.
func ParseCentre(file string, data []byte) (*Centre, Mistakes) {
	var mistakes Mistakes
	d := newDecoder(&mistakes)
	c := new(Centre)
	if n := parse(file, data, &mistakes); n != nil {
		d.root(n, c)
		d.centre(c)
	}
	if len(mistakes) > 0 {
		return nil, mistakes.sorted()
	}
	return c, nil
}

// ParseDevice reads the text of a device file by itself; whether its counters and departments exist only Load can say.
func ParseDevice(file string, data []byte, profiles ...Source) (*Device, Mistakes) {
	var mistakes Mistakes
	s := newShelf(profiles, &mistakes)
	p, _ := s.device(file, data)
	if len(mistakes) > 0 {
		return nil, mistakes.sorted()
	}
	return p, nil
}

// The names within the folder of a configuration.
const (
	centreFile     = "centre.yaml"
	devicesFolder  = "devices"
	profilesFolder = "profiles"
)

// contents are the files of a configuration as they were read.
type contents struct {
	centre            Source // its Data is nil if it could not be read, which is among the mistakes then
	devices, profiles []Source
}

// loadFS reads and checks a whole configuration. Show turns a path within the folder into the one to print.
func loadFS(folder fs.FS, show func(string) string) (*Config, Mistakes) {
	var mistakes Mistakes
	in := contents{centre: Source{Name: "centre", File: show(centreFile)}}
	data, err := readBounded(folder, centreFile)
	if err != nil {
		mistakes = append(mistakes, Mistake{in.centre.File, 1, 1, "cannot read the file of the centre: " + plain(err)})
	} else {
		in.centre.Data = append([]byte{}, data...) // not nil, even if empty
	}
	in.devices = readFolder(folder, devicesFolder, show, &mistakes)
	in.profiles = readFolder(folder, profilesFolder, show, &mistakes)
	return in.check(mistakes, nil)
}

// check decodes all files and checks them against each other; mistakes are those of the reading before.
// Pardon names required keys that may be absent from the centre, nil for none.
func (in contents) check(mistakes Mistakes, pardon func(string) bool) (*Config, Mistakes) {
	cfg := &Config{Centre: new(Centre), in: in}
	cfg.public = sync.OnceValues(func() (*public, error) { return newPublic(in.centre.Data) })
	d := newDecoder(&mistakes)
	d.pardon = pardon
	var known ids
	sure := false
	if in.centre.Data != nil {
		if n := parse(in.centre.File, in.centre.Data, &mistakes); n != nil {
			d.root(n, cfg.Centre)
			known = d.centre(cfg.Centre)
			sure = true
		}
	}
	s := newShelf(in.profiles, &mistakes)
	among := newAmong()
	for _, src := range in.devices {
		p, own := s.device(src.File, src.Data)
		if p == nil {
			continue
		}
		own.named(p, src.Name)
		among.add(own, p)
		if sure {
			own.fits(p, cfg.Centre, known)
		}
		cfg.Devices = append(cfg.Devices, p)
	}
	for _, src := range in.profiles {
		if !s.used[src.Name] {
			mistakes = append(mistakes, Mistake{src.File, 1, 1, "no device uses this profile, so nothing in it was checked; name it in a device, or remove the file"})
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes.sorted()
	}
	return cfg, nil
}

// readFolder reads all YAML files of a folder, which may be absent, in the order of their names.
func readFolder(folder fs.FS, name string, show func(string) string, mistakes *Mistakes) []Source {
	list, err := fs.ReadDir(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	wrong := func(inner, what string) { *mistakes = append(*mistakes, Mistake{show(inner), 1, 1, what}) }
	if err != nil {
		wrong(name, "cannot read the folder: "+plain(err))
	}
	var out []Source
	for _, e := range list {
		inner := path.Join(name, e.Name())
		base, isYAML := strings.CutSuffix(e.Name(), ".yaml")
		switch {
		case strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~"):
			continue // what editors leave behind
		case !isYAML || e.IsDir():
			wrong(inner, "only files that end in .yaml belong into the folder "+name+"; rename or remove this one")
			continue
		}
		data, err := readBounded(folder, inner)
		if err != nil {
			wrong(inner, "cannot read the file: "+plain(err))
			continue
		}
		out = append(out, Source{base, show(inner), data})
	}
	return out
}

// readBounded reads a file, and of a giant one only as much as shows that it is too large.
func readBounded(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// plain is an error of the file system without the path, which the mistake names already.
func plain(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// Department returns the department with that id, or nil.
func (c *Centre) Department(id string) *Department {
	return find(c.Departments, func(x *Department) bool { return x.ID == id })
}

// Counter returns the counter with that id, or nil.
func (c *Centre) Counter(id string) *Counter {
	return find(c.Counters, func(x *Counter) bool { return x.ID == id })
}

// HallOf returns the hall with that id, or nil.
func (c *Centre) HallOf(id string) *Hall {
	return find(c.Halls, func(x *Hall) bool { return x.ID == id })
}

// Officer returns the officer with that id, or nil.
func (c *Centre) Officer(id string) *Officer {
	return find(c.Officers, func(x *Officer) bool { return x.ID == id })
}

// Item returns the item with that id, or nil.
func (d *Department) Item(id string) *Item {
	return find(d.Items, func(x *Item) bool { return x.ID == id })
}

// Device returns the device with that id, or nil.
func (c *Config) Device(id string) *Device {
	i := slices.IndexFunc(c.Devices, func(p *Device) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return c.Devices[i]
}

func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// String names the configuration for a log line.
func (c *Config) String() string {
	return fmt.Sprintf("%s: %d departments, %d counters, %d devices", c.Centre.Name.EN, len(c.Centre.Departments), len(c.Centre.Counters), len(c.Devices))
}
