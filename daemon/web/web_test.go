package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/web"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// log keeps events in memory, and fails when it is told to.
type log struct {
	events []queue.Event
	full   atomic.Bool
}

func (l *log) Load(apply func(queue.Event) error) error {
	for _, e := range l.events {
		if err := apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *log) ByRequest(_ context.Context, id queue.RequestID) (queue.Event, bool, error) {
	for _, e := range l.events {
		if e.Request == id {
			return e, true, nil
		}
	}
	return queue.Event{}, false, nil
}

func (l *log) Append(events []queue.Event, _ []queue.Ticket, _ []queue.Visit) error {
	if l.full.Load() {
		return errors.New("no space left on device")
	}
	l.events = append(l.events, events...)
	return nil
}

type nowhere struct{}

func (nowhere) Publish(proto.Message) error { return nil }

// centre is a running controller of the sample hall behind its pages.
type centre struct {
	t    *testing.T
	ctl  *controller.Controller
	log  *log
	http http.Handler
	stop context.CancelFunc
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	return centreOf(t, load(t, "../../configs/hall"))
}

func load(t *testing.T, folder string) *config.Config {
	t.Helper()
	conf, mistakes := config.Load(folder)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return conf
}

// centreOf runs a controller of a configuration.
func centreOf(t *testing.T, conf *config.Config) *centre {
	t.Helper()
	c := &centre{t: t, log: &log{}}
	n := 0
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: c.log, Publisher: nowhere{}, Keys: controller.NewFileKeys(t.TempDir()),
		Random: func() string { n++; return fmt.Sprint("random", n) }, Log: slog.New(slog.DiscardHandler),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.ctl, c.http = ctl, web.Handler(ctl, conf, "1.2.3")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ctl.Run(ctx) }()
	c.stop = func() {
		cancel()
		<-done
		done <- nil // for the next stop
	}
	t.Cleanup(c.stop)
	return c
}

func (c *centre) do(w queue.Wish) error {
	_, err := c.ctl.Do(c.t.Context(), queue.Command{Request: queue.RequestID(fmt.Sprintf("%T", w)), Actor: "test", Do: w})
	return err
}

func (c *centre) must(w queue.Wish) {
	c.t.Helper()
	if err := c.do(w); err != nil {
		c.t.Fatalf("%T: %v", w, err)
	}
}

func (c *centre) get(method, path string) (status int, body string) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.http.ServeHTTP(w, httptest.NewRequestWithContext(c.t.Context(), method, path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestHealth(t *testing.T) {
	c := newCentre(t)
	if status, body := c.get("GET", "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", status, body)
	}
	c.log.full.Store(true)
	if err := c.do(queue.OpenDay{}); !errors.Is(err, controller.ErrFaulted) {
		t.Fatal(err)
	}
	if status, body := c.get("GET", "/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no space left") {
		t.Errorf("%d %q", status, body)
	}
	_, body := c.get("GET", "/api/overview")
	var o web.Overview
	if err := json.Unmarshal([]byte(body), &o); err != nil || !strings.Contains(o.Fault, "no space left") {
		t.Errorf("the overview does not speak of the fault: %s %v", body, err)
	}
}

func TestOverview(t *testing.T) {
	c := newCentre(t)
	c.must(queue.OpenDay{})
	c.must(queue.SignOn{Counter: "c3", Officer: "officer-3"})
	c.must(queue.Take{Dept: "finance", Holder: "whose card it is"})
	status, body := c.get("GET", "/api/overview")
	var o web.Overview
	if err := json.Unmarshal([]byte(body), &o); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	if o.Version != "1.2.3" || o.Day != 1 || !o.Open || o.Fault != "" || o.Waiting["finance"] != 1 || o.Waiting["study"] != 0 {
		t.Errorf("%+v", o)
	}
	if len(o.Counters) != 4 || o.Counters["c3"].S != "idle" || o.Counters["c1"].S != "closed" {
		t.Errorf("counters %+v", o.Counters)
	}
	if len(o.Devices) != 6 || o.Devices[0].ID != "kiosk-1" || o.Devices[0].Session {
		t.Errorf("devices %+v", o.Devices)
	}
	for _, person := range []string{"whose card it is", "officer-3", "示例"} {
		if strings.Contains(body, person) {
			t.Errorf("the overview names %q", person)
		}
	}
}

func TestHall(t *testing.T) {
	c := newCentre(t)
	c.must(queue.OpenDay{})
	status, body := c.get("GET", "/api/hall/hall")
	var h proto.HallState
	if err := json.Unmarshal([]byte(body), &h); err != nil || status != http.StatusOK || len(h.Depts) != 3 || !h.Depts[0].Open {
		t.Errorf("%d %s %v", status, body, err)
	}
	for path, want := range map[string]int{
		"/api/hall/cellar": http.StatusNotFound, "/api/hall/": http.StatusNotFound, "/api/hall/a/b": http.StatusNotFound, "/nowhere": http.StatusNotFound,
	} {
		if status, _ := c.get("GET", path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	if status, _ := c.get("POST", "/api/hall/hall"); status != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", status)
	}
}

// Whoever asks a controller that has stopped gets an answer all the same.
func TestStopped(t *testing.T) {
	c := newCentre(t)
	c.stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{"/healthz", "/api/overview", "/api/hall/hall"} {
		w := httptest.NewRecorder()
		c.http.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", path, nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
