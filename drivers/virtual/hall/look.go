package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quhao/drivers/keypad"
	"quhao/internal/proto"
)

const (
	lampWithin   = 3 * time.Second         // the keys are lit again after a press
	restFor      = 300 * time.Millisecond  // after a tap or a key the screen has changed
	changeWithin = 1500 * time.Millisecond // a press has its effect; otherwise one looks again
)

// press presses a key of a counter when the keys are lit, and waits for the counter to change; false if it does not.
func (h *hall) press(ctx context.Context, u *counterUnit, op keypad.Op, arg int) (changed bool, err error) {
	st := h.board.now().Counters[u.counter]
	if _, err := h.unit(ctx, u, lampWithin, func(v unitView) bool {
		return v.Lamp && !v.Busy && !st.At().After(v.Held)
	}); err != nil {
		return false, err
	}
	if err := u.keys.press(op, arg); err != nil {
		return false, err
	}
	soon, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	_, err = h.board.await(soon, func(ov overview) bool {
		now := ov.Counters[u.counter]
		return now.S != st.S || now.Call != st.Call || now.RN != st.RN
	})
	return err == nil, ctx.Err()
}

// kioskView is what the hall reads of a kiosk's state page.
type kioskView struct {
	Screen screenScene  `json:"screen"`
	Lamps  map[int]bool `json:"lamps"` // of the keys
}

// words are a text in the two languages of the centre.
type words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// refusal says in both languages why something cannot be done. It is an answer to a person, not a fault.
type refusal struct{ words }

// Error gives both languages, Chinese first.
func (r refusal) Error() string { return r.ZH + " / " + r.EN }

// no is a refusal; both texts get the same arguments.
func no(en, zh string, args ...any) error {
	return refusal{words{ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)}}
}

// screen waits until a kiosk's screen is in one of the states, and returns the state it is in.
func (h *hall) screen(ctx context.Context, k *kiosk, within time.Duration, states ...string) (string, error) {
	deadline := time.Now().Add(within)
	var v kioskView
	for {
		err := get(ctx, &h.client, "http://"+k.window+"/state", &v)
		for _, s := range states {
			if err == nil && v.Screen.State == s {
				return s, nil
			}
		}
		if time.Now().After(deadline) {
			return v.Screen.State, errors.Join(fmt.Errorf("its screen says %s", v.Screen.State), err)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return "", err
		}
	}
}

// reads says what a kiosk's screen says once the kiosk has come to rest after a tap or a key.
func (h *hall) reads(ctx context.Context, k *kiosk) (string, error) {
	if err := pause(ctx, restFor); err != nil {
		return "", err
	}
	deadline := time.Now().Add(lampWithin)
	for {
		var v kioskView
		if err := get(ctx, &h.client, "http://"+k.window+"/state", &v); err != nil {
			return "", err
		}
		if s := v.Screen; s.State != "asking" && s.State != "printing" || time.Now().After(deadline) {
			return fmt.Sprintf("%s %s / %s %s", s.Title.ZH, s.Hint.ZH, s.Title.EN, s.Hint.EN), nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return "", err
		}
	}
}

// unitView is what the hall reads of a counter on a unit's state page.
type unitView struct {
	Counter string   `json:"counter"`
	Held    proto.At `json:"held"`
	Lamp    bool     `json:"lamp"`
	Busy    bool     `json:"busy"`
	Rating  bool     `json:"rating"`
	For     int      `json:"for"` // seconds left to rate
	Mode    string   `json:"mode"`
	Text    string   `json:"text"`
}

// unitPage is a unit's state page.
type unitPage struct {
	Counters []unitView `json:"counters"`
}

// unit waits until the unit looks as wanted; false if it does not within that time.
func (h *hall) unit(ctx context.Context, u *counterUnit, within time.Duration, want func(unitView) bool) (bool, error) {
	deadline := time.Now().Add(within)
	for {
		var page unitPage
		err := get(ctx, &h.client, "http://"+u.window+"/state", &page)
		i := slices.IndexFunc(page.Counters, func(v unitView) bool { return v.Counter == u.counter })
		if err == nil && i >= 0 && want(page.Counters[i]) {
			return true, nil
		}
		if time.Now().After(deadline) {
			return false, nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return false, err
		}
	}
}
