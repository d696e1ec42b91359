package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/daemon/store"
)

// startWithin bounds the start of the daemon.
const startWithin = 20 * time.Second

// daemon is quhaod as a process on its own data folder.
type daemon struct {
	t          *testing.T
	conf, data string
	mqtt, http string
	outer      *outer // the broker; nil for the embedded one

	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
	log  bytes.Buffer  // of all starts
}

// newDaemon prepares a daemon; start starts it. What still runs at the end of the test is killed.
func newDaemon(t *testing.T, conf string) *daemon {
	d := &daemon{t: t, conf: conf, data: filepath.Join(t.TempDir(), "quhaod"), mqtt: freePort(t), http: freePort(t)}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.kill()
		}
		if t.Failed() {
			t.Logf("quhaod said:\n%s", tail(d.log.String(), 40))
		}
	})
	d.outer = newOuter(t, d)
	return d
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// freePort returns an address of this machine that nobody listened on a moment ago, below the ports that the system gives
// to whoever dials: else somebody's call could take it while the program that listens there is killed.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// enrol returns a device's secret.
func (d *daemon) enrol(id string) string {
	d.t.Helper()
	m := regexp.MustCompile(`(?m)^secret: (\S+)$`).FindSubmatch(d.identity(id, d.mqtt))
	if m == nil {
		d.t.Fatalf("enrol %s gives no secret", id)
	}
	return string(m[1])
}

// identity enrols a device that dials an address and returns its own small file.
func (d *daemon) identity(id, addr string) []byte {
	d.t.Helper()
	cmd := exec.Command(bin("quhaod"), "enrol", "-again", "-config", d.conf, "-data", d.data, "-mqtt", addr, id)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("enrol %s: %v", id, err)
	}
	if d.outer != nil {
		d.outer.reload(d.t)
	}
	return out
}

// start starts the daemon and waits until it is healthy.
func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(bin("quhaod"), "run", "-config", d.conf, "-data", d.data, "-http", d.http)
	if d.outer == nil {
		d.cmd.Args = append(d.cmd.Args, "-mqtt", d.mqtt)
	}
	d.cmd.Stderr = &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	gone := make(chan struct{})
	d.gone = gone
	go func(cmd *exec.Cmd) {
		defer close(gone)
		_ = cmd.Wait() // how it ended is seen in its log
	}(d.cmd)
	ctx, cancel := context.WithTimeout(d.t.Context(), startWithin)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !d.healthy(ctx) {
		select {
		case <-ctx.Done():
			d.t.Fatal("quhaod does not become healthy")
		case <-gone:
			d.t.Fatal("quhaod has ended while starting")
		case <-tick.C:
		}
	}
}

func (d *daemon) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/healthz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// kill is kill -9, and waits until the process is gone.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended by itself
	<-d.gone
	d.cmd = nil
}

// stop asks the daemon to end.
func (d *daemon) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.gone:
		d.cmd = nil
	case <-time.After(startWithin):
		d.t.Fatal("quhaod does not end when asked to")
	}
}

// tell runs a command of quhaod on the data folder, whose daemon may be running, and returns what it says.
func (d *daemon) tell(words ...string) string {
	d.t.Helper()
	out, err := exec.Command(bin("quhaod"), append(words, "-data", d.data)...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("quhaod %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// verify lets quhaod check its own log.
func (d *daemon) verify() string {
	d.t.Helper()
	out, err := exec.Command(bin("quhaod"), "verify", "-data", d.data).CombinedOutput()
	if err != nil {
		d.t.Fatalf("quhaod verify: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// books reads the database of the stopped daemon.
func (d *daemon) books() *queue.State {
	d.t.Helper()
	st, err := store.Open(d.data, store.Options{Who: "the test"})
	if err != nil {
		d.t.Fatal(err)
	}
	defer st.Close()
	s := queue.New()
	if err := st.Load(func(e queue.Event) error { _, err := s.Apply(e); return err }); err != nil {
		d.t.Fatal(err)
	}
	return s
}
