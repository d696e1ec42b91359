package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// brokerEnv names the broker of all tests of this package: empty for the embedded one, or mosquitto.
const brokerEnv = "QUHAO_E2E_BROKER"

// shipped are the configuration and access file that come with quhaod, seen from this package.
const shipped = "../../daemon/broker/mosquitto"

// outer is a Mosquitto as the broker of a daemon, on the shipped files but for paths, and with one listener for all.
type outer struct {
	t          *testing.T
	conf, addr string
	cmd        *exec.Cmd
	said       *bytes.Buffer // of all starts; only to be read after it has ended
}

// newOuter starts the broker that the environment asks for and configures the daemon for it; nil for the embedded one.
func newOuter(t *testing.T, d *daemon) *outer {
	t.Helper()
	switch name := os.Getenv(brokerEnv); name {
	case "":
		return nil
	case "mosquitto":
	default:
		t.Fatalf("%s=%s: there is no such broker", brokerEnv, name)
	}
	f, err := os.OpenFile(filepath.Join(d.conf, "centre.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "broker: {external: 'mqtt://%s'}\n", d.mqtt); err != nil {
		t.Fatal(err)
	}
	d.enrol("quhaod") // makes the password file
	o := &outer{t: t, conf: mosquittoConf(t, d), addr: d.mqtt, said: new(bytes.Buffer)}
	t.Cleanup(func() {
		o.kill()
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", tail(o.said.String(), 40))
		}
	})
	o.start()
	return o
}

// start starts the broker, which remembers nothing, and waits until it listens.
func (o *outer) start() {
	o.t.Helper()
	o.cmd = exec.Command(mosquittoPath(), "-c", o.conf)
	o.cmd.Stderr = o.said
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := o.cmd.Start(); err != nil {
		o.t.Fatalf("%v: install the Debian package mosquitto", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(startWithin); ; <-tick.C {
		if conn, err := net.Dial("tcp", o.addr); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(late) {
			o.t.Fatalf("mosquitto does not listen at %s", o.addr)
		}
	}
}

// kill is kill -9, and waits until the broker is gone.
func (o *outer) kill() {
	_ = o.cmd.Process.Kill() // it may have ended by itself
	_ = o.cmd.Wait()         // by the signal
}

// mosquittoPath looks where Debian puts it as well, which is on the path of root only.
func mosquittoPath() string {
	if path, err := exec.LookPath("mosquitto"); err == nil {
		return path
	}
	return "/usr/sbin/mosquitto"
}

// mosquittoConf writes the shipped configuration with the paths of this test, up to the listener for TLS.
func mosquittoConf(t *testing.T, d *daemon) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	acl, err := filepath.Abs(filepath.Join(shipped, "acl"))
	if err != nil {
		t.Fatal(err)
	}
	conf, _, whole := strings.Cut(string(text), "\nlistener 8883\n")
	_, port, _ := net.SplitHostPort(d.mqtt)
	for from, to := range map[string]string{
		"\npassword_file /etc/mosquitto/quhao.passwords\n": "\npassword_file " + filepath.Join(d.data, "passwords") + "\n",
		"\nacl_file /etc/mosquitto/quhao.acl\n":            "\nacl_file " + acl + "\n",
		"\nlistener 1883 127.0.0.1\n":                      "\nlistener " + port + " 127.0.0.1\n",
	} {
		if !whole || strings.Count(conf, from) != 1 {
			t.Fatalf("the shipped configuration has no longer the line %q", from)
		}
		conf = strings.Replace(conf, from, to, 1)
	}
	if os.Getuid() == 0 {
		conf += "\nuser root\n" // else it gives up the right to read the test's folders
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// reload lets the broker read the passwords again. A device that comes too early dials again.
func (o *outer) reload(t *testing.T) {
	t.Helper()
	if err := o.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
