package broker

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"quhao/internal/proto"
)

func TestRefusedAtConnect(t *testing.T) {
	good := hello{id: "kiosk-1", user: "kiosk-1", password: secret}
	with := func(change func(*hello)) []byte { h := good; change(&h); return h.packet() }
	will := func(m proto.Message) []byte {
		m.Payload = []byte("x")
		return with(func(h *hello) { h.will = &m })
	}
	own := "quhao/1/dev/kiosk-1/"
	for _, c := range []struct {
		name   string
		packet []byte
		reason Reason
		code   byte
	}{
		{"unknown device", hello{id: "kiosk-9", user: "kiosk-9", password: secret}.packet(), Password, codePassword},
		{"wrong password", with(func(h *hello) { h.password = "wrong" }), Password, codePassword},
		{"no password", with(func(h *hello) { h.password = "" }), Password, codePassword},
		{"anonymous", framed(0x10, append(append(text("MQTT"), 4, 2, 0, 30), text("kiosk-1")...)), Name, codeName},
		{"client id of another", with(func(h *hello) { h.id = "unit-1" }), Name, codeName},
		{"no client id", with(func(h *hello) { h.id = "" }), Name, codeName},
		{"no device's name", hello{id: "Kiosk_1", user: "Kiosk_1", password: secret}.packet(), Name, codeName},
		{"MQTT 5", with(func(h *hello) { h.level, h.props = 5, []byte{0} }), Protocol, codeProtocol},
		{"MQTT 3.1", with(func(h *hello) { h.proto, h.level = "MQIsdp", 3 }), Protocol, codeProtocol},
		{"bridge", with(func(h *hello) { h.level = 0x84 }), Protocol, codeProtocol},
		{"session not clean", with(func(h *hello) { h.dirty = true }), Session, codeDenied},
		{"will on a foreign topic", will(proto.Message{Topic: "quhao/1/dev/unit-1/up/avail"}), Will, codeDenied},
		{"will as the controller", will(proto.Message{Topic: "quhao/1/state/ctl"}), Will, codeDenied},
		{"will on a wildcard", will(proto.Message{Topic: own + "up/#"}), Will, codeDenied},
		{"will retained where it may not", will(proto.Message{Topic: own + "up/cmd", Retain: true}), Will, codeDenied},
		{"will with QoS 2", will(proto.Message{Topic: own + "up/avail", QoS: 2}), Will, codeDenied},
		{"other first packet", publish(own+"up/cmd", "x", 1, false), Malformed, 0},
		{"web browser", []byte("GET / HTTP/1.1\r\n\r\n"), Malformed, 0},
		{"bytes behind the last field", with(func(h *hello) { h.more = []byte{0} }), Malformed, 0},
		{"huge CONNECT", []byte{0x10, 0xff, 0xff, 0xff, 0x7f}, TooLarge, 0},
		{"CONNECT above the limit", framed(0x10, make([]byte, MaxPacket+1)), TooLarge, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			conn := b.dial()
			conn.write(c.packet)
			if c.code != 0 {
				conn.want(0x20, []byte{0, c.code})
			}
			conn.wantEnd()
			b.counted(c.reason, 1)
			b.goodDeviceGetsIn()
		})
	}
}

