package main

import (
	"encoding/json"
	"os"
	"path/filepath"
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
	h.state(t, "the words", func(p page) bool {
		return p.Screen.State == "no_identity" && p.Screen.Title.ZH == "请使用实体校园卡或校园码"
	})
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

// A scanner beside the card reader: a campus code is a visitor of its own, and digits in a code are not the card with
// those digits.
func TestScanner(t *testing.T) {
	t.Parallel()
	local := t.TempDir()
	if err := os.CopyFS(local, os.DirFS(filepath.Join("..", "configs", "hall"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(local, "devices", "kiosk-1.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "\nscanner: {driver: scanner, port: {serial: ports/kiosk-1-scanner}}\n"...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h := openWith(t, local, virtual.PrinterOptions{}, func(*virtual.Printer) {})
	scanner := virtual.NewTypist()
	cable := virtual.NewCable(filepath.Join(h.data, "ports", "kiosk-1-scanner"))
	if err := cable.Plug(t.Context(), scanner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cable.Cut(); err != nil {
			t.Error(err)
		}
	})
	h.state(t, "both readers", func(p page) bool { return ready(p) && p.Parts["scanner"] == "ok" && p.Parts["card_reader"] == "ok" })
	if err := scanner.Type(cardNumber); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the code", func(p page) bool { return p.Screen.State == "choose" })
	h.press(t, 2)
	h.paper(t)
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	key := []byte("key")
	if len(h.c.cmds) != 1 || h.c.cmds[0].Card != proto.CardHash(key, proto.CardDigest("code:"+cardNumber)) ||
		h.c.cmds[0].Card == proto.CardHash(key, proto.CardDigest(cardNumber)) {
		t.Errorf("asked %+v", h.c.cmds)
	}
}
