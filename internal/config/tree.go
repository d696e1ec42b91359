package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of a file. They are far above any real centre and keep a hostile file from costing memory or stack.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 20      // nested mappings and lists
)

// kind is the shape of a node.
type kind string

const (
	scalar  kind = "a single value"
	list    kind = "a list"
	mapping kind = "a group of keys"
)

// node is a YAML value with its place. The parser's own nodes are turned into it so that what a configuration
// must not contain (anchors, tags, repeated keys) is refused in one place, and so that a node remembers its file
// when a profile and a device are merged.
type node struct {
	at      Pos
	kind    kind
	tag     string // short tag that YAML gives a scalar: !!str, !!int, !!null, …
	text    string // a scalar's characters
	quoted  bool   // written in quotes or as a block: text, whatever it looks like
	entries []entry
	items   []*node
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	at    Pos
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	if n != nil {
		for _, e := range n.entries {
			if e.key == key {
				return e.value
			}
		}
	}
	return nil
}

// reader turns one file into a tree and collects what is wrong on the way.
type reader struct {
	file     string
	mistakes *Mistakes
}

func (r reader) wrong(line, col int, format string, args ...any) {
	*r.mistakes = append(*r.mistakes, Mistake{r.file, max(line, 1), max(col, 1), fmt.Sprintf(format, args...)})
}

// parse reads the one document of a file. It returns nil if there is nothing to decode; the reason is in the mistakes.
func parse(file string, data []byte, mistakes *Mistakes) *node {
	r := reader{file, mistakes}
	if len(data) > maxFile {
		r.wrong(1, 1, "the file has %d bytes; at most %d are read", len(data), maxFile)
		return nil
	}
	if !r.isText(data) {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		r.syntax(err)
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		r.wrong(1, 1, "the file is empty; a configuration file starts with version: 1")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.wrong(second.Line, second.Column, "a second YAML document starts here; one file holds one document, so remove this line or make a file of the rest")
	case !errors.Is(err, io.EOF):
		r.syntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		r.wrong(1, 1, "the file is empty; a configuration file starts with version: 1")
		return nil
	}
	return r.node(root, 0)
}

// isText looks for bytes that no text has, so that a picture or a database given by accident gets one clear line.
func (r reader) isText(data []byte) bool {
	line, col := 1, 1
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			r.wrong(line, col, "this is not UTF-8 text (byte 0x%02x); save the file as UTF-8", data[i])
			return false
		case c < ' ' && c != '\n' && c != '\r' && c != '\t', c == 0x7f:
			r.wrong(line, col, "this is not a text file (it contains the control character 0x%02x)", c)
			return false
		case c == '\r' && !bytes.HasPrefix(data[i+1:], []byte("\n")), c == '\u0085', c == '\u2028', c == '\u2029':
			// YAML ends a line here and most editors do not: the line numbers would differ.
			r.wrong(line, col, "this line ends with an unusual character (%U); save the file with ordinary line ends", c)
			return false
		case c == '\n':
			line, col = line+1, 0
		}
		col++
		i += size
	}
	return true
}

// syntax reports what the YAML parser could not read.
func (r reader) syntax(err error) {
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		what := e.Message
		if e.ContextMsg != "" && e.ContextMark.Line > 0 {
			what += fmt.Sprintf(" (%s that starts at line %d, column %d)", e.ContextMsg, e.ContextMark.Line, e.ContextMark.Column)
		}
		r.wrong(e.Mark.Line, e.Mark.Column, "this is not valid YAML: %s", what)
		return
	}
	r.wrong(1, 1, "this is not valid YAML: %v", err)
}

// node converts a value of the parser. It returns nil where the value must not be looked at further.
func (r reader) node(y *yaml.Node, depth int) *node {
	if y.Kind == yaml.AliasNode {
		r.wrong(y.Line, y.Column, "*%s is a YAML alias; they are not allowed here: write the value out, or put what devices share into a profile", y.Value)
		return nil
	}
	if y.Anchor != "" {
		r.wrong(y.Line, y.Column, "&%s is a YAML anchor; they are not allowed here: put what devices share into a profile", y.Anchor)
	}
	if depth > maxDepth {
		r.wrong(y.Line, y.Column, "this is nested more than %d levels deep", maxDepth)
		return nil
	}
	n := &node{at: Pos{r.file, y.Line, y.Column}, tag: y.ShortTag(), text: y.Value}
	if y.Style&yaml.TaggedStyle != 0 {
		r.wrong(y.Line, y.Column, "the tag %s is not allowed; write the plain value", y.Tag)
		return nil
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.kind = scalar
		n.quoted = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	case yaml.SequenceNode:
		n.kind = list
		for _, c := range y.Content {
			// A nil item keeps its place, so that the decoder knows the list has it.
			n.items = append(n.items, r.node(c, depth+1))
		}
	case yaml.MappingNode:
		n.kind = mapping
		r.entries(n, y, depth)
	default:
		return nil
	}
	return n
}

// entries converts the keys of a mapping and refuses a key that stands there twice.
func (r reader) entries(n *node, y *yaml.Node, depth int) {
	first := make(map[string]int)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		value := r.node(y.Content[i+1], depth+1)
		switch line, again := first[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			r.wrong(k.Line, k.Column, "a key must be a word, not a list or a group")
		case k.Value == "<<":
			r.wrong(k.Line, k.Column, "merging with << is not allowed here; put what devices share into a profile")
		case k.Anchor != "":
			r.wrong(k.Line, k.Column, "&%s is a YAML anchor; they are not allowed here", k.Anchor)
		case again:
			r.wrong(k.Line, k.Column, "the key %q stands here twice, first in line %d; remove one", k.Value, line)
		default:
			first[k.Value] = k.Line
			n.entries = append(n.entries, entry{k.Value, Pos{r.file, k.Line, k.Column}, value})
		}
	}
}

// merge lays a device over its profile: groups are joined key by key, everything else of the device replaces the profile's.
// The nodes keep their own places, so that a mistake is named where it was written.
func merge(device, profile *node) *node {
	if device == nil || profile == nil || device.kind != mapping || profile.kind != mapping {
		return device
	}
	out := &node{at: device.at, kind: mapping, tag: device.tag}
	for _, e := range profile.entries {
		if device.get(e.key) == nil {
			out.entries = append(out.entries, e)
		}
	}
	for _, e := range device.entries {
		e.value = merge(e.value, profile.get(e.key))
		out.entries = append(out.entries, e)
	}
	return out
}

// show quotes a value for a message, cut to a readable length and free of control characters.
func show(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		text = string([]rune(text)[:40]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// either lists what is allowed: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
