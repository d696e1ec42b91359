package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"quhao/drivers/keypad"
)

// order is one thing that can be typed: its words, what it does, and both in the help.
type order struct {
	word   string
	args   string
	zh, en string
	min    int // words behind it, at least
	do     func(c *console, args []string) error
	hand   bool // something that hands do in the hall: the page has it as well
}

// orders is the table of everything that can be typed.
func orders() []order {
	call := func(word, zh, en string, op keypad.Op) order {
		return order{word, "COUNTER", zh, en, 1, func(c *console, a []string) error { return c.press(op, a[0], 0) }, true}
	}
	return []order{
		{"tap", "CARD KIOSK|COUNTER", "刷卡", "tap a card", 2, (*console).tap, true},
		{"key", "KEY KIOSK", "按部门键", "press the key of a department", 2, (*console).key, true},
		call("next", "叫下一位", "call the next visitor", keypad.Next),
		call("start", "开始办理", "the visitor is here", keypad.Start),
		call("done", "办结", "the matter is done", keypad.Complete),
		{"rate", "COUNTER SCORE", "评价 1 至 5", "press a rating key, 1 to 5", 2, (*console).rate, true},
		call("recall", "重呼", "call the same number again", keypad.Recall),
		call("noshow", "过号", "the visitor did not come", keypad.NoShow),
		call("park", "挂起", "put the visitor on hold", keypad.Park),
		call("unpark", "取回挂起", "call back from hold", keypad.Unpark),
		{"transfer", "COUNTER N", "转办", "send the visitor to department N", 2, (*console).transfer, true},
		call("pause", "暂停或恢复", "pause the counter, or go on", keypad.Pause),
		{"sign", "COUNTER", "岗位人员刷卡", "the officer taps a card: on, or off", 1, (*console).sign, true},
		{"paper", "out|in KIOSK", "取出或装入打印纸", "take the paper out, or put it in", 2, (*console).paper, true},
		{"cover", "open|closed KIOSK", "打开或合上打印机盖", "open or close the printer", 2, (*console).cover, true},
		{"take", "KIOSK", "取走号票", "take the ticket out of the slot", 1, (*console).take, true},
		{"cut", "CABLE", "拔线（写设备名为拔网线）", "pull a cable out; the name of a device is its network cable", 1, (*console).cut, true},
		{"plug", "CABLE", "插线", "plug it in again", 1, (*console).plug, true},
		{"cables", "", "列出线缆", "list the cables", 0, (*console).cables, false},
		{"off", "PROGRAM", "关闭程序", "switch a program off", 1, func(c *console, a []string) error { return c.program(a[0], (*program).turnOff) }, true},
		{"on", "PROGRAM", "启动程序", "switch it on again", 1, func(c *console, a []string) error { return c.program(a[0], (*program).turnOn) }, true},
		{"kill", "PROGRAM", "强制结束程序（自动重启）", "kill -9 a program; it is started again", 1, func(c *console, a []string) error { return c.program(a[0], (*program).kill) }, true},
		{"wait", "SECONDS", "等待", "wait, for commands that come from a file", 1, (*console).wait, false},
		{"board", "", "看大厅（也可直接回车）", "show the hall; so does Enter alone", 0, (*console).board, false},
		{"help", "", "帮助", "this list", 0, (*console).help, false},
		{"quit", "", "离开", "leave", 0, func(*console, []string) error { return errQuit }, false},
	}
}

// errQuit is the wish to leave.
var errQuit = errors.New("quit")

// console is a person at the terminal, or one at the page, whose clicks are the same orders.
type console struct {
	h      *hall
	in     io.Reader
	orders []order
	page   bool // the person sees the hall: nobody has to tell
}

func newConsole(h *hall, in io.Reader) *console { return &console{h: h, in: in, orders: orders()} }

// run does what is typed until the wish to leave, the end of the input, or the end of the hall.
func (c *console) run() error {
	c.welcome()
	c.h.out.say("试试 / try: tap 20260001 kiosk-1, key 1 kiosk-1, next 1, start 1, done 1, rate 1 5; help: 帮助; quit: 离开")
	c.h.out.ask("> ")
	defer c.h.out.ask("")
	// A read from a terminal cannot be broken off: the goroutine ends with the input, or with the program.
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(c.in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-c.h.ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-c.h.ctx.Done():
			return context.Cause(c.h.ctx)
		case line, more := <-lines:
			if !more {
				return nil
			}
			err := c.obey(strings.Fields(line))
			if errors.Is(err, errQuit) {
				return nil
			}
			if err != nil {
				c.h.out.say("%v", err)
			}
			c.h.out.ask("> ")
		}
	}
}

// welcome says where to look and what to type.
func (c *console) welcome() {
	if c.h.opt.page != "" {
		c.h.out.say("\n  请在浏览器中打开 / open the hall in a browser:\n\n      http://%s/\n", c.h.opt.page)
	}
	c.h.out.say("大厅已开放 / the hall is open\n  服务中心页面 / the centre's own pages: http://%s/\n  号票与日志 / papers and logs: %s", c.h.opt.http, c.h.dir)
}

