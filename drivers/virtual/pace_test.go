package virtual

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// At 9600 baud, 960 bytes take a second.
func TestPrinterPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		printed := make(chan time.Time)
		twin := NewPrinter(PrinterOptions{Baud: 9600, OnPaper: func(Paper) { printed <- time.Now() }})
		served := make(chan error, 1)
		go func() { served <- twin.Serve(ctx, far) }()
		start := time.Now()
		go func() { _, _ = io.WriteString(near, strings.Repeat("A\n", 478)+"\n\x1dV\x00") }()
		if took := (<-printed).Sub(start).Round(time.Millisecond); took != time.Second {
			t.Errorf("960 bytes took %v", took)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
