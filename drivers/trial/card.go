package trial

import (
	"context"
	"fmt"
	"time"

	"quhao/drivers/card"
)

// taps is how often the same card is read.
const taps = 3

// Reading reads values as the program does, and hands them on until ctx ends or the line fails; bad hears what was not
// understood.
type Reading[T any] func(ctx context.Context, got func(T), bad func(error)) error

// Card tries a reader: one card, tapped three times, then held, which must count as one tap. The error wraps ErrFailed.
// Nothing that it says shows more of a card's number than its last two characters.
func Card(ctx context.Context, b Bench, read Reading[card.Number]) error {
	c := b.begin()
	ears := listen(ctx, read)
	first, ok := c.tapped(ctx, ears)
	held := card.Held{Gap: c.Gap}
	if ok {
		held.Seen(ears.now(), first)
	}
	for n := 2; ok && n <= taps; n++ {
		ok = c.again(ctx, ears, &held, first, n)
	}
	if ok {
		c.held(ctx, ears, &held, first)
	}
	ears.stop()
	c.noise(ears.noise())
	return c.end(ctx)
}

// tapped waits for the first card.
func (c *course) tapped(ctx context.Context, e *ears[card.Number]) (card.Number, bool) {
	what := Text{fmt.Sprintf("第 1 次刷卡（共 %d 次，每次刷后拿开）", taps), fmt.Sprintf("tap 1 of %d, with the card taken away after each", taps)}
	c.Say(Text{"请刷卡，刷后拿开", "Tap a card, and take it away"})
	n, err := e.next(ctx, c.Patience)
	if err != nil {
		c.fail(what, Text{
			fmt.Sprintf("没有读到卡（%v）：请检查卡的种类（125 kHz 或 13.56 MHz）、电源、接线和波特率", err),
			fmt.Sprintf("no card was read (%v): check the kind of card (125 kHz or 13.56 MHz), power, wiring and baud", err),
		})
		return "", false
	}
	c.pass(what, Text{fmt.Sprintf("%s，%d 个字符", n, len(n.Reveal())), fmt.Sprintf("%s, %d characters", n, len(n.Reveal()))})
	return n, true
}

// again waits for the same card as a new tap.
func (c *course) again(ctx context.Context, e *ears[card.Number], held *card.Held, first card.Number, turn int) bool {
	what := Text{fmt.Sprintf("第 %d 次刷卡", turn), fmt.Sprintf("tap %d", turn)}
	c.Say(Text{"请再刷同一张卡", "Tap the same card again"})
	for until := time.Now().Add(c.Patience); ; {
		n, err := e.next(ctx, time.Until(until))
		switch {
		case err != nil:
			c.fail(what, Text{fmt.Sprintf("没有读到卡（%v）", err), fmt.Sprintf("no card was read (%v)", err)})
			return false
		case !held.Seen(e.now(), n):
			continue // it still lies there
		case n != first:
			c.fail(what, Text{
				fmt.Sprintf("读到另一个号 %s：同一张卡每次必须相同；手机和部分新卡每次不同，不能用来取号", n),
				fmt.Sprintf("another number was read, %s: one card must have one number; phones and some cards change theirs, and are of no use here", n),
			})
			return false
		}
		c.pass(what, same("%s", n))
		return true
	}
}

// held lets the card lie on the reader: however often the reader sends it, that is one tap.
func (c *course) held(ctx context.Context, e *ears[card.Number], held *card.Held, first card.Number) {
	what := Text{"按住卡", "the card is held"}
	c.Say(Text{fmt.Sprintf("请把卡放在读卡器上 %v 不动", c.Hold), fmt.Sprintf("Hold the card to the reader for %v", c.Hold)})
	seen, sent := 0, 0
	until := time.Now().Add(c.Patience)
	for {
		n, err := e.next(ctx, time.Until(until))
		if err != nil && sent == 0 {
			c.fail(what, Text{fmt.Sprintf("没有读到卡（%v）", err), fmt.Sprintf("no card was read (%v)", err)})
			return
		}
		if err != nil {
			break
		}
		isNew := held.Seen(e.now(), n)
		if n != first {
			continue
		}
		if sent == 0 && !isNew {
			continue // the last tap has not ended yet
		}
		if sent++; sent == 1 {
			until = time.Now().Add(c.Hold)
		}
		if isNew {
			seen++
		}
	}
	detail := Text{fmt.Sprintf("读卡器发送 %d 次，算作 %d 次刷卡", sent, seen), fmt.Sprintf("the reader sent it %d times, which counts as %d tap(s)", sent, seen)}
	if seen != 1 {
		c.fail(what, detail)
		return
	}
	c.pass(what, detail)
}

// noise says what came that nobody understood.
func (c *course) noise(n int, last error) {
	what := Text{"无法理解的数据", "what was not understood"}
	if n == 0 {
		c.pass(what, Text{"无", "nothing"})
		return
	}
	c.fail(what, Text{
		fmt.Sprintf("%d 次，最后一次：%v；请检查波特率、校验位、驱动和接地", n, last),
		fmt.Sprintf("%d times, last: %v; check baud, parity, the driver, and the ground wire", n, last),
	})
}