func TestRefusedLater(t *testing.T) {
	own := "quhao/1/dev/kiosk-1/"
	for _, c := range []struct {
		name   string
		packet []byte
		reason Reason
	}{
		{"foreign topic", publish("quhao/1/dev/unit-1/up/cmd", "x", 1, false), Topic},
		{"foreign topic, QoS 0", publish("quhao/1/dev/unit-1/up/cmd", "x", 0, false), Topic},
		{"state", publish("quhao/1/state/ctl", "x", 1, true), Topic},
		{"own down", publish(own+"down/res", "x", 1, false), Topic},
		{"$SYS", publish("$SYS/broker/version", "x", 1, false), Topic},
		{"parent of its topics", publish("quhao/1/dev/kiosk-1/up", "x", 1, false), Topic},
		{"retained command", publish(own+"up/cmd", "x", 1, true), Retain},
		{"QoS 2", publish(own+"up/cmd", "x", 2, false), QoS},
		{"1 MiB payload", publish(own+"up/fact", strings.Repeat("x", 1<<20), 1, false), TooLarge},
		{"just above the limit", publish(own+"up/fact", strings.Repeat("x", MaxPacket), 1, false), TooLarge},
		{"second CONNECT", hello{id: "kiosk-1", user: "kiosk-1", password: secret}.packet(), Packet},
		{"PUBREL", []byte{0x62, 2, 0, 1}, Packet},
		{"AUTH of MQTT 5", []byte{0xf0, 0}, Malformed},
		{"CONNACK", []byte{0x20, 2, 0, 0}, Packet},
		{"MQTT 5 SUBSCRIBE that panics mochi", []byte{0x82, 6, 0, 1, 0, 0, 1, 'a'}, Malformed},
		{"too many filters", subscribe(1, manyFilters()...), Filter},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			conn := b.dial()
			conn.write(hello{id: "kiosk-1", user: "kiosk-1", password: secret, will: lost("kiosk-1")}.packet())
			conn.want(0x20, []byte{0, 0})
			go conn.Write(c.packet) // the broker may close before it has read all
			conn.wantEnd()
			b.counted(c.reason, 1)
			b.until("will and end are told", func() bool { return b.messages("kiosk-1") == `{"s":"lost"} gone` })
			if n := len(b.server.Topics.Messages("#")); n != 0 {
				t.Errorf("mochi keeps %d messages of devices", n)
			}
			b.goodDeviceGetsIn()
		})
	}
}

func manyFilters() (all []string) {
	for i := range maxFilters + 1 {
		all = append(all, "quhao/1/state/counter/"+string(rune('0'+i)))
	}
	return all
}

func TestForeignFilters(t *testing.T) {
	b := newBench(t)
	if err := b.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-2/down/cfg", Payload: []byte("foreign"), Retain: true, QoS: 1}); err != nil {
		t.Fatal(err)
	}
	bad := []string{"#", "+/#", "$SYS/#", "quhao/1/#", "quhao/+/state/#", "quhao/1/dev/#", "quhao/1/dev/+/down/#",
		"quhao/1/dev/kiosk-2/down/#", "quhao/1/dev/unit-1/up/#", "quhao/1/dev/kiosk-1/up/#", "quhao/1/dev/kiosk-1/#",
		"quhao/1/state", "$share/a/quhao/1/state/#"}
	c := b.dial()
	c.signIn("kiosk-1")
	c.write(subscribe(1, append(bad, "quhao/1/state/#")...))
	answer := []byte{0, 1}
	for range bad {
		answer = append(answer, 0x80)
	}
	c.want(0x90, append(answer, 1))
	b.counted(Filter, uint64(len(bad)))
	for _, m := range []proto.Message{
		{Topic: "quhao/1/dev/kiosk-2/down/res", Payload: []byte("foreign"), QoS: 1},
		{Topic: "quhao/1/dev/kiosk-1/up/x", Payload: []byte("not subscribed"), QoS: 1},
		{Topic: "quhao/1/state/ctl", Payload: []byte("for all")},
	} {
		if err := b.Publish(m); err != nil {
			t.Fatal(err)
		}
	}
	c.want(0x30, append(text("quhao/1/state/ctl"), "for all"...)) // and nothing before it
	b.goodDeviceGetsIn()
}

// 500 connections that say nothing: each newer one pushes out the oldest, and a good device is always in the newest.
func TestSilentConnections(t *testing.T) {
	b := newBench(t)
	for range 500 {
		b.dial()
	}
	b.counted(Crowded, 500-maxWaiting)
	b.goodDeviceGetsIn()
	b.counted(Crowded, 500-maxWaiting+1)
}

func TestConnectMustComeInTime(t *testing.T) {
	b := newBench(t, func(o *Options) { o.connectWait = 50 * time.Millisecond })
	whole := hello{id: "kiosk-1", user: "kiosk-1", password: secret}.packet()
	for i, part := range [][]byte{nil, whole[:1], whole[:2], whole[:len(whole)-1]} {
		c := b.dial()
		c.write(part)
		c.wantEnd()
		b.counted(Timeout, uint64(i+1))
	}
	c := b.dial()
	c.write(whole[:5])
	c.Close()
	b.counted(Hangup, 1)
	b.goodDeviceGetsIn()
}

