package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quhao/drivers/virtual"
	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/internal/station"
)

func factIn(f proto.Facts, is func(proto.Fact) bool) bool {
	for _, raw := range f.Facts {
		var one proto.Fact
		if json.Unmarshal(raw, &one) == nil && is(one) {
			return true
		}
	}
	return false
}

// A visitor is called, served, and rates: over real ptys, with the real drivers.
func TestCallAndRate(t *testing.T) {
	d := newDesk(t)
	d.see(t, "信号中断请稍候")
	d.up(t)
	d.welcome(t)
	d.state(t, "c1", proto.CounterState{S: "idle"})
	d.see(t, "1号窗口")
	d.see(t, "教务")

	if err := d.keypad.Press(0x0C); err != nil {
		t.Fatal(err)
	}
	cmd := heard(t, d.centre, proto.UpCmd, func(c proto.Cmd) bool { return c.Op == proto.OpNext })
	at := d.state(t, "c1", proto.CounterState{S: "calling", Num: "A012", Call: "v1", Dept: "study"})
	d.say(t, topics.Down("unit-1", proto.DownRes), proto.Res{V: 1, ID: cmd.ID, Sess: "s1", S: proto.ResOK, Ver: &at})
	if s := d.see(t, "请A012号办理"); !s.Blink || s.Mode != "calling" {
		t.Errorf("the call is shown as %+v", s)
	}
	heard(t, d.centre, proto.UpBeat, func(b proto.Beat) bool { return b.Shown["c1"] == at })

	d.state(t, "c1", proto.CounterState{S: "idle", Rating: &proto.RatingState{Tok: "tok", For: 60}})
	d.see(t, "请您评价")
	if err := d.keypad.Rate(4); err != nil {
		t.Fatal(err)
	}
	d.see(t, "谢谢评价")
	heard(t, d.centre, proto.UpFact, func(f proto.Facts) bool {
		return factIn(f, func(f proto.Fact) bool { return f.K == proto.FactRating && f.Tok == "tok" && f.V == 4 })
	})
	if err := d.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	heard(t, d.centre, proto.UpAvail, func(a proto.Avail) bool { return a.S == "off" })
}

// A unit that ends does not leave an old number standing.
func TestEndMarksTheDisplay(t *testing.T) {
	d := newDesk(t)
	d.up(t)
	d.welcome(t)
	d.state(t, "c1", proto.CounterState{S: "serving", Num: "A012", Call: "v1"})
	d.see(t, "正在办理A012")
	if err := d.end(t); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := d.see(t, "信号中断请稍候"); s.Mode != "stale" || d.led.Shown() != s {
		t.Errorf("the display is left with %+v", d.led.Shown())
	}
}

func TestOfficersCard(t *testing.T) {
	d := newDesk(t)
	d.up(t)
	d.welcome(t)
	d.state(t, "c1", proto.CounterState{S: "closed"})
	d.see(t, "停止办公")
	if err := d.reader.Tap(virtual.CardHex(0x10, 8844356)); err != nil {
		t.Fatal(err)
	}
	d.see(t, "刷卡成功")
	want := proto.CardHash([]byte("key"), proto.CardDigest("0008844356"))
	heard(t, d.centre, proto.UpFact, func(f proto.Facts) bool {
		return factIn(f, func(f proto.Fact) bool {
			return f.K == proto.FactPresence && f.Counter == "c1" && f.On && f.Officer == want
		})
	})
	if b, err := os.ReadFile(filepath.Join(d.dir, "data", "journal")); err != nil || bytes.Contains(b, []byte("8844356")) {
		t.Errorf("the card's number stands in the journal, or %v", err)
	}
}

