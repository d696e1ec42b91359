// Package quhao holds the tests of the repository's own rules.
package quhao

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed says what each package may import directly, apart from the standard library: our own packages by their path
// below quhao, a trailing /... for all below; other modules by their import path.
// A test file may import internal/... and drivers/virtual as well, and what its package may.
var allowed = map[string][]string{
	"daemon":                  {"daemon/...", "internal/config", "internal/link", "internal/proto", "golang.org/x/sync/errgroup", "github.com/prometheus/client_golang/..."},
	"daemon/queue":            {},
	"daemon/store":            {"daemon/queue", "github.com/mattn/go-sqlite3", "golang.org/x/sys/unix"},
	"daemon/controller":       {"daemon/queue", "internal/proto", "internal/config"},
	"daemon/broker":           {"internal/proto", "github.com/mochi-mqtt/server/v2/..."},
	"daemon/web":              {"internal/config", "daemon/controller", "daemon/store", "daemon/queue", "internal/proto"},
	"kiosk":                   {"kiosk/flow", "drivers/...", "internal/...", "golang.org/x/sync/errgroup"},
	"kiosk/flow":              {"internal/device", "internal/proto", "internal/config", "drivers/printer"},
	"display":                 {"display/flow", "drivers/...", "internal/...", "golang.org/x/sync/errgroup"},
	"display/flow":            {"internal/device", "internal/proto", "internal/config", "drivers/keypad", "drivers/led"},
	"drivers":                 {"drivers/card", "drivers/keypad", "drivers/led", "drivers/printer"},
	"drivers/evdev/evdevtest": {"drivers/evdev"},
	"drivers/evdev":           {},
	"drivers/card":            {"drivers/evdev", "periph.io/x/conn/v3/...", "periph.io/x/devices/v3/..."},
	"drivers/reader":          {"drivers/card", "drivers/port"},
	"drivers/keypad":          {"drivers/evdev"},
	"drivers/led":             {"golang.org/x/text/...", "golang.org/x/image/...", "github.com/hajimehoshi/bitmapfont/v3", "periph.io/x/conn/v3/...", "periph.io/x/devices/v3/..."},
	"drivers/printer":         {"golang.org/x/text/...", "golang.org/x/image/...", "github.com/hajimehoshi/bitmapfont/v3", "github.com/boombuler/barcode/..."},
	"drivers/usb":             {},
	"drivers/port":            {"drivers/evdev", "drivers/usb", "github.com/tarm/serial", "golang.org/x/sys/unix", "periph.io/x/conn/v3/...", "periph.io/x/host/v3/..."},
	"drivers/trial":           {"drivers/card", "drivers/keypad", "drivers/led", "drivers/port", "drivers/printer"},
	"drivers/virtual":         {"github.com/creack/pty", "golang.org/x/text/...", "golang.org/x/image/...", "golang.org/x/sys/unix", "github.com/hajimehoshi/bitmapfont/v3", "github.com/boombuler/barcode/..."},
	"drivers/virtual/hall":    {"drivers/...", "golang.org/x/text/width", "internal/config", "internal/proto", "daemon/queue", "daemon/store", "golang.org/x/sync/errgroup", "golang.org/x/sys/unix"},
	"internal/proto":          {},
	"internal/config":         {"drivers", "drivers/led", "drivers/usb", "go.yaml.in/yaml/v4"},
	"internal/link":           {"internal/proto", "github.com/eclipse/paho.mqtt.golang", "github.com/eclipse/paho.mqtt.golang/packets"},
	"internal/device":         {"internal/proto"},
	"internal/ticket":         {"drivers/printer"},
	"internal/station":        {"internal/config", "internal/device", "internal/link", "internal/proto", "drivers/port", "drivers/printer", "drivers/reader", "drivers/trial", "drivers/usb", "go.yaml.in/yaml/v4", "golang.org/x/sys/unix", "golang.org/x/sync/errgroup"},
	"internal/sim":            {"daemon/...", "kiosk/flow", "display/flow", "drivers/...", "internal/..."},
	"internal/e2e":            {"daemon/...", "drivers/...", "internal/..."},
	"internal/bench":          {"daemon/...", "drivers/virtual", "internal/config", "internal/proto", "golang.org/x/sync/errgroup"},
	"internal/hwtest":         {"daemon/store"},
	"internal/hwtest/guest":   {"internal/hwtest", "drivers", "drivers/card", "drivers/keypad", "drivers/port", "golang.org/x/sys/unix", "go.yaml.in/yaml/v4"},
}

// forTests may be imported by any test file.
var forTests = []string{
	"internal/...", "drivers/...", "daemon/queue", "pgregory.net/rapid", "github.com/google/go-cmp/...", "go.yaml.in/yaml/v4", "periph.io/x/conn/v3/...", "github.com/creack/pty",
	"golang.org/x/sys/unix", "golang.org/x/text/...", "github.com/eclipse/paho.mqtt.golang/...", "golang.org/x/image/...",
	"github.com/prometheus/common/...", "github.com/prometheus/client_model/go",
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	eachGoFile(t, func(file string) {
		pkg := path.Dir(file)
		if pkg == "." {
			return
		}
		seen[pkg] = true
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s: package %s has no line in the table of allowed imports", file, pkg)
			return
		}
		if strings.HasSuffix(file, "_test.go") {
			may = slices.Concat(may, forTests, []string{pkg})
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			inner, ours := strings.CutPrefix(name, "quhao/")
			if !ours && !strings.Contains(name, ".") {
				continue // standard library
			}
			if !slices.ContainsFunc(may, func(a string) bool { return covers(a, inner) }) {
				t.Errorf("%s imports %s, which the table does not allow", file, name)
			}
		}
	})
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the table speaks of package %s, which does not exist", pkg)
		}
	}
}

func covers(rule, name string) bool {
	if below, ok := strings.CutSuffix(rule, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	return rule == name
}

func eachGoFile(t *testing.T, f func(file string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || file == "bin" || file == "run") {
			return fs.SkipDir
		}
		if strings.HasSuffix(file, ".go") {
			f(file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLinks follows every link of the documentation to a file or a line of this repository.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: ]+)(?:#[^)]*)?\)`)
	for _, doc := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "internal/proto/PROTOCOL.md", "docs/replace.md", "docs/shopping.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
	}
}

// TestNamedFunctions finds every function and type that the README links to by name in the file it links to.
func TestNamedFunctions(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("\\[`[A-Za-z0-9_.]*?\\.?([A-Za-z0-9_]+)`\\]\\(([^)]+\\.go)\\)").FindAllStringSubmatch(string(text), -1)
	if len(named) == 0 {
		t.Fatal("the README names no function")
	}
	for _, m := range named {
		source, err := os.ReadFile(m[2])
		if err != nil {
			t.Error(err)
			continue
		}
		decl := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |\t)` + m[1] + `\b`)
		if !decl.Match(source) {
			t.Errorf("the README finds %s in %s, where it is not", m[1], m[2])
		}
	}
}
