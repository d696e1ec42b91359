package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"quhao/daemon/broker"
	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
)

// scrapeWait bounds one scrape: a daemon that cannot say its figures within it says that it cannot.
const scrapeWait = 5 * time.Second

// looker is the controller as the metrics see it.
type looker interface {
	Look(ctx context.Context, f func(controller.View)) error
}

// totaller is the store as the metrics see it: the figures of a day by department.
type totaller interface {
	Totals(ctx context.Context, day queue.Day) ([]store.Total, error)
}

// metrics are the figures of one run. The registry belongs to the run: nothing is registered globally.
type metrics struct {
	reg    *prometheus.Registry
	commit prometheus.Histogram
	batch  prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		reg: prometheus.NewRegistry(),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "quhao_commit_seconds", Help: "How long it took to commit a batch of events, failures included.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 15), // 0.2 ms, half of what a sound disk takes, to 3.3 s
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "quhao_batch_events", Help: "Events committed together.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
	}
}

// timedStore is the store as the controller writes to it, with a watch on each commit and space in reserve.
type timedStore struct {
	*store.Store
	m    *metrics
	kept *reserve
}

// Append is that of the store. If the disk is full, the space in reserve is given up and it is tried once more.
func (s timedStore) Append(events []queue.Event, tickets []queue.Ticket, visits []queue.Visit) error {
	began := time.Now()
	err := s.Store.Append(events, tickets, visits)
	if store.Full(err) && s.kept.release() {
		err = s.Store.Append(events, tickets, visits)
	}
	s.m.commit.Observe(time.Since(began).Seconds())
	s.m.batch.Observe(float64(len(events)))
	return err
}

// mount answers GET /metrics in the text format of Prometheus, and everything else by pages. The figures name
// departments, counters and devices, never a person, a ticket or a score. pipe are the figures of the way to the devices, or nil.
// It is called once.
func (m *metrics) mount(al *alarms, pages http.Handler, ctl looker, st totaller, pipe prometheus.Collector) (http.Handler, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "quhao_build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	all := []prometheus.Collector{
		&centreFigures{ctl: ctl, st: st}, m.commit, m.batch, build, al,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	if pipe != nil {
		all = append(all, pipe)
	}
	for _, c := range all {
		if err := m.reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	mux := http.NewServeMux()
	// Few scrapes at a time: a crowd of scrapers must not become a crowd of looks at the one writer.
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.Handle("/", al.detail(pages))
	return mux, nil
}

// figure describes a metric of the centre.
func figure(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("quhao_"+name, help, labels, nil)
}

// centreFigures asks controller and store at each scrape. They keep the truth; nothing is counted a second time here.
type centreFigures struct {
	ctl looker
	st  totaller
}

// Describe says nothing: which departments and devices there are is the configuration's business (an unchecked collector).
func (*centreFigures) Describe(chan<- *prometheus.Desc) {}

// glance is what one look at the controller takes with it: it must not keep what it is shown.
type glance struct {
	day     queue.Day
	open    bool
	faulted bool
	waiting map[queue.DeptID]int
	longest map[queue.DeptID]time.Duration
	desks   map[queue.DeskState]int
	devices []controller.Device
	counts  map[string]uint64
}

// Collect gives all figures of this moment; quhao_up is 0 and nothing else is said if the controller does not answer.
func (f *centreFigures) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	var g glance
	err := f.ctl.Look(ctx, func(v controller.View) { g = take(v, time.Now()) })
	gauge(ch, figure("up", "1 if the controller answers."), truth(err == nil))
	if err != nil {
		return
	}
	gauge(ch, figure("faulted", "1 while the database cannot be written and nothing is issued."), truth(g.faulted))
	gauge(ch, figure("day_open", "1 while a service day is open."), truth(g.open))
	gauge(ch, figure("day", "Number of the service day."), float64(g.day))
	g.departments(ch)
	g.parts(ch)
	f.totals(ctx, ch, g)
}

// take copies what the figures need.
func take(v controller.View, now time.Time) glance {
	s := v.State()
	g := glance{
		day: s.Day, open: s.Open, faulted: v.Faulted() != nil, waiting: map[queue.DeptID]int{}, longest: map[queue.DeptID]time.Duration{},
		desks: map[queue.DeskState]int{}, devices: v.Devices(), counts: v.Counts(),
	}
	for d := range v.Rules().Departments {
		g.waiting[d], g.longest[d] = 0, 0
		for _, t := range s.Line(d) {
			g.waiting[d]++
			g.longest[d] = max(g.longest[d], now.Sub(t.Issued))
		}
	}
	for _, state := range []queue.DeskState{queue.DeskClosed, queue.DeskIdle, queue.DeskCalling, queue.DeskServing, queue.DeskPaused} {
		g.desks[state] = 0
	}
	for c := range v.Rules().Counters {
		g.desks[s.Desk(c).State]++
	}
	// Those that ask for a look are there from the start, so that an alarm sees them grow from 0.
	for _, kind := range []string{"facts_odd", "facts_missing", "tickets_odd", "commit_failed", "messages_bad", "rivals"} {
		g.counts[kind] += 0
	}
	return g
}

