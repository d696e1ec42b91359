package device

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"quhao/internal/proto"
)

type liveDisk struct{ b []byte }

func (d *liveDisk) Load() ([]byte, error)  { return slices.Clone(d.b), nil }
func (d *liveDisk) Append(b []byte) error  { d.b = append(d.b, b...); return nil }
func (d *liveDisk) Replace(b []byte) error { d.b = slices.Clone(b); return nil }

func liveCtl(t *testing.T, topics proto.Topics, retained bool) proto.Message {
	t.Helper()
	b, err := json.Marshal(proto.Ctl{V: 1, S: "on", Epoch: 1, Boot: "boot", T: 1_700_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return proto.Message{Topic: topics.Ctl(), Payload: b, Retain: retained}
}

// What is stale becomes present again only when the controller itself is heard: neither asking for a new connection,
// nor having one, nor a retained word of the controller does.
func TestStaleUntilHeard(t *testing.T) {
	j, err := OpenJournal(&liveDisk{}, func() proto.Install { return "install" })
	if err != nil {
		t.Fatal(err)
	}
	topics := proto.NewTopics("")
	s := NewSession(Options{Dev: "unit-1", Kind: proto.KindCounter, Topics: topics, Random: func() string { return "random" }}, j)
	at := func(d time.Duration) Now { return Now{Up: d} }
	hear := func(d time.Duration, retained bool) {
		t.Helper()
		if _, err := s.Receive(at(d), liveCtl(t, topics, retained)); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		at    time.Duration
		do    func(d time.Duration)
		stale bool
	}{
		{0, func(d time.Duration) { s.Up(at(d)) }, true},
		{1 * time.Second, func(d time.Duration) { hear(d, true) }, true},
		{2 * time.Second, func(d time.Duration) { hear(d, false) }, false},
		{16 * time.Second, func(d time.Duration) { s.Tick(at(d)) }, false},
		{17 * time.Second, func(d time.Duration) { s.Tick(at(d)) }, true},
		{18 * time.Second, func(d time.Duration) { s.Down(at(d)) }, true},
		{19 * time.Second, func(d time.Duration) { s.Up(at(d)) }, true},
		{20 * time.Second, func(d time.Duration) { hear(d, true) }, true},
		{21 * time.Second, func(d time.Duration) { hear(d, false) }, false},
		{22 * time.Second, func(d time.Duration) { s.Down(at(d)) }, false},
		{23 * time.Second, func(d time.Duration) { s.Up(at(d)) }, false}, // a short cut
		{24 * time.Second, func(d time.Duration) { s.Down(at(d)) }, false},
		{26 * time.Second, func(d time.Duration) { s.Tick(at(d)) }, true},
	}
	for _, step := range steps {
		step.do(step.at)
		if got := s.Stale(at(step.at)); got != step.stale {
			t.Errorf("at %v: stale %v, want %v", step.at, got, step.stale)
		}
		if due, ok := s.Due(); ok && due < step.at {
			t.Errorf("at %v: due at %v already", step.at, due)
		}
	}
	_, dropped, _ := s.Take()
	if !dropped {
		t.Error("15 s of silence, and the connection is not dropped")
	}
	if due, ok := s.Due(); ok {
		t.Errorf("down and stale, and yet due at %v", due)
	}
}

func TestFactsAcrossAStart(t *testing.T) {
	d := &liveDisk{}
	open := func() *Journal {
		j, err := OpenJournal(d, func() proto.Install { return "install" })
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	for _, tok := range []string{"a", "b"} {
		if _, err := j.AddFact(proto.Fact{K: proto.FactRating, Tok: tok, V: 3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Ack(1, "", 0); err != nil {
		t.Fatal(err)
	}
	var toks []string
	for f := range open().Facts() {
		toks = append(toks, f.Tok)
	}
	if !slices.Equal(toks, []string{"a", "b"}) {
		t.Errorf("a new start finds the ratings %v, the acknowledged one included", toks)
	}
}
