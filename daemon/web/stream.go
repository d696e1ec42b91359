package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"quhao/daemon/queue"
)

const (
	maxStreams  = 500                    // open at once; the next one is told to come again
	pollEvery   = 500 * time.Millisecond // how soon a change is on the screens
	sayEvery    = 5 * time.Second        // an unchanged state is said again: a screen takes 15 s of silence for a loss
	aliveEvery  = 10 * time.Second       // a comment, while there is no state to be said
	writeWithin = 5 * time.Second        // a client that takes longer is dropped; it comes back for the whole state
	retryAfter  = time.Second            // when a client dials again, the protocol's retry
)

// event is the data of a state event: the whole state each time, never a change, so a client that missed any number of
// events is right with the next one.
type event struct {
	T     int64  `json:"t"`     // the controller's clock, ms since 1970: against it the age of a call is told
	Build string `json:"build"` // of the pages; another than the page's own: load it anew
	Clock string `json:"clock"` // what a clock on the wall shows
	ZH    string `json:"zh"`    // the date
	EN    string `json:"en"`
	HTML  string `json:"html"` // the part of the page that changes, escaped by its template
}

func (p *pages) streamOverview(w http.ResponseWriter, r *http.Request) {
	p.stream(w, r, func(_ context.Context, s *shot) (string, error) { return p.part("overview", p.overview(s)) })
}

func (p *pages) streamBoard(w http.ResponseWriter, r *http.Request) {
	hall := p.conf.HallOf(r.PathValue("hall"))
	if hall == nil {
		http.Error(w, "there is no such hall", http.StatusNotFound)
		return
	}
	p.stream(w, r, func(_ context.Context, s *shot) (string, error) { return p.part("board", p.board(hall, s)) })
}

func (p *pages) streamTicket(w http.ResponseWriter, r *http.Request) {
	id := queue.TicketID(r.PathValue("tid"))
	if v, err := p.ticketNow(r.Context(), id); err == nil && !v.Known {
		http.Error(w, "there is no such ticket", http.StatusNotFound)
		return
	}
	p.stream(w, r, func(ctx context.Context, _ *shot) (string, error) {
		v, err := p.ticketNow(ctx, id)
		if err != nil {
			return "", err
		}
		return p.part("ticket", v)
	})
}

// feed is one open stream of server-sent events (HTML Living Standard, section 9.2).
type feed struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	wrote time.Time
	away  bool   // the client was told that there is no state to be had
	at    uint64 // the last event in the state that was said last
	epoch uint64
	said  time.Time
}

// stream sends events until the client goes, or is too slow.
func (p *pages) stream(w http.ResponseWriter, r *http.Request, draw func(context.Context, *shot) (string, error)) {
	select {
	case p.seats <- struct{}{}:
		defer func() { <-p.seats }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many screens are watching", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	f := &feed{w: w, rc: http.NewResponseController(w)}
	if f.write(fmt.Sprintf("retry: %d\n\n", retryAfter.Milliseconds())) != nil {
		return
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if p.turn(r.Context(), f, draw) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// turn says what there is to say now. The error is of the client's connection.
func (p *pages) turn(ctx context.Context, f *feed, draw func(context.Context, *shot) (string, error)) error {
	s, err := p.look.now(ctx)
	if err == nil {
		err = s.fault
	}
	if err == nil && !f.due(s) {
		return nil
	}
	html := ""
	if err == nil {
		html, err = draw(ctx, s)
	}
	if err != nil {
		return f.absent()
	}
	here := s.at.In(p.zone)
	date := dateWords(here)
	data, err := json.Marshal(event{T: s.at.UnixMilli(), Build: p.build, Clock: here.Format("15:04"), ZH: date.ZH, EN: date.EN, HTML: html})
	if err != nil {
		return err
	}
	f.away, f.at, f.epoch, f.said = false, s.seq, s.epoch, time.Now()
	return f.write(fmt.Sprintf("id: %d.%d\nevent: state\ndata: %s\n\n", s.epoch, s.seq, data))
}

// due says whether a state has to be said: it is another one, or the last one was said long ago.
func (f *feed) due(s *shot) bool {
	return f.away || s.seq != f.at || s.epoch != f.epoch || time.Since(f.said) >= sayEvery
}

// absent tells the client once that the controller is away, and then keeps the connection alive.
func (f *feed) absent() error {
	if !f.away {
		f.away = true
		return f.write("event: away\ndata: {}\n\n")
	}
	if time.Since(f.wrote) < aliveEvery {
		return nil
	}
	return f.write(": still here\n\n")
}

// write sends a piece whole, or fails within writeWithin.
func (f *feed) write(piece string) error {
	if err := f.rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := f.w.Write([]byte(piece)); err != nil {
		return err
	}
	f.wrote = time.Now()
	return f.rc.Flush()
}
