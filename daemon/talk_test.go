package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
	"quhao/internal/proto"
)

type nobody struct{}

func (nobody) Publish(proto.Message) error { return nil }

// talking is a controller with its database and its socket, without a broker.
type talking struct {
	data string
	ctl  *controller.Controller
	st   *store.Store
	stop func()

	alarms  *alarms
	reloads atomic.Int32 // how often the passwords were read anew
}

func (k *talking) reload() error {
	k.reloads.Add(1)
	return nil
}

// newTalking starts one. The socket's path must be short, so its folder is not the test's own.
func newTalking(t *testing.T) *talking {
	t.Helper()
	data, err := os.MkdirTemp("", "quhaod")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	conf, mistakes := config.Load(hall)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	st, err := store.Open(data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: st, Publisher: nobody{}, Keys: controller.NewFileKeys(data), Random: random, Log: slog.New(slog.DiscardHandler),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sock, err := listenSocket(data)
	if err != nil {
		t.Fatal(err)
	}
	k := &talking{data: data, ctl: ctl, st: st, alarms: &alarms{log: slog.New(slog.DiscardHandler)}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- ctl.Run(ctx) }()
	go func() {
		done <- serve(ctx, sock, talkHandler(&talker{ctl: ctl, st: st, conf: conf, now: time.Now, reload: k.reload, alarms: k.alarms}))
	}()
	stopped := false
	k.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(k.stop)
	return k
}

func (k *talking) say(t *testing.T, line string) (code int, out string) {
	t.Helper()
	code, stdout, stderr := say(t.Context(), append(strings.Fields(line), "-data", k.data)...)
	return code, stdout + stderr
}

func (k *talking) take(t *testing.T, dept string) queue.TicketID {
	t.Helper()
	return k.do(t, queue.Take{Dept: queue.DeptID(dept)}).Ticket.ID
}

func (k *talking) do(t *testing.T, w queue.Wish) controller.Result {
	t.Helper()
	r, err := k.ctl.Do(t.Context(), queue.Command{Request: newRequest(time.Now()), Actor: "test", Do: w})
	if err != nil {
		t.Fatalf("%T: %v", w, err)
	}
	return r
}

func TestTalk(t *testing.T) {
	k := newTalking(t)
	for _, step := range []struct {
		line string
		code int
		want string
	}{
		{"status", exitDone, "day 0 is closed"},
		{"day close", exitRefused, "no day is open"},
		{"day open", exitDone, "done"},
		{"day open", exitRefused, "day 1 is open already"},
		{"sign on c3 officer-3", exitDone, "done"},
		{"sign on c3 nobody", exitRefused, "there is no officer"},
		{"status", exitDone, "counter c3   idle"},
		{"issuing close finance", exitDone, "done"},
		{"status", exitDone, "gives out none"},
		{"issuing open finance", exitDone, "done"},
		{"issuing shut finance", exitUsage, "issuing open DEPARTMENT"},
		{"why B001", exitRefused, "there is no ticket B001 today"},
		{"return B001", exitRefused, "there is no ticket B001 today"},
		{"replace kiosk-1 spare", exitRefused, "no other installation of kiosk-1 waits"},
		{"replace kiosk-0 spare", exitRefused, "there is no device"},
		{"do kiosk-0 test", exitRefused, "there is no device"},
		{"do kiosk-1 dance", exitUsage, "do DEVICE identify"},
		{"do kiosk-1 identify", exitRefused, "the device is not connected"},
		{"do unit-1 reprint B001", exitRefused, "is no kiosk"},
		{"day", exitUsage, "quhaod: day: not understood"},
		{"sign off c3", exitDone, "done"},
		{"day close", exitRefused, "close issuing first"},
		{"day -force close", exitDone, "done"},
	} {
		if code, out := k.say(t, step.line); code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("quhaod %s: exit code %d, want %d; %q, want %q", step.line, code, step.code, out, step.want)
		}
	}
}

// A running daemon learns of a new secret at once: else the old one, perhaps a stolen one, counts until the next start.
func TestEnrolWhileItRuns(t *testing.T) {
	k := newTalking(t)
	for want := range int32(3) {
		if n := k.reloads.Load(); n != want {
			t.Errorf("the passwords were read anew %d times, want %d", n, want)
		}
		if code, out := k.say(t, "enrol -again -config "+hall+" kiosk-1"); code != exitDone || !strings.Contains(out, "secret: ") {
			t.Fatalf("exit code %d, %q", code, out)
		}
	}
}