// A display that is unplugged is reported; plugged in again it shows the newest picture at once.
func TestDisplayUnplugged(t *testing.T) {
	d := newDesk(t)
	d.up(t)
	d.welcome(t)
	d.state(t, "c1", proto.CounterState{S: "closed"})
	d.see(t, "停止办公")
	if err := d.cable.Cut(); err != nil {
		t.Fatal(err)
	}
	heard(t, d.centre, proto.UpHealth, func(h proto.Health) bool { return h.Parts["led c1"] == "gone" })
	d.state(t, "c1", proto.CounterState{S: "serving", Num: "A013", Call: "v2"})
	if err := d.cable.Plug(t.Context(), d.led); err != nil {
		t.Fatal(err)
	}
	d.see(t, "正在办理A013")
}

func TestStatePage(t *testing.T) {
	d := newDesk(t)
	d.up(t)
	d.welcome(t)
	d.state(t, "c1", proto.CounterState{S: "serving", Num: "A014", Call: "v3"})
	heard(t, d.centre, proto.UpBeat, func(b proto.Beat) bool { return b.Shown["c1"].Ver == d.ver })
	if err := d.end(t); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	d.window.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/state", nil))
	var p page
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Device != "unit-1" || p.Session != "s1" || len(p.Counters) != 1 || p.Counters[0].Text != "正在办理A014" || p.Parts["led c1"] != "ok" {
		t.Errorf("state: %s", rec.Body)
	}
	if _, ok := p.Noise["keypad c1"]; !ok {
		t.Errorf("no word on the keypad's noise: %s", rec.Body)
	}
}

func TestCommandLine(t *testing.T) {
	dir := folder(t)
	identity, data, etc := filepath.Join(dir, "identity.yaml"), filepath.Join(dir, "data"), filepath.Join(dir, "etc")
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte(unitFile+"ledd: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"-help"}, station.ExitDone, "Examples:"},
		{"version", []string{"-version"}, station.ExitDone, "quhao-display "},
		{"unknown flag", []string{"-colour"}, station.ExitUsage, "-colour"},
		{"no identity", []string{"-data", data}, station.ExitUsage, "-config is missing"},
		{"no data", []string{"-config", identity}, station.ExitUsage, "-data is missing"},
		{"too much", []string{"-config", identity, "-data", data, "now"}, station.ExitUsage, `"now"`},
		{"try nothing", []string{"try"}, station.ExitUsage, "led, keypad, card"},
		{"try a printer", []string{"try", "printer", "-config", identity, "-data", data}, station.ExitUsage, "led, keypad, card"},
		{"bad configuration", []string{"-config", identity, "-data", data, "-local", bad}, station.ExitRefused, "bad.yaml:8:1:"},
		{"no such identity", []string{"-config", filepath.Join(dir, "none"), "-data", data, "-local", etc}, station.ExitFailed, "no such file"},
		{"open to all", []string{"-config", identity, "-data", data, "-local", etc, "-http", "0.0.0.0:0"}, station.ExitFailed, "this machine only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := program().Main(t.Context(), tc.args, &out, &errs)
			if all := out.String() + errs.String(); code != tc.code || !strings.Contains(all, tc.says) {
				t.Errorf("exit %d, want %d; it says:\n%s", code, tc.code, all)
			}
		})
	}
}

// until is a log that ends the program once a line has come.
type until struct {
	bytes.Buffer
	line string
	end  context.CancelFunc
}

func (u *until) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(u.line)) {
		u.end()
	}
	return u.Buffer.Write(p)
}

