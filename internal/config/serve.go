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
// The guides of the items and the counters of others are left out for their size, and the officers because no device has
// to know them. Of the counters of others those stay that show a department to be served, so that the same checks hold.
// It fails for an unknown device, for a centre whose officers cannot be left out line by line, and above 192 KiB,
// which leaves room for the escapes of the message around it.
func (c *Config) Serve(id string) ([]byte, error) {
	p := c.Device(id)
	i := slices.IndexFunc(c.in.devices, func(s Source) bool { return s.Name == id })
	if p == nil || i < 0 {
		return nil, fmt.Errorf("serve the configuration of %q: there is no such device", id)
	}
	centre, err := c.public()
	if err != nil {
		return nil, fmt.Errorf("serve the configuration of %q: %w", id, err)
	}
	out := served{Version: 1, Device: id, Centre: string(centre.only(c.Centre, p.Counters)), Own: string(c.in.devices[i].Data), Name: p.Profile}
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

// public is the centre's file as any device may see it, and where its counters stand.
type public struct {
	text     []byte
	counters []Pos // the first line of each; nil if they do not begin lines of their own
}

func newPublic(centre []byte) (*public, error) {
	text, err := withoutPrivate(centre)
	if err != nil {
		return nil, err
	}
	p := &public{text: text}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for _, n := range parse(centreFile, text, new(Mistakes)).get("counters").list() {
		if n == nil || n.at.Line > len(lines) || !bytes.HasPrefix(bytes.TrimSpace(lines[n.at.Line-1]), []byte("- ")) {
			return &public{text: text}, nil
		}
		p.counters = append(p.counters, n.at)
	}
	return p, nil
}

// only gives the text with the lines of the counters emptied that a device has no use for; every line keeps its number.
func (p *public) only(c *Centre, own []string) []byte {
	if len(p.counters) != len(c.Counters) {
		return p.text
	}
	keep := c.witnesses()
	lines := bytes.SplitAfter(p.text, []byte("\n"))
	for i, at := range p.counters {
		if !keep[i] && !slices.Contains(own, c.Counters[i].ID) {
			at.Col = indent(lines[at.Line-1]) + 1 // of the hyphen
			empty(lines, at)
		}
	}
	return bytes.Join(lines, nil)
}

// witnesses are the first counter of each department, whose floor is the department's, and the first that provides each
// need there.
func (c *Centre) witnesses() map[int]bool {
	type post struct{ department, need string }
	seen, keep := map[post]bool{}, map[int]bool{}
	for i := range c.Counters {
		for _, d := range c.Counters[i].Departments {
			for _, need := range append([]string{""}, c.Counters[i].Provides...) {
				if !seen[post{d, need}] {
					seen[post{d, need}], keep[i] = true, true
				}
			}
		}
	}
	return keep
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

// empty removes a key, or an item of a list at its hyphen, with its block, up to the next line that is not deeper, and says
// whether it began its line. A list may stand as deep as its key, so lines that begin with a hyphen there belong to it.
func empty(lines [][]byte, at Pos) bool {
	depth := at.Col - 1
	if at.Line > len(lines) || indent(lines[at.Line-1]) != depth {
		return false
	}
	item := bytes.HasPrefix(bytes.TrimSpace(lines[at.Line-1]), []byte("-"))
	end := []byte("\n")
	lines[at.Line-1] = end
	for i := at.Line; i < len(lines); i++ {
		text := bytes.TrimSpace(lines[i])
		in := indent(lines[i])
		if len(text) > 0 && text[0] != '#' && (in < depth || in == depth && (item || text[0] != '-')) {
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
