package store

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// TestWithoutCgo has the package built without cgo and looks at what Open says then. It runs itself that way once.
func TestWithoutCgo(t *testing.T) {
	if !haveSQLite {
		_, err := Open(t.TempDir(), Options{})
		if _, ok := errors.AsType[ErrNoSQLite](err); !ok {
			t.Errorf("want ErrNoSQLite, got %v", err)
		}
		return
	}
	c := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run=^TestWithoutCgo$", ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