func TestReadyAndDone(t *testing.T) {
	dir := folder(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	errs := &until{line: "msg=ready", end: cancel}
	args := []string{"-config", filepath.Join(dir, "identity.yaml"), "-data", filepath.Join(dir, "data"), "-local", filepath.Join(dir, "etc"), "-http", "127.0.0.1:0"}
	if code := program().Main(ctx, args, &bytes.Buffer{}, errs); code != station.ExitDone || !strings.Contains(errs.String(), "device=unit-1") {
		t.Errorf("exit %d, log:\n%s", code, errs)
	}
}

// The twins of unit-1 alone, for trials without a controller.
func openTrial(t *testing.T, name string, twin virtual.Server) *station.Station {
	t.Helper()
	dir := folder(t)
	cable := virtual.NewCable(filepath.Join(dir, "data", "ports", name))
	if err := cable.Plug(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	st, err := station.Open(t.Context(), station.Options{
		IdentityFile: filepath.Join(dir, "identity.yaml"), DataDir: filepath.Join(dir, "data"), LocalFile: filepath.Join(dir, "etc"),
		Kind: proto.KindCounter, Log: slog.New(slog.DiscardHandler), Subscribe: subscriptions,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(st.Close(), cable.Cut()); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestTryDisplay(t *testing.T) {
	const pictures = 8
	shown := make(chan virtual.Shown, 100)
	twin := virtual.NewTextLED(func(s virtual.Shown) { shown <- s })
	st := openTrial(t, "led", twin)
	var out bytes.Buffer
	b := station.NewBench(&out, nil)
	b.Stand = time.Millisecond
	if err := try(t.Context(), "led", st, &out, b); err != nil {
		t.Fatal(err)
	}
	late := time.After(patience)
	for n := range pictures { // the display reads at its own pace
		select {
		case <-shown:
		case <-late:
			t.Fatalf("%d pictures are shown, want %d", n, pictures)
		}
	}
	if frames, bad := twin.Counts(); bad > 0 || !strings.Contains(out.String(), "正在办理") {
		t.Errorf("%d pictures, %d bytes of noise; it says:\n%s", frames, bad, &out)
	}
	out.Reset()
	no := station.NewBench(&out, strings.NewReader("what\nn\n"))
	no.Stand = time.Millisecond
	if err := try(t.Context(), "led", st, &out, no); !errors.Is(err, station.ErrTried) || !strings.Contains(out.String(), "[失败 FAILED] 屏上是否为") {
		t.Errorf("a display that shows nothing: %v\n%s", err, &out)
	}
}

func TestTryKeypad(t *testing.T) {
	twin := virtual.NewCaller68(1)
	st := openTrial(t, "keypad", twin)
	out := &until{line: "按各键", end: func() {}}
	open := &until{line: "Press each key once: next", end: func() { // what came before a line was opened is thrown away
		for _, key := range []byte{0x0D, 0x0C} {
			if err := twin.Press(key); err != nil {
				t.Error(err)
			}
		}
	}}
	both := io.MultiWriter(open, out)
	if err := try(t.Context(), "keypad", st, both, station.NewBench(both, nil)); err != nil {
		t.Errorf("ended with %v; it says:\n%s", err, out)
	}
	if said := out.String(); !strings.Contains(said, "key recall") || !strings.Contains(said, "each of 1 was seen") {
		t.Errorf("it says:\n%s", said)
	}
	silent := station.NewBench(out, nil)
	silent.Patience = 50 * time.Millisecond
	if err := try(t.Context(), "keypad", st, out, silent); !errors.Is(err, station.ErrTried) || !strings.Contains(out.String(), "not seen: next") {
		t.Errorf("keys that nobody pressed: %v\n%s", err, out)
	}
	if err := try(t.Context(), "led", &station.Station{Device: &config.Device{ID: "unit-9"}}, out, silent); !errors.Is(err, station.ErrTried) {
		t.Errorf("a unit without a display: %v", err)
	}
}

// The transfer key's numbers count the departments as the centre lists them.
func TestTransferGoesByTheOrderOfDepartments(t *testing.T) {
	all, mistakes := config.Load("../configs/hall")
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	got := setup(all.Device("unit-1"), all.Centre, proto.NewTopics("")).Counters[0].Transfer
	if got[1] != "study" || got[2] != "finance" || got[3] != "cards" || len(got) != 3 {
		t.Errorf("transfer goes to %v", got)
	}
}
