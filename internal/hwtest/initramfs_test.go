//go:build hwtest

package hwtest

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
)

// archive writes an initramfs in the format newc. Origin: Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	w   io.Writer
	n   int // of entries so far
	err error
}

// entry writes one file or folder.
func (a *archive) entry(name string, mode int, content []byte) {
	a.n++
	header := "070701"
	for _, field := range []int{a.n, mode, 1, 0, 0, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0} {
		header += fmt.Sprintf("%08X", field)
	}
	a.padded([]byte(header + name + "\x00"))
	a.padded(content)
}

// padded writes b and fills up to a multiple of four bytes.
func (a *archive) padded(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(append(b, make([]byte, (4-len(b)%4)%4)...))
	}
}

const folder, program, plain = 0o040755, 0o100755, 0o100644

// initramfs makes the guest's file system: the modules of the kernel in dir, the guest, and the device programs, all static.
func initramfs(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	f, err := os.Create(filepath.Join(out, "initramfs"))
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{w: f}
	for _, name := range []string{"bin", "modules"} {
		a.entry(name, folder, nil)
	}
	for name, pkg := range map[string]string{"init": "quhao/internal/hwtest/guest", "bin/quhao-kiosk": "quhao/kiosk", "bin/quhao-display": "quhao/display"} {
		file := filepath.Join(out, path.Base(name))
		build(t, file, pkg, "CGO_ENABLED=0")
		a.entry(name, program, read(t, os.DirFS(out), path.Base(name)))
	}
	modules := os.DirFS(dir)
	names, err := fs.Glob(modules, "modules/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no modules in %s: %v", dir, err)
	}
	for _, name := range names {
		a.entry(name, plain, read(t, modules, name))
	}
	a.entry("TRAILER!!!", 0, nil)
	if a.err != nil {
		t.Fatal(a.err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// build builds a program.
func build(t *testing.T, file, pkg string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, pkg)
	cmd.Env = append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, said)
	}
}

func read(t *testing.T, dir fs.FS, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
