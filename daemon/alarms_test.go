package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pagesAt finds where the daemon of a rig serves its pages.
func (r *rig) pagesAt() string {
	r.t.Helper()
	var at string
	ready := regexp.MustCompile(`msg=ready .*http=(http://\S+)`)
	until(r.t, "quhaod says that it is ready", func() bool {
		m := ready.FindStringSubmatch(r.log.String())
		if m != nil {
			at = m[1]
		}
		return m != nil
	})
	return at
}

func (r *rig) page(path string) (status int, text string) {
	r.t.Helper()
	res, err := http.Get(r.pagesAt() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// A copy that cannot be made is seen wherever an administrator may look, while work goes on; afterwards it is gone.
func TestAlarmIsSeenEverywhere(t *testing.T) {
	r := newEmbedded(t)
	far := filepath.Join(t.TempDir(), "far")
	r.backups = []string{far}
	r.start()
	until(t, "an alarm stands", func() bool { return strings.Contains(r.tell("status"), "ALARM: backup: ") })
	if said := r.tell("status"); !strings.Contains(said, far) {
		t.Errorf("status does not name the folder:\n%s", said)
	}
	if status, text := r.page("/healthz"); status != http.StatusOK || !strings.HasPrefix(text, "ok\nalarm: backup: ") {
		t.Errorf("/healthz: %d %q", status, text)
	}
	if _, text := r.page("/metrics"); !strings.Contains(text, `quhao_alarms{about="backup"} 1`) || !strings.Contains(text, `quhao_alarms{about="database"} 0`) {
		t.Errorf("/metrics: %s", text)
	}
	if _, text := r.page("/api/overview"); strings.Contains(text, "alarm:") {
		t.Errorf("an alarm stands in /api/overview: %q", text)
	}
	r.unwell("backup", far)
	r.stop()
	if err := os.Mkdir(far, 0o700); err != nil {
		t.Fatal(err)
	}
	r.start()
	until(t, "a copy is made", func() bool { all, err := (&place{dir: far}).list(); return err == nil && len(all) == 1 })
	if said := r.tell("status"); strings.Contains(said, "ALARM") {
		t.Errorf("an alarm is left:\n%s", said)
	}
}

// The log says an alarm when it begins, when its words change, and when it is over.
func TestAlarmIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	a := &alarms{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, words := range []string{"one", "one", "two", "two"} {
		a.raise(alarm{alarmBackup, "here", words})
	}
	a.raise(alarm{alarmBackup, "there", "three"})
	a.end(alarmBackup, "here")
	a.end(alarmBackup, "here")
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if all := a.standing(); len(all) != 1 || all[0].words != "three" {
		t.Errorf("what stands is %v", all)
	}
}
