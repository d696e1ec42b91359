package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
)

// drainFor is how long the test page may take to leave: half a minute at 1200 baud.
const drainFor = 60 * time.Second

// QR is what the code on the test page says.
const QR = "QUHAO-TEST-0123456789"

// Page is the test page: a ruler as wide as the paper, characters from the corners of the Chinese code pages, one that
// none of them has, all sizes a ticket uses, a QR code, and the cut.
func Page(columns int) printer.Paper {
	return printer.Paper{Lines: []printer.Line{
		{Text: "取号 Quhao", Align: printer.Center, Width: 2, Height: 2, Bold: true},
		{Text: "测试页 Test page", Align: printer.Center, Feed: 12},
		{Text: ruler(columns)},
		{Text: fmt.Sprintf("^ 1%*s", columns-3, fmt.Sprintf("%d ^", columns)), Feed: 12},
		{Text: "GB2312  啊阿埃 黥鼾齄"},      // from the first of the code page, B0A1, to the last, F7FE
		{Text: "GBK     丂丄丅 齇齾龥"},      // 8140 to 8142; FD4F, FD85, FD9B
		{Text: "GB18030 㐀㑇䶮"},          // 8139EE39, FE56, FE9F
		{Text: "Picture 鿏鿭", Feed: 12}, // younger than the fonts of printers: sent as a picture
		{Text: "①Ⅳ℃￥。，《》“”…—", Feed: 12},
		{Text: "Left 左"}, {Text: "Centre 中", Align: printer.Center}, {Text: "Right 右", Align: printer.Right},
		{Text: "A012", Align: printer.Center, Width: 4, Height: 4, Bold: true, Feed: 24},
		{QR: QR, Align: printer.Center, Feed: 24},
		{Text: "完 End", Align: printer.Center},
	}}
}

// ruler counts the columns: 123456789012…
func ruler(columns int) string {
	return strings.Repeat("1234567890", columns/10+1)[:columns]
}

// Printer tries a printer on an open line: its status, the test page, its status after it, and what a person sees on the
// paper. The error wraps ErrFailed.
func Printer(ctx context.Context, b Bench, l *port.Line, d printer.Driver) error {
	c := b.begin()
	asker, _ := d.(printer.Asker)
	if asker != nil && len(asker.Ask()) == 0 {
		asker = nil
	}
	before := Text{"打印前的状态", "status before printing"}
	if asker == nil {
		c.note(before, Unknown, Text{"该打印机按配置不查询状态", "by its configuration this printer is not asked"})
	} else if !c.status(before, l, asker) {
		return c.end(ctx)
	}
	if !c.page(l, d) {
		return c.end(ctx)
	}
	if asker != nil {
		c.status(Text{"打印后的状态", "status after printing"}, l, asker)
	}
	c.look(ctx, d.Columns())
	return c.end(ctx)
}

// status asks the printer how it is, and says whether it can print.
func (c *course) status(what Text, l *port.Line, a printer.Asker) bool {
	said, err := judge(l, a)
	if err != nil {
		c.fail(what, said)
		return false
	}
	c.pass(what, said)
	return true
}

// Status asks a printer on an open line how it is, and says it in words, with what to do next if err says that it cannot
// print; the error wraps ErrFailed. A printer that is not asked by its configuration is well.
func Status(l *port.Line, d printer.Driver) (Text, error) {
	a, ok := d.(printer.Asker)
	if !ok || len(a.Ask()) == 0 {
		return Text{"可以打开；该打印机按配置不查询状态", "can be opened; by its configuration this printer is not asked"}, nil
	}
	return judge(l, a)
}

// judge asks for the status and puts it into words.
func judge(l *port.Line, a printer.Asker) (Text, error) {
	state, heard, err := ask(l, a)
	switch {
	case err != nil:
		return same("%v", err), ErrFailed
	case state == printer.Gone && len(heard) > 0:
		return Text{
			fmt.Sprintf("收到 % x，不是状态：请检查波特率、校验位，以及端口是否接错", heard),
			fmt.Sprintf("it said % x, which is no status: check baud and parity, and whether this is the printer's port", heard),
		}, ErrFailed
	case state == printer.Gone:
		return Text{
			"没有应答：请检查电源、线缆的收发、波特率；确实不支持查询的，在配置中写 status: none",
			"no answer: check power, the cable's two directions, and baud; write status: none for one that cannot answer",
		}, ErrFailed
	case !state.CanPrint():
		zh, en := remedy(state)
		return Text{zh, en}, ErrFailed
	}
	return same("%s", state), nil
}

