package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v4"
)

// optionNames lists the yaml keys of all configuration structs.
func optionNames() []string {
	names := map[string]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch {
		case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
			walk(t.Elem())
		case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
			for f := range t.Fields() {
				if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
					names[name] = true
					walk(f.Type)
				}
			}
		}
	}
	walk(reflect.TypeFor[Centre]())
	walk(reflect.TypeFor[Device]())
	var out []string
	for name := range names {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// mutation is a change of one file that must be named at a line of that file.
type mutation struct {
	what, text string
	line       int
}

// mutator makes mutations of one file, one of a sort for each place in the format and not one for each of forty alike entries.
type mutator struct {
	lines [][]rune
	seen  map[string]int
	out   []mutation
}

// replace puts text for the characters from col (from 1) over length on a line (from 1) and expects a mistake on line want.
func (m *mutator) replace(what string, line, col, length int, text string, want int) {
	l := m.lines[line-1]
	changed := string(l[:col-1]) + text + string(l[col-1+length:])
	all := make([]string, len(m.lines))
	for i := range m.lines {
		all[i] = string(m.lines[i])
	}
	all[line-1] = changed
	m.out = append(m.out, mutation{what, strings.Join(all, "\n"), want})
}

// width is how many characters a scalar takes in its line, 0 if it has several lines.
func (m *mutator) width(n *yaml.Node) int {
	rest := m.lines[n.Line-1][n.Column-1:]
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		return slices.Index(rest[1:], '"') + 2
	}
	if strings.HasPrefix(string(rest), n.Value) {
		return len([]rune(n.Value))
	}
	return 0
}

// required are the keys without which a file must be refused, by their paths.
var required = strings.Fields(`/version /name /name/zh /name/en /zone /departments[]/id /departments[]/name /departments[]/prefix
	/departments[]/items[]/id /departments[]/items[]/name /halls[]/id /halls[]/name /halls[]/floor /counters[]/id /counters[]/number
	/counters[]/hall /counters[]/departments /officers[]/id /officers[]/name /classes[]/id /needs[]/id /id /keys[]/key /keys[]/department
	/hours/regimes[]/from /hours/regimes[]/until /hours/weekly[]/day`)

// walk visits every value of a file.
func (m *mutator) walk(path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			m.walk(path+"[]", c)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			here := path + "/" + k.Value
			if m.seen[here]++; m.seen[here] == 1 {
				m.key(here, n, k, v)
			}
			m.walk(here, v)
		}
	case yaml.ScalarNode:
		if m.seen[path+"="]++; m.seen[path+"="] == 1 {
			m.value(path, n)
		}
	}
}

// key changes a key: misspelt, repeated, gone.
func (m *mutator) key(path string, parent, k, v *yaml.Node) {
	m.replace("misspell "+path, k.Line, k.Column, len([]rune(k.Value)), k.Value+"x", k.Line)
	flow := parent.Style&yaml.FlowStyle != 0
	indent := string(m.lines[k.Line-1][:k.Column-1])
	if flow {
		m.replace("repeat "+path, k.Line, k.Column, 0, k.Value+": 1, ", k.Line)
	} else if strings.TrimSpace(indent) == "" {
		m.replace("repeat "+path, k.Line, k.Column, 0, k.Value+": 1\n"+indent, k.Line+1)
	}
	width := 0
	if v.Kind == yaml.ScalarNode {
		width = m.width(v)
	}
	if !slices.Contains(required, path) || width == 0 {
		return
	}
	from, to := k.Column, v.Column+width
	rest := m.lines[k.Line-1]
	switch {
	case !flow && strings.TrimSpace(indent) == "":
	case flow && to+1 < len(rest) && string(rest[to-1:to+1]) == ", ":
		to += 2
	case flow && string(rest[from-3:from-1]) == ", ":
		from -= 2
	default:
		return
	}
	line := parent.Line
	if parent.Line == k.Line && !flow { // the first key of the file: the next line begins the group
		line++
	}
	m.replace("delete "+path, k.Line, from, to-from, "", line)
}

