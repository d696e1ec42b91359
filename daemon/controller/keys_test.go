package controller

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"quhao/daemon/queue"
)

func mustKey(t *testing.T, k *FileKeys, day queue.Day) []byte {
	t.Helper()
	key, err := k.Key(day)
	if err != nil {
		t.Fatal(err)
	}
	if len(key) != 32 {
		t.Fatalf("a key of %d bytes", len(key))
	}
	return key
}

func TestFileKeys(t *testing.T) {
	dir := t.TempDir()
	k := NewFileKeys(dir)
	first := mustKey(t, k, 7)
	if !bytes.Equal(first, mustKey(t, k, 7)) || !bytes.Equal(first, mustKey(t, NewFileKeys(dir), 7)) {
		t.Error("the key of a day changes")
	}
	if bytes.Equal(first, mustKey(t, k, 8)) || bytes.Equal(first, mustKey(t, NewFileKeys(dir), 7)) {
		t.Error("two days have one key, or an old one came back")
	}
	info, err := os.Stat(filepath.Join(dir, "day.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info.Mode(), err)
	}
	if err := k.Forget(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if err := k.Forget(); err != nil {
		t.Error("forgetting twice:", err)
	}
	before := mustKey(t, k, 8)
	if err := k.Forget(); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, mustKey(t, k, 8)) {
		t.Error("a forgotten key came back")
	}
}

// A file that is damaged is as none: the day gets a new key.
func TestFileKeysDamaged(t *testing.T) {
	for _, text := range []string{"", "{", `{"day":7,"key":"AQID"}`, `{"day":7}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "day.key"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		mustKey(t, NewFileKeys(dir), 7)
	}
}

func TestFileKeysFail(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "day.key", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := NewFileKeys(dir)
	if _, err := k.Key(7); err == nil {
		t.Error("a folder was read as a key")
	}
	if err := k.Forget(); err == nil {
		t.Error("a folder was deleted")
	}
	if _, err := NewFileKeys(filepath.Join(dir, "nowhere")).Key(7); err == nil {
		t.Error("a key was kept in a folder that is not there")
	}
}
