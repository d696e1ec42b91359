package device

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quhao/internal/proto"
)

func TestPending(t *testing.T) {
	j := open(t, &memDisk{}, "installation")
	for i := range 50 {
		if _, err := j.AddFact(proto.Fact{K: proto.FactDone, ID: proto.ID(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(j.Pending()); got != proto.MaxFacts {
		t.Fatalf("%d small facts in a message, want %d", got, proto.MaxFacts)
	}
	if err := j.Ack(45, "", day); err != nil {
		t.Fatal(err)
	}
	if got := len(j.Pending()); got != 5 {
		t.Fatalf("%d facts left, want 5", got)
	}
	for range 20 {
		if _, err := j.AddFact(proto.Fact{K: proto.FactDone, Num: strings.Repeat("9", 900)}); err != nil {
			t.Fatal(err)
		}
	}
	size := 0
	for _, raw := range j.Pending() {
		size += len(raw)
	}
	if size > proto.MaxFactBytes || size < proto.MaxFactBytes-2*proto.MaxFact {
		t.Fatalf("%d bytes of facts in a message, at most %d fit", size, proto.MaxFactBytes)
	}
}

// What was started before the oldest fact is counted, whatever is dropped, and after a start as before.
func TestHWFirst(t *testing.T) {
	disk := &memDisk{}
	j := open(t, disk, "installation")
	for i, k := range []string{proto.FactStart, proto.FactEnd, proto.FactStart, proto.FactEnd, proto.FactStart} {
		if _, err := j.AddFact(proto.Fact{K: k, ID: proto.ID(fmt.Sprint(i / 2)), T: int64(i+1) * day, Clk: true}); err != nil {
			t.Fatal(err)
		}
	}
	if j.HWFirst() != 0 || j.HWSeq() != 3 {
		t.Errorf("nothing is dropped yet: %d of %d papers are before the first fact", j.HWFirst(), j.HWSeq())
	}
	if err := j.Ack(3, "", 3*day+KeepFor.Milliseconds()+1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if j.First() != 4 || j.HWFirst() != 2 || j.HWSeq() != 3 {
			t.Errorf("a journal from fact %d: %d of %d papers are before it, want 2 of 3", j.First(), j.HWFirst(), j.HWSeq())
		}
		if err := j.rewrite(); err != nil {
			t.Fatal(err)
		}
		j = open(t, disk, "another")
	}
	if err := j.Renew("new"); err != nil || j.HWFirst() != 0 || j.HWSeq() != 1 {
		t.Errorf("a new installation: %d of %d papers are before its first fact (%v)", j.HWFirst(), j.HWSeq(), err)
	}
}

func TestPrune(t *testing.T) {
	week := KeepFor.Milliseconds()
	j := open(t, &memDisk{}, "installation")
	for _, f := range []proto.Fact{
		{T: 5, Clk: false},       // 1: a device that knew no time
		{T: day, Clk: true},      // 2
		{T: 9, Clk: false},       // 3
		{T: 3 * day, Clk: true},  // 4
		{T: 10 * day, Clk: true}, // 5
	} {
		f.K = proto.FactDone
		if _, err := j.AddFact(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		ack   uint64
		now   int64
		first uint64
	}{
		{1, 20 * day, 1},       // an age that nobody knows is not over
		{2, day + week, 1},     // not over yet
		{1, day + week + 1, 1}, // the second is not acknowledged any more: a restore
		{2, day + week + 1, 3},
		{4, day + week + 2, 3},
		{5, 3*day + week + 1, 5},
		{4, 3*day + week + 1, 5},
		{5, 30 * day, 6},
	} {
		if err := j.Ack(c.ack, "", c.now); err != nil {
			t.Fatal(err)
		}
		if j.First() != c.first {
			t.Fatalf("after ack %d at %v the first is %d, want %d", c.ack, time.UnixMilli(c.now).UTC(), j.First(), c.first)
		}
	}
	if j.Next() != 6 || len(j.Pending()) != 0 {
		t.Fatalf("next %d, %d pending", j.Next(), len(j.Pending()))
	}
}

// What is old leaves the disk as well, while running and at a start, and nothing else is forgotten with it.
func TestCompact(t *testing.T) {
	fill := func(j *Journal, from, n int) {
		for i := range n {
			at := int64(from+i) * day / 125
			f := proto.Fact{K: proto.FactStart, ID: proto.ID(fmt.Sprint("I", from+i)), Num: strings.Repeat("9", 700), T: at, Clk: true}
			if _, err := j.AddFact(f); err != nil {
				t.Fatal(err)
			}
			if _, err := j.AddFact(proto.Fact{K: proto.FactEnd, ID: f.ID, T: at, Clk: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := &memDisk{}
	j := open(t, d, "installation")
	if err := j.AddIntent(Intent{ID: "open"}); err != nil {
		t.Fatal(err)
	}
	fill(j, 0, 2500) // 20 days
	size := len(d.b)
	before := d.replaced
	if err := j.Ack(5000, "sum", 20*day); err != nil {
		t.Fatal(err)
	}
	if d.replaced != before+1 || len(d.b) > size/2 {
		t.Fatalf("rewritten %d times, %d bytes of %d left", d.replaced-before, len(d.b), size)
	}
	want := remembered(j)
	if want.HW != 2500 || want.Next != 5001 || len(want.Intents) != 1 || want.Last != 5000 {
		t.Fatalf("after it: %d papers, next %d, %d intents, ack %d", want.HW, want.Next, len(want.Intents), want.Last)
	}
	if diff := cmp.Diff(want, remembered(open(t, d, "wrong"))); diff != "" {
		t.Fatalf("opened again (-want +got):\n%s", diff)
	}
	// A start drops what has become old since.
	fill(j, 3750, 1500) // 12 more, after a pause
	if err := j.Ack(j.Next()-1, "sum", 0); err != nil {
		t.Fatal(err)
	}
	size = len(d.b)
	j = open(t, d, "wrong")
	if len(d.b) > size/2 || j.HWSeq() != 4000 || j.Next() != 8001 || j.First() <= 5000 {
		t.Fatalf("%d bytes of %d left; %d papers, next %d, first %d", len(d.b), size, j.HWSeq(), j.Next(), j.First())
	}
}
