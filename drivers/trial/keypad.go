package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quhao/drivers/keypad"
)

// pressGap is how long a key that repeats while it is held may be silent in between.
const pressGap = 500 * time.Millisecond

// Keypad tries keys: the person presses each of them once, in any order. Each is named as it is seen; those of want that
// were not pressed before the person's patience ended are missing, and one that sends all the time is stuck. The address
// of a press does not matter here. The error wraps ErrFailed.
func Keypad(ctx context.Context, b Bench, read Reading[keypad.Press], want []keypad.Press) error {
	c := b.begin()
	ears := listen(ctx, read)
	k := &keys{course: c, want: want}
	c.Say(Text{"请把每个键各按一次：" + names(want), "Press each key once: " + names(want)})
	for until := time.Now().Add(c.Patience); len(k.missing()) > 0 && !k.stuck; {
		p, err := ears.next(ctx, time.Until(until))
		if err != nil {
			break
		}
		p.Addr = 0
		if k.pressed(ears.now(), p) {
			until = time.Now().Add(c.Patience)
		}
	}
	what := Text{"所有的键", "all keys"}
	if missing := k.missing(); len(missing) > 0 {
		c.fail(what, Text{
			"没有收到：" + names(missing) + "；请检查按键、接线和配置中的键值",
			"not seen: " + names(missing) + "; check the key, its wire, and its value in the configuration",
		})
	} else {
		c.pass(what, Text{fmt.Sprintf("%d 个都已收到", len(want)), fmt.Sprintf("each of %d was seen", len(want))})
	}
	ears.stop()
	c.noise(ears.noise())
	return c.end(ctx)
}

// keys is what was seen of a keypad.
type keys struct {
	*course
	want, seen []keypad.Press
	bounce     keypad.Bounce
	last       keypad.Press
	since, at  time.Duration // last has been sending from since to at
	stuck      bool
}

// pressed takes one press, and says whether it was a new one and not the repetition of a held key.
func (k *keys) pressed(now time.Duration, p keypad.Press) bool {
	if p != k.last || now-k.at > pressGap {
		k.last, k.since = p, now
	}
	k.at = now
	if now-k.since >= k.Stuck && !k.stuck {
		k.stuck = true
		k.fail(Text{"按键 " + name(p), "key " + name(p)}, Text{"一直在发送：请检查是否卡住", "it sends all the time: look whether it is stuck"})
	}
	if !k.bounce.Pass(now, p) {
		return false
	}
	extra := Text{}
	switch {
	case slices.Contains(k.seen, p):
		extra = Text{"又一次", "once more"}
	case p.Op == keypad.Choose && !slices.Contains(k.want, p):
		extra = Text{"配置没有用到这个键", "the configuration has no use for this key"}
	}
	k.seen = append(k.seen, p)
	k.pass(Text{"按键 " + name(p), "key " + name(p)}, extra)
	return true
}

// missing are the keys that have not been seen.
func (k *keys) missing() []keypad.Press {
	return slices.DeleteFunc(slices.Clone(k.want), func(p keypad.Press) bool { return slices.Contains(k.seen, p) })
}

// name is how a key is called: next, choose 3.
func name(p keypad.Press) string {
	if p.Arg == 0 {
		return string(p.Op)
	}
	return fmt.Sprintf("%s %d", p.Op, p.Arg)
}

func names(all []keypad.Press) string {
	var out []string
	for _, p := range all {
		out = append(out, name(p))
	}
	return strings.Join(out, ", ")
}