// obey does one line.
func (c *console) obey(words []string) error {
	if len(words) == 0 {
		return c.board(nil)
	}
	i := slices.IndexFunc(c.orders, func(o order) bool { return o.word == words[0] && (o.hand || !c.page) })
	if i < 0 {
		return no("%q is not understood; help lists what is", "不明白 %q，输入 help 看帮助", words[0])
	}
	o := c.orders[i]
	if len(words)-1 < o.min {
		return no("%s wants %s", "%s 后面要写 %s", o.word, o.args)
	}
	if most := len(strings.Fields(o.args)); len(words)-1 > most {
		return no("too much: %q; it is written: %s", "%q 多余，写法是 %s", strings.Join(words[1+most:], " "), strings.TrimSpace(o.word+" "+o.args))
	}
	return o.do(c, words[1:])
}

func (c *console) help([]string) error {
	var b strings.Builder
	for _, o := range c.orders {
		head := o.word + " " + o.args
		fmt.Fprintf(&b, "  %-22s %s%s %s\n", head, o.zh, strings.Repeat(" ", max(0, 24-cells(o.zh))), o.en)
	}
	c.h.out.say("%s", strings.TrimRight(b.String(), "\n"))
	return nil
}

func (c *console) cut(args []string) error {
	if err := c.h.wires.cut(args[0]); err != nil {
		return err
	}
	c.h.out.say("%s 的线已拔下 / its cable is out", args[0])
	return nil
}

func (c *console) plug(args []string) error {
	if err := c.h.wires.plug(c.h.ctx, args[0]); err != nil {
		return err
	}
	c.h.out.say("%s 的线已插好 / its cable is in", args[0])
	return nil
}

func (c *console) tap(args []string) error {
	card, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return no("a card has a number of up to ten digits, such as 20260001, not %q", "卡号是不超过十位的数字，例如 20260001，不是 %q", args[0])
	}
	if n, err := strconv.Atoi(args[1]); err == nil {
		u, err := c.h.wires.unitOf(n)
		if err != nil {
			return err
		}
		return u.card.tap(uint32(card))
	}
	k, err := c.h.wires.kioskOf(args[1])
	if err != nil {
		return err
	}
	if k.card == nil {
		return no("%s has no card reader", "%s 没有读卡器", k.id)
	}
	if err := k.card.tap(uint32(card)); err != nil {
		return err
	}
	return c.reads(k)
}

// reads says what the kiosk's screen says now.
func (c *console) reads(k *kiosk) error {
	if c.page {
		return nil
	}
	text, err := c.h.reads(c.h.ctx, k)
	if err == nil {
		c.h.out.note(k.id + ": " + text)
	}
	return err
}

func (c *console) key(args []string) error {
	k, err := c.h.wires.kioskOf(args[1])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return no("a key has a number, not %q", "按键用数字表示，不是 %q", args[0])
	}
	if err := k.keys.Type(fmt.Sprintf("%s %d", keypad.Choose, n)); err != nil {
		return err
	}
	return c.reads(k)
}

// press presses a key at a counter, and says so if nothing comes of it.
func (c *console) press(op keypad.Op, counter string, arg int) error {
	n, err := strconv.Atoi(counter)
	if err != nil {
		return no("a counter has a number, not %q", "窗口用数字表示，不是 %q", counter)
	}
	u, err := c.h.wires.unitOf(n)
	if err != nil {
		return err
	}
	if op == keypad.Rate {
		return c.score(u, arg)
	}
	if !c.page { // lines can come faster than fingers: the same key is bounce then
		if err := pause(c.h.ctx, stepUp); err != nil {
			return err
		}
	}
	changed, err := c.h.press(c.h.ctx, u, op, arg)
	if err == nil && !changed {
		return no("counter %d has not changed: nobody to call, not allowed now, or the daemon is away",
			"%d 号窗口没有变化：无人等候、此刻不允许，或控制器不在线", n)
	}
	return err
}

// score presses a rating key. Nothing that can be seen changes but the rater, so the terminal says whether it was taken.
func (c *console) score(u *counterUnit, score int) error {
	if c.page {
		return u.keys.press(keypad.Rate, score)
	}
	open, err := c.h.unit(c.h.ctx, u, time.Second, func(v unitView) bool { return v.Rating })
	if err != nil {
		return err
	}
	if !open {
		return no("counter %d has no visit to rate: once, after the end of one", "%d 号窗口没有可评价的办理：办结之后评价，每次办理一次", u.number)
	}
	if err := u.keys.press(keypad.Rate, score); err != nil {
		return err
	}
	taken, err := c.h.unit(c.h.ctx, u, rateWithin, func(v unitView) bool { return !v.Rating })
	if err == nil && taken {
		c.h.out.event("%d 号窗口：已评价 %d，感谢您的评价", "counter %d: rated %d, thank you", u.number, score)
	}
	return err
}