// remedy says what a person has to do about a printer's state.
func remedy(s printer.State) (zh, en string) {
	switch s {
	case printer.Out:
		return "缺纸：请装纸", "out: put paper in"
	case printer.Open:
		return "盖未关：请关盖", "open: close the cover"
	case printer.Offline:
		return "脱机：请按面板上的联机键，或重新上电", "offline: press its button, or switch it off and on"
	}
	return "故障：切刀、过热或其他，请断电检查", "error: cutter, heat or another; switch it off and look"
}

// ask asks for the status; Gone with what was heard stands for no whole answer.
func ask(l *port.Line, a printer.Asker) (state printer.State, heard []byte, err error) {
	if err := hush(l); err != nil {
		return "", nil, err
	}
	if _, err := l.Write(a.Ask()); err != nil {
		return "", nil, err
	}
	buf, chunk := []byte(nil), make([]byte, 64)
	for until := time.Now().Add(answerFor); time.Now().Before(until) && len(heard) < 256; {
		n, err := l.Read(chunk)
		if errors.Is(err, port.ErrTimeout) {
			continue
		} else if err != nil {
			return "", heard, err
		}
		heard, buf = append(heard, chunk[:n]...), append(buf, chunk[:n]...)
		for len(buf) > 0 {
			used, s, bad := a.DecodeStatus(buf)
			if s.State != "" {
				return s.State, heard, nil
			}
			if used == 0 && bad == nil {
				break
			}
			buf = buf[max(used, 1):]
		}
	}
	return printer.Gone, heard, nil
}

// hush reads until nothing more comes: an answer to an older question must not be taken for one to the next.
func hush(l *port.Line) error {
	chunk := make([]byte, 64)
	for range 64 {
		if _, err := l.Read(chunk); errors.Is(err, port.ErrTimeout) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("the line never falls silent: this is no printer's port, or the baud is wrong")
}

// page prints the test page.
func (c *course) page(l *port.Line, d printer.Driver) bool {
	what := Text{"测试页", "test page"}
	bytes := d.Encode(Page(d.Columns()))
	start := time.Now()
	n, err := l.Write(bytes)
	if err == nil {
		err = l.Drain(drainFor)
	}
	if err != nil {
		c.fail(what, Text{
			fmt.Sprintf("发出 %d / %d 字节后：%v；若打印机用流控停住，请看纸与盖", n, len(bytes), err),
			fmt.Sprintf("after %d of %d bytes: %v; a printer that stops by flow control may have no paper", n, len(bytes), err),
		})
		return false
	}
	took := time.Since(start).Round(time.Millisecond)
	c.pass(what, Text{fmt.Sprintf("%d 字节，%v", len(bytes), took), fmt.Sprintf("%d bytes, %v", len(bytes), took)})
	return true
}

// look asks what only eyes can see.
func (c *course) look(ctx context.Context, columns int) {
	c.ask(ctx, Text{fmt.Sprintf("标尺正好一行，末尾是 %d 吗", columns), fmt.Sprintf("Is the ruler exactly one line, with %d at its end?", columns)},
		Text{"请改配置中的 columns（58 毫米 32，80 毫米 48 或 42）", "change columns in the configuration (58 mm 32, 80 mm 48 or 42)"})
	c.ask(ctx, Text{"每行汉字都是汉字、没有乱码吗", "Are all Chinese characters characters, and none garbled?"},
		Text{"请改配置中的 codepage，或检查波特率", "change codepage in the configuration, or check baud"})
	c.ask(ctx, Text{"二维码扫出 " + QR + " 吗", "Does the QR code read " + QR + "?"},
		Text{"请在配置中让二维码以图形打印", "let the QR code be printed as a picture in the configuration"})
	c.ask(ctx, Text{"纸已切断、末尾“完”在切口之前吗", "Is the paper cut behind the word End?"},
		Text{"没有切刀的打印机请撕纸；有切刀而不切的请检修", "tear the paper where there is no cutter; have one that does not cut repaired"})
}