// Only an installation that waits may take a device's place: a slip in its name would shut the device out.
func TestReplace(t *testing.T) {
	k := newTalking(t)
	topics := proto.NewTopics("quhao")
	for _, install := range []proto.Install{"first", "spare"} {
		payload, err := proto.Encode(proto.Hello{V: proto.Version, Nonce: "n", Kind: proto.KindKiosk, Install: install, Boot: "b"})
		if err != nil {
			t.Fatal(err)
		}
		k.ctl.Message(t.Context(), "kiosk-1", proto.Message{Topic: topics.Up("kiosk-1", proto.UpHello), Payload: payload})
	}
	for _, step := range []struct {
		line string
		code int
		want string
	}{
		{"replace kiosk-1 spar", exitRefused, "but: spare"},
		{"status", exitDone, "quhaod replace kiosk-1 spare"},
		{"replace kiosk-1 spare", exitDone, "done"},
		{"replace kiosk-1 spare", exitRefused, "already bound"},
	} {
		if code, out := k.say(t, step.line); code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("quhaod %s: exit code %d, want %d; %q, want %q", step.line, code, step.code, out, step.want)
		}
	}
}

func TestTalkOfTickets(t *testing.T) {
	k := newTalking(t)
	k.say(t, "day open")
	k.take(t, "finance")
	if code, out := k.say(t, "why b001"); code != exitDone || !strings.Contains(out, "该部门目前没有开放的窗口") {
		t.Errorf("exit code %d, %q", code, out)
	}
	if code, out := k.say(t, "return B001"); code != exitRefused || !strings.Contains(out, "not a missed number") {
		t.Errorf("exit code %d, %q", code, out)
	}
	if code, out := k.say(t, "status"); code != exitDone || !strings.Contains(out, "finance      waiting   1, last number   1") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

// Whoever still holds a paper of yesterday comes back by its number, once, unless today has one of that number itself.
func TestReturnOfYesterday(t *testing.T) {
	k := newTalking(t)
	k.say(t, "day open")
	k.take(t, "finance")
	k.say(t, "issuing close all")
	k.say(t, "day close -force")
	k.say(t, "day open")
	for _, step := range []struct {
		line string
		code int
		want string
	}{
		{"why B001", exitRefused, "there is no ticket B001 today"},
		{"return B001", exitDone, "done"},
		{"why B001", exitDone, "B001"},
		{"return B001", exitRefused, "not a missed number"},
	} {
		if code, out := k.say(t, step.line); code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("quhaod %s: exit code %d, want %d; %q, want %q", step.line, code, step.code, out, step.want)
		}
	}
}

// A copy is made while the daemon runs and while it does not; the log is checked and its tables are rebuilt only when it does not.
func TestBackupVerifyRebuild(t *testing.T) {
	k := newTalking(t)
	k.say(t, "day open")
	copies := t.TempDir()
	running, still := filepath.Join(copies, "running.db"), filepath.Join(copies, "still.db")
	if code, out := k.say(t, "backup "+running); code != exitDone {
		t.Errorf("backup: exit code %d, %q", code, out)
	}
	for _, line := range []string{"verify", "rebuild"} {
		if code, out := k.say(t, line); code != exitRefused || !strings.Contains(out, besideTheDaemon(line)) {
			t.Errorf("%s beside the running daemon: exit code %d, %q", line, code, out)
		}
	}
	k.stop()
	for line, want := range map[string]string{"backup " + still: "copied", "verify": "the log is whole: 2 events", "rebuild": "made anew"} {
		if code, out := k.say(t, line); code != exitDone || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %q", line, code, out)
		}
	}
	for _, file := range []string{running, still} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The socket of a daemon that was killed does not keep the next one from starting; only its owner may talk.
func TestSocketLeftBehind(t *testing.T) {
	data, err := os.MkdirTemp("", "quhaod")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(data)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(data, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := listenSocket(data)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(filepath.Join(data, socketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info.Mode(), err)
	}
}

func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, args := range map[string][]string{
		"the pages' address": {"-http", taken.Addr().String(), "-mqtt", "127.0.0.1:0"},
		"the devices'":       {"-mqtt", taken.Addr().String(), "-http", "127.0.0.1:0"},
	} {
		data := t.TempDir()
		if _, err := enrol(data, "kiosk-1"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		code, _, stderr := say(ctx, append([]string{"run", "-config", hall, "-data", data}, args...)...)
		cancel()
		if code != exitStart || !strings.Contains(stderr, "choose another address with -") {
			t.Errorf("%s is taken: exit code %d, %q", name, code, stderr)
		}
	}
	k := newTalking(t)
	code, _, stderr := say(t.Context(), "run", "-config", hall, "-data", k.data, "-mqtt", "127.0.0.1:0", "-http", "127.0.0.1:0")
	if code != exitStart {
		t.Errorf("a second daemon on the same folder: exit code %d, %q", code, stderr)
	}
}
