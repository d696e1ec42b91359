package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"quhao/drivers/virtual"
)

// catcher is a printer that keeps what it is sent and says at once that all is well: it takes no time for printing, so
// that what is left is the programs' own.
type catcher struct {
	papers chan caught
	asked  chan struct{} // a status was asked for behind a ticket: the kiosk is about to be free
}

// caught is one ticket as bytes, and when the last of them came.
type caught struct {
	bytes []byte
	at    time.Time
}

// Serve answers each DLE EOT n (10 04 n) with 12, all is well, and takes everything else as the ticket, which ends with
// the cut GS V 66 n (1D 56 42 n).
func (c *catcher) Serve(_ context.Context, rw io.ReadWriter) error {
	var paper []byte
	behind := false
	buf := make([]byte, 4096)
	for {
		n, err := rw.Read(buf)
		if err != nil {
			return nil // the line was cut
		}
		at := time.Now()
		paper = append(paper, buf[:n]...)
		for len(paper) >= 3 && paper[0] == 0x10 && paper[1] == 0x04 {
			paper = paper[3:]
			if _, err := rw.Write([]byte{0x12}); err != nil {
				return nil
			}
			if behind {
				behind = false
				c.asked <- struct{}{}
			}
		}
		if end := bytes.Index(paper, []byte("\x1dVB")); end >= 0 && len(paper) >= end+4 {
			select {
			case c.papers <- caught{bytes.Clone(paper[:end+4]), at}:
			default: // nobody looks
			}
			paper, behind = paper[end+4:], true
		}
	}
}

// station is quhao-kiosk as a process, with a reader and a printer on ptys.
type station struct {
	*program
	reader *virtual.Reader
	paper  *catcher
	cables []*virtual.Cable
	card   uint32
}

// startKiosk starts the program of the first kiosk and waits until it is ready.
func (b *bench) startKiosk(ctx context.Context, d *daemon) (_ *station, err error) {
	id := d.kiosk(0)
	data := filepath.Join(filepath.Dir(d.data), "devices", id)
	file, err := d.identity(data, id, d.addr)
	if err != nil {
		return nil, err
	}
	s := &station{reader: virtual.NewReader(), paper: &catcher{papers: make(chan caught, 4), asked: make(chan struct{}, 1024)}}
	for name, twin := range map[string]virtual.Server{"card": s.reader, "printer": s.paper} {
		cable := virtual.NewCable(filepath.Join(data, name))
		if err := cable.Plug(ctx, twin); err != nil {
			return nil, err
		}
		s.cables = append(s.cables, cable)
	}
	s.program, err = start(b.program("quhao-kiosk"), "-config", file, "-data", data)
	return s, err
}

func (s *station) stop() error {
	err := s.program.stop()
	for _, c := range s.cables {
		err = errors.Join(err, c.Cut())
	}
	return err
}

// tap lays a new card on the reader and waits for the paper.
func (s *station) tap(within time.Duration) (caught, time.Duration, bool, error) {
	s.card++
	late := time.NewTimer(within)
	defer late.Stop()
	began := time.Now()
	if err := s.reader.Tap(virtual.CardHex(0x10, s.card)); err != nil {
		return caught{}, 0, false, err
	}
	select {
	case p := <-s.paper.papers:
		return p, p.at.Sub(began), true, nil
	case <-late.C:
		return caught{}, 0, false, nil
	}
}