func (g *glance) departments(ch chan<- prometheus.Metric) {
	waiting := figure("waiting", "Tickets that wait or are being printed.", "department")
	longest := figure("longest_wait_seconds", "How long the one who waits longest has waited.", "department")
	for _, d := range slices.Sorted(maps.Keys(g.waiting)) {
		gauge(ch, waiting, float64(g.waiting[d]), string(d))
		gauge(ch, longest, g.longest[d].Seconds(), string(d))
	}
	desks := figure("counters", "Counters by what they are doing.", "state")
	for _, state := range slices.Sorted(maps.Keys(g.desks)) {
		gauge(ch, desks, float64(g.desks[state]), string(state))
	}
}

// parts gives what is known of the devices, and what went wrong since the start.
func (g *glance) parts(ch chan<- prometheus.Metric) {
	session := figure("device_in_session", "1 while the device is in session with this controller.", "device", "kind")
	heard := figure("device_heard_timestamp_seconds", "When the device was heard last; absent if never since the start.", "device")
	clock := figure("device_clock_offset_seconds", "The device's clock less the controller's.", "device")
	pending := figure("device_installations_waiting", "Installations with this name that wait for an administrator.", "device")
	part := figure("device_part_well", "1 if the part says ok; state is its own word.", "device", "part", "state")
	shows := figure("display_shows", "1 if the counter's display shows what the counter is now, as of the unit's last heartbeat.", "device", "counter")
	count := figure("device_count", "What the device has counted since its boot, as of its last health message: frames it did not understand (card_reader.bad), cards that identify nobody (card_reader.nobody).", "device", "what")
	for _, d := range g.devices {
		gauge(ch, session, truth(d.Session), d.ID, d.Kind)
		gauge(ch, pending, float64(len(d.Pending)), d.ID)
		if !d.Heard.IsZero() {
			gauge(ch, heard, float64(d.Heard.UnixMilli())/1000, d.ID)
			gauge(ch, clock, d.Clock.Seconds(), d.ID)
		}
		for name, state := range d.Health.Parts {
			gauge(ch, part, truth(state == "ok"), d.ID, name, state)
		}
		for counter, is := range d.Shows {
			gauge(ch, shows, truth(is), d.ID, string(counter))
		}
		for what, n := range d.Health.Count {
			gauge(ch, count, float64(n), d.ID, what)
		}
	}
	counts := figure("incidents_total", "What went wrong or was odd since the start, by kind.", "kind")
	for kind, n := range g.counts {
		ch <- prometheus.MustNewConstMetric(counts, prometheus.CounterValue, float64(n), kind)
	}
}

// totals gives the figures of the service day from the store, where every report comes from. They begin anew with each
// day, and an undone call is taken back: gauges, not counters. How many rated is said, never how: scores are shown only in
// sums of five or more, on another day.
func (f *centreFigures) totals(ctx context.Context, ch chan<- prometheus.Metric, g glance) {
	failed := figure("reports_failed", "1 if the database could not be read for the figures of the day, which are missing then.")
	rows, err := f.st.Totals(ctx, g.day)
	gauge(ch, failed, truth(err != nil))
	if err != nil {
		return
	}
	by := map[queue.DeptID]store.Total{}
	for d := range g.waiting {
		by[d] = store.Total{}
	}
	for _, row := range rows {
		by[row.Dept] = row
	}
	tickets := figure("day_tickets", "Tickets issued this service day.", "department")
	void := figure("day_tickets_void", "Of these, certainly without paper.", "department")
	calls := figure("day_calls", "Visits called this service day.", "department")
	served := figure("day_served", "Of these, ended with an outcome.", "department")
	missed := figure("day_missed", "Of these, nobody came.", "department")
	ratings := figure("day_ratings", "Of these, rated.", "department")
	for d, row := range by {
		for _, x := range []struct {
			desc *prometheus.Desc
			n    int
		}{{tickets, row.Taken}, {void, row.Void}, {calls, row.Called}, {served, row.Served}, {missed, row.Missed}, {ratings, row.Rated}} {
			gauge(ch, x.desc, float64(x.n), string(d))
		}
	}
}

// brokerFigures are those of the inner broker.
type brokerFigures func() broker.Counters

// Describe says nothing, as that of centreFigures.
func (brokerFigures) Describe(chan<- *prometheus.Desc) {}

// Collect gives the figures of this moment.
func (f brokerFigures) Collect(ch chan<- prometheus.Metric) {
	c := f()
	gauge(ch, figure("broker_connected", "Devices connected to the inner broker."), float64(c.Connected))
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(figure("broker_received_total", "Messages taken from devices, last wills included."), c.Received)
	count(figure("broker_dropped_total", "Messages that a device took too slowly."), c.Dropped)
	refused := figure("broker_refused_total", "Connections, messages and subscriptions refused, by reason.", "reason")
	for reason, n := range c.Refused {
		count(refused, n, string(reason))
	}
}

// linkFigures are those of the connection to an external broker; the function says whether it is up.
type linkFigures func() bool

// Describe says nothing, as that of centreFigures.
func (linkFigures) Describe(chan<- *prometheus.Desc) {}

// Collect gives the figure of this moment.
func (f linkFigures) Collect(ch chan<- prometheus.Metric) {
	gauge(ch, figure("broker_link_up", "1 while the controller is connected to the external broker."), truth(f()))
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
