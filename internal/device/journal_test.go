package device

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quhao/internal/proto"
)

var update = flag.Bool("update", false, "write the golden journal anew; read the difference before committing it")

// memDisk is a disk in memory. With fail set it takes no more.
type memDisk struct {
	b        []byte
	fail     error
	replaced int
}

func (d *memDisk) Load() ([]byte, error) { return bytes.Clone(d.b), nil }

func (d *memDisk) Append(b []byte) error {
	if d.fail != nil {
		return d.fail
	}
	d.b = append(d.b, b...)
	return nil
}

func (d *memDisk) Replace(b []byte) error {
	if d.fail != nil {
		return d.fail
	}
	d.replaced++
	d.b = bytes.Clone(b)
	return nil
}

// errDisk is what a failing disk says.
var errDisk = errors.New("input/output error")

// memory is all that a journal remembers.
type memory struct {
	Install        proto.Install
	Next, HW, Last uint64
	OffN           int
	Facts          []proto.Fact
	Sums           []string
	Pending        []string
	Intents        []Intent
	Started        []proto.ID
}

func remembered(j *Journal) memory {
	m := memory{Install: j.Install(), Next: j.Next(), HW: j.HWSeq(), Last: j.Acked(), OffN: j.OffN()}
	for f := range j.Facts() {
		sum, _ := j.SumOf(f.Seq)
		m.Facts, m.Sums = append(m.Facts, f), append(m.Sums, sum)
	}
	for _, raw := range j.Pending() {
		m.Pending = append(m.Pending, string(raw))
	}
	intents, started := j.Open()
	m.Intents = intents
	for _, f := range started {
		m.Started = append(m.Started, f.ID)
	}
	return m
}

