package flow

import "testing"

// A card that identifies nobody never makes a request; its holder is told, and what was chosen waits for another card.
func TestNobody(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Nobody{})
	b.wantNoCmd()
	b.wantScreen(NoIdentity)
	if s := b.k.screen(b.now()); s.Title != (Text{"请使用实体校园卡或校园码", "Please use your physical campus card or campus code"}) {
		t.Errorf("it says %+v", s.Title)
	}
	b.do(Tap{card}) // the plastic card, at once
	b.wantScreen(Choose)
	b.do(Key{1})
	if cmd := b.asked(); cmd.Q != "study" || cmd.Card == "" {
		t.Errorf("asked %+v", cmd)
	}
}

func TestNobodyAfterAChoice(t *testing.T) {
	b := newBench(t, sample())
	b.ready()
	b.do(Key{1}) // needs a card
	b.wantScreen(TapCard)
	b.do(Nobody{})
	b.wantScreen(NoIdentity)
	b.heartbeat()
	b.pass(showFor)
	b.wantScreen(TapCard)
	b.heartbeat()
	b.pass(collectFor - 1)
	b.do(Tap{card})
	if cmd := b.asked(); cmd.Q != "study" || cmd.Card == "" {
		t.Errorf("asked %+v", cmd)
	}
}

// Where no card is looked at, a phone on the reader disturbs nobody; neither does one while somebody is served.
func TestNobodyMatters(t *testing.T) {
	c := sample()
	c.Card = CardNever
	b := newBench(t, c)
	b.ready()
	b.do(Nobody{})
	b.wantScreen(Idle)
	b = newBench(t, sample())
	b.ready()
	b.do(Key{3})
	b.asked()
	b.do(Nobody{})
	b.wantScreen(Asking)
}
