package e2e

import (
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
type outer struct{ cmd *exec.Cmd }

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
	o := &outer{cmd: exec.Command(mosquittoPath(), "-c", mosquittoConf(t, d))}
	said := new(strings.Builder)
	o.cmd.Stderr = said
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := o.cmd.Start(); err != nil {
		t.Fatalf("%v: install the Debian package mosquitto", err)
	}
	t.Cleanup(func() {
		_ = o.cmd.Process.Kill() // it may have ended by itself
		_ = o.cmd.Wait()         // by the signal
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", tail(said.String(), 40))
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(startWithin); ; <-tick.C {
		if conn, err := net.Dial("tcp", d.mqtt); err == nil {
			conn.Close()
			return o
		}
		if time.Now().After(late) {
			t.Fatalf("mosquitto does not listen at %s", d.mqtt)
		}
	}
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
