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

// observer is a connection that collects all that arrives.
type observer struct {
	*link.Link
	mu    sync.Mutex
	ups   int
	heard []proto.Message
}

// observe connects, with the password of the name.
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
