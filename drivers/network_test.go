package drivers

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/virtual"
)

// socket is a printer on the network, raw TCP as on port 9100: it serves one connection after the other.
type socket struct {
	*virtual.Printer
	addr  string
	conns chan net.Conn // each connection, as it is taken
}

func newSocket(t *testing.T, o virtual.PrinterOptions) *socket {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{virtual.NewPrinter(o), ln.Addr().String(), make(chan net.Conn, 16)}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns <- c
			if err := s.Serve(ctx, c); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Errorf("the twin: %v", err)
			}
			_ = c.Close() // it may have been cut already
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		<-ended
	})
	return s
}

// stateOver asks over a line, as a kiosk does, and reads until the answer is whole.
func stateOver(ctx context.Context, l *port.Line, d *printer.ESCPOS) (printer.State, error) {
	if _, err := l.Write(d.Ask()); err != nil {
		return "", err
	}
	var buf []byte
	for chunk := make([]byte, 16); ctx.Err() == nil; {
		n, err := l.Read(chunk)
		if err != nil && !errors.Is(err, port.ErrTimeout) {
			return "", err
		}
		if buf = append(buf, chunk[:n]...); len(buf) == 0 {
			continue
		}
		used, s, err := d.DecodeStatus(buf)
		if err != nil || s.State != "" {
			return s.State, err
		}
		buf = buf[used:]
	}
	return "", ctx.Err()
}

// A printer on the network prints, says how it is, is cut off in the middle of a ticket, and prints after that.
func TestPrinterOnTheNetwork(t *testing.T) {
	papers := make(chan virtual.Paper, 4)
	twin := newSocket(t, virtual.PrinterOptions{OnPaper: func(p virtual.Paper) { papers <- p }})
	d := printer.NewESCPOS()
	ticket := func(number string) []byte {
		return d.Encode(printer.Paper{Lines: []printer.Line{{Text: "财务部"}, {Text: number, Width: 6, Height: 6}, {QR: "https://example.edu.cn/t/1"}}})
	}
	use := func(ctx context.Context, l *port.Line, number string, want printer.State) error {
		if _, err := l.Write(ticket(number)); err != nil {
			return err
		}
		if err := l.Drain(5 * time.Second); err != nil {
			return err
		}
		select {
		case p := <-papers:
			if strings.Join(p.Lines, "|") != "财务部|"+number || !p.Cut || len(p.QR) != 1 {
				t.Errorf("paper %q, cut %t, QR %q", p.Lines, p.Cut, p.QR)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		s, err := stateOver(ctx, l, d)
		if s != want && err == nil {
			t.Errorf("after %s: status %q, want %q", number, s, want)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	round := 0
	var states []bool
	err := port.Run(ctx, "printer", func() (*port.Line, error) { return port.OpenContext(ctx, port.Options{TCP: twin.addr}) },
		func(ctx context.Context, l *port.Line) error {
			c := <-twin.conns
			if round++; round == 2 {
				defer cancel()
				return use(ctx, l, "A013", printer.Low)
			}
			if err := use(ctx, l, "A012", printer.OK); err != nil {
				return err
			}
			if _, err := l.Write(ticket("A099")[:10]); err != nil { // a ticket that the cut leaves without its end
				return err
			}
			twin.SetLow(true)
			if err := c.Close(); err != nil {
				return err
			}
			for ctx.Err() == nil {
				if _, err := l.Read(make([]byte, 16)); !errors.Is(err, port.ErrTimeout) && !errors.Is(err, port.ErrGone) {
					t.Errorf("read of a line that was cut: %v", err)
				} else if errors.Is(err, port.ErrGone) {
					return err
				}
			}
			return ctx.Err()
		}, func(s port.State) {
			states = append(states, s.Up)
			if !s.Up && !errors.Is(s.Err, port.ErrGone) {
				t.Errorf("down: %v", s.Err)
			}
		})
	if round != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d connections: %v", round, err)
	}
	if len(states) != 3 || !states[0] || states[1] || !states[2] {
		t.Errorf("up: %v, want true, false, true", states)
	}
}

// Without paper a printer on the network says so over the same connection.
func TestStatusOverTheNetwork(t *testing.T) {
	twin := newSocket(t, virtual.PrinterOptions{})
	l, err := port.Open(port.Options{TCP: twin.addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	<-twin.conns
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, c := range []struct {
		set  func(bool)
		want printer.State
	}{{twin.SetOut, printer.Out}, {twin.SetCover, printer.Open}, {twin.SetCutterError, printer.Error}, {twin.SetLow, printer.Low}} {
		c.set(true)
		if s, err := stateOver(ctx, l, printer.NewESCPOS()); s != c.want || err != nil {
			t.Errorf("status %q, want %q: %v", s, c.want, err)
		}
		c.set(false)
	}
}