// Truncated and mutated packets, before and after sign-in, do not hurt the broker; a sample of what the fuzz tests do
// to the decoders, here over the whole way.
func TestMutatedPackets(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	connect := hello{id: "kiosk-1", user: "kiosk-1", password: secret, will: lost("kiosk-1")}.packet()
	later := [][]byte{
		publish("quhao/1/dev/kiosk-1/up/cmd", `{"v":1}`, 1, false),
		publish("quhao/1/dev/kiosk-1/up/health", `{"v":1}`, 1, true),
		subscribe(2, "quhao/1/dev/kiosk-1/down/#", "quhao/1/state/ctl"),
		{0xa2, 7, 0, 3, 0, 3, 'a', '/', 'b'}, {0xc0, 0}, {0x40, 2, 0, 1}, {0xe0, 0},
	}
	for i := range 3000 {
		c := b.dial()
		var p []byte
		if i%2 == 0 {
			p = mutate(rnd, connect)
		} else {
			c.write(connect)
			for range 3 {
				p = append(p, mutate(rnd, later[rnd.IntN(len(later))])...)
			}
		}
		c.Write(p) // the broker may have closed already
		c.Close()
		if i%500 == 499 {
			b.goodDeviceGetsIn()
		}
	}
	b.until("all connections are gone", func() bool { return b.Counters().Connected == 0 })
	got := b.Counters().Refused
	for _, r := range []Reason{Malformed, Hangup, Name, Password} {
		if got[r] == 0 {
			t.Errorf("no connection was refused for %s: the mutations do not reach it; %v", r, got)
		}
	}
	for _, h := range b.said() {
		if h.msg != nil && !strings.HasPrefix(h.msg.Topic, "quhao/1/dev/"+h.client+"/up/") {
			t.Errorf("%s published to %q", h.client, h.msg.Topic)
		}
	}
}

// mutate returns a copy that is cut short, or has some bits turned, or some bytes too many.
func mutate(rnd *rand.Rand, p []byte) []byte {
	p = append([]byte(nil), p...)
	switch rnd.IntN(4) {
	case 0:
		return p[:rnd.IntN(len(p)+1)]
	case 1:
		for range 1 + rnd.IntN(3) {
			p[rnd.IntN(len(p))] ^= 1 << rnd.IntN(8)
		}
	case 2:
		p[rnd.IntN(len(p))] = byte(rnd.Uint32())
	default:
		at := rnd.IntN(len(p))
		p = append(p[:at], append([]byte{byte(rnd.Uint32())}, p[at:]...)...)
	}
	return p
}

// The limit is on the remaining length: what just fits goes through.
func TestLargestMessage(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.signIn("kiosk-1")
	topic := "quhao/1/dev/kiosk-1/up/fact"
	payload := strings.Repeat("x", MaxPacket-len(text(topic))-2)
	c.write(publish(topic, payload, 1, false))
	c.want(0x40, []byte{0, 7})
	if b.messages("kiosk-1") != payload {
		t.Error("the controller has not got it")
	}
	// To the device, a configuration of 256 KiB.
	cfg := strings.Repeat("y", 256<<10)
	c.write(subscribe(1, "quhao/1/dev/kiosk-1/down/cfg"))
	c.want(0x90, []byte{0, 1, 1})
	if err := b.Publish(proto.Message{Topic: "quhao/1/dev/kiosk-1/down/cfg", Payload: []byte(cfg), Retain: true}); err != nil {
		t.Fatal(err)
	}
	c.want(0x30, append(text("quhao/1/dev/kiosk-1/down/cfg"), cfg...))
}

func TestOptionsAreChecked(t *testing.T) {
	take := func(string, proto.Message) {}
	file := passwordFile(t, "kiosk-1")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Listen: "127.0.0.1:0", Passwords: file}, "no OnMessage"},
		{Options{Passwords: file, OnMessage: take}, "nowhere to listen"},
		{Options{Listen: "0.0.0.0:0", Passwords: file, OnMessage: take}, "loopback"},
		{Options{Listen: ":0", Passwords: file, OnMessage: take}, "loopback"},
		{Options{TLSListen: ":0", Passwords: file, OnMessage: take}, "without a certificate"},
		{Options{Listen: "127.0.0.1:0", Prefix: "quhao/+/", Passwords: file, OnMessage: take}, "prefix"},
		{Options{Listen: "127.0.0.1:0", Passwords: file + ".no", OnMessage: take}, "no such file"},
		{Options{Listen: "127.0.0.1:99999", Passwords: file, OnMessage: take}, "invalid port"},
	} {
		if _, err := New(c.o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.o, err, c.want)
		}
	}
}
