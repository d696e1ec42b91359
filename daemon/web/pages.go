package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"quhao/daemon/controller"
	"quhao/internal/config"
)

//go:embed assets templates
var files embed.FS

// policy lets a page use nothing but what this server gives out as a file of its own: a text that is taken for HTML
// somewhere, against all care, still cannot run.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

// pages are the pages for people, and the streams that keep them up to date.
type pages struct {
	conf    *config.Centre
	look    *looker
	version string
	build   string // changes with every change of page, style or script: an open page then loads itself anew
	zone    *time.Location
	html    map[string]*template.Template
	seats   chan struct{} // one for each open stream
}

func newPages(ctl *controller.Controller, conf *config.Config, version string) *pages {
	p := &pages{
		conf: conf.Centre, look: &looker{ctl: ctl}, version: version, zone: time.UTC,
		html: map[string]*template.Template{}, seats: make(chan struct{}, maxStreams),
	}
	// The zone of a checked configuration is known; with any other one the pages would rather show UTC than not be there.
	if zone, err := time.LoadLocation(conf.Centre.Zone); err == nil {
		p.zone = zone
	}
	for _, name := range []string{"board", "overview", "ticket"} {
		// What is compiled in and does not parse fails the first test of the package.
		p.html[name] = template.Must(template.ParseFS(files, "templates/page.html", "templates/"+name+".html"))
	}
	p.build = version + "-" + fingerprint(files)
	return p
}

// fingerprint is a short hash of everything that is compiled in.
func fingerprint(all fs.FS) string {
	h := sha256.New()
	_ = fs.WalkDir(all, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(all, name)
		h.Write([]byte(name))
		h.Write(b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// register gives the pages their addresses.
func (p *pages) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.serveOverview)
	mux.HandleFunc("GET /board/{hall}", p.serveBoard)
	mux.HandleFunc("GET /ticket/{tid}", p.serveTicket)
	mux.HandleFunc("GET /t/{tid}", p.serveTicket) // the short form, for the QR code
	mux.HandleFunc("GET /events/overview", p.streamOverview)
	mux.HandleFunc("GET /events/hall/{hall}", p.streamBoard)
	mux.HandleFunc("GET /events/ticket/{tid}", p.streamTicket)
	mux.HandleFunc("GET /assets/{name}", p.serveAsset)
}

// guard sets the headers that every answer carries.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the address of a ticket's page is its secret
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// view is everything the frame of a page shows.
type view struct {
	Kind    string // board, overview, ticket: the template and the looks
	Title   text
	Centre  text
	Sample  bool
	Hall    *config.Hall
	Missed  text // the centre's own line on missed calls, if it has one
	Events  string
	Build   string
	Clock   string
	Date    text
	Stale   bool // the state could not be had
	Unknown bool // there is no such thing
	State   any
	Status  int
}

func (p *pages) page(kind string, title text, events string) *view {
	now := time.Now().In(p.zone)
	return &view{
		Kind: kind, Title: title, Centre: p.conf.Name, Sample: p.conf.Sample, Missed: p.conf.Ticket.Missed,
		Events: events, Build: p.build, Clock: now.Format("15:04"), Date: dateWords(now), Status: http.StatusOK,
	}
}

// away turns a page into one whose state could not be had: it says so, and its script waits for better times.
func (v *view) away() { v.Stale, v.Status = true, http.StatusServiceUnavailable }

// show writes a page. It is made whole before its first byte goes out.
func (p *pages) show(w http.ResponseWriter, v *view) {
	var b bytes.Buffer
	if err := p.html[v.Kind].ExecuteTemplate(&b, "page", v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(v.Status)
	_, _ = w.Write(b.Bytes())
}

// part renders the part of a page that changes.
func (p *pages) part(kind string, state any) (string, error) {
	var b strings.Builder
	err := p.html[kind].ExecuteTemplate(&b, "state", state)
	return b.String(), err
}

func (p *pages) serveOverview(w http.ResponseWriter, r *http.Request) {
	v := p.page("overview", text{ZH: "服务概况", EN: "Overview"}, "/events/overview")
	if s, err := p.look.now(r.Context()); err != nil || s.fault != nil {
		v.away()
	} else {
		v.State = p.overview(s)
	}
	p.show(w, v)
}

func (p *pages) serveBoard(w http.ResponseWriter, r *http.Request) {
	hall := p.conf.HallOf(r.PathValue("hall"))
	if hall == nil {
		v := p.page("overview", text{ZH: "没有这个大厅", EN: "There is no such hall"}, "")
		v.Unknown, v.Status = true, http.StatusNotFound
		p.show(w, v)
		return
	}
	v := p.page("board", hall.Name, "/events/hall/"+hall.ID)
	v.Hall = hall
	if s, err := p.look.now(r.Context()); err != nil || s.fault != nil {
		v.away()
	} else {
		v.State = p.board(hall, s)
	}
	p.show(w, v)
}

// serveAsset gives out a style, a script or a picture. A browser asks each time whether its copy is still the right one:
// so an update reaches a board that nobody ever touches.
func (p *pages) serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+p.build+`"`)
	http.ServeFileFS(w, r, files, "assets/"+r.PathValue("name"))
}
