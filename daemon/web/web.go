// Package web serves the controller's pages and its health over HTTP.
package web

import (
	"encoding/json"
	"net/http"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// Overview is the centre at a glance, as /api/overview gives it. It holds no person.
type Overview struct {
	Version  string                        `json:"version"`
	Day      queue.Day                     `json:"day"`
	Open     bool                          `json:"open"`
	Fault    string                        `json:"fault,omitempty"`
	Counters map[string]proto.CounterState `json:"counters"`
	Waiting  map[string]int                `json:"waiting"`
	Devices  []controller.Device           `json:"devices"`
	Counts   map[string]uint64             `json:"counts"`
}

// Handler answers
//
//	GET /healthz       200 "ok", or 503 with what is wrong
//	GET /api/overview  the centre at a glance, JSON
//	GET /api/hall/{id} a hall as its board shows it, JSON
//
// and, for people, in Chinese and English on the same page,
//
//	GET /              the overview: halls, health, counters, devices
//	GET /board/{hall}  the board of a hall, for a screen on the wall
//	GET /ticket/{tid}  how things stand with a ticket; also /t/{tid}, which is shorter in a QR code
//	GET /events/...    server-sent events that keep these pages up to date
//	GET /assets/{name} their style, script and icon
//
// Names come from conf, which must be the configuration of ctl. No page holds a person.
func Handler(ctl *controller.Controller, conf *config.Config, version string) http.Handler {
	mux := http.NewServeMux()
	newPages(ctl, conf, version).register(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		var fault error
		if err := ctl.Look(r.Context(), func(v controller.View) { fault = v.Faulted() }); err != nil {
			fault = err
		}
		if fault != nil {
			http.Error(w, fault.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /api/overview", func(w http.ResponseWriter, r *http.Request) {
		var o Overview
		if err := ctl.Look(r.Context(), func(v controller.View) { o = overview(v, version) }); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		reply(w, o)
	})
	mux.HandleFunc("GET /api/hall/{id}", func(w http.ResponseWriter, r *http.Request) {
		var h proto.HallState
		if err := ctl.Look(r.Context(), func(v controller.View) { h = v.Hall(r.PathValue("id")) }); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		if len(h.Depts) == 0 {
			http.Error(w, "there is no such hall", http.StatusNotFound)
			return
		}
		reply(w, h)
	})
	return guard(mux)
}

func overview(v controller.View, version string) Overview {
	s := v.State()
	o := Overview{
		Version: version, Day: s.Day, Open: s.Open, Counters: map[string]proto.CounterState{}, Waiting: map[string]int{},
		Devices: v.Devices(), Counts: v.Counts(),
	}
	if err := v.Faulted(); err != nil {
		o.Fault = err.Error()
	}
	for id := range v.Rules().Counters {
		o.Counters[string(id)] = v.Counter(time.Now(), id)
	}
	for id := range v.Rules().Departments {
		o.Waiting[string(id)] = len(s.Line(id))
	}
	return o
}

func reply(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(b)
}
