package drivers_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"quhao/drivers"
)

// The shopping list names every driver that a bought thing needs, and none that does not exist.
func TestShoppingList(t *testing.T) {
	text, err := os.ReadFile("../docs/shopping.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[2], -1) {
			named[m[1]] = true
		}
	}
	known := map[string]bool{"text": true, "terminal": true} // for a bench without hardware
	for _, s := range drivers.Table() {
		if !named[s.Name] && !known[s.Name] {
			t.Errorf("the shopping list does not say what to buy for the driver %s", s.Name)
		}
		known[s.Name] = true
	}
	for name := range named {
		if !known[name] {
			t.Errorf("the shopping list names the driver %s, which does not exist", name)
		}
	}
}
