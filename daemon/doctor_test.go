package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quhao/daemon/broker"
	"quhao/daemon/store"
)

// examine lets the doctor look at a rig and returns what it said.
func (r *rig) examine() (code int, said string) {
	r.t.Helper()
	code, stdout, stderr := say(r.t.Context(), "doctor", "-config", r.folder, "-data", r.data)
	if (code == exitDone) != (stderr == "") {
		r.t.Errorf("exit code %d, and on standard error %q", code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "ok     ") && !strings.HasPrefix(line, "wrong  ") {
			r.t.Errorf("a line that says neither ok nor wrong: %q", line)
		}
	}
	if strings.Contains(stdout, "wrong  ") != (code == exitRefused) {
		r.t.Errorf("exit code %d with\n%s", code, stdout)
	}
	return code, stdout
}

// healthy fails unless the doctor finds nothing, and each of these things well.
func (r *rig) healthy(things ...string) {
	r.t.Helper()
	code, said := r.examine()
	if code != exitDone {
		r.t.Errorf("exit code %d:\n%s", code, said)
	}
	for _, thing := range things {
		if !strings.Contains(said, "ok     "+thing) {
			r.t.Errorf("nothing of %q in\n%s", thing, said)
		}
	}
}

// unwell fails unless the doctor finds exactly one thing wrong, with these words.
func (r *rig) unwell(words ...string) {
	r.t.Helper()
	_, said := r.examine()
	if n := strings.Count(said, "wrong  "); n != 1 {
		r.t.Errorf("%d things are wrong, want 1", n)
	}
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "wrong  ") {
			continue
		}
		for _, w := range words {
			if !strings.Contains(line, w) {
				r.t.Errorf("no %q in %q", w, line)
			}
		}
	}
	if r.t.Failed() {
		r.t.Log(said)
	}
}

func TestDoctorFindsAllWell(t *testing.T) {
	r := newEmbedded(t)
	r.healthy("configuration ", "data folder ", "free space ", "database       there is none yet", "secrecy ", "passwords      each of 6 devices", "broker ")
	if _, err := os.Stat(filepath.Join(r.data, databaseFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the doctor has made a database: %v", err)
	}
	r.start()
	r.healthy("database       quhaod runs", "broker         quhaod listens at ")
	r.stop()
	r.healthy("database       the file is sound", "broker         127.0.0.1")
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, r *rig)
		want []string
	}{
		"a device was never enrolled": {func(t *testing.T, r *rig) { r.password("unit-2", "") }, []string{"passwords", "quhaod enrol", "unit-2"}},
		"a name nobody knows":         {func(t *testing.T, r *rig) { r.password("kiosk-9", "x") }, []string{"passwords", "kiosk-9", "remove"}},
		"a torn password file":        {func(t *testing.T, r *rig) { r.write(passwordFile, "kiosk-1:$7$10", 0o600) }, []string{"passwords", "line 1"}},
		"secrets lie open": {func(t *testing.T, r *rig) {
			chmod(t, filepath.Join(r.data, passwordFile), 0o644)
			chmod(t, r.data, 0o755)
		}, []string{"secrecy", "chmod 600", passwordFile}},
		"no data folder":          {func(t *testing.T, r *rig) { os.RemoveAll(r.data) }, []string{"data folder", "quhaod enrol"}},
		"a database that is none": {func(t *testing.T, r *rig) { r.write(databaseFile, strings.Repeat("no database ", 1000), 0o600) }, []string{"database", "backup"}},
		"the address is taken": {func(t *testing.T, r *rig) {
			l, err := net.Listen("tcp", strings.TrimPrefix(r.addr, "tcp://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, []string{"broker", "other program"}},
		"another program at the database": {func(t *testing.T, r *rig) {
			st, err := store.Open(r.data, store.Options{Who: "a backup"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { st.Close() })
		}, []string{"database", "a backup"}},
		"quhaod listens elsewhere": {func(t *testing.T, r *rig) {
			r.start()
			r.replace("centre.yaml", strings.TrimPrefix(r.addr, "tcp://"), freeAddr(t))
		}, []string{"broker", "quhaod runs, but not at"}},
		"a mistake in the configuration": {func(t *testing.T, r *rig) { r.replace("devices/unit-1.yaml", "counters: [c1]", "counters: [c9]") }, []string{"configuration", "unit-1.yaml:"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newEmbedded(t)
			c.harm(t, r)
			r.unwell(c.want...)
		})
	}
}

func TestDoctorMeasuresSpace(t *testing.T) {
	for free, want := range map[uint64]string{leastSpace: "ok     free space", leastSpace - 1: "wrong  free space"} {
		var said strings.Builder
		d := &doctor{out: &said, data: t.TempDir(), free: func(string) (uint64, error) { return free, nil }}
		if !d.dataFolder() || !strings.Contains(said.String(), want) {
			t.Errorf("%d bytes free: %s", free, said.String())
		}
	}
	if free, err := freeSpace(t.TempDir()); err != nil || free == 0 {
		t.Errorf("the disk of this test: %d %v", free, err)
	}
}

// With an external broker everything that can be found out without it is found out before it is asked.
func TestDoctorOfAnExternalBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and is no broker
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, "external: 'mqtt://"+l.Addr().String()+"'")
	r.unwell("sign-in", "quhaod enrol quhaod")
	r.enrol(controllerName)
	r.write(secretFile, "another\n", 0o600)
	r.unwell("sign-in", "do not belong together")
	r.enrol(controllerName)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	r.unwell("sign-in", passwordFile)
	l.Close()
	r.unwell("broker", "is it running")
}

func TestStalls(t *testing.T) {
	series := func(parts ...time.Duration) (all []time.Duration) {
		for i := 0; i < len(parts); i += 2 {
			for range int(parts[i]) {
				all = append(all, parts[i+1])
			}
		}
		return all
	}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		all   []time.Duration
		reach time.Duration
		want  bool
	}{
		"Mosquitto as it comes":            {series(50, 44*ms), ms / 5, true},
		"the first ones are quick":         {series(20, ms/5, 30, 41*ms), ms / 5, true},
		"a noisy machine":                  {series(5, ms, 30, 44*ms, 15, 95*ms), 3 * ms, true},
		"set_tcp_nodelay true":             {series(50, ms/5), ms / 5, false},
		"a few stalls by chance":           {series(40, ms/5, 10, 44*ms), ms / 5, false},
		"a network that is as slow itself": {series(50, 44*ms), 42 * ms, false},
		"a slow broker":                    {series(50, 200*ms), ms, false},
	} {
		if got := stalls(c.all, c.reach); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// password gives a name another password, or with "" takes it away.
func (r *rig) password(name, password string) {
	r.t.Helper()
	file := filepath.Join(r.data, passwordFile)
	all, err := broker.LoadPasswords(file)
	if err != nil {
		r.t.Fatal(err)
	}
	delete(all, name)
	if password != "" {
		if all[name], err = broker.HashPassword(password); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := all.Save(file); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) write(name, text string, mode os.FileMode) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.data, name), []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
}

// replace changes a file of the configuration.
func (r *rig) replace(name, from, to string) {
	r.t.Helper()
	file := filepath.Join(r.folder, name)
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), from) != 1 {
		r.t.Fatalf("%s holds %q %d times (%v)", name, from, strings.Count(string(text), from), err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}
