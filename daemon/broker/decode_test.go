package broker

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"quhao/internal/proto"
)

func TestHashesOfMosquitto(t *testing.T) {
	p, err := LoadPasswords(filepath.Join("testdata", "mosquitto_passwd.txt")) // written by mosquitto_passwd 2.0.11
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"kiosk-1", "dian-nao 7", true},
		{"unit-03", "取号", true},
		{"kiosk-1", "取号", false},
		{"kiosk-1", "", false},
		{"kiosk-2", "dian-nao 7", false},
	} {
		if _, ok := p.check(c.name, c.password); ok != c.ok {
			t.Errorf("%s with %q: %t, want %t", c.name, c.password, ok, c.ok)
		}
	}
	text, err := os.ReadFile(filepath.Join("testdata", "mosquitto_passwd.txt"))
	if err != nil || !bytes.Equal(p.Bytes(), text) {
		t.Errorf("written again it is\n%s%v", p.Bytes(), err)
	}
}

func TestHashPassword(t *testing.T) {
	one, err := HashPassword("a")
	if err != nil {
		t.Fatal(err)
	}
	two, err := HashPassword("a")
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Error("no salt")
	}
	if !Verify(one, "a") || !Verify(two, "a") || Verify(one, "b") || Verify(one, "") {
		t.Error("a hash does not belong to its password alone")
	}
	if _, _, _, err := splitHash(decoyHash); err != nil {
		t.Errorf("the decoy takes no time: %v", err)
	}
}

func TestParsePasswordsTellsEveryMistake(t *testing.T) {
	good, err := HashPassword("a")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join([]string{"# devices", "", "kiosk-1:" + good, "Kiosk:" + good, "kiosk-1:" + good, "kiosk-2:$6$a$b",
		"kiosk-3:" + strings.Replace(good, "$101$", "$900000$", 1), "kiosk-4:" + good[:len(good)-4], "kiosk-5\r"}, "\n")
	_, err = ParsePasswords([]byte(text))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"line 4: the name is not", "line 5: the name stands here twice", "line 6: not in the format",
		"line 7: iterations", "line 8: the hash", "line 9: not in the format"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), good) {
		t.Error("the error shows a hash")
	}
}

func FuzzParsePasswords(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "mosquitto_passwd.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("# c\n\nkiosk-1:$7$1$AA==$AA==\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePasswords(text)
		if err != nil {
			return
		}
		again, err := ParsePasswords(p.Bytes())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%v becomes %v (%v)", p, again, err)
		}
	})
}

func TestParseConnect(t *testing.T) {
	h := hello{id: "kiosk-1", user: "kiosk-2", password: "p\x00\xff", will: &proto.Message{Topic: "a/b", Payload: []byte("w"), QoS: 1, Retain: true}}
	raw, body, err := readConnect(bytes.NewReader(append(h.packet(), "more"...)))
	if err != nil || !bytes.Equal(raw, h.packet()) {
		t.Fatalf("read %q, %v", raw, err)
	}
	got, err := parseConnect(raw[body:])
	want := connect{client: "kiosk-1", user: "kiosk-2", password: "p\x00\xff", clean: true, keepAlive: 30, will: h.will}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	for n := range len(raw) - body { // cut anywhere
		if _, err := parseConnect(raw[body : body+n]); err == nil {
			t.Errorf("cut to %d bytes it is taken", n)
		}
	}
	long := h
	long.password = strings.Repeat("x", 300) // a length of two bytes
	if raw, body, err := readConnect(bytes.NewReader(long.packet())); err != nil || body != 3 || !bytes.Equal(raw, long.packet()) {
		t.Errorf("long CONNECT: body at %d, %v", body, err)
	}
}

