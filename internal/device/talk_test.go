package device

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quhao/internal/proto"
)

// talk is a session whose controller is the test.
type talk struct {
	t    *testing.T
	d    *memDisk
	j    *Journal
	s    *Session
	up   time.Duration
	n    int
	sent []proto.Message // by the last step
	drop bool
	err  error
}

func newTalk(t *testing.T) *talk {
	k := &talk{t: t, d: &memDisk{}}
	k.j = open(t, k.d, "install-1")
	k.s = NewSession(Options{
		Dev: "kiosk-1", Kind: proto.KindKiosk, FW: "1.2", Topics: proto.NewTopics(""), Boot: "own-boot",
		Random: func() string { k.n++; return fmt.Sprint("random-", k.n) },
	}, k.j)
	return k
}

func (k *talk) now() Now { return Now{Up: k.up, Wall: time.UnixMilli(99), Set: false} }

func (k *talk) step(f func()) {
	f()
	k.sent, k.drop, k.err = k.s.Take()
}

// to goes on to a time, with a Tick whenever one is due.
func (k *talk) to(up time.Duration) {
	k.t.Helper()
	var sent []proto.Message
	var drop bool
	for range 1000 {
		at, ok := k.s.Due()
		if !ok || at > up {
			k.up = up
			k.sent, k.drop = sent, drop
			return
		}
		k.up = max(k.up, at)
		k.step(func() { k.s.Tick(k.now()) })
		sent, drop = append(sent, k.sent...), drop || k.drop
	}
	k.t.Fatalf("at %v there is always something due", k.up)
}

func (k *talk) hear(topic string, retained bool, v any) {
	k.t.Helper()
	b, err := proto.Encode(v)
	if err != nil {
		k.t.Fatal(err)
	}
	k.step(func() {
		mine, err := k.s.Receive(k.now(), proto.Message{Topic: topic, Payload: b, Retain: retained})
		if !mine || err != nil {
			k.t.Fatalf("%s: mine %v, %v", topic, mine, err)
		}
	})
}

func (k *talk) down(what string, v any) {
	k.t.Helper()
	k.hear("quhao/1/dev/kiosk-1/down/"+what, false, v)
}

func (k *talk) ctl(s string, boot proto.Boot) {
	k.t.Helper()
	k.hear("quhao/1/state/ctl", false, proto.Ctl{V: 1, S: s, Epoch: 5, Boot: boot, T: 1_800_000_000_000 + k.up.Milliseconds()})
}

// said returns the messages of a kind among the last ones.
func said[T any](k *talk, what string) []T {
	k.t.Helper()
	var out []T
	for _, m := range k.sent {
		if !strings.HasSuffix(m.Topic, "/up/"+what) {
			continue
		}
		v, err := proto.Decode[T](m.Payload)
		if err != nil {
			k.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func (k *talk) hello() proto.Hello {
	k.t.Helper()
	h := said[proto.Hello](k, proto.UpHello)
	if len(h) != 1 {
		k.t.Fatalf("at %v: %d hellos, want 1", k.up, len(h))
	}
	return h[0]
}

func (k *talk) quiet() {
	k.t.Helper()
	if len(k.sent) > 0 || k.drop {
		k.t.Fatalf("at %v: said %v, drop %v; want nothing", k.up, k.sent, k.drop)
	}
}

func (k *talk) welcome(h proto.Hello, w proto.Welcome) {
	k.t.Helper()
	w.V, w.Nonce, w.S, w.Epoch = 1, h.Nonce, proto.Accepted, 5
	if w.Sess == "" {
		w.Sess = "s1"
	}
	if w.Boot == "" {
		w.Boot = "boot-1"
	}
	w.T = 1_800_000_000_000 + k.up.Milliseconds()
	k.down(proto.DownHello, w)
}

func (k *talk) connect() proto.Hello {
	k.t.Helper()
	k.step(func() { k.s.Up(k.now()) })
	return k.hello()
}

func (k *talk) fact(id proto.ID) string {
	k.t.Helper()
	f, err := k.j.AddFact(k.s.Stamp(k.now(), proto.Fact{K: proto.FactDone, ID: id}))
	if err != nil {
		k.t.Fatal(err)
	}
	k.step(func() { k.s.FactAdded(k.now()) })
	sum, _ := k.j.SumOf(f.Seq)
	return sum
}
