package virtual

import (
	"context"
	"errors"
	"io"
	"sync"
)

// PadShown is what a QSystem pad shows.
type PadShown struct {
	Addr  int
	Text  string // three characters
	Blink bool
	Lamp  byte // the last code of the key lamp, 30 to 3D; 0 before the first
}

// Pads are QSystem's four-key pads with number display on one RS-485 line: 01 addr code 07 both ways, 01 addr mode n n n
// 07 for the display, mode 20 steady, 21 blinking (source of QSystem, ru.apertum.qsystem.ub485).
type Pads struct {
	onShow func(PadShown)
	keys   chan []byte

	mu    sync.Mutex
	shown map[int]PadShown
	noise int
}

// NewPads returns pads at these addresses. onShow may be nil; it is called for every frame to one of them.
func NewPads(onShow func(PadShown), addrs ...int) *Pads {
	p := &Pads{onShow: onShow, keys: make(chan []byte, 16), shown: map[int]PadShown{}}
	for _, a := range addrs {
		p.shown[a] = PadShown{Addr: a, Text: "   "}
	}
	return p
}

// Press presses a key of a pad: 31 call, 32 start, 33 redirect, 34 finish. It is an error if 16 presses wait.
func (p *Pads) Press(addr int, key byte) error {
	select {
	case p.keys <- []byte{1, byte(addr), key, 7}:
		return nil
	default:
		return errors.New("press: too many presses wait for the line")
	}
}

// Shown is what a pad shows now.
func (p *Pads) Shown(addr int) PadShown {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown[addr]
}

// Serve shows what comes and sends what is pressed, until ctx ends or the line is cut.
func (p *Pads) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	sent := make(chan error, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				sent <- nil
				return
			case frame := <-p.keys:
				if _, err := rw.Write(frame); err != nil {
					sent <- ended(ctx, err)
					cancel()
					return
				}
			}
		}
	}()
	err := receive(ctx, rw, func(buf []byte) (int, error) { return p.frame(buf), nil })
	cancel()
	return errors.Join(err, <-sent)
}

// frame takes one frame to a pad: a display's mode is below 30, a lamp's code from there on.
func (p *Pads) frame(buf []byte) int {
	size := 4
	if len(buf) >= 3 && 0x20 <= buf[2] && buf[2] < 0x30 {
		size = 7
	}
	switch {
	case buf[0] != 1:
		p.lost()
		return 1
	case len(buf) < size:
		return 0
	case buf[size-1] != 7:
		p.lost()
		return 1
	}
	p.mu.Lock()
	s, mine := p.shown[int(buf[1])]
	if size == 7 {
		s.Text, s.Blink = string(buf[3:6]), buf[2] != 0x20
	} else {
		s.Lamp = buf[2]
	}
	if mine {
		p.shown[s.Addr] = s
	}
	p.mu.Unlock()
	if mine && p.onShow != nil {
		p.onShow(s)
	}
	return size
}

func (p *Pads) lost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noise++
}

// Rater is a serial rater or pad that sends one byte for each key and hears nothing.
type Rater struct{ keys chan byte }

// NewRater returns a rater.
func NewRater() *Rater { return &Rater{make(chan byte, 16)} }

// Press presses the key that sends this byte. It is an error if 16 presses wait.
func (r *Rater) Press(code byte) error {
	select {
	case r.keys <- code:
		return nil
	default:
		return errors.New("press: too many presses wait for the line")
	}
}

// Serve sends what is pressed until ctx ends or the line is cut.
func (r *Rater) Serve(ctx context.Context, rw io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer serving(ctx, rw)()
	read := make(chan error, 1)
	go func() {
		err := receive(ctx, rw, func(buf []byte) (int, error) { return len(buf), nil })
		cancel()
		read <- err
	}()
	for {
		select {
		case <-ctx.Done():
			return <-read
		case code := <-r.keys:
			if _, err := rw.Write([]byte{code}); err != nil {
				cancel()
				return errors.Join(ended(ctx, err), <-read)
			}
		}
	}
}