func (c *console) rate(args []string) error {
	score, err := strconv.Atoi(args[1])
	if err != nil || score < 1 || score > 5 {
		return no("there are five rating keys, 1 to 5, not %q", "评价键有五个，1 至 5，不是 %q", args[1])
	}
	return c.press(keypad.Rate, args[0], score)
}

func (c *console) transfer(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 || n > 99 {
		return no("a department has a number, 1 to 99, not %q", "部门用 1 至 99 的数字表示，不是 %q", args[1])
	}
	return c.press(keypad.Transfer, args[0], n)
}

func (c *console) sign(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return no("a counter has a number, not %q", "窗口用数字表示，不是 %q", args[0])
	}
	u, err := c.h.wires.unitOf(n)
	if err != nil {
		return err
	}
	return u.card.tap(officerCard(n))
}

func (c *console) paper(args []string) error {
	if args[0] != "out" && args[0] != "in" {
		return no("paper out, or paper in, not %q", "paper out（取纸）或 paper in（装纸），不是 %q", args[0])
	}
	k, err := c.printer(args[1])
	if err == nil {
		k.setOut(args[0] == "out")
	}
	return err
}

func (c *console) cover(args []string) error {
	if args[0] != "open" && args[0] != "closed" {
		return no("cover open, or cover closed, not %q", "cover open（开盖）或 cover closed（合盖），不是 %q", args[0])
	}
	k, err := c.printer(args[1])
	if err == nil {
		k.setCover(args[0] == "open")
	}
	return err
}

// printer finds a kiosk whose printer has paper and a cover.
func (c *console) printer(id string) (*kiosk, error) {
	k, err := c.h.wires.kioskOf(id)
	if err == nil && k.paper == nil {
		err = no("the printer of %[1]s prints lines of text and cannot run out of paper; cut %[1]s-printer takes it away",
			"%[1]s 的打印机是文本打印机，不会缺纸；可以拔掉 %[1]s-printer", id)
	}
	return k, err
}

func (c *console) take(args []string) error {
	k, err := c.h.wires.kioskOf(args[0])
	if err == nil && !c.h.papers.pick(k.id) {
		err = no("nothing hangs out of %s", "%s 的出纸口没有号票", k.id)
	}
	return err
}

func (c *console) cables([]string) error {
	var b strings.Builder
	for _, name := range c.h.wires.names() {
		_, part := c.h.wires.part(name)
		words, state := partName(part), ""
		if !c.h.wires.in(name) {
			state = "已拔 / cut"
		}
		fmt.Fprintf(&b, "  %-18s %s线%s %-14s %s\n", name, words.ZH, strings.Repeat(" ", max(0, 8-cells(words.ZH))), words.EN, state)
	}
	c.h.out.say("%s", strings.TrimRight(b.String(), "\n"))
	return nil
}

// program does something to the program with that name.
func (c *console) program(name string, do func(*program) error) error {
	for _, p := range c.h.programs {
		if p.name == name {
			return do(p)
		}
	}
	var names []string
	for _, p := range c.h.programs {
		names = append(names, p.name)
	}
	return no("there is no program %q; there are %s", "没有程序 %q；有 %s", name, strings.Join(names, ", "))
}

func (c *console) wait(args []string) error {
	seconds, err := strconv.ParseFloat(args[0], 64)
	if err != nil || seconds < 0 || seconds > 3600 {
		return no("wait 0 to 3600 seconds, not %q", "等待 0 至 3600 秒，不是 %q", args[0])
	}
	return pause(c.h.ctx, time.Duration(seconds*float64(time.Second)))
}

// board shows the hall as it is.
func (c *console) board([]string) error {
	o := c.h.board.now()
	var b strings.Builder
	for _, d := range c.h.conf.Centre.Departments {
		fmt.Fprintf(&b, "  %s%s %-16s 等候 waiting %d\n", d.Name.ZH, strings.Repeat(" ", max(0, 8-cells(d.Name.ZH))), d.Name.EN, o.Waiting[d.ID])
	}
	for _, u := range c.h.wires.units {
		s := o.Counters[u.counter]
		zh, _ := shown(u.screen.Shown())
		fmt.Fprintf(&b, "  %d号窗口 counter %d  %-8s %-6s 窗口屏 display: %s\n", u.number, u.number, s.S, s.Num, zh)
	}
	for _, d := range o.Devices {
		state := "已连接 in session"
		if !d.Session {
			state = "未连接 not connected"
		}
		fmt.Fprintf(&b, "  %-9s %s", d.ID, state)
		for _, part := range slices.Sorted(maps.Keys(d.Health.Parts)) {
			fmt.Fprintf(&b, ", %s %s", part, d.Health.Parts[part])
		}
		b.WriteByte('\n')
	}
	c.h.out.say("%s", strings.TrimRight(b.String(), "\n"))
	return nil
}
