package station

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/internal/device"
)

func TestWindow(t *testing.T) {
	var w Window
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx, ln) }()
	get := func(method, path string, code int, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != code || !strings.Contains(string(b), body) {
			t.Errorf("%s %s: %d %s %v, want %d %s", method, path, res.StatusCode, b, err, code, body)
		}
	}
	get("GET", "/state", 503, "starting")
	if err := w.Show(map[string]int{"n": 5}, "no paper"); err != nil {
		t.Fatal(err)
	}
	get("GET", "/state", 200, `"n": 5`)
	get("GET", "/healthz", 503, "no paper")
	if err := w.Show(func() {}, ""); err == nil {
		t.Error("a state that is no JSON was shown")
	}
	if err := w.Show(1, ""); err != nil {
		t.Fatal(err)
	}
	get("GET", "/healthz", 200, "ok")
	get("GET", "/", 404, "")
	get("POST", "/state", 405, "")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "nothing"} {
		if ln, err := Listen(addr); err == nil {
			ln.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}

// counting is a flow that wants a tick at 20 ms, and whose action "bad" fails.
type counting struct {
	events  []string
	answers map[string][]string
	due     bool
}

func (c *counting) Handle(_ device.Now, ev string) []string {
	c.events = append(c.events, ev)
	if ev == "tick" {
		c.due = len(c.events) < 3
	}
	return c.answers[ev]
}

func (c *counting) Due() (time.Duration, bool) { return 20 * time.Millisecond, c.due }

func TestRunner(t *testing.T) {
	s := &Station{start: time.Now()}
	f := &counting{answers: map[string][]string{
		"go": {"one", "bad", "two"}, "failed bad": {"three"}, "loop": {"worse"}, "failed worse": {"worse"},
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var did []string
	shown := 0
	r := Runner[string, string]{
		Flow: f, Now: s.Now, Tick: "tick",
		Do: func(a string) error {
			did = append(did, a)
			if a == "bad" || a == "worse" {
				return errors.New(a)
			}
			return nil
		},
		Failed: func(a string, _ error) string { return "failed " + a },
		After:  func() { shown++ },
	}
	events := make(chan string)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, events) }()
	for _, ev := range []string{"first", "go", "loop", "last"} {
		events <- ev
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := strings.Join(did, " "); !strings.HasPrefix(got, "one bad three worse") || strings.Contains(got, "two") || len(did) != 3+maxFailures {
		t.Errorf("did %s", got)
	}
	if shown < 4 || !slices.Contains(f.events, "failed bad") || !slices.Contains(f.events, "last") {
		t.Errorf("shown %d times, events %v", shown, f.events)
	}
}

func TestRunnerTicks(t *testing.T) {
	s := &Station{start: time.Now()}
	f := &counting{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := Runner[string, string]{Flow: f, Now: s.Now, Tick: "tick", After: func() {
		if len(f.events) == 3 {
			cancel()
		}
	}}
	if err := r.Run(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v after the events %v", err, f.events)
	}
}