// free waits until the kiosk takes the next card: some time after it has asked how the last ticket came out, never the
// same, so that no loop of the kiosk is always met at the same moment.
func (s *station) free(ctx context.Context) error {
	select {
	case <-s.paper.asked:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(answerWithin):
		return fmt.Errorf("the kiosk never asks how a ticket came out: %s", s.said())
	}
	select {
	case <-time.After(50*time.Millisecond + rand.N(100*time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// paper measures the way of one card through all programs: reader, kiosk, broker, controller, disk, and back to the last
// byte at the printer. Three fsyncs are in it, two of the kiosk's journal and one of the controller; the line takes no time.
func (b *bench) paper(ctx context.Context) (_ []row, err error) {
	d, err := b.fresh("paper", 1, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	s, err := b.startKiosk(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var first caught
	for ok := false; !ok; { // until it is connected and has heard its printer
		if first, _, ok, err = s.tap(time.Second); err != nil {
			return nil, err
		}
	}
	var took sample
	for range b.pick(300, 30) {
		if err := s.free(ctx); err != nil {
			return nil, err
		}
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		_, t, ok, err := s.tap(answerWithin)
		if err != nil || !ok {
			return nil, errors.Join(err, fmt.Errorf("a tap prints nothing: %s", s.said()))
		}
		took = append(took, t)
	}
	return []row{
		{
			what:     "from card event to the last byte at the printer, line time apart: p50, p99",
			measured: fmt.Sprintf("%s, %s (fsync %s, %s)", short(took.at(50)), short(took.at(99)), short(b.base.fsync.at(50)), short(b.base.fsync.at(99))),
			target:   "5 ms, 50 ms", verdict: judge(took.at(50) <= 5*time.Millisecond && took.at(99) <= 50*time.Millisecond, b.base.sum),
		},
		ticketRow(first.bytes),
	}, nil
}

// ticketRow judges the bytes of a ticket as they came over the line.
func ticketRow(paper []byte) row {
	raster := 0
	for i := 0; i+8 <= len(paper); i++ {
		if bytes.HasPrefix(paper[i:], []byte("\x1dv0")) {
			raster += int(binary.LittleEndian.Uint16(paper[i+4:])) * int(binary.LittleEndian.Uint16(paper[i+6:]))
		}
	}
	number := -1
	if at := regexp.MustCompile(`A\d{4}`).FindIndex(paper); at != nil {
		number = at[1]
	}
	return row{
		what:     "ticket on the line: bytes; raster bytes; the number ends at byte",
		measured: fmt.Sprintf("%d; %d; %d", len(paper), raster, number),
		target:   "400; 0; 80",
		verdict:  judge(len(paper) <= 400 && raster == 0 && number > 0 && number <= 80, nil),
	}
}

// kiosk measures the program itself: the file for the smallest board, memory, and the start.
func (b *bench) kiosk(ctx context.Context) (_ []row, err error) {
	file := filepath.Join(b.dir, "quhao-kiosk-armv6")
	// As scripts/cross builds it.
	build := exec.CommandContext(ctx, b.goCommand, "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", file, "./kiosk")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for armv6: %w: %s", err, out)
	}
	n, err := size(file)
	if err != nil {
		return nil, err
	}
	d, err := b.fresh("kiosk", 1, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	var took sample
	var most int64
	for range b.pick(20, 5) {
		if err := b.base.turn(); err != nil {
			return nil, err
		}
		t, mem, err := b.startOnce(ctx, d)
		if err != nil {
			return nil, err
		}
		took, most = append(took, t), max(most, mem)
	}
	took = took[1:] // the first start waits for its configuration; the others have it
	const mb = 1 << 20
	return []row{{
		what:     "kiosk: stripped static armv6 binary; resident memory (measured on amd64, after a ticket); start to ready",
		measured: fmt.Sprintf("%.1f MB; %.1f MB; %s", float64(n)/mb, float64(most)/mb, short(took.at(50))),
		target:   "12 MB; 20 MB; 150 ms",
		verdict:  judge(n <= 12*mb && most <= 20*mb && took.at(50) <= 150*time.Millisecond, b.base.sum),
	}}, nil
}

// startOnce starts the kiosk, prints a ticket, and ends it.
func (b *bench) startOnce(ctx context.Context, d *daemon) (took time.Duration, mem int64, err error) {
	s, err := b.startKiosk(ctx, d)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	_, at, err := s.await(readyLine())
	if err != nil {
		return 0, 0, err
	}
	s.card = uint32(time.Now().Unix())
	for ok := false; !ok; {
		if _, _, ok, err = s.tap(time.Second); err != nil {
			return 0, 0, err
		}
	}
	mem, err = resident(s.cmd.Process.Pid)
	return at.Sub(s.began), mem, err
}
