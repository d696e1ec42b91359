package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Window is what a device lets be seen on its own machine: GET /state is its state as JSON, GET /healthz is 200 "ok" or
// 503 and why not. It is off unless the program is started with -http, and listens on loopback only.
type Window struct {
	state  atomic.Pointer[[]byte]
	health atomic.Pointer[string]
}

// Show sets what /state answers from now on, and what is wrong, empty if nothing is.
func (w *Window) Show(state any, wrong string) error {
	b, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("show the state: %w", err)
	}
	w.state.Store(&b)
	w.health.Store(&wrong)
	return nil
}

// ServeHTTP implements http.Handler.
func (w *Window) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(rw, "only GET", http.StatusMethodNotAllowed)
		return
	}
	state, health := w.state.Load(), w.health.Load()
	switch {
	case r.URL.Path != "/state" && r.URL.Path != "/healthz":
		http.NotFound(rw, r)
	case state == nil || health == nil:
		http.Error(rw, "starting", http.StatusServiceUnavailable)
	case r.URL.Path == "/state":
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
		rw.Write(*state)
	case *health != "":
		http.Error(rw, *health, http.StatusServiceUnavailable)
	default:
		rw.Write([]byte("ok\n"))
	}
}

// Listen opens the address of a Window: host:port, the host being this machine itself, the port perhaps 0 for any.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("http address %s: %w", addr, err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("http address %s: the state is shown on this machine only, at 127.0.0.1, ::1 or localhost", addr)
	}
	return net.Listen("tcp", addr)
}

// SocketName is the file in the data folder where the running program answers as a Window, for the doctor. Only the
// folder's owner can open it.
const SocketName = "state.sock"

// ServeSocket answers at the socket in the data folder until ctx ends. That there can be none, because the path is too
// long for a socket, is said in the log, and keeps nothing from working.
func (s *Station) ServeSocket(ctx context.Context, w *Window) error {
	path := filepath.Join(s.Dir, SocketName)
	err := os.Remove(path) // of a program that was killed: the folder is locked, so it is nobody's
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err == nil {
		if err = os.Chmod(path, 0o600); err == nil {
			return w.Serve(ctx, ln)
		}
		err = errors.Join(err, ln.Close())
	}
	s.Log.Warn("the doctor will not be able to ask for the state", "err", err)
	return nil
}

// Serve answers on ln until ctx ends, closes it, and returns nil.
func (w *Window) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}
