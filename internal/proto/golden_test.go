package proto_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quhao/internal/proto"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// raw keeps the bytes of a fact as they are.
func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type golden struct {
	name  string
	value any
	again func([]byte) (any, error)
}

func of[T any](name string, v T) golden {
	return golden{name, v, func(b []byte) (any, error) { return proto.Decode[T](b) }}
}

// messages holds each kind of message once.
func messages(t *testing.T) []golden {
	mark := proto.Mark{Sess: "5e55", HWSeq: 12, First: 30, HWFirst: 9, Seen: proto.Seen{Epoch: 7, Boot: "b007"}}
	fact := proto.Fact{
		Seq: 31, K: proto.FactStart, ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", TID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Num: "A012", Day: 3,
		Q: "study", Item: "transcript", Card: "00112233445566778899aabbccddeeff", Lang: "zh", T: 1_700_000_000_000, Up: 4200, Boot: "d0d0", Clk: true,
	}
	rating := proto.Fact{Seq: 32, K: proto.FactRating, Tok: "b007-44", V: 5, T: 1_700_000_000_500, Up: 4700, Boot: "d0d0", Clk: true}
	return []golden{
		of("up-avail", proto.Avail{S: "on"}),
		of("up-hello", proto.Hello{
			V: 1, Nonce: "n0", Kind: proto.KindKiosk, FW: "0.1.0", Proto: 1, Install: "1457", Boot: "d0d0", HWSeq: 12, First: 30, OffN: 2,
			Seen: mark.Seen, Issued: map[string]int{"study": 74}, Clock: proto.Clock{T: 1_700_000_000_000, OK: true},
		}),
		of("up-cmd-ticket", proto.Cmd{V: 1, ID: fact.ID, Mark: mark, Op: proto.OpTicket, Q: "study", Item: "transcript", Card: fact.Card, Lang: "zh"}),
		of("up-cmd-next", proto.Cmd{V: 1, ID: fact.ID, Mark: mark, Op: proto.OpNext, Counter: "c1", IfVer: &proto.At{Epoch: 7, Ver: 40}}),
		of("up-fact", proto.Facts{V: 1, Mark: mark, Facts: []json.RawMessage{raw(t, fact), raw(t, rating)}}),
		of("up-hb", proto.Beat{V: 1, Mark: mark, Shown: map[string]proto.At{"c1": {Epoch: 7, Ver: 41}}}),
		of("up-health", proto.Health{V: 1, Parts: map[string]string{"printer": "ok"}, FW: "0.1.0", Count: map[string]uint64{"bad_frames": 1}}),
		of("up-cfg", proto.CfgReport{V: 1, Ver: 1_700_000_000, SHA256: "00ff", S: "refused", Why: []string{"devices/kiosk-1.yaml:3:1: unknown key"}}),
		{"down-cfg", proto.NewCfg(1_700_000_000, []byte("version: 1\n")), func(b []byte) (any, error) { return proto.DecodeCfg(b) }},
		of("down-welcome", proto.Welcome{
			V: 1, Nonce: "n0", S: proto.Accepted, Sess: "5e55", Epoch: 7, Boot: "b007", T: 1_700_000_000_000, Ack: 29, AckSum: "0011223344556677",
			DayKey: []byte{1, 2, 3}, Permit: &proto.Permit{Series: "X", From: 7, Cap: 99, Until: 1_700_050_000_000, Day: 3},
		}),
		of("down-welcome-again", proto.Welcome{V: 1, S: proto.Again, Sess: "01d"}),
		of("down-res-ticket", proto.Res{V: 1, ID: fact.ID, Sess: "5e55", S: proto.ResOK, Ticket: &proto.TicketRes{
			TID: fact.TID, Num: "A012", Day: 3, Q: "study", Item: "transcript", Ahead: 4, Wait: &proto.Wait{Lo: 5, Hi: 12}, T: 1_700_000_000_000,
		}}),
		of("down-res-counter", proto.Res{V: 1, ID: fact.ID, Sess: "5e55", S: proto.ResOK, Counter: "c1", Ver: &proto.At{Epoch: 7, Ver: 41}}),
		of("down-res-refused", proto.Res{V: 1, ID: fact.ID, Sess: "5e55", S: proto.ResConflict, Why: "counter c1 has changed: it is calling now"}),
		of("down-ack", proto.Ack{V: 1, Sess: "5e55", Ack: 31, Sum: "0011223344556677"}),
		of("down-do", proto.Order{V: 1, ID: fact.ID, Sess: "5e55", Op: "identify"}),
		of("state-ctl", proto.Ctl{V: 1, S: "on", Epoch: 7, Boot: "b007", T: 1_700_000_000_000}),
		of("state-counter", proto.CounterState{
			V: 1, Epoch: 7, Boot: "b007", Ver: 42, CV: 41, S: "calling", Num: "A012", Call: "b007-41", RN: 1, Dept: "study", Depts: []string{"study"},
			Rating: &proto.RatingState{Tok: "b007-30", For: 110}, T: 1_700_000_000_000,
		}),
		of("state-hall", proto.HallState{
			V: 1, Epoch: 7, Boot: "b007", Ver: 9, Depts: []proto.DeptState{{ID: "study", Waiting: 4, Last: "A012", Issued: 16, Open: true}},
			Calls: []proto.CallState{{Num: "A012", Counter: "c1", T: 1_700_000_000_000}},
		}),
	}
}

func TestGoldenMessages(t *testing.T) {
	for _, g := range messages(t) {
		t.Run(g.name, func(t *testing.T) {
			b, err := proto.Encode(g.value)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "messages", g.name+".json")
			if *update {
				if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want = bytes.TrimSpace(want)
			if !bytes.Equal(b, want) {
				t.Errorf("encodes as\n%s\nthe golden message is\n%s", b, want)
			}
			back, err := g.again(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(g.value, back); d != "" {
				t.Error("comes back as another value:", d)
			}
		})
	}
}

// FuzzDecode feeds anything to every decoder: none panics, and what is accepted can be written again.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden messages", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		stable[proto.Hello](t, b)
		stable[proto.Cmd](t, b)
		stable[proto.Facts](t, b)
		stable[proto.Beat](t, b)
		stable[proto.Health](t, b)
		stable[proto.Welcome](t, b)
		stable[proto.Res](t, b)
		stable[proto.CounterState](t, b)
		stable[proto.HallState](t, b)
		stable[proto.Ctl](t, b)
		if c, err := proto.DecodeCfg(b); err == nil && c.SHA256 != proto.NewCfg(c.Ver, []byte(c.YAML)).SHA256 {
			t.Fatal("a configuration was read that does not agree with its checksum")
		}
	})
}

func stable[T any](t *testing.T, b []byte) {
	v, err := proto.Decode[T](b)
	if err != nil {
		return
	}
	once, err := proto.Encode(v)
	if err != nil {
		return // larger than the wire allows once it is written out
	}
	again, err := proto.Decode[T](once)
	if err != nil {
		t.Fatalf("%T written as %s cannot be read: %v", v, once, err)
	}
	twice, err := proto.Encode(again)
	if err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%T is not stable: %s, then %s (%v)", v, once, twice, err)
	}
}