// What the gate takes, mochi takes apart in the same way: it has the same fields, each where the length says.
func FuzzConnect(f *testing.F) {
	f.Add(hello{id: "kiosk-1", user: "kiosk-1", password: "secret", will: lost("kiosk-1")}.packet())
	f.Add(hello{id: "kiosk-1", user: "kiosk-1", level: 5, props: []byte{0}}.packet())
	f.Add([]byte{0x10, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, p []byte) {
		r := bytes.NewReader(p)
		raw, body, err := readConnect(r)
		if err != nil {
			if _, ok := errors.AsType[*refusal](err); !ok {
				t.Errorf("error %v is no refusal", err)
			}
			return
		}
		rest, _ := io.ReadAll(r)
		if !bytes.Equal(append(raw, rest...), p) {
			t.Error("read more or less than one packet")
		}
		c, err := parseConnect(raw[body:])
		if err != nil {
			if _, ok := errors.AsType[*refusal](err); !ok {
				t.Errorf("error %v is no refusal", err)
			}
			return
		}
		n := 10 + 2 + len(c.client)
		flags := raw[body+7]
		if c.will != nil {
			n += 4 + len(c.will.Topic) + len(c.will.Payload)
		}
		if flags&0x80 != 0 {
			n += 2 + len(c.user)
		}
		if flags&0x40 != 0 {
			n += 2 + len(c.password)
		}
		if n != len(raw)-body {
			t.Errorf("the fields take %d bytes of %d", n, len(raw)-body)
		}
	})
}

func TestAccess(t *testing.T) {
	a := access{"quhao/1/"}
	for _, c := range []struct {
		topic       string
		write, read bool
	}{
		{"quhao/1/dev/kiosk-1/up/cmd", true, false},
		{"quhao/1/dev/kiosk-1/up/a/b", true, false},
		{"quhao/1/dev/kiosk-1/up/", false, false},
		{"quhao/1/dev/kiosk-1/up", false, false},
		{"quhao/1/dev/kiosk-1/up/+", false, false},
		{"quhao/1/dev/kiosk-1/up/\x00", false, false},
		{"quhao/1/dev/kiosk-1/up/\xff", false, false},
		{"quhao/1/dev/kiosk-1/up/" + strings.Repeat("x", maxTopic), false, false},
		{"quhao/1/dev/kiosk-11/up/cmd", false, false},
		{"quhao/1/dev/kiosk-1/down/res", false, true},
		{"quhao/1/dev/kiosk-1/down/#", false, true},
		{"quhao/1/dev/kiosk-1/down/+/x", false, true},
		{"quhao/1/dev/kiosk-1/down/#/x", false, false},
		{"quhao/1/dev/kiosk-1/down/x#", false, false},
		{"quhao/1/dev/kiosk-1/down/x+", false, false},
		{"quhao/1/dev/kiosk-1/down", false, false},
		{"quhao/1/state/counter/3", false, true},
		{"quhao/1/state/#", false, true},
		{"quhao/1/statement/x", false, false},
		{"quhao/2/state/#", false, false},
		{"/quhao/1/state/#", false, false},
		{"$SYS/#", false, false},
		{"", false, false},
	} {
		if _, write := a.written("kiosk-1", c.topic); write != c.write {
			t.Errorf("write %q: %t", c.topic, write)
		}
		if read := a.read("kiosk-1", c.topic); read != c.read {
			t.Errorf("read %q: %t", c.topic, read)
		}
	}
}

// A filter that may be read matches nothing outside its own topics, whatever the topic: judged by a matcher written
// from MQTT 3.1.1, 4.7, that has nothing in common with the access check.
func FuzzAccess(f *testing.F) {
	f.Add("quhao/1/dev/kiosk-1/down/#", "quhao/1/dev/kiosk-1/down/res")
	f.Add("quhao/1/state/+/3", "quhao/1/state/counter/3")
	f.Add("quhao/+/state/#", "quhao/1/dev/kiosk-2/up/cmd")
	f.Add("#", "$SYS/broker")
	a := access{"quhao/1/"}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if strings.ContainsAny(topic, "+#") {
			return
		}
		if a.read("kiosk-1", filter) && matches(strings.Split(filter, "/"), strings.Split(topic, "/")) &&
			!strings.HasPrefix(topic, "quhao/1/dev/kiosk-1/down") && !strings.HasPrefix(topic, "quhao/1/state") {
			t.Errorf("%q may be read and matches %q", filter, topic)
		}
		if kind, ok := a.written("kiosk-1", topic); ok && topic != "quhao/1/dev/kiosk-1/up/"+kind {
			t.Errorf("%q may be written", topic)
		}
	})
}

// matches says whether the levels of a filter match those of a topic.
func matches(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	case filter[0] == "+" || filter[0] == topic[0]:
		return matches(filter[1:], topic[1:])
	}
	return false
}
