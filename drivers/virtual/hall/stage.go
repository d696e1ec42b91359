package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quhao/internal/proto"
)

const (
	setEvery   = 100 * time.Millisecond // how often the hall is looked at for the page
	lookWithin = 700 * time.Millisecond // of one look at one program: a program that hangs is as good as gone
	keepTold   = 40                     // lines of the story
)

// stage is the hall as it is shown on the page: the last scene, its version, and the story so far.
type stage struct {
	h   *hall
	run int64 // tells this start of the hall from another

	mu    sync.Mutex
	last  scene
	raw   []byte // the last scene as JSON
	ver   uint64 // grows with each change
	story []told // newest first
	bell  bell
}

// show is what the page gets.
type shownScene struct {
	Run   int64           `json:"run"`
	V     uint64          `json:"v"`
	Scene json.RawMessage `json:"scene"`
	Story []told          `json:"story"`
}

func newStage(h *hall, now time.Time) *stage { return &stage{h: h, run: now.UnixMilli()} }

// watch looks at the hall until ctx ends.
func (s *stage) watch(ctx context.Context) {
	t := time.NewTicker(setEvery)
	defer t.Stop()
	for {
		seen := s.look(ctx)
		if ctx.Err() != nil {
			return
		}
		s.take(s.h.set(seen), time.Now())
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// look reads the state pages of all programs at once.
func (s *stage) look(ctx context.Context) pagesSeen {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	seen := pagesSeen{kiosks: map[string]kioskView{}, units: map[string]unitView{}}
	var mu sync.Mutex
	var g errgroup.Group
	for _, k := range s.h.wires.kiosks {
		g.Go(func() error {
			var v kioskView
			if get(ctx, &s.h.client, "http://"+k.window+"/state", &v) == nil {
				mu.Lock()
				defer mu.Unlock()
				seen.kiosks[k.id] = v
			}
			return nil // a program that does not answer is part of the scene
		})
	}
	for _, u := range s.h.wires.units {
		g.Go(func() error {
			var page unitPage
			if get(ctx, &s.h.client, "http://"+u.window+"/state", &page) == nil {
				mu.Lock()
				defer mu.Unlock()
				for _, v := range page.Counters {
					seen.units[v.Counter] = v
				}
			}
			return nil
		})
	}
	if halls := s.h.conf.Centre.Halls; len(halls) > 0 {
		g.Go(func() error {
			var v proto.HallState
			if get(ctx, &s.h.client, "http://"+s.h.opt.http+"/api/hall/"+halls[0].ID, &v) == nil {
				seen.hall = &v
			}
			return nil
		})
	}
	_ = g.Wait() // nobody returns an error
	seen.board = s.h.board.now()
	return seen
}

// take makes a scene the last one, if it is another, and tells what has happened in between.
func (s *stage) take(next scene, now time.Time) {
	raw, err := json.Marshal(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || bytes.Equal(raw, s.raw) { // a scene is plain data: it can always be written
		return
	}
	if s.ver > 0 {
		for _, w := range happened(s.last, next) {
			s.story = slices.Insert(s.story, 0, told{T: now.UnixMilli(), words: w})
		}
		s.story = s.story[:min(len(s.story), keepTold)]
	}
	s.last, s.raw = next, raw
	s.ver++
	s.bell.ring()
}

// now is the hall with its version, as JSON.
func (s *stage) now() (ver uint64, whole []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := shownScene{Run: s.run, V: s.ver, Scene: s.raw, Story: s.story}
	whole, err = json.Marshal(out)
	return s.ver, whole, err
}
