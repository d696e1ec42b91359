package main

import (
	"encoding/json"
	"testing"
	"time"

	"quhao/drivers/virtual"
	"quhao/internal/proto"
)

// A blank card makes no number: the screen says what to use, and the health message counts it once, however long it stays.
func TestNobody(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	if err := h.reader.TapFor(virtual.CardHex(0x10, 0), 5*repeats); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the words", func(p page) bool { return p.Screen.State == "no_identity" && p.Screen.Title.ZH == "请使用实体校园卡或校园码" })
	if err := h.reader.Tap(virtual.CardHex(0x10, 8844356)); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the card", func(p page) bool { return p.Screen.State == "choose" && p.Noise["card_reader"] == 0 })
	h.c.until(t, "the count", func() bool {
		for _, m := range h.c.said {
			var health proto.Health
			if json.Unmarshal(m.Payload, &health) == nil && health.Count["card_reader.nobody"] == 1 {
				return true
			}
		}
		return false
	})
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if len(h.c.cmds) != 0 {
		t.Errorf("asked %+v", h.c.cmds)
	}
}

// repeats is how often the reader tells a card that stays.
const repeats = 50 * time.Millisecond
