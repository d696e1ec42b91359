package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"quhao/daemon/broker"
	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
	"quhao/internal/link"
)

// scraped are the figures of one scrape.
type scraped map[string]*dto.MetricFamily

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, h http.Handler) scraped {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	got, err := parser.TextToMetricFamilies(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %v", w.Code, err)
	}
	return got
}

// value is one figure; labels are pairs of name and value, all of which it must have.
func (s scraped) value(name string, labels ...string) (float64, bool) {
	for _, m := range s[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		switch {
		case !fits:
		case m.Gauge != nil:
			return m.Gauge.GetValue(), true
		case m.Counter != nil:
			return m.Counter.GetValue(), true
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount()), true
		}
	}
	return 0, false
}

func (s scraped) want(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	if got, ok := s.value(name, labels...); !ok || got != want {
		t.Errorf("%s%v is %v (there: %t), want %v", name, labels, got, ok, want)
	}
}

func mounted(t *testing.T, ctl looker, st totaller, pipe prometheus.Collector) (http.Handler, *metrics) {
	t.Helper()
	m := newMetrics()
	h, err := m.mount(&alarms{log: slog.New(slog.DiscardHandler)}, http.NotFoundHandler(), ctl, st, pipe)
	if err != nil {
		t.Fatal(err)
	}
	return h, m
}

func TestMetrics(t *testing.T) {
	k := newTalking(t)
	refused := broker.Counters{Refused: map[broker.Reason]uint64{broker.Password: 3, broker.Slow: 0}, Connected: 2, Received: 70, Dropped: 1}
	h, _ := mounted(t, k.ctl, k.st, brokerFigures(func() broker.Counters { return refused }))
	got := scrape(t, h)
	got.want(t, 0, "quhao_day_open")
	got.want(t, 0, "quhao_day_tickets", "department", "study")
	k.say(t, "day open")
	k.say(t, "sign on c3 officer-3")
	k.take(t, "finance")
	k.take(t, "finance")
	got = scrape(t, h)
	for _, c := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "quhao_up", nil}, {0, "quhao_faulted", nil}, {1, "quhao_day_open", nil}, {1, "quhao_day", nil}, {0, "quhao_reports_failed", nil},
		{1, "quhao_build_info", []string{"version", version}},
		{2, "quhao_waiting", []string{"department", "finance"}}, {0, "quhao_waiting", []string{"department", "study"}},
		{2, "quhao_day_tickets", []string{"department", "finance"}}, {0, "quhao_day_calls", []string{"department", "finance"}},
		{0, "quhao_day_ratings", []string{"department", "finance"}}, {0, "quhao_day_served", []string{"department", "study"}},
		{1, "quhao_counters", []string{"state", "idle"}}, {3, "quhao_counters", []string{"state", "closed"}}, {0, "quhao_counters", []string{"state", "serving"}},
		{0, "quhao_device_in_session", []string{"device", "kiosk-1", "kind", "kiosk"}},
		{0, "quhao_display_shows", []string{"device", "unit-3", "counter", "c3"}},
		{0, "quhao_incidents_total", []string{"kind", "facts_odd"}}, {0, "quhao_incidents_total", []string{"kind", "facts_missing"}},
		{3, "quhao_broker_refused_total", []string{"reason", "password"}}, {0, "quhao_broker_refused_total", []string{"reason", "slow"}},
		{2, "quhao_broker_connected", nil}, {70, "quhao_broker_received_total", nil}, {1, "quhao_broker_dropped_total", nil},
	} {
		got.want(t, c.want, c.name, c.labels...)
	}
	for _, name := range []string{"process_start_time_seconds", "go_goroutines"} {
		if _, ok := got.value(name); !ok {
			t.Errorf("no %s", name)
		}
	}
	if _, ok := got.value("quhao_device_heard_timestamp_seconds"); ok {
		t.Error("a device that was never heard has a time")
	}
	for name, f := range got {
		if strings.HasPrefix(name, "quhao_") && strings.Contains(f.String(), "officer-3") {
			t.Errorf("%s names an officer", name)
		}
	}
}

