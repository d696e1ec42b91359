package ticket

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/virtual"

	"golang.org/x/sys/unix"
)

const paceBaud = 9600

// meter is the far end of a pty with a twin that takes bytes no faster than a line of 9600 baud brings them. Each time
// the twin wants more, the meter looks whether something waits already. If so the line was busy without a break; if not
// it was idle, for as long as the read then takes. So the time on the line is known without a watch on the printer,
// and a slow machine does not change it, unless it keeps the sender from writing for as long as what is on its way lasts.
type meter struct {
	*os.File

	mu    sync.Mutex
	taken int
	idle  []time.Duration // between the first byte and the last
	empty chan struct{}   // gets one value, if there is room, each time the line falls idle
}

func (m *meter) Read(b []byte) (int, error) {
	waiting, err := m.waiting()
	if err != nil {
		return 0, err
	}
	if waiting == 0 {
		select {
		case m.empty <- struct{}{}:
		default:
		}
	}
	start := time.Now()
	n, err := m.File.Read(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if waiting == 0 && m.taken > 0 && n > 0 {
		m.idle = append(m.idle, time.Since(start))
	}
	m.taken += n
	return n, err
}

// waiting asks how many bytes are there to be read.
func (m *meter) waiting() (n int, err error) {
	raw, err := m.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctl := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n, errors.Join(ctl, err)
}

// lineTime is how long the bytes alone take, and how long the line was occupied from the first to the last.
func (m *meter) lineTime() (pure, whole time.Duration, gaps int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pure = time.Duration(m.taken) * 10 * time.Second / paceBaud
	whole = pure
	for _, d := range m.idle {
		whole += d
	}
	return pure, whole, len(m.idle)
}

// pacedPrinter is a twin behind a pty with our own line on the near side.
func pacedPrinter(t *testing.T, columns int) (*port.Line, *meter, <-chan virtual.Paper) {
	t.Helper()
	master, path, err := virtual.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{File: master, empty: make(chan struct{}, 1)}
	papers := make(chan virtual.Paper, 1)
	twin := virtual.NewPrinter(virtual.PrinterOptions{Dots: columns * 12, Baud: paceBaud, OnPaper: func(p virtual.Paper) { papers <- p }})
	line, err := port.Open(port.Options{Serial: path, Baud: paceBaud})
	if err != nil {
		t.Fatal(errors.Join(err, master.Close()))
	}
	served := make(chan error, 1)
	go func() { served <- twin.Serve(t.Context(), m) }()
	t.Cleanup(func() {
		if err := errors.Join(line.Close(), master.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return line, m, papers
}

func cutOff(t *testing.T, papers <-chan virtual.Paper) virtual.Paper {
	t.Helper()
	select {
	case p := <-papers:
		return p
	case <-time.After(30 * time.Second):
		t.Fatal("no paper came")
		return virtual.Paper{}
	}
}

// A ticket goes out in one stream: at 9600 baud it occupies the line for at most 1.05 times its own length.
func TestPace(t *testing.T) {
	for name, tk := range map[string]Ticket{"zh": chinese(), "en": english(), "zh-long": long(reprint(chinese())), "en-long": long(reprint(english()))} {
		for _, columns := range []int{32, 48} {
			t.Run(fmt.Sprint(name, "-", paperOf(columns)), func(t *testing.T) {
				t.Parallel()
				line, m, papers := pacedPrinter(t, columns)
				e := printer.NewESCPOS()
				e.Cols = columns
				stream := e.Encode(Layout(tk, Options{Columns: columns}))
				if _, err := line.Write(stream); err != nil {
					t.Fatal(err)
				}
				if p := cutOff(t, papers); p.Bytes != len(stream) {
					t.Errorf("%d bytes became paper of %d", p.Bytes, len(stream))
				}
				pure, whole, gaps := m.lineTime()
				if whole > pure*105/100 {
					t.Errorf("%d bytes: %v on the line, %v with %d gaps", len(stream), pure, whole, gaps)
				}
				t.Logf("%d bytes: %v on the line, %d gaps", len(stream), whole, gaps)
			})
		}
	}
}

// The meter sees gaps: a ticket sent line by line, each when the one before is through, leaves one after each.
func TestPaceSeesGaps(t *testing.T) {
	line, m, papers := pacedPrinter(t, 48)
	e := printer.NewESCPOS()
	parts := strings.SplitAfter(string(e.Encode(Layout(chinese(), Options{Columns: 48}))), "\n")
	for _, part := range parts {
		<-m.empty
		if _, err := io.WriteString(line, part); err != nil {
			t.Fatal(err)
		}
	}
	cutOff(t, papers)
	if pure, whole, gaps := m.lineTime(); gaps != len(parts)-1 || whole <= pure {
		t.Errorf("%d gaps, want %d; %v of %v", gaps, len(parts)-1, pure, whole)
	}
}
