package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
)

const hallConfig = "../configs/hall"

// centreIn works on a data folder as the daemon would, without devices.
func centreIn(t *testing.T, data string, f func(st *store.Store, do func(queue.Wish) error)) {
	t.Helper()
	conf, mistakes := config.Load(hallConfig)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	st, err := store.Open(data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: st, Publisher: noBroker{}, Keys: controller.NewFileKeys(data), Random: random, Log: slog.New(slog.DiscardHandler),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f(st, func(w queue.Wish) (err error) {
		cmd := queue.Command{Request: newRequest(time.Now()), Actor: "test", Do: w}
		ctl.Handle(time.Now(), []controller.Input{{Do: &cmd, Reply: func(_ controller.Result, e error) { err = e }}})
		return err
	})
}

func TestRestoreBeginsARecovery(t *testing.T) {
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "copy.db")
	centreIn(t, data, func(st *store.Store, do func(queue.Wish) error) {
		for _, w := range []queue.Wish{queue.OpenDay{}, queue.Take{Dept: "finance"}} {
			if err := do(w); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Backup(t.Context(), backup); err != nil {
			t.Fatal(err)
		}
		if err := do(queue.Take{Dept: "finance"}); err != nil {
			t.Fatal(err)
		}
	})
	var out, errs bytes.Buffer
	if err := command(t.Context(), []string{"restore", "-config", hallConfig, "-data", data, backup}, &out, &errs); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(data, "before-restore-*", "quhao.db"))
	if err != nil || len(kept) != 1 || !strings.Contains(out.String(), filepath.Dir(kept[0])) {
		t.Fatalf("kept %v (%v); said %s", kept, err, &out)
	}
	centreIn(t, data, func(_ *store.Store, do func(queue.Wish) error) {
		if err := do(queue.Take{Dept: "finance"}); err == nil || !strings.Contains(err.Error(), "recovering") {
			t.Errorf("a number during a recovery: %v", err)
		}
		if err := do(queue.EndRecovery{Jump: 300}); err != nil {
			t.Error(err)
		}
		if err := do(queue.Take{Dept: "finance"}); err != nil {
			t.Error(err)
		}
	})
}

func TestRestoreRefusesABrokenBackupAndKeepsWhatIsThere(t *testing.T) {
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "copy.db")
	centreIn(t, data, func(*store.Store, func(queue.Wish) error) {})
	if err := os.WriteFile(backup, []byte("this is no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if err := command(t.Context(), []string{"restore", "-config", hallConfig, "-data", data, backup}, &out, &errs); err == nil {
		t.Error("a broken backup was restored")
	}
	centreIn(t, data, func(_ *store.Store, do func(queue.Wish) error) {
		if err := do(queue.OpenDay{}); err != nil {
			t.Error(err)
		}
	})
}
