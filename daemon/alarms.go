package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"quhao/daemon/store"
)

// What an alarm can be about.
const (
	alarmBackup   = "backup"
	alarmDatabase = "database"
	alarmSpace    = "space"
)

// alarm is something that an administrator has to look at while work goes on.
type alarm struct {
	thing string // one of the constants above
	where string // a folder, if there can be several; else empty
	words string // what is wrong and what to do
}

func (a alarm) String() string { return a.thing + ": " + a.words }

// alarms are those that stand at this moment: quhaod status, /healthz, /metrics and the doctor show them. It may be used by
// several goroutines at once.
type alarms struct {
	log *slog.Logger

	mu  sync.Mutex
	all []alarm
}

// raise lets an alarm stand; what was said of the same thing before is replaced. The log says each change once.
func (s *alarms) raise(a alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, have := range s.all {
		if have.thing == a.thing && have.where == a.where {
			if have.words != a.words {
				s.all[i] = a
				s.log.Error("alarm", "about", a.thing, "what", a.words)
			}
			return
		}
	}
	s.all = append(s.all, a)
	slices.SortFunc(s.all, func(a, b alarm) int {
		return cmp.Or(cmp.Compare(a.thing, b.thing), cmp.Compare(a.where, b.where))
	})
	s.log.Error("alarm", "about", a.thing, "what", a.words)
}

// end takes an alarm back.
func (s *alarms) end(thing, where string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(a alarm) bool { return a.thing == thing && a.where == where })
	if len(s.all) < n {
		s.log.Info("the alarm is over", "about", thing, "where", where)
	}
}

// standing are the alarms of this moment.
func (s *alarms) standing() []alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// watchCheck raises an alarm if the quick check of the start, which may go on beside the work, finds the file damaged.
// Work goes on: what today rests on was checked by its hashes, and to stop a full hall is for people to decide.
func (s *alarms) watchCheck(ctx context.Context, st *store.Store) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-st.Checked():
	}
	if err := st.Damage(); err != nil {
		s.raise(alarm{thing: alarmDatabase, words: fmt.Sprintf("%v: stop quhaod, look at the disk, and restore the newest backup (quhaod restore)", err)})
		return nil
	}
	s.log.Info("the database was looked over and is whole")
	return nil
}

// detail adds the alarms to what the pages say at /healthz. The status stays theirs: with an alarm work goes on.
func (s *alarms) detail(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.ServeHTTP(w, r)
		if r.URL.Path != "/healthz" {
			return
		}
		for _, a := range s.standing() {
			fmt.Fprintf(w, "alarm: %s\n", a)
		}
	})
}

// Describe says nothing, as that of centreFigures.
func (*alarms) Describe(chan<- *prometheus.Desc) {}

// Collect gives how many alarms stand about each thing, 0 included, so that a rule can be written before the first one.
func (s *alarms) Collect(ch chan<- prometheus.Metric) {
	count := map[string]int{alarmBackup: 0, alarmDatabase: 0, alarmSpace: 0}
	for _, a := range s.standing() {
		count[a.thing]++
	}
	desc := figure("alarms", "Alarms that stand, by what they are about; quhaod status says them in words.", "about")
	for thing, n := range count {
		gauge(ch, desc, float64(n), thing)
	}
}
