package device

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"quhao/internal/proto"
)

// Intent is a ticket that was asked for and is not settled yet.
type Intent struct {
	ID   proto.ID `json:"id"`
	Q    string   `json:"q"`
	Item string   `json:"item,omitempty"`
	Card string   `json:"card,omitempty"`
	Lang string   `json:"lang,omitempty"`
}

type ackMark struct {
	Seq uint64 `json:"seq"`
	Sum string `json:"sum"`
}

// counters is what a compacted journal has to remember of the records it dropped.
type counters struct {
	Next   uint64         `json:"next"`
	HWSeq  uint64         `json:"hw_seq"`
	OffN   int            `json:"off_n"`
	Issued map[string]int `json:"issued,omitempty"`
}

type kept struct {
	fact proto.Fact
	raw  json.RawMessage
	sum  string
}

// ErrJournal is wrapped by every error of a journal that cannot be trusted any more: the device must say so and issue nothing.
var ErrJournal = errors.New("the journal cannot be written")

// ErrFull is wrapped by the error of an intent for whose records the disk has no room. The journal is good all the same.
var ErrFull = errors.New("the journal's disk is full")

// ErrKept is wrapped by an error of Disk.Replace after which what was there stands, whole.
var ErrKept = errors.New("the journal stays as it was")

// ticketRoom is what the records of one ticket can take, in bytes: intent, start, end, and an acknowledgement after each.
// An acknowledgement and a permit are short: together they fit into what the three others never fill.
const ticketRoom = 4 * (MaxRecord + frameHead)

// reserver is a Disk that can promise room before it is needed.
type reserver interface{ Reserve(n int) error }

// Journal is the memory of one installation: what it has done, in order, numbered, until the controller has taken it.
type Journal struct {
	disk    Disk
	install proto.Install
	c       counters
	facts   []kept
	papers  uint64 // starts among facts
	acked   ackMark
	intents map[proto.ID]Intent
	started map[proto.ID]proto.Fact // starts without an end, by the request whose answer was used
	permit  *permitMark             // nil: no number of its own
	torn    int                     // bytes cut off at the start
	size    int                     // bytes on the disk
	after   int                     // no rewrite below this size: the last one found no room
	broken  error
}

// OpenJournal reads a journal, or begins a new one under the name that fresh returns.
func OpenJournal(d Disk, fresh func() proto.Install) (*Journal, error) {
	b, err := d.Load()
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	j := &Journal{disk: d, c: counters{Next: 1}, intents: map[proto.ID]Intent{}, started: map[proto.ID]proto.Fact{}}
	good := 0
	for rest := b; ; {
		rec, n := readFrame(rest)
		if n == 0 || j.replay(rec) != nil {
			break
		}
		good += n
		rest = rest[n:]
	}
	j.torn, j.size = len(b)-good, len(b)
	j.prune(j.latest())
	switch {
	case j.install == "":
		j.install = fresh()
		return j, j.rewrite()
	case j.torn > 0:
		return j, j.rewrite()
	case j.wasteful():
		return j, j.compact()
	}
	return j, nil
}

// replay takes one record into the memory.
func (j *Journal) replay(rec record) error {
	switch {
	case rec.Install != "":
		j.install = rec.Install
	case j.install == "":
		return errors.New("the journal does not begin with its installation")
	case rec.Intent != nil:
		j.intents[rec.Intent.ID] = *rec.Intent
	case rec.Fact != nil:
		return j.replayFact(rec.Fact)
	case rec.Ack != nil:
		j.acked = *rec.Ack
	case rec.Permit != nil:
		j.permit = rec.Permit
	case rec.Counters != nil:
		next := j.c.Next
		j.c = *rec.Counters
		j.c.Next = max(j.c.Next, next, 1)
	}
	return nil
}

func (j *Journal) replayFact(raw json.RawMessage) error {
	var f proto.Fact
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	// A fact must come out of a rewrite as it is, or its checksum would no longer be the one that the controller knows.
	if again, err := json.Marshal(raw); err != nil || !bytes.Equal(again, raw) {
		return fmt.Errorf("the fact %d is not written as a journal writes", f.Seq)
	}
	if n := len(j.facts); n > 0 && f.Seq <= j.facts[n-1].fact.Seq {
		return fmt.Errorf("the fact %d stands behind the fact %d", f.Seq, j.facts[n-1].fact.Seq)
	}
	j.facts = append(j.facts, kept{fact: f, raw: raw, sum: proto.Sum(raw)})
	j.c.Next = max(j.c.Next, f.Seq+1)
	delete(j.intents, f.ID)
	switch f.K {
	case proto.FactStart:
		j.started[f.ID] = f
		j.c.HWSeq++
		j.papers++
		j.c.OffN = max(j.c.OffN, f.Off)
	case proto.FactEnd:
		delete(j.started, f.ID)
	}
	return nil
}

