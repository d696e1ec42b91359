package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quhao/internal/proto"
)

func TestPublishIsChecked(t *testing.T) {
	b := newBench(t)
	for _, m := range []proto.Message{
		{Topic: "quhao/1/"}, {Topic: "quhao/2/state/ctl"}, {Topic: "$SYS/x"}, {Topic: "quhao/1/state/#"},
		{Topic: "quhao/1/state/\x00"}, {Topic: "quhao/1/state/ctl", QoS: 2},
	} {
		if err := b.Publish(m); err == nil {
			t.Errorf("%+v is taken", m)
		}
	}
	b.stop()
	if err := b.Publish(proto.Message{Topic: "quhao/1/state/ctl"}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v, want ErrClosed", err)
	}
}

// Retained state is sent to whoever subscribes later: the newest of each topic, none that was deleted.
func TestRetainedState(t *testing.T) {
	b := newBench(t)
	const counters = 200 // of a hall far larger than any: with MaximumClientWritesPending 128 only 129 arrived
	for i := range counters {
		for _, payload := range []string{"old", "new"} {
			m := proto.Message{Topic: fmt.Sprintf("quhao/1/state/counter/%d", i), Payload: []byte(payload), Retain: true, QoS: 1}
			if err := b.Publish(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Publish(proto.Message{Topic: "quhao/1/state/counter/0", Retain: true}); err != nil {
		t.Fatal(err)
	}
	c := b.dial()
	c.signIn("unit-1")
	c.write(subscribe(1, "quhao/1/state/#"))
	c.want(0x90, []byte{0, 1, 1})
	for i := range counters - 1 {
		first, body, err := c.packet()
		if err != nil || first != 0x33 || !strings.HasSuffix(string(body), "new") || strings.Contains(string(body), "counter/0\x00") {
			t.Fatalf("message %d: %x %q %v", i, first, body, err)
		}
	}
}

// A device's message is the controller's alone: not kept, not sent to anyone, its own sender included.
func TestDeviceMessagesAreNotForwarded(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.signIn("kiosk-1")
	c.write(publish("quhao/1/dev/kiosk-1/up/health", "ok", 1, true))
	c.want(0x40, []byte{0, 7})
	if n := len(b.server.Topics.Messages("quhao/#")); n != 0 {
		t.Errorf("mochi keeps %d messages of devices", n)
	}
	got := b.said()
	if len(got) != 1 || got[0].client != "kiosk-1" || !got[0].msg.Retain || got[0].msg.QoS != 1 || string(got[0].msg.Payload) != "ok" {
		t.Errorf("the controller got %+v", got)
	}
}

// While the controller holds one device's message, that device has no PUBACK and the others go on.
func TestBackPressure(t *testing.T) {
	hold := make(chan struct{})
	var held atomic.Bool
	b := newBench(t, func(o *Options) {
		take := o.OnMessage
		o.OnMessage = func(client string, m proto.Message) {
			if client == "kiosk-1" {
				held.Store(true)
				<-hold
			}
			take(client, m)
		}
	})
	c := b.dial()
	c.signIn("kiosk-1")
	c.write(publish("quhao/1/dev/kiosk-1/up/cmd", "x", 1, false))
	b.until("the message is held", held.Load)
	b.goodDeviceGetsIn()
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("before the controller took it: %v, want nothing to read", err)
	}
	c.SetReadDeadline(time.Now().Add(patience))
	close(hold)
	c.want(0x40, []byte{0, 7})
}

// A device that does not read is cut off before it can hold up the controller.
func TestDeviceThatDoesNotRead(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.signIn("kiosk-1")
	c.write(subscribe(1, "quhao/1/dev/kiosk-1/down/#"))
	c.want(0x90, []byte{0, 1, 1})
	m := proto.Message{Topic: "quhao/1/dev/kiosk-1/down/cfg", Payload: make([]byte, 256<<10), QoS: 1}
	var worst time.Duration
	b.until("it is cut off", func() bool {
		begin := time.Now()
		if err := b.Publish(m); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(begin))
		return b.Counters().Refused[Slow] > 0
	})
	if worst > writeWait/2 {
		t.Errorf("a publication took %v", worst)
	}
	b.until("it is gone", func() bool { return b.Counters().Connected == 0 })
	b.counted(Slow, 1)
	b.goodDeviceGetsIn()
}

// The newer connection takes the seat; the old one's will and end are told before the newer one's first message.
func TestNewerConnectionTakesTheSeat(t *testing.T) {
	b := newBench(t)
	const rounds = 50
	var want []string
	for i := range rounds {
		c := b.dial()
		c.write(hello{id: "kiosk-1", user: "kiosk-1", password: secret, will: lost("kiosk-1")}.packet())
		c.want(0x20, []byte{0, 0})
		c.write(publish("quhao/1/dev/kiosk-1/up/hello", fmt.Sprint(i), 1, false))
		c.want(0x40, []byte{0, 7})
		want = append(want, fmt.Sprint(i), `{"s":"lost"}`, "gone")
	}
	b.counted(Replaced, rounds-1)
	if got, all := b.messages("kiosk-1"), strings.Join(want[:len(want)-2], " "); got != all {
		t.Errorf("heard\n%s, want\n%s", got, all)
	}
}

// 2,000 abrupt reconnects, the end of the old connection at the same moment as the new CONNECT: mochi alone forgets
// about one new connection in a hundred, which would then be up for ever without getting a message.
func TestReconnectsAreNotForgotten(t *testing.T) {
	names := make([]string, 8)
	for i := range names {
		names[i] = fmt.Sprintf("unit-%d", i)
	}
	b := newBench(t, func(o *Options) { o.Passwords = passwordFile(t, names...) })
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			for i, old := 0, (*raw)(nil); i < 250; i++ {
				c, err := b.reconnect(name, old, i)
				if err != nil {
					t.Errorf("%s, connection %d: %v", name, i, err)
					return
				}
				old = c
			}
		})
	}
	wg.Wait()
	if n := b.Counters().Refused[Forgotten]; n != 0 {
		t.Errorf("%d were forgotten", n)
	}
}

// reconnect signs in and subscribes while the old connection breaks, waits until mochi is through with the old one,
// and tells whether the new one still gets a message.
func (b *bench) reconnect(name string, old *raw, n int) (*raw, error) {
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		return nil, err
	}
	c := &raw{b, conn}
	c.SetDeadline(time.Now().Add(patience))
	b.t.Cleanup(func() { conn.Close() })
	topic := "quhao/1/dev/" + name + "/down/res"
	c.Write(append(hello{id: name, user: name, password: secret}.packet(), subscribe(1, topic)...))
	if old != nil {
		old.Conn.(*net.TCPConn).SetLinger(0) // a reset, as from a device that lost its power
		old.Close()
	}
	for _, first := range []byte{0x20, 0x90} {
		if got, _, err := c.packet(); err != nil || got != first {
			return nil, fmt.Errorf("packet % x, %v", got, err)
		}
	}
	gone := strings.TrimSpace(strings.Repeat("gone ", n))
	for end := time.Now().Add(patience); b.messages(name) != gone; {
		if time.Now().After(end) {
			return nil, errors.New("the old connection does not end")
		}
		runtime.Gosched()
	}
	want := fmt.Sprint(n)
	if err := b.Publish(proto.Message{Topic: topic, Payload: []byte(want)}); err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience / 4))
	if first, body, err := c.packet(); err != nil || first != 0x30 || !strings.HasSuffix(string(body), want) {
		return nil, fmt.Errorf("forgotten: % x %q %w", first, body, err)
	}
	return c, nil
}

// The second lock: a client that mochi has lost is told so by its next ping.
func TestForgottenClientIsStopped(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.signIn("kiosk-1")
	c.write([]byte{0xc0, 0})
	c.want(0xd0, []byte{})
	b.server.Clients.Delete("kiosk-1") // what mochi's clean-up of an older connection does
	c.write([]byte{0xc0, 0})
	c.wantEnd()
	b.counted(Forgotten, 1)
	b.goodDeviceGetsIn()
}

func TestReload(t *testing.T) {
	b := newBench(t)
	one, two := b.dial(), b.dial()
	one.signIn("kiosk-1")
	two.signIn("kiosk-2")
	p, err := LoadPasswords(b.o.Passwords)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.o.Passwords, []byte("kiosk-1:nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(); err == nil {
		t.Error("a broken file is taken")
	}
	delete(p, "kiosk-1")
	if err := p.Save(b.o.Passwords); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	one.wantEnd()
	b.counted(Revoked, 1)
	two.write([]byte{0xc0, 0})
	two.want(0xd0, []byte{})
	one = b.dial()
	one.write(hello{id: "kiosk-1", user: "kiosk-1", password: secret}.packet())
	one.want(0x20, []byte{0, codePassword})
}

// A clean DISCONNECT publishes no last will.
func TestLeave(t *testing.T) {
	b := newBench(t)
	c := b.dial()
	c.write(hello{id: "kiosk-1", user: "kiosk-1", password: secret, will: lost("kiosk-1")}.packet())
	c.want(0x20, []byte{0, 0})
	c.write([]byte{0xe0, 0})
	c.wantEnd()
	b.until("its end is told", func() bool { return b.messages("kiosk-1") == "gone" })
}