func open(t testing.TB, d Disk, fresh proto.Install) *Journal {
	t.Helper()
	j, err := OpenJournal(d, func() proto.Install { return fresh })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

const day = 24 * 60 * 60 * 1000 // ms

// busy writes one of everything and calls after each step.
func busy(t testing.TB, j *Journal, after func()) {
	t.Helper()
	fact := func(f proto.Fact) func() error { return func() error { _, err := j.AddFact(f); return err } }
	for i, step := range []func() error{
		func() error {
			return j.AddIntent(Intent{ID: "I1", Q: "finance", Item: "refund", Card: "c0ffee", Lang: "zh"})
		},
		fact(proto.Fact{K: proto.FactStart, ID: "I1", TID: "T1", Num: "B001", Day: 7, Q: "finance", T: day, Clk: true}),
		fact(proto.Fact{K: proto.FactEnd, ID: "I1", TID: "T1", How: proto.HowAsked, T: day, Clk: true}),
		func() error { return j.Ack(1, "sum", day) },
		func() error { return j.AddIntent(Intent{ID: "I2", Q: "cards"}) },
		fact(proto.Fact{K: proto.FactAbandoned, ID: "I2", Q: "cards"}),
		fact(proto.Fact{K: proto.FactStart, ID: "I3", TID: "T3", Num: "BX07", Q: "finance <&>", Off: 1}),
		func() error { return j.AddIntent(Intent{ID: "I4", Q: "cards"}) },
		func() error { return j.Ack(2, "sum2", day) },
	} {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		after()
	}
}

// A power cut may end the file at any byte: what was synced before stays, the torn record never was.
func TestTornAtEveryByte(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	type point struct {
		size int
		m    memory
	}
	first, _ := appendFrame(nil, record{Install: "installation"})
	points := []point{{len(first), remembered(j)}, {len(d.b), remembered(j)}}
	busy(t, j, func() { points = append(points, point{len(d.b), remembered(j)}) })
	for n := range len(d.b) + 1 {
		want := memory{Install: "fresh", Next: 1}
		for _, p := range points {
			if p.size <= n {
				want = p.m
			}
		}
		torn := &memDisk{b: bytes.Clone(d.b[:n])}
		got := open(t, torn, "fresh")
		if diff := cmp.Diff(want, remembered(got)); diff != "" {
			t.Fatalf("cut after %d of %d bytes (-want +got):\n%s", n, len(d.b), diff)
		}
		again := open(t, torn, "wrong")
		if diff := cmp.Diff(want, remembered(again)); diff != "" || again.Torn() != 0 {
			t.Fatalf("cut after %d bytes, opened again, %d torn (-want +got):\n%s", n, again.Torn(), diff)
		}
	}
}

// A byte that has changed ends what is trusted, wherever it is.
func TestDamageAtEveryByte(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	busy(t, j, func() {})
	whole := remembered(j)
	for i := range d.b {
		bad := bytes.Clone(d.b)
		bad[i] ^= 0x40
		got := open(t, &memDisk{b: bad}, "fresh")
		if got.Torn() == 0 {
			t.Fatalf("byte %d changed, and nothing was cut off", i)
		}
		facts := remembered(got).Facts
		if len(facts) > len(whole.Facts) || !cmp.Equal(facts, whole.Facts[:len(facts)], cmp.Comparer(sameFacts)) {
			t.Fatalf("byte %d changed: facts %+v", i, facts)
		}
	}
}

func sameFacts(a, b []proto.Fact) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// TestGolden reads a journal of the first format: later programs must read it as well.
func TestGolden(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	busy(t, j, func() {})
	name := filepath.Join("testdata", "journal-1")
	if *update {
		if err := os.WriteFile(name, d.b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	old := open(t, &memDisk{b: b}, "fresh")
	if diff := cmp.Diff(remembered(j), remembered(old)); diff != "" || old.Torn() != 0 {
		t.Fatalf("%d bytes torn (-want +got):\n%s", old.Torn(), diff)
	}
}

func TestDiskFails(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	busy(t, j, func() {})
	before := remembered(j)
	d.fail = errDisk
	for name, step := range map[string]func() error{
		"intent": func() error { return j.AddIntent(Intent{ID: "I9"}) },
		"fact":   func() error { _, err := j.AddFact(proto.Fact{K: proto.FactStart, ID: "I9"}); return err },
		"ack":    func() error { return j.Ack(3, "", day) },
	} {
		for range 2 {
			if err := step(); !errors.Is(err, ErrJournal) {
				t.Errorf("%s: %v", name, err)
			}
			d.fail = nil // the disk is well again: the journal is not before it has been read
		}
	}
	if diff := cmp.Diff(before, remembered(j)); diff != "" || j.Err() == nil {
		t.Fatalf("after errors (-before +after):\n%s", diff)
	}
	if _, err := OpenJournal(&memDisk{fail: errors.New("full")}, func() proto.Install { return "x" }); !errors.Is(err, ErrJournal) {
		t.Fatalf("a new journal on a full disk: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	if _, err := j.AddFact(proto.Fact{K: proto.FactStart, Num: strings.Repeat("9", proto.MaxFact)}); err == nil || errors.Is(err, ErrJournal) {
		t.Fatalf("a fact over the limit: %v", err)
	}
	if err := j.AddIntent(Intent{Q: strings.Repeat("q", MaxRecord)}); err == nil || errors.Is(err, ErrJournal) {
		t.Fatalf("an intent over the limit: %v", err)
	}
	if f, err := j.AddFact(proto.Fact{K: proto.FactDone, ID: "O1"}); err != nil || f.Seq != 1 {
		t.Fatalf("the next fact got %d, %v", f.Seq, err)
	}
}

func TestRenew(t *testing.T) {
	d := &memDisk{}
	j := open(t, d, "installation")
	busy(t, j, func() {})
	before := remembered(j)
	if err := j.Renew("another"); err != nil {
		t.Fatal(err)
	}
	got := remembered(j)
	if got.Install != "another" || got.Last != 0 || len(got.Pending) != len(before.Facts) || got.HW != before.HW {
		t.Fatalf("after it %+v", got)
	}
	for i, f := range got.Facts {
		f.Seq = before.Facts[i].Seq
		if got.Facts[i].Seq != uint64(i+1) || f != before.Facts[i] {
			t.Fatalf("fact %d became %+v", before.Facts[i].Seq, got.Facts[i])
		}
	}
	if diff := cmp.Diff(before.Intents, got.Intents); diff != "" || !cmp.Equal(before.Started, got.Started) {
		t.Fatalf("open things (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(got, remembered(open(t, d, "wrong"))); diff != "" {
		t.Fatalf("opened again (-want +got):\n%s", diff)
	}
}

func TestFileDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "kiosk")
	d, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, d, "installation")
	busy(t, j, func() {})
	want := remembered(j)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("torn"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = OpenDisk(dir); err != nil {
		t.Fatal(err)
	}
	j = open(t, d, "wrong")
	if diff := cmp.Diff(want, remembered(j)); diff != "" || j.Torn() != 4 {
		t.Fatalf("%d bytes torn (-want +got):\n%s", j.Torn(), diff)
	}
	if _, err := j.AddFact(proto.Fact{K: proto.FactDone, ID: "after"}); err != nil {
		t.Fatal(err)
	}
	want = remembered(j)
	if diff := cmp.Diff(want, remembered(open(t, d, "wrong"))); diff != "" {
		t.Fatalf("after another fact (-want +got):\n%s", diff)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// FuzzJournal: whatever stands on the disk, opening it does not panic, what is kept stays the same however often it is
// opened, and a fact can be added.
func FuzzJournal(f *testing.F) {
	d := &memDisk{}
	j := open(f, d, "installation")
	busy(f, j, func() {})
	f.Add(d.b)
	f.Add(d.b[:len(d.b)/2])
	for _, payload := range []string{
		`{"install":"i"}`, `{"install":"i"}` + "\n" + `{"fact":{ "seq":18446744073709551615,"k":"start"}}`,
		`{"install":"i"}` + "\n" + `{"fact":{"seq":9,"t":1e3}}` + "\n" + `{"ack":{"seq":4}}` + "\n" + `{"counters":{"next":2}}`,
		`{"fact":{}}`, `{"install":"i"}` + "\n" + `{"counters":{}}` + "\n" + `{"fact":null}` + "\n{}",
	} {
		f.Add(frames(payload))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Random bytes never have a right checksum: a text is framed, so that the records are reached as well.
		for _, content := range [][]byte{b, frames(string(b))} {
			d := &memDisk{b: content}
			j := open(t, d, "fresh")
			want := remembered(j)
			for range 2 {
				j = open(t, d, "wrong")
				if diff := cmp.Diff(want, remembered(j)); diff != "" {
					t.Fatalf("opened again (-want +got):\n%s", diff)
				}
			}
			if fact, err := j.AddFact(proto.Fact{K: proto.FactDone}); err == nil && fact.Seq != want.Next {
				t.Fatalf("the next fact got %d, want %d", fact.Seq, want.Next)
			}
		}
	})
}

// frames frames each line of a text.
func frames(text string) []byte {
	var b []byte
	for line := range strings.SplitSeq(text, "\n") {
		b = appendPayload(b, []byte(line))
	}
	return b
}