// The longest wait is that of the first in line, and a call, a visit and a rating are counted where they took place.
func TestMetricsOfADay(t *testing.T) {
	k := newTalking(t)
	h, _ := mounted(t, k.ctl, k.st, nil)
	k.say(t, "day open")
	k.say(t, "sign on c3 officer-3")
	k.do(t, queue.Bind{Device: "unit-3", Install: "test"})
	id := k.take(t, "finance")
	k.fact(t, 1, queue.ReportPaper{Ticket: id, Answer: queue.RequestID(id), Paper: queue.PaperSent})
	k.do(t, queue.Next{Counter: "c3"})
	k.do(t, queue.Start{Counter: "c3"})
	k.do(t, queue.Complete{Counter: "c3", Outcome: queue.Direct})
	var rated queue.VisitID
	if err := k.ctl.Look(t.Context(), func(v controller.View) { rated = v.State().Desk("c3").RatingOf }); err != nil || rated == "" {
		t.Fatalf("nothing to rate: %v", err)
	}
	k.fact(t, 2, queue.Rate{Visit: rated, Score: 2})
	got := scrape(t, h)
	for _, name := range []string{"quhao_day_tickets", "quhao_day_calls", "quhao_day_served", "quhao_day_ratings"} {
		got.want(t, 1, name, "department", "finance")
		got.want(t, 0, name, "department", "study")
	}
	got.want(t, 0, "quhao_waiting", "department", "finance")
	if _, ok := got.value("quhao_broker_connected"); ok {
		t.Error("figures of a broker that is not there")
	}
}

// fact hands in a fact as a device does.
func (k *talking) fact(t *testing.T, seq uint64, w queue.Wish) {
	t.Helper()
	f := &queue.Fact{Install: "test", Seq: seq, Sum: "0123456789abcdef", What: "test", Raw: "{}"}
	if _, err := k.ctl.Do(t.Context(), queue.Command{Actor: "dev:unit-3", Device: "unit-3", Fact: f, Do: w}); err != nil {
		t.Fatalf("%T: %v", w, err)
	}
}

// Each commit is watched, and the size of its batch is counted.
func TestMetricsOfCommits(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	h, m := mounted(t, gone{}, st, nil)
	timed := timedStore{Store: st, m: m}
	event := queue.Event{Seq: 1, At: time.Now().UTC().Truncate(time.Millisecond), Actor: "test", Body: queue.EpochRaised{Epoch: 1, Boot: "b", Why: "start"}}
	if err := timed.Append([]queue.Event{event}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := timed.Append([]queue.Event{event}, nil, nil); err == nil {
		t.Fatal("the same event was taken twice")
	}
	got := scrape(t, h)
	got.want(t, 2, "quhao_commit_seconds")
	got.want(t, 2, "quhao_batch_events")
}

// gone is a controller that has stopped.
type gone struct{}

func (gone) Look(context.Context, func(controller.View)) error { return context.Canceled }

// broken is a database that cannot be read.
type broken struct{}

func (broken) Totals(context.Context, queue.Day) ([]store.Total, error) {
	return nil, errors.New("disk I/O error")
}

// What cannot be found out is said to be so; it is never 0, which would be a lie.
func TestMetricsOfSilence(t *testing.T) {
	h, _ := mounted(t, gone{}, broken{}, nil)
	got := scrape(t, h)
	got.want(t, 0, "quhao_up")
	if _, ok := got.value("quhao_waiting"); ok {
		t.Error("a controller that does not answer has a waiting line")
	}
	k := newTalking(t)
	h, _ = mounted(t, k.ctl, broken{}, nil)
	got = scrape(t, h)
	got.want(t, 1, "quhao_up")
	got.want(t, 1, "quhao_reports_failed")
	if _, ok := got.value("quhao_day_tickets"); ok {
		t.Error("a database that cannot be read has tickets")
	}
}

// The connection to an external broker is seen to come and go.
func TestMetricsOfALink(t *testing.T) {
	pipe := &linkPipe{say: &announcer{conf: new(config.Config), ctl: newTalking(t).ctl}}
	h, _ := mounted(t, gone{}, broken{}, (&publisher{pipe}).figures())
	scrape(t, h).want(t, 0, "quhao_broker_link_up")
	pipe.take(t.Context(), link.Event{Up: true})
	scrape(t, h).want(t, 1, "quhao_broker_link_up")
	pipe.take(t.Context(), link.Event{Down: true})
	scrape(t, h).want(t, 0, "quhao_broker_link_up")
}

func TestOnlyMetricsAreTakenFromThePages(t *testing.T) {
	h, _ := mounted(t, gone{}, broken{}, nil)
	for method, want := range map[string]int{http.MethodGet: http.StatusNotFound, http.MethodPost: http.StatusNotFound} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/healthz", nil))
		if w.Code != want {
			t.Errorf("%s /healthz: %d, want that of the pages", method, w.Code)
		}
	}
}