// write makes a record durable.
func (j *Journal) write(rec record) error {
	if j.broken != nil {
		return j.broken
	}
	b, err := appendFrame(nil, rec)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.disk.Append(b); err != nil {
		// What part of it is on the disk is not known: nothing may follow it before a new start has read it again.
		j.broken = fmt.Errorf("%w: %w", ErrJournal, err)
		return j.broken
	}
	j.size += len(b)
	return nil
}

// rewrite puts what still matters in the place of the whole journal. After an error the journal is not trusted any more.
func (j *Journal) rewrite() error {
	b, err := j.image()
	if err != nil {
		return err
	}
	if err := j.disk.Replace(b); err != nil {
		j.broken = fmt.Errorf("%w: %w", ErrJournal, err)
		return j.broken
	}
	j.size = len(b)
	return nil
}

// compact is a rewrite that can wait: without room for it the journal goes on as it is, and grows before it is tried again.
func (j *Journal) compact() error {
	err := j.rewrite()
	if errors.Is(err, ErrKept) {
		j.broken, j.after = nil, j.size+compactAt
		return nil
	}
	return err
}

// image is what still matters, as records.
func (j *Journal) image() ([]byte, error) {
	recs := []record{{Install: j.install}}
	for _, k := range j.facts {
		recs = append(recs, record{Fact: k.raw})
	}
	recs = append(recs, record{Counters: &j.c}) // behind the facts: it has counted them
	intents, _ := j.Open()
	for _, in := range intents {
		recs = append(recs, record{Intent: &in})
	}
	if j.acked.Seq > 0 {
		recs = append(recs, record{Ack: &j.acked})
	}
	if j.permit != nil {
		recs = append(recs, record{Permit: j.permit})
	}
	var b []byte
	for _, rec := range recs {
		var err error
		if b, err = appendFrame(b, rec); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	return b, nil
}

// wasteful says whether half of what is on the disk or more is of no use any more, and it is worth the writing.
func (j *Journal) wasteful() bool {
	live := 0
	for _, k := range j.facts {
		live += len(k.raw) + frameHead
	}
	return j.size > max(compactAt, j.after) && j.size > 2*live
}

// latest is the newest trusted time among the facts, ms since 1970: no later than the present.
func (j *Journal) latest() int64 {
	t := int64(0)
	for _, k := range j.facts {
		if k.fact.Clk {
			t = max(t, k.fact.T)
		}
	}
	return t
}

// prune forgets the facts that are acknowledged and older than KeepFor. Only the oldest go, so that there are no holes;
// one whose clock was not right goes with a later one whose clock was.
func (j *Journal) prune(now int64) {
	old, gone := now-KeepFor.Milliseconds(), 0
	for i, k := range j.facts {
		if k.fact.Seq > j.acked.Seq {
			break
		}
		if k.fact.Clk && k.fact.T < old {
			gone = i + 1
		}
	}
	for _, k := range j.facts[:gone] {
		if k.fact.K == proto.FactStart {
			j.papers--
		}
	}
	j.facts = slices.Delete(j.facts, 0, gone)
}

// Install is the name of the installation.
func (j *Journal) Install() proto.Install { return j.install }

// Torn is how many bytes of a torn write were cut off when the journal was opened.
func (j *Journal) Torn() int { return j.torn }

// Err says why the journal can no longer be written, or nil.
func (j *Journal) Err() error { return j.broken }

// HWSeq counts the papers started by this installation.
func (j *Journal) HWSeq() uint64 { return j.c.HWSeq }

// OffN is the highest place in its own series that this installation has given.
func (j *Journal) OffN() int { return j.c.OffN }

// Next is the number that the next fact will get.
func (j *Journal) Next() uint64 { return j.c.Next }

// First is the number of the oldest fact the journal holds, or of the next if it holds none.
func (j *Journal) First() uint64 {
	if len(j.facts) == 0 {
		return j.c.Next
	}
	return j.facts[0].fact.Seq
}

// AddIntent keeps that a ticket is about to be asked for. It first makes sure of room for all records of that ticket, so that
// no paper is begun whose end cannot be kept: an error that wraps ErrFull says that there is none.
func (j *Journal) AddIntent(in Intent) error {
	if err := j.reserve(ticketRoom); err != nil {
		return err
	}
	if err := j.write(record{Intent: &in}); err != nil {
		return err
	}
	j.intents[in.ID] = in
	return nil
}

// reserve makes sure of room for so many bytes, where the disk can promise it.
func (j *Journal) reserve(n int) error {
	d, can := j.disk.(reserver)
	if !can || j.broken != nil {
		return nil
	}
	if err := d.Reserve(n); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// promised says that the intent of a ticket has made sure of the room for a fact. Any other fact makes sure itself, beyond
// what a ticket that is open may still need: a full disk then refuses it (ErrFull), and nothing is half-written.
func promised(f proto.Fact) bool {
	return f.K == proto.FactStart || f.K == proto.FactEnd || f.K == proto.FactAbandoned
}

// AddFact numbers a fact, keeps it, and returns it as kept. The thing it tells of must not be done before it returns nil.
func (j *Journal) AddFact(f proto.Fact) (proto.Fact, error) {
	f.Seq = j.c.Next
	raw, err := json.Marshal(f)
	if err != nil {
		return f, fmt.Errorf("journal: %w", err)
	}
	if len(raw) > proto.MaxFact {
		return f, fmt.Errorf("journal: a fact of %d bytes, %d are allowed", len(raw), proto.MaxFact)
	}
	if !promised(f) {
		if err := j.reserve(ticketRoom + MaxRecord + frameHead); err != nil {
			return f, err
		}
	}
	if err := j.write(record{Fact: raw}); err != nil {
		return f, err
	}
	if err := j.replayFact(raw); err != nil {
		return f, fmt.Errorf("journal: %w", err)
	}
	return f, nil
}

// Open returns what a start finds unsettled: intents without a paper, papers without an end, by id.
func (j *Journal) Open() (intents []Intent, started []proto.Fact) {
	for _, in := range j.intents {
		intents = append(intents, in)
	}
	for _, f := range j.started {
		started = append(started, f)
	}
	slices.SortFunc(intents, func(a, b Intent) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(started, func(a, b proto.Fact) int { return cmp.Compare(a.ID, b.ID) })
	return intents, started
}

// Ack takes the controller's word that everything up to seq is taken. It may go back after a restore: then the facts above it are sent again.
// Acknowledged facts older than KeepFor are forgotten; now is in ms since 1970.
func (j *Journal) Ack(seq uint64, sum string, now int64) error {
	if seq == j.acked.Seq {
		return nil
	}
	mark := ackMark{Seq: seq, Sum: sum}
	if err := j.write(record{Ack: &mark}); err != nil {
		return err
	}
	j.acked = mark
	j.prune(now)
	if j.wasteful() {
		return j.compact()
	}
	return nil
}

// Acked is the number of the last fact the controller is known to have taken.
func (j *Journal) Acked() uint64 { return j.acked.Seq }

// SumOf returns the checksum of a fact; ok is false if the journal does not hold it.
func (j *Journal) SumOf(seq uint64) (sum string, ok bool) {
	i, ok := slices.BinarySearchFunc(j.facts, seq, func(k kept, seq uint64) int {
		return cmp.Compare(k.fact.Seq, seq)
	})
	if !ok {
		return "", false
	}
	return j.facts[i].sum, true
}

// Owes reports whether the controller is not known to have passed all facts written so far: some are to be sent, or were
// dropped for their age before it took them.
func (j *Journal) Owes() bool { return j.acked.Seq+1 < j.c.Next }

// Pending returns the next facts to send, as journaled, as many as one message may carry.
func (j *Journal) Pending() []json.RawMessage {
	out, size := []json.RawMessage{}, 0
	for _, k := range j.facts {
		if k.fact.Seq <= j.acked.Seq {
			continue
		}
		if size += len(k.raw); len(out) == proto.MaxFacts || size > proto.MaxFactBytes {
			break
		}
		out = append(out, k.raw)
	}
	return out
}

// Renew begins a new installation after the journal was found to have gone back: all facts are kept and get new numbers from 1.
// Their tickets are recognised by their ids.
func (j *Journal) Renew(install proto.Install) error {
	old := j.facts
	j.install, j.acked, j.facts = install, ackMark{}, nil
	j.c.Next, j.c.HWSeq, j.permit = 1, 0, nil
	for _, k := range old {
		k.fact.Seq = j.c.Next
		if k.fact.K == proto.FactStart {
			j.c.HWSeq++
		}
		raw, err := json.Marshal(k.fact)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		j.facts = append(j.facts, kept{fact: k.fact, raw: raw, sum: proto.Sum(raw)})
		j.c.Next++
	}
	return j.rewrite()
}
