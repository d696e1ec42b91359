package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// assets are the page: no framework, nothing from elsewhere.
//
//go:embed assets
var assets embed.FS

const (
	// policy lets the page use nothing but what this server gives out as files of its own.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

	maxWatching = 32               // pages that are open at once
	aliveEvery  = 10 * time.Second // a comment, while nothing happens
	writeWithin = 5 * time.Second  // a page that takes longer is dropped; it comes back for the whole scene
	maxLine     = 512              // bytes of an order
)

// page serves the hall to browsers on this machine.
type page struct {
	h       *hall
	stage   *stage
	console *console
	index   *template.Template
	seats   chan struct{}
	srv     http.Server
	cancel  context.CancelFunc // ends the look at the hall
	watched chan struct{}      // closed when it has ended
	ended   chan error
}

// listen opens the page's port, so that one that is taken is known before anything is started.
func (h *hall) listen() error {
	if h.opt.page == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(h.opt.page)
	if err != nil {
		return usageError{fmt.Errorf("-page %s: %w", h.opt.page, err)}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{fmt.Errorf("-page %s: whoever sees the page can do everything in the hall, so it is for this machine only: 127.0.0.1, ::1 or localhost", h.opt.page)}
	}
	l, err := net.Listen("tcp", h.opt.page)
	if errors.Is(err, syscall.EADDRINUSE) {
		return taken(h.opt.page, "-page")
	}
	if err != nil {
		return fmt.Errorf("-page %s: %w", h.opt.page, err)
	}
	h.listener, h.opt.page = l, l.Addr().String()
	return nil
}

// show opens the page, if there is to be one.
func (h *hall) show() {
	if h.listener == nil {
		return
	}
	h.page = newPage(h, newStage(h, time.Now()))
	p := h.page
	ctx, cancel := context.WithCancel(h.ctx)
	p.cancel = cancel
	go func() {
		defer close(p.watched)
		p.stage.watch(ctx)
	}()
	go func() { p.ended <- p.srv.Serve(h.listener) }()
}

// hide closes the page, and with it all its streams.
func (h *hall) hide() error {
	if h.page == nil {
		if h.listener != nil {
			return h.listener.Close()
		}
		return nil
	}
	p := h.page
	p.cancel()
	err := p.srv.Close()
	if served := <-p.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	<-p.watched // the programs it looks at are about to go
	h.page = nil
	return err
}

func newPage(h *hall, s *stage) *page {
	p := &page{
		h: h, stage: s, console: &console{h: h, orders: orders(), page: true}, seats: make(chan struct{}, maxWatching), ended: make(chan error, 1), watched: make(chan struct{}),
		// What is compiled in and does not parse fails the first test of the package.
		index: template.Must(template.ParseFS(assets, "assets/index.html")),
	}
	p.srv = http.Server{Handler: p.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return p
}

// handler answers
//
//	GET  /                  the page; ?lang=zh or en
//	GET  /assets/{name}     its style and scripts
//	GET  /events            the whole scene at each change, as server-sent events
//	GET  /papers/{id}.png   a paper's picture
//	GET  /t/{tid}           what the QR code of a ticket leads to: the daemon's page of it
//	POST /do                {"do":"next 1"}: an order as it would be typed at the terminal
func (p *page) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.serveIndex)
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, "assets/"+r.PathValue("name"))
	})
	mux.HandleFunc("GET /events", p.serveEvents)
	mux.HandleFunc("GET /papers/{name}", p.servePaper)
	mux.HandleFunc("GET /t/{tid}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+p.h.opt.http+"/t/"+r.PathValue("tid"), http.StatusFound)
	})
	mux.HandleFunc("POST /do", p.serveDo)
	return guard(mux)
}

// guard refuses names that only pretend to be this machine (a page of elsewhere whose name leads here), and sets the
// headers that every answer carries.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "the hall is for this machine only", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (p *page) serveIndex(w http.ResponseWriter, r *http.Request) {
	lang := r.URL.Query().Get("lang")
	if lang != "zh" && lang != "en" {
		lang = "zh"
		if strings.HasPrefix(r.Header.Get("Accept-Language"), "en") {
			lang = "en"
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = p.index.Execute(w, map[string]any{"EN": lang == "en", "Centre": p.h.conf.Centre.Name}) // a browser that has gone needs no page
}

func (p *page) servePaper(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("name"), ".png"))
	picture := p.h.papers.picture(id)
	if err != nil || picture == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(picture)
}

// serveEvents sends the whole scene each time, never a change: a page that missed any number of events is right with
// the next one (HTML Living Standard, section 9.2).
func (p *page) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case p.seats <- struct{}{}:
		defer func() { <-p.seats }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	rc := http.NewResponseController(w)
	say := func(format string, args ...any) error {
		if err := rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return err
		}
		return rc.Flush()
	}
	if say("retry: 500\n\n") == nil {
		_ = p.stream(r.Context(), say) // the page has gone: nobody to tell
	}
}

// stream says every version of the scene until ctx ends or the page is gone.
func (p *page) stream(ctx context.Context, say func(string, ...any) error) error {
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for sent := uint64(0); ; {
		rung := p.stage.bell.next()
		ver, whole, err := p.stage.now()
		if err != nil {
			return err
		}
		if ver != sent {
			if err := say("id: %d\nevent: scene\ndata: %s\n\n", ver, whole); err != nil {
				return err
			}
			sent = ver
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rung:
		case <-alive.C:
			if err := say(": still here\n\n"); err != nil {
				return err
			}
		}
	}
}

// sameOrigin says whether a request comes from the page itself and not from another one that is open in the browser.
// Sec-Fetch-Site is sent by every current browser (Fetch Metadata Request Headers, W3C); Origin by the older ones.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == "http://"+r.Host
}

// serveDo does an order. The answer is 204, or a refusal in both languages.
func (p *page) serveDo(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Do string `json:"do"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLine))
	if err == nil {
		err = json.Unmarshal(body, &ask)
	}
	words := strings.Fields(ask.Do)
	switch {
	case !sameOrigin(r):
		refuse(w, http.StatusForbidden, no("only the hall's own page can do that", "只有大厅页面可以这样做"))
	case err != nil || len(words) == 0:
		refuse(w, http.StatusBadRequest, no("an order was expected", "缺少指令"))
	case p.h.opt.demo:
		refuse(w, http.StatusConflict, no("the demo runs by itself: one may look on", "演示自动进行，只能观看"))
	default:
		p.h.out.note("页面 page: " + strings.Join(words, " "))
		if err := p.console.obey(words); err != nil {
			refuse(w, http.StatusConflict, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// refuse says why not.
func refuse(w http.ResponseWriter, status int, err error) {
	said, ok := errors.AsType[refusal](err)
	if !ok {
		said = refusal{words{ZH: err.Error(), EN: err.Error()}}
	}
	b, err := json.Marshal(said.words)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
