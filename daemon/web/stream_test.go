package web_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
)

// hose is a listener whose connections are pipes in memory: so the real server runs in a bubble, deadlines included.
type hose struct {
	conns chan net.Conn
	done  chan struct{}
}

func (h *hose) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}
func (h *hose) Close() error   { close(h.done); return nil }
func (h *hose) Addr() net.Addr { return &net.UnixAddr{Name: "hose"} }

// serve runs a server of the pages, and returns how to open a stream on it.
func (c *centre) serve() func(path string) *listener {
	h := &hose{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: c.http}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(h) }()
	c.t.Cleanup(func() { server.Close(); <-ended })
	return func(path string) *listener {
		c.t.Helper()
		ours, theirs := net.Pipe()
		c.t.Cleanup(func() { ours.Close() })
		h.conns <- theirs
		if _, err := fmt.Fprintf(ours, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path); err != nil {
			c.t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(ours), nil)
		if err != nil {
			c.t.Fatal(err)
		}
		return &listener{t: c.t, conn: ours, res: res, lines: bufio.NewReader(res.Body)}
	}
}

func (c *centre) listen(path string) *listener { c.t.Helper(); return c.serve()(path) }

// listener is a client of server-sent events.
type listener struct {
	t     *testing.T
	conn  net.Conn
	res   *http.Response
	lines *bufio.Reader
}

// piece is what stands between two empty lines of the stream.
type piece struct{ id, event, data, retry, comment string }

func (l *listener) next() (p piece, err error) {
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return p, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n":
			return p, nil
		case strings.HasPrefix(line, ": "):
			p.comment = line[2:]
		case field == "id":
			p.id = value
		case field == "event":
			p.event = value
		case field == "data":
			p.data = value
		case field == "retry":
			p.retry = value
		default:
			return p, fmt.Errorf("a line %q", line)
		}
	}
}

func (l *listener) must() piece {
	l.t.Helper()
	p, err := l.next()
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// said is the data of a state event.
type said struct {
	T     int64
	Build string
	Clock string
	HTML  string
	id    string
}

// state waits for the next state event.
func (l *listener) state() (s said) {
	l.t.Helper()
	for {
		p := l.must()
		if p.event != "state" {
			continue
		}
		if err := json.Unmarshal([]byte(p.data), &s); err != nil {
			l.t.Fatal(err)
		}
		s.id = p.id
		return s
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.at("c3")
		c.ask("t1", queue.Take{Dept: "finance", Holder: "whose card it is"})
		c.pass(21 * time.Second)
		l := c.listen("/events/hall/hall")
		if l.res.StatusCode != http.StatusOK || !strings.HasPrefix(l.res.Header.Get("Content-Type"), "text/event-stream") || l.res.Header.Get("Cache-Control") != "no-store" {
			t.Fatal(l.res)
		}
		if p := l.must(); p.retry != "1000" {
			t.Errorf("it begins with %+v", p)
		}
		first := l.state()
		if !strings.Contains(first.HTML, "财务") || strings.Contains(first.HTML, "B001") || strings.Contains(first.HTML, "whose") || first.T != time.Now().UnixMilli() {
			t.Errorf("first %+v at %d", first, time.Now().UnixMilli())
		}
		began := time.Now()
		if again := l.state(); again.HTML != first.HTML || again.id != first.id || time.Since(began) != 5*time.Second {
			t.Errorf("unchanged, after %s: %+v", time.Since(began), again)
		}
		c.must(queue.Next{Counter: "c3"})
		began = time.Now()
		called := l.state()
		if d := time.Since(began); !strings.Contains(called.HTML, "B001") || d >= time.Second || called.id == first.id {
			t.Errorf("after %s: %+v", d, called)
		}
		if want := fmt.Sprintf(`data-t="%d"`, began.UnixMilli()); !strings.Contains(called.HTML, want) || called.T-began.UnixMilli() > 1000 {
			t.Errorf("the call is not as old as it is: want %s in %+v", want, called)
		}
	})
}

// The visitor's page and the overview are kept up to date in the same way.
func TestOtherStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.at("c3")
		c.ask("t1", queue.Take{Dept: "finance"})
		c.pass(21 * time.Second)
		open := c.serve()
		ticket, overview := open("/events/ticket/t1"), open("/events/overview")
		if a, b := ticket.state(), overview.state(); !strings.Contains(a.HTML, "下一位就是您") || !strings.Contains(b.HTML, "等候叫号") {
			t.Errorf("%+v\n%+v", a, b)
		}
		c.must(queue.Next{Counter: "c3"})
		if a, b := ticket.state(), overview.state(); !strings.Contains(a.HTML, "3号窗口") || !strings.Contains(b.HTML, "正在叫号") {
			t.Errorf("%+v\n%+v", a, b)
		}
	})
}

// While the controller cannot be believed the screens are told so, once; comments keep the connection, and the state comes back.
func TestStreamAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.at("c3")
		l := c.listen("/events/hall/hall")
		l.state()
		c.log.full.Store(true)
		if err := c.do(queue.SetIssuing{Dept: "cards"}); !errors.Is(err, controller.ErrFaulted) {
			t.Fatalf("a full disk: %v", err)
		}
		began := time.Now()
		if p := l.must(); p.event != "away" || time.Since(began) >= time.Second {
			t.Errorf("after %s %+v", time.Since(began), p)
		}
		began = time.Now()
		for i := range 3 {
			p := l.must()
			if d := time.Since(began); p.comment == "" || p.event != "" || d < 10*time.Second || d > 11*time.Second {
				t.Errorf("%d: after %s %+v", i, d, p)
			}
			began = time.Now()
		}
		c.log.full.Store(false)
		began = time.Now()
		if l.state(); time.Since(began) > 2*time.Second {
			t.Errorf("back after %s", time.Since(began))
		}
		c.stop()
		began = time.Now()
		if p := l.must(); p.event != "away" || time.Since(began) > 3*time.Second {
			t.Errorf("a controller that does not answer: after %s %+v", time.Since(began), p)
		}
	})
}

// A client that does not read is dropped, and holds up nobody.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.must(queue.OpenDay{})
		open := c.serve()
		slow, quick := open("/events/hall/hall"), open("/events/hall/hall")
		began := time.Now()
		for range 6 {
			quick.state()
		}
		if d := time.Since(began); d != 25*time.Second {
			t.Errorf("the quick one has six events after %s", d)
		}
		n := 0
		for n < 10 {
			if _, err := slow.next(); err != nil {
				break
			}
			n++
		}
		if time.Since(began) != 25*time.Second || n > 2 {
			t.Errorf("the slow one was still served: %d pieces, and %s later", n, time.Since(began)-25*time.Second)
		}
	})
}

// The number of screens is bounded, and a place becomes free when one goes.
func TestStreamSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		open := c.serve()
		var all []*listener
		for range 500 {
			l := open("/events/overview")
			go io.Copy(io.Discard, l.res.Body)
			all = append(all, l)
		}
		if l := open("/events/overview"); l.res.StatusCode != http.StatusServiceUnavailable || l.res.Header.Get("Retry-After") == "" {
			t.Errorf("the 501st: %v", l.res)
		}
		all[0].conn.Close()
		c.pass(time.Second)
		if l := open("/events/overview"); l.res.StatusCode != http.StatusOK {
			t.Errorf("after one has gone: %v", l.res)
		}
	})
}
