package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binEnv names the folder of the programs; TestMain builds them once for all tests of a run.
const binEnv = "QUHAO_E2E_BIN"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if code, yes := injector(); yes {
		return code
	}
	dir, err := os.MkdirTemp("", "quhao-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, pkg := range map[string]string{
		"quhaod": "quhao/daemon", "quhao-kiosk": "quhao/kiosk", "quhao-display": "quhao/display", "hall": "quhao/drivers/virtual/hall",
	} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", name, err, out)
			return 1
		}
	}
	if err := os.Setenv(binEnv, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// bin is the path of one of the programs.
func bin(name string) string { return filepath.Join(os.Getenv(binEnv), name) }
