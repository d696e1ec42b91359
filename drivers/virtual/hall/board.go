package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"quhao/internal/proto"
)

const (
	lookEvery = 40 * time.Millisecond // how often the hall looks at the centre
	maxPage   = 1 << 20               // bytes of an answer
)

// overview is what the hall reads of GET /api/overview.
type overview struct {
	Day      int64                         `json:"day"`
	Open     bool                          `json:"open"`
	Counters map[string]proto.CounterState `json:"counters"`
	Waiting  map[string]int                `json:"waiting"`
	Devices  []struct {
		ID      string
		Session bool
		Health  proto.Health
	} `json:"devices"`
}

// board is the centre as the daemon's pages show it, looked at again and again. While the daemon is away the last look stays.
type board struct {
	url    string
	client http.Client

	mu   sync.Mutex
	last overview
	bell bell
}

func newBoard(addr string) *board {
	return &board{url: "http://" + addr + "/api/overview", client: http.Client{Timeout: 2 * time.Second}}
}

// watch looks until ctx ends.
func (b *board) watch(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		var o overview
		if err := get(ctx, &b.client, b.url, &o); err == nil {
			b.mu.Lock()
			b.last = o
			b.mu.Unlock()
			b.bell.ring()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// now is the last look.
func (b *board) now() overview {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// await waits until something is seen, or ctx ends.
func (b *board) await(ctx context.Context, seen func(overview) bool) (overview, error) {
	for {
		rung := b.bell.next()
		if o := b.now(); seen(o) {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return overview{}, context.Cause(ctx)
		case <-rung:
		}
	}
}

// get reads a page of JSON.
func get(ctx context.Context, c *http.Client, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxPage+1))
	if err == nil && len(b) > maxPage {
		err = errors.New("too long")
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// bell wakes all who wait for a change. The zero value is ready to use.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed at the next ring. Take it before looking, so that no ring is missed.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
