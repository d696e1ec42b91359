package port

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"
)

// pcscEvery is how often pcscd is asked for a card; it looks itself every 400 ms at readers that cannot tell.
const pcscEvery = 150 * time.Millisecond

// openPCSC takes a reader of pcscd, by its name. The line reads as text: while a card lies on the reader, a line with
// its ATR and the answer to the command that asks for its UID, FF CA 00 00 00, comes every 150 ms: "3B8F8001… 0411229000".
// A pcscd that has ended or was restarted, and a reader unplugged, are the end of the line, as with any other.
func openPCSC(ctx context.Context, o Options) (*Line, error) {
	p, err := dialPCSCD(ctx, pcscdSocket)
	if err != nil {
		return nil, err
	}
	if _, err := p.choose(o.PCSC); err != nil {
		return nil, errors.Join(err, p.close())
	}
	in := newSource(func(s *source) error { return p.watch(s, o.PCSC) }, p.close)
	return &Line{name: o.PCSC, in: in, out: mute{}, stuck: o.StuckAfter}, nil
}

// choose finds the first reader of that name: a part of it, or a pattern in which * stands for anything. Capitals and
// small letters are the same.
func (p *pcscd) choose(name string) (pcscReader, error) {
	all, err := p.readers()
	if err != nil {
		return pcscReader{}, err
	}
	var names []string
	for _, r := range all {
		if pcscNamed(name, r.name) {
			return r, nil
		}
		names = append(names, r.name)
	}
	return pcscReader{}, fmt.Errorf("pcscd knows no reader %q, only %q: %w", name, names, os.ErrNotExist)
}

// pcscNamed says whether a reader goes by that name.
func pcscNamed(name, reader string) bool {
	name, reader = strings.ToLower(name), strings.ToLower(reader)
	if !strings.Contains(name, "*") {
		return strings.Contains(reader, name)
	}
	ok, err := path.Match(name, reader)
	return ok && err == nil
}

// watch tells the card that lies on the reader until the line is closed or something is gone. A card is asked once and
// told again as long as it has not been moved.
func (p *pcscd) watch(s *source, name string) error {
	defer context.AfterFunc(s.ctx, func() { _ = p.close() })() // ends a call that waits; the line's Close has the error
	tick := time.NewTicker(pcscEvery)
	defer tick.Stop()
	var last uint32
	var text string
	for s.ctx.Err() == nil {
		r, err := p.choose(name)
		if err != nil {
			return err
		}
		if !r.present || r.counter != last {
			text = ""
		}
		if r.present && text == "" {
			if text, err = p.uid(r); err != nil {
				return err
			}
		}
		last = r.counter
		if text != "" {
			s.say(text)
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
		}
	}
	return nil
}

// uid asks a card for its UID and makes a line of it; empty if the card was taken away meanwhile, or does not answer.
func (p *pcscd) uid(r pcscReader) (string, error) {
	answer, err := p.ask(r.name, []byte{0xff, 0xca, 0x00, 0x00, 0x00})
	code, coded := errors.AsType[pcscError](err)
	switch {
	case coded && (code == pcscNotThere || code == pcscUnplugged || code == pcscForbidden):
		return "", err
	case coded && code == pcscInUse:
		return "", fmt.Errorf("%w (%w)", ErrInUse, err)
	case coded:
		return "", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("%X %X\n", r.atr, answer), nil
}
