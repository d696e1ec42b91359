package proto_test

import (
	"strings"
	"testing"

	"quhao/internal/proto"
)

func TestTopics(t *testing.T) {
	topics := proto.NewTopics("")
	dev, what, ok := topics.ReadUp(topics.Up("kiosk-1", proto.UpCmd))
	if dev != "kiosk-1" || what != "cmd" || !ok {
		t.Errorf("read %q %q %t", dev, what, ok)
	}
	for _, topic := range []string{
		"quhao/1/dev//up/cmd", "quhao/1/dev/a/b/up/cmd", "quhao/1/dev/a/up/", "quhao/1/dev/a/up/b/c", "quhao/2/dev/a/up/cmd", "quhao/1/dev/a/down/cmd", "",
	} {
		if _, _, ok := topics.ReadUp(topic); ok {
			t.Errorf("%q is taken for a device's topic", topic)
		}
	}
	for topic, want := range map[string]string{
		"quhao/1/state/ctl": "ctl", "quhao/1/state/counter/c1": "counter", "quhao/1/state/hall/h": "hall",
		"quhao/1/state/ctl/x": "", "quhao/1/state/counter/": "", "quhao/1/state/counter/a/b": "", "quhao/1/state/other/a": "",
	} {
		if kind, _, ok := topics.ReadState(topic); kind != want || ok != (want != "") {
			t.Errorf("%q is read as %q %t", topic, kind, ok)
		}
	}
	if got := proto.NewTopics("law").Counter("c1"); got != "law/1/state/counter/c1" {
		t.Error(got)
	}
}

func TestVersionsHaveAnOrder(t *testing.T) {
	order := []proto.At{{Epoch: 0, Ver: 9}, {Epoch: 1, Ver: 0}, {Epoch: 1, Ver: 5}, {Epoch: 2, Ver: 1}}
	for i, a := range order {
		for j, b := range order {
			if got := a.After(b); got != (i > j) {
				t.Errorf("%v after %v: %t", a, b, got)
			}
		}
	}
}

func TestEncodeRefusesWhatIsTooLarge(t *testing.T) {
	if _, err := proto.Encode(proto.Res{Why: strings.Repeat("x", proto.MaxMessage)}); err == nil {
		t.Error("a message over the limit was written")
	}
	if _, err := proto.Decode[proto.Res](make([]byte, proto.MaxMessage+1)); err == nil {
		t.Error("a message over the limit was read")
	}
}

func TestDecodeRefusesALaterProtocol(t *testing.T) {
	if _, err := proto.Decode[proto.Ctl]([]byte(`{"v":2,"s":"on"}`)); err == nil {
		t.Error("version 2 was read")
	}
}

// The example of the ULID specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV is the time 1469922850259 ms.
func TestNewID(t *testing.T) {
	id := string(proto.NewID(1469922850259, [10]byte{}))
	if id != "01ARZ3NDEK0000000000000000"[:10]+"0000000000000000" {
		t.Errorf("id %s", id)
	}
	if full := proto.NewID(1<<48-1, [10]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}); full != "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" {
		t.Errorf("the last id is %s", full)
	}
}

func TestCardHashHidesTheNumber(t *testing.T) {
	digest := proto.CardDigest("2026001")
	a, b := proto.CardHash([]byte("day one"), digest), proto.CardHash([]byte("day two"), digest)
	if a == b || len(a) != 32 || strings.Contains(a, "2026001") || a != proto.CardHash([]byte("day one"), digest) {
		t.Errorf("hashes %s and %s", a, b)
	}
}
