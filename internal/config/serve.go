package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// served is what a device gets by down/cfg: its file, its profile and the centre, as text with the same line numbers
// as in the controller's folder, so that a device which refuses it names the lines that the administrator sees.
type served struct {
	Version int    `yaml:"version"`
	Device  string `yaml:"device"`
	Centre  string `yaml:"centre"`
	Own     string `yaml:"own"`
	Name    string `yaml:"profile_name,omitempty"`
	Profile string `yaml:"profile,omitempty"`
}

// maxServed is the largest down/cfg message of protocol quhao/1, in bytes.
const maxServed = 256 << 10

// Serve returns what the device with that id is to be served: one YAML document, the same bytes for the same files.
// The guides of the items are left out for their size, and the officers because no device has to know them.
// It fails for an unknown device, for a centre whose officers cannot be left out line by line, and above 192 KiB,
// which leaves room for the escapes of the message around it.
func (c *Config) Serve(id string) ([]byte, error) {
	p := c.Device(id)
	i := slices.IndexFunc(c.in.devices, func(s Source) bool { return s.Name == id })
	if p == nil || i < 0 {
		return nil, fmt.Errorf("serve the configuration of %q: there is no such device", id)
	}
	text, err := c.public()
	if err != nil {
		return nil, fmt.Errorf("serve the configuration of %q: %w", id, err)
	}
	out := served{Version: 1, Device: id, Centre: string(text), Own: string(c.in.devices[i].Data), Name: p.Profile}
	if j := slices.IndexFunc(c.in.profiles, func(s Source) bool { return s.Name == p.Profile }); j >= 0 {
		out.Profile = string(c.in.profiles[j].Data)
	}
	data, err := yaml.Dump(out)
	if err != nil {
		return nil, fmt.Errorf("serve the configuration of %q: %w", id, err)
	}
	if len(data) > maxServed*3/4 {
		return nil, fmt.Errorf("serve the configuration of %q: it has %d bytes, at most %d can be sent", id, len(data), maxServed*3/4)
	}
	return data, nil
}

// ParseServed checks what Serve has made, with the same code as Load. The Config has the one device,
// a centre without officers, and items without guides.
func ParseServed(data []byte) (*Config, Mistakes) {
	var s served
	if len(data) > maxServed {
		return nil, Mistakes{{"served", 1, 1, fmt.Sprintf("the served configuration has %d bytes; at most %d are read", len(data), maxServed)}}
	}
	if !(reader{"served", new(Mistakes)}).isText(data) {
		return nil, Mistakes{{"served", 1, 1, "the served configuration is not text"}}
	}
	if err := yaml.Load(data, &s, yaml.WithKnownFields()); err != nil {
		return nil, Mistakes{{"served", 1, 1, "this is no served configuration: " + strings.Join(strings.Fields(err.Error()), " ")}}
	}
	if s.Version != 1 || !devicePattern.MatchString(s.Device) {
		return nil, Mistakes{{"served", 1, 1, "this is no served configuration of version 1 for a device"}}
	}
	in := contents{
		centre:  Source{"centre", centreFile, []byte(s.Centre)},
		devices: []Source{{s.Device, devicesFolder + "/" + s.Device + ".yaml", []byte(s.Own)}},
	}
	if s.Name != "" {
		if !idPattern.MatchString(s.Name) {
			return nil, Mistakes{{"served", 1, 1, "the served profile has no usable name"}}
		}
		in.profiles = []Source{{s.Name, profilesFolder + "/" + s.Name + ".yaml", []byte(s.Profile)}}
	}
	return in.check(nil, func(key string) bool { return key == "guide" })
}

// withoutPrivate empties the lines of the officers and of the guides and keeps the number of every other line.
// A guide that shares a line with something else stays; officers that do so are an error.
func withoutPrivate(centre []byte) ([]byte, error) {
	root := parse(centreFile, centre, new(Mistakes))
	lines := bytes.SplitAfter(centre, []byte("\n"))
	for _, e := range rootEntries(root) {
		if e.key != "officers" {
			continue
		}
		if !empty(lines, e.at) {
			return nil, fmt.Errorf("%s: officers must begin a line of its own", e.at)
		}
	}
	for _, dept := range root.get("departments").list() {
		for _, item := range dept.get("items").list() {
			if item == nil {
				continue
			}
			for _, e := range item.entries {
				if e.key == "guide" {
					empty(lines, e.at)
				}
			}
		}
	}
	out := bytes.Join(lines, nil)
	// Lists in brackets may reach back to the left edge, where the block cannot be told from what follows it.
	var broken Mistakes
	if left := parse(centreFile, out, &broken); len(broken) > 0 || left.has("officers") || len(rootEntries(left)) < len(rootEntries(root))-1 {
		return nil, fmt.Errorf("%s: the lines of officers and guides must be indented deeper than their keys", centreFile)
	}
	return out, nil
}

func rootEntries(n *node) []entry {
	if n == nil {
		return nil
	}
	return n.entries
}

// list returns the items of a list, none of anything else.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// empty removes a key with its block, up to the next line that is not deeper, and says whether the key began its line.
// A list may stand as deep as its key, so lines that begin with a hyphen there belong to it.
func empty(lines [][]byte, at Pos) bool {
	depth := at.Col - 1
	if at.Line > len(lines) || indent(lines[at.Line-1]) != depth {
		return false
	}
	end := []byte("\n")
	lines[at.Line-1] = end
	for i := at.Line; i < len(lines); i++ {
		text := bytes.TrimSpace(lines[i])
		in := indent(lines[i])
		if len(text) > 0 && text[0] != '#' && (in < depth || in == depth && text[0] != '-') {
			break
		}
		if len(text) > 0 {
			lines[i] = end
		}
	}
	return true
}

// indent counts the spaces before a line's text.
func indent(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }
