//go:build mosquitto

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"quhao/daemon/store"
	"quhao/internal/link"
	"quhao/internal/proto"
	"quhao/internal/station"
)

// otherBrokers are the brokers besides the embedded one.
func otherBrokers() []kind {
	return []kind{{"mosquitto", func(t *testing.T) *rig { r, _ := newMosquitto(t); return r }}}
}

const shipped = "broker/mosquitto"

// mosquitto is a real Mosquitto as a process, on the shipped configuration and access file.
type mosquitto struct {
	t      *testing.T
	file   string // its configuration
	local  string // the controller's listener, host:port
	remote string // the devices'
	cmd    *exec.Cmd
	log    *buffer
}

// newMosquitto starts a Mosquitto for a rig, on the shipped files but for ports and paths.
// Each change replaces a text that stands in the configuration once.
func newMosquitto(t *testing.T, changes ...string) (*rig, *mosquitto) {
	t.Helper()
	m := &mosquitto{t: t, local: freeAddr(t), remote: freeAddr(t), log: new(buffer)}
	r := newRig(t, "external: 'mqtt://"+m.local+"'")
	r.enrol(controllerName)
	ca, err := openAuthority(r.data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.addr, r.tls = "tls://"+m.remote, station.Identity{CA: ca.fingerprint()}.TLS()
	m.configure(r, ca, changes)
	m.start()
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", m.log.String())
		}
	})
	return r, m
}

func (m *mosquitto) configure(r *rig, ca *authority, changes []string) {
	m.t.Helper()
	dir := m.t.TempDir()
	m.file = filepath.Join(dir, "mosquitto.conf")
	chain, key := filepath.Join(dir, "chain.crt"), filepath.Join(dir, "server.key")
	writeCertificate(m.t, ca, chain, key)
	conf := m.read("mosquitto.conf")
	port := func(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte(m.read("acl")), 0o600); err != nil {
		m.t.Fatal(err)
	}
	changes = append([]string{
		"\npassword_file /etc/mosquitto/quhao.passwords\n", "\npassword_file " + filepath.Join(r.data, passwordFile) + "\n",
		"\nacl_file /etc/mosquitto/quhao.acl\n", "\nacl_file " + acl + "\n",
		"\nlistener 1883 127.0.0.1\n", "\nlistener " + port(m.local) + " 127.0.0.1\n",
		"\nlistener 8883\n", "\nlistener " + port(m.remote) + " 127.0.0.1\n",
		"\ncertfile /etc/mosquitto/certs/quhao-chain.crt\n", "\ncertfile " + chain + "\n",
		"\nkeyfile /etc/mosquitto/certs/quhao.key\n", "\nkeyfile " + key + "\n",
	}, changes...)
	for i := 0; i < len(changes); i += 2 {
		if n := strings.Count(conf, changes[i]); n != 1 {
			m.t.Fatalf("%q stands %d times in the shipped configuration, want 1", changes[i], n)
		}
		conf = strings.Replace(conf, changes[i], changes[i+1], 1)
	}
	if os.Getuid() == 0 {
		conf += "user root\n" // else it gives up the right to read the test's folders
	}
	if err := os.WriteFile(m.file, []byte(conf), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mosquitto) read(name string) string {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(shipped, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// writeCertificate makes a certificate of the authority's for the broker, as the shipped configuration wants it.
func writeCertificate(t *testing.T, ca *authority, chain, key string) {
	t.Helper()
	conf, err := ca.server(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var certs []byte
	for _, der := range conf.Certificates[0].Certificate {
		certs = append(certs, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(conf.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{chain: certs, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// start starts it and waits until both listeners take connections.
func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command("mosquitto", "-c", m.file)
	m.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	if _, err := exec.LookPath("mosquitto"); err != nil {
		m.cmd.Path, m.cmd.Err = "/usr/sbin/mosquitto", nil // Debian puts it where only root looks
	}
	m.cmd.Stderr = m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatalf("%v: install the Debian package mosquitto", err)
	}
	for _, addr := range []string{m.local, m.remote} {
		until(m.t, "mosquitto listens at "+addr, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
}

// kill is kill -9, and waits until the process is gone.
func (m *mosquitto) kill() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it may have ended by itself
	_ = m.cmd.Wait()         // by the signal
	m.cmd = nil
}

// observe connects with a client id and a name to the devices' listener, and collects all that arrives there.
type observer struct {
	*link.Link
	mu    sync.Mutex
	ups   int
	heard []proto.Message
}

func observe(r *rig, o link.Options) *observer {
	r.t.Helper()
	x := &observer{}
	o.Password = r.secrets[o.User]
	x.Link = linkTo(r.t, o, func(_ *link.Link, e link.Event) {
		x.mu.Lock()
		defer x.mu.Unlock()
		switch {
		case e.Up:
			x.ups++
		case e.Msg != nil:
			x.heard = append(x.heard, *e.Msg)
		}
	})
	until(r.t, o.ClientID+" as "+o.User+" is up", func() bool { return x.count() > 0 })
	return x
}

func (x *observer) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ups
}

// payload says whether a message with that text has arrived, and on which topic.
func (x *observer) payload(text string) (topic string, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.heard {
		if string(m.Payload) == text {
			return m.Topic, true
		}
	}
	return "", false
}

func (x *observer) say(t *testing.T, topic, text string) {
	t.Helper()
	if err := x.Publish(proto.Message{Topic: topic, Payload: []byte(text), QoS: 1}); err != nil {
		t.Fatal(err)
	}
}

// The access file: what a device says in another's name, or to others, nobody hears; what is for others it does not hear,
// whatever it subscribes to and whatever client id it takes.
func TestMosquittoAccess(t *testing.T) {
	r, m := newMosquitto(t)
	topics := r.topics
	boss := observe(r, link.Options{Addr: "tcp://" + m.local, ClientID: "watch", User: controllerName, Subscribe: []string{"#", "$SYS/#"}})
	victim := observe(r, link.Options{Addr: r.addr, TLS: r.tls, ClientID: "kiosk-1", User: "kiosk-1", Subscribe: []string{"#"}})
	thief := observe(r, link.Options{Addr: r.addr, TLS: r.tls, ClientID: "kiosk-1", User: "kiosk-2", Subscribe: []string{"#", "$SYS/#", "quhao/1/dev/+/down/#"}})
	for i, topic := range []string{
		topics.Up("kiosk-1", "hello"), topics.Down("kiosk-1", "res"), topics.Down("kiosk-2", "res"), topics.Ctl(), topics.Counter("c1"),
		"quhao/2/dev/kiosk-2/up/hello", "elsewhere", "quhao/1/dev/kiosk-2/upside", "$SYS/broker",
	} {
		thief.say(t, topic, "forbidden "+string(rune('a'+i)))
	}
	thief.say(t, topics.Up("kiosk-2", "hello"), "allowed") // in order: what was let through has come before it
	until(t, "what a device may say arrives", func() bool { topic, ok := boss.payload("allowed"); return ok && topic == topics.Up("kiosk-2", "hello") })
	boss.say(t, topics.Down("kiosk-1", "res"), "for kiosk-1")
	boss.say(t, topics.Down("kiosk-2", "res"), "for kiosk-2")
	boss.say(t, topics.Counter("c1"), "for all")
	for _, x := range []*observer{victim, thief} {
		until(t, "state arrives", func() bool { _, ok := x.payload("for all"); return ok })
	}
	for text, x := range map[string]*observer{"for kiosk-1": victim, "for kiosk-2": thief} {
		if _, ok := x.payload(text); !ok {
			t.Errorf("%q did not arrive", text)
		}
	}
	if _, ok := thief.payload("for kiosk-1"); ok {
		t.Error("kiosk-2 hears what is said to kiosk-1")
	}
	for _, x := range []*observer{boss, victim, thief} {
		x.mu.Lock()
		for _, msg := range x.heard {
			if strings.HasPrefix(string(msg.Payload), "forbidden") || strings.HasPrefix(msg.Topic, "$SYS") {
				t.Errorf("%s %q was heard", msg.Topic, msg.Payload)
			}
		}
		x.mu.Unlock()
	}
	if victim.count() != 1 {
		t.Error("a device was pushed off by another one that took its client id")
	}
}

// Killed with all its state and started again, several times: devices and controller come back by themselves, and each
// retained state is there again and right, for one who connects only then.
func TestMosquittoKilled(t *testing.T) {
	r, m := newMosquitto(t)
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk)
	unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
	kiosk.inSession()
	unit.inSession()
	r.tell("sign", "on", "c3", "officer-3")
	others := []string{"unit-1", "unit-2", "unit-4", "kiosk-2"} // one for each kill
	for i, other := range others {
		taken := kiosk.ticket("finance")
		kiosk.await("its facts acknowledged", func() bool { return kiosk.sess.Journal().Acked() == uint64(2*i+2) })
		unit.press("c3", proto.Cmd{Op: proto.OpNext})
		m.kill()
		m.start()
		late := r.join(other, kindOf(other), r.topics.Counter("c3"))
		if st := late.counter("c3", func(st proto.CounterState) bool { return st.S != "" }); st.S != "calling" || st.Num != taken.Num {
			t.Fatalf("kill %d: the counter is retained as %+v, want the call of %s", i, st, taken.Num)
		}
		late.await("its configuration", func() bool { return late.configs > 0 })
		for _, x := range []*member{kiosk, unit} {
			x.await("back", func() bool { return x.ups == i+2 && x.sess.Ready(x.now()) })
		}
	}
	r.stop()
	kiosk.await("the controller's leave", func() bool { return kiosk.ctl[len(kiosk.ctl)-1] == "off" })
	r.books(store.Total{Dept: "finance", Taken: len(others), Called: len(others), Served: len(others) - 1})
}

func kindOf(id string) proto.Kind {
	if strings.HasPrefix(id, "kiosk") {
		return proto.KindKiosk
	}
	return proto.KindCounter
}

// The controller's connection breaks: the devices hear of it by its last will, and of its return.
func TestMosquittoControllersWill(t *testing.T) {
	r, m := newMosquitto(t)
	cable := newCable(t, m.local)
	r.replace("centre.yaml", m.local, cable.addr)
	r.start()
	unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
	unit.inSession()
	for i := range 3 {
		cable.tear()
		heard := func(word string) int {
			n := 0
			for _, w := range unit.ctl {
				if w == word {
					n++
				}
			}
			return n
		}
		unit.await("that the controller is lost", func() bool { return heard("lost") == i+1 })
		unit.await("that it is back", func() bool { return unit.ctl[len(unit.ctl)-1] == "on" })
		r.tell("sign", "on", "c3", "officer-3")
		unit.counter("c3", func(st proto.CounterState) bool { return st.S == "idle" })
		r.tell("sign", "off", "c3")
		unit.counter("c3", func(st proto.CounterState) bool { return st.S == "closed" })
	}
}

// The doctor finds all well, without disturbing the running daemon and its devices.
func TestMosquittoDoctorFindsAllWell(t *testing.T) {
	r, _ := newMosquitto(t)
	r.healthy("broker", "sign-in", "access", "round trip")
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk)
	kiosk.inSession()
	r.healthy("database       quhaod runs", "access", "round trip")
	if strings.Contains(r.tell("status"), "messages_bad") || strings.Contains(r.log.String(), probeWord) {
		t.Error("the daemon took the doctor for a device")
	}
	kiosk.ticket("finance")
	kiosk.mu.Lock()
	defer kiosk.mu.Unlock()
	for _, word := range kiosk.ctl {
		if word != "on" {
			t.Errorf("while the doctor looked, the controller was %q", word)
		}
	}
}

func TestMosquittoDoctorFindsWhatIsWrong(t *testing.T) {
	t.Run("Nagle", func(t *testing.T) {
		r, _ := newMosquitto(t, "\nset_tcp_nodelay true\n", "\nset_tcp_nodelay false\n")
		r.unwell("round trip", "set_tcp_nodelay true", "mosquitto.conf")
	})
	for right, thing := range map[string]string{
		"topic read quhao/1/dev/+/up/#": "/up/probe", "topic write quhao/1/dev/+/down/#": "/down/probe", "topic write quhao/1/state/#": "/state/probe",
	} {
		t.Run(right, func(t *testing.T) {
			r, m := newMosquitto(t)
			acl := filepath.Join(filepath.Dir(m.file), "acl")
			text := m.read("acl")
			if strings.Count(text, "\n"+right+"\n") != 1 {
				t.Fatalf("the shipped access file has no line %q", right)
			}
			if err := os.WriteFile(acl, []byte(strings.Replace(text, right, "", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			m.kill()
			m.start()
			r.unwell("access", thing, strings.Fields(right)[1])
		})
	}
	t.Run("an old copy of the passwords", func(t *testing.T) {
		r, _ := newMosquitto(t)
		r.enrol(controllerName) // Mosquitto was not told
		r.unwell("sign-in", passwordFile)
	})
}

// TestMosquittoRoundTrip is the ratio that the doctor's verdict rests on: the option makes a difference of tens of milliseconds.
func TestMosquittoRoundTrip(t *testing.T) {
	mid := map[string]time.Duration{}
	for _, word := range []string{"true", "false"} {
		r, m := newMosquitto(t, "\nset_tcp_nodelay true\n", "\nset_tcp_nodelay "+word+"\n")
		p, err := signIn(t.Context(), "tcp://"+m.local, r.secrets[controllerName], r.topics)
		if err != nil {
			t.Fatal(err)
		}
		all, err := p.measure(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.stop()
		mid[word] = median(all)
	}
	t.Logf("median of %d round trips: set_tcp_nodelay true %s, false %s", trips, short(mid["true"]), short(mid["false"]))
	if mid["false"]-mid["true"] < 25*time.Millisecond || mid["false"] < 4*mid["true"] {
		t.Error("set_tcp_nodelay makes no difference")
	}
}

// cable leads the controller's connection to the broker, and can be torn.
type cable struct {
	addr string
	mu   sync.Mutex
	ends []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{addr: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); c.tear(); wg.Wait() })
	carry := func(a, b net.Conn) {
		_, _ = io.Copy(a, b) // either end may be torn
		a.Close()
		b.Close()
	}
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			c.mu.Lock()
			c.ends = append(c.ends, near, far)
			c.mu.Unlock()
			wg.Go(func() { carry(near, far) })
			wg.Go(func() { carry(far, near) })
		}
	})
	return c
}

// tear breaks all connections that there are now.
func (c *cable) tear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ends {
		end.Close()
	}
	c.ends = nil
}
