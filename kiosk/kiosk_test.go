package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"quhao/drivers/virtual"
	"quhao/internal/proto"
	"quhao/internal/station"
)

func ready(p page) bool { return p.Session && p.Printer == "ok" }

func TestTapToPaper(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	if err := h.reader.Tap(virtual.CardHex(0x10, 8844356)); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the card", func(p page) bool { return p.Screen.State == "choose" })
	h.press(t, 2)
	paper := strings.Join(h.paper(t).Lines, "\n")
	for _, word := range []string{"B001", "财务", "报销", "示例服务大厅", "一楼 3 号窗口", "4 人", "5 至 10 分钟", "过号 30 分钟内"} {
		if !strings.Contains(paper, word) {
			t.Errorf("the paper does not say %s:\n%s", word, paper)
		}
	}
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end asked"}) })
	h.state(t, "everything acknowledged", func(p page) bool {
		return p.Screen.State == "take" && p.Screen.Number == "B001" && p.Journal.Acked == 2 && p.Parts["card_reader"] == "ok"
	})
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if len(h.c.cmds) != 1 || h.c.cmds[0].Card != proto.CardHash([]byte("key"), proto.CardDigest(cardNumber)) {
		t.Errorf("asked %+v", h.c.cmds)
	}
	for _, m := range h.c.said {
		if bytes.Contains(m.Payload, []byte(cardNumber)) || bytes.Contains(m.Payload, []byte(proto.CardDigest(cardNumber))) {
			t.Errorf("a card's number in %s: %s", m.Topic, m.Payload)
		}
	}
	if strings.Contains(h.log.String(), cardNumber) || strings.Contains(paper, cardNumber) {
		t.Error("a card's number in the log or on paper")
	}
}

func TestNoPaperNoNumber(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	h.printer.SetCover(true)
	h.press(t, 3) // the state was asked up to 5 s ago: the number is given, and the printer asked before the first byte
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end none"}) })
	h.state(t, "the open printer", func(p page) bool { return p.Printer == "open" && p.Parts["printer"] == "open" })
	h.press(t, 2)
	h.press(t, 1)
	h.printer.SetCover(false)
	h.state(t, "the printer to be well", func(p page) bool { return p.Printer == "ok" && p.Screen.State == "idle" })
	h.c.mu.Lock()
	if n := len(h.c.cmds); n != 1 {
		t.Errorf("%d numbers asked for, want 1", n)
	}
	h.c.mu.Unlock()
	h.press(t, 3)
	if paper := h.paper(t); !slices.Contains(paper.Lines, "B002") {
		t.Errorf("paper %q", paper.Lines)
	}
	if n := len(h.papers); n != 0 {
		t.Errorf("%d more papers", n)
	}
}

func TestPaperEndsWithinTheTicket(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	h.printer.SetOutAfter(100)
	h.press(t, 3)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end unknown"}) })
	h.state(t, "the printer without paper", func(p page) bool { return p.Printer == "out" })
}

func TestMutePrinter(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	h.printer.SetMute(true)
	h.press(t, 3)
	h.paper(t)
	h.c.until(t, "the facts", func() bool { return slices.Equal(h.c.told(), []string{"start", "end sent"}) })
}

func TestPrinterUnplugged(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	if err := h.cable.Cut(); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the printer to be gone", func(p page) bool {
		return p.Printer == "gone" && p.Screen.State == "printer_error" && p.Parts["printer"] == "gone"
	})
	if err := h.cable.Plug(t.Context(), h.printer); err != nil {
		t.Fatal(err)
	}
	h.state(t, "the printer to be back", ready)
	h.press(t, 3)
	h.paper(t)
	h.c.until(t, "the health", func() bool {
		return slices.ContainsFunc(h.c.said, func(m proto.Message) bool {
			return strings.HasSuffix(m.Topic, "/up/health") && m.Retain && bytes.Contains(m.Payload, []byte(`"printer":"gone"`))
		})
	})
}

func TestLeave(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.state(t, "a session and a printer", ready)
	h.stop()
	h.wait(t, station.ExitDone)
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if last := h.c.said[len(h.c.said)-1]; !strings.HasSuffix(last.Topic, "/up/avail") || string(last.Payload) != `{"s":"off"}` || !last.Retain {
		t.Errorf("the last word was %s %s", last.Topic, last.Payload)
	}
}
