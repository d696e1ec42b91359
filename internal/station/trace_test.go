package station

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTrace(t *testing.T) {
	var out bytes.Buffer
	tr, err := OpenTrace("-", &out)
	if err != nil {
		t.Fatal(err)
	}
	tr.now = func() time.Time { return time.Date(2026, 11, 23, 19, 4, 2, 123456000, time.UTC) }
	tr.Of("printer").Trace(true, []byte("\x10\x04\x01"))
	tr.Of("printer").Trace(false, []byte{0x12})
	tr.Of("led c1").Trace(true, []byte(strings.Repeat("A", 33)))
	tr.OfCards("card_reader").Trace(false, []byte("\x0210008844356"))
	want := "19:04:02.123456 printer > 10 04 01  |...|\n19:04:02.123456 printer < 12  |.|\n" +
		"19:04:02.123456 led c1 > " + strings.TrimSpace(strings.Repeat("41 ", 32)) + "  |" + strings.Repeat("A", 32) + "|\n" +
		"19:04:02.123456 led c1 > 41  |A|\n" +
		"19:04:02.123456 card_reader < 12 bytes, not shown: a card's number\n"
	if out.String() != want {
		t.Errorf("wrote\n%swant\n%s", &out, want)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoTrace(t *testing.T) {
	tr, err := OpenTrace("", nil)
	if tr.Of("printer") != nil || tr.OfCards("card_reader") != nil || tr.Close() != nil || err != nil {
		t.Errorf("without -trace there is something to call, or %v", err)
	}
	if _, err := OpenTrace(filepath.Join(t.TempDir(), "no", "trace"), nil); err == nil {
		t.Error("a file in a folder that is not there can be written")
	}
}

// A trace that runs for days is bounded, and several lines write it at once.
func TestTraceIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(file, bytes.Repeat([]byte{'x'}, maxTrace-100), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, err := OpenTrace(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { tr.Of("printer").Trace(true, make([]byte, 1000)) })
	}
	wg.Wait()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.Stat(file + ".1")
	if err != nil || old.Size() > maxTrace || old.Size() < maxTrace-200 {
		t.Errorf("the full file: %v, %v", old, err)
	}
	b, err := os.ReadFile(file)
	if err != nil || strings.Count(string(b), "\n") < 100 || !strings.Contains(string(b), " printer > 00 00") {
		t.Errorf("the new file has %d lines, %v", strings.Count(string(b), "\n"), err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// A trace whose file cannot go on says so at the end, and keeps nobody from writing to the printer.
func TestTraceThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tr, err := OpenTrace(filepath.Join(dir, "trace"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tr.size = maxTrace
	tr.Of("printer").Trace(true, []byte("1"))
	tr.Of("printer").Trace(true, []byte("2"))
	if err := tr.Close(); err == nil {
		t.Error("nobody hears that the trace was lost")
	}
}