// value changes a value: wrong shape, empty, octal, too large, unknown word.
func (m *mutator) value(path string, n *yaml.Node) {
	width := m.width(n)
	if width == 0 {
		return
	}
	key := path[strings.LastIndex(path, "/")+1:]
	m.replace("a list for "+path, n.Line, n.Column, width, "[[1]]", n.Line)
	m.replace("a group for "+path, n.Line, n.Column, width, "{a: 1}", n.Line)
	m.replace("nothing for "+path, n.Line, n.Column, width, "~", n.Line)
	if m.seen["alias"]++; m.seen["alias"] <= 10 { // refused by the reader, wherever they stand
		m.replace("an alias for "+path, n.Line, n.Column, width, "*other", n.Line)
		m.replace("a tag on "+path, n.Line, n.Column, 0, "!!str ", n.Line)
	}
	if n.ShortTag() == "!!int" {
		m.replace("a zero before "+path, n.Line, n.Column, 0, "0", n.Line)
		m.replace("too much for "+path, n.Line, n.Column, width, "100000000", n.Line)
		m.replace("hexadecimal for "+path, n.Line, n.Column, width, "0x1", n.Line)
	}
	if !slices.Contains([]string{"zh", "en", "owner", "serial"}, key) { // free texts
		m.replace("an unknown word for "+path, n.Line, n.Column, width, "Zz!", n.Line)
	}
	m.replace("a number for "+path, n.Line, n.Column, width, "1.5", n.Line)
}

// mutationsOf makes all mutations of a file.
// Seen holds the places that other files of the same sort have shown already.
func mutationsOf(t *testing.T, data []byte, seen map[string]int) []mutation {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		t.Fatal(err)
	}
	m := &mutator{seen: seen}
	for line := range strings.SplitSeq(string(data), "\n") {
		m.lines = append(m.lines, []rune(line))
	}
	m.walk("", doc.Content[0])
	return m.out
}

// TestMutations changes each sample file by program, one mistake at a time, and demands that it is named with file and line.
func TestMutations(t *testing.T) {
	total := 0
	seen := map[string]map[string]int{centreFile: {}, "devices/kiosk": {}, "devices/unit": {}, "profiles": {}}
	for _, folder := range []string{filepath.Join(samples, "hall"), samples} { // the small one first: it is quicker to read
		good := folderOf(t, folder)
		for _, name := range slices.Sorted(maps.Keys(good)) {
			ms := mutationsOf(t, good[name].Data, seenOf(seen, name))
			total += len(ms)
			t.Run(filepath.Join(filepath.Base(folder), name), func(t *testing.T) {
				t.Parallel()
				for _, m := range ms {
					m.try(t, good, name)
				}
			})
		}
	}
	t.Logf("%d mutations", total)
	if total < 1000 {
		t.Errorf("only %d mutations were made", total)
	}
}

// try reads the configuration with one file changed.
func (m mutation) try(t *testing.T, good fstest.MapFS, name string) {
	t.Helper()
	var mistakes Mistakes
	if name == centreFile {
		_, mistakes = ParseCentre(name, []byte(m.text))
	} else {
		changed := maps.Clone(good)
		if strings.HasPrefix(name, devicesFolder) { // the other devices have no part in it
			maps.DeleteFunc(changed, func(n string, _ *fstest.MapFile) bool { return strings.HasPrefix(n, devicesFolder) })
		}
		changed[name] = &fstest.MapFile{Data: []byte(m.text)}
		_, mistakes = loadFS(changed, func(p string) string { return p })
	}
	at := func(one Mistake) bool { return one.File == name && one.Line == m.line }
	if !slices.ContainsFunc(mistakes, at) {
		t.Errorf("%s: %s: want a mistake at line %d, got:\n%v", name, m.what, m.line, mistakes)
	}
}

// seenOf chooses the places of the sort of file that a name belongs to.
func seenOf(seen map[string]map[string]int, name string) map[string]int {
	for sort, places := range seen {
		if strings.HasPrefix(name, sort) {
			return places
		}
	}
	return map[string]int{}
}

// folderOf reads a sample folder into memory, without the demo folder inside it.
func folderOf(t *testing.T, folder string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if p == "hall" {
				return fs.SkipDir
			}
			return err
		}
		data, err := os.ReadFile(filepath.Join(folder, p))
		out[p] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil || len(out) < 5 {
		t.Fatal(fmt.Errorf("read %s: %d files, %w", folder, len(out), err))
	}
	return out
}
