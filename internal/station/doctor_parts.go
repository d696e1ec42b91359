package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/printer"
	"quhao/drivers/reader"
	"quhao/drivers/trial"
	"quhao/internal/config"
)

// noisy is how many frames that nobody understood are more than chance: below that a plug was touched.
const noisy = 10

// part is a peripheral as the health message calls it.
type part struct {
	name string // printer, led c1
	kind config.Text
	*config.Peripheral
}

// partsOf lists the peripherals of a device.
func partsOf(d *config.Device) (out []part) {
	add := func(kind config.Text, key string, list ...*config.Peripheral) {
		for _, p := range list {
			if p == nil {
				continue
			}
			name := key
			if p.Counter != "" && key != "card_reader" {
				name += " " + p.Counter
			}
			out = append(out, part{name, kind, p})
		}
	}
	add(both("打印机", "printer"), "printer", d.Printer)
	add(both("读卡器", "card reader"), "card_reader", d.CardReader)
	add(both("扫码器", "scanner"), "scanner", d.Scanner)
	add(both("窗口屏", "display"), "led", d.LED...)
	add(both("按键", "keys"), "keypad", d.Keypad...)
	add(both("评价器", "rater"), "rater", d.Rater...)
	return out
}

// parts looks at every peripheral: through the running service, or by opening its port.
func (d *doctor) parts(ctx context.Context) {
	for _, p := range partsOf(d.device) {
		thing := both(p.kind.ZH+" "+p.name, "("+p.Driver+")")
		switch {
		case d.state != nil:
			d.told(thing, p)
		case !d.running:
			d.tried(ctx, thing, p)
		default: // the service holds the ports, and does not say how they are
			d.ok(thing, both("由服务使用，未检查", "in use by the service, not looked at"))
		}
	}
}

// told says what the running service knows of a part.
func (d *doctor) told(thing config.Text, p part) {
	state := d.state.Parts[p.name]
	if p.name == "printer" {
		state = d.state.Printer
	}
	if n := d.noise(p.name); n >= noisy {
		d.bad(thing, both(fmt.Sprintf("%d 帧无法理解：多半是波特率或驱动不对，或没有接地", n),
			fmt.Sprintf("%d frames were not understood: baud or driver may be wrong, or the ground wire is missing", n)))
	}
	for _, name := range slices.Sorted(maps.Keys(d.state.Parts)) { // a stuck key is a part of its own: keypad c1 key next
		if key, ok := strings.CutPrefix(name, p.name+" key "); ok && d.state.Parts[name] != "ok" {
			d.bad(thing, both("键 "+key+" 卡住：松开前不起作用，请检查", "the key "+key+" is stuck, and does nothing until it is let go: have a look"))
		}
	}
	switch state {
	case "ok", string(printer.Mute):
		d.ok(thing, plain("%s", state))
	case "low":
		d.ok(thing, both("纸快用完", "paper near its end"))
	case "gone", "":
		d.missing(thing, p)
	case "error":
		if p.name == "printer" {
			d.bad(thing, both("打印机报告故障：切刀、过热，或脱机", "it reports an error: cutter, heat, or offline"))
			return
		}
		d.bad(thing, both("端口被占用，或不应答："+d.holders(p), "its port is taken, or it does not answer: "+d.holders(p)))
	default:
		d.bad(thing, both("状态 "+state+"：out 装纸，open 关盖", "it is "+state+": put paper in, close the cover"))
	}
}

// noise is how many frames of a part nobody understood.
func (d *doctor) noise(name string) (n uint64) {
	raw := d.state.Noise[name]
	if err := json.Unmarshal(raw, &n); err == nil {
		return n
	}
	var many struct{ N uint64 }
	if err := json.Unmarshal(raw, &many); err != nil {
		return 0 // the page says nothing of it
	}
	return many.N
}

// missing says of a part that the service cannot use whether its port is there.
func (d *doctor) missing(thing config.Text, p part) {
	o := d.options(p)
	if o.TCP != "" {
		d.bad(thing, both("连不上 "+o.TCP+"：请检查电源和网线", o.TCP+" cannot be reached: look at its power and its cable"))
		return
	}
	if o.PCSC != "" {
		d.bad(thing, both("pcscd 或读卡器 "+o.PCSC+" 不在：请插上读卡器，并启动 pcscd（systemctl start pcscd）",
			"pcscd or its reader "+o.PCSC+" is not there: plug the reader in, and start pcscd"))
		return
	}
	if node, err := d.node(o); err != nil {
		d.diagnose(thing, o, err)
	} else {
		d.bad(thing, both(node+" 在，但没有应答：请检查部件的电源、接线和波特率", node+" is there, and nothing answers: look at the part's power, wires and baud"))
	}
}

// node is where the port of a part leads to now; an error if there is no such thing, or it may not be used.
func (d *doctor) node(o port.Options) (string, error) {
	kind, name := place(o)
	node, err := port.Find(d.sys, kind, name)
	if err != nil || node == "" {
		return node, err
	}
	f, err := os.OpenFile(node, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.EBUSY) {
		return node, nil // it is there, and the service has it for itself
	}
	if err != nil {
		return node, err
	}
	return node, f.Close()
}

// place is the kind and the name of the node in a port's options; both empty for what has none.
func place(o port.Options) (kind, name string) {
	switch {
	case o.Serial != "":
		return port.KindSerial, o.Serial
	case o.LP != "":
		return port.KindLP, o.LP
	case o.Evdev != "":
		return port.KindEvdev, o.Evdev
	case o.SPI != "":
		return port.KindSPI, o.SPI
	}
	return "", ""
}

// options are the options of a part's port, as the program would open it.
func (d *doctor) options(p part) port.Options {
	o := portOptions(d.a.Data, p.Port)
	o.Sys = d.sys
	return o
}

// tried opens the port of a part, and asks a printer how it is.
func (d *doctor) tried(ctx context.Context, thing config.Text, p part) {
	o := d.options(p)
	l, err := port.OpenContext(ctx, o)
	if err != nil {
		d.diagnose(thing, o, err)
		return
	}
	defer l.Close() // nothing was left in it
	if others := d.holders(p); others != "" {
		d.bad(thing, both("还有别的程序打开了它，会抢走数据："+others+"；请停用那个程序",
			"another program has it open as well and takes bytes away: "+others+"; stop that program"))
		return
	}
	if reader.Is(p.Options) {
		start := time.Now()
		if err := reader.Greet(ctx, l, p.Options, func() time.Duration { return time.Since(start) }); err != nil {
			d.bad(thing, both(fmt.Sprintf("%s 可以打开，但读卡器不应答（%v）：请检查电源、接线、拨码和波特率", l.Name(), err),
				fmt.Sprintf("%s can be opened, and no reader answers (%v): look at power, wires, switches and baud", l.Name(), err)))
			return
		}
	}
	driver, ok := p.Options.(printer.Driver)
	if !ok {
		d.ok(thing, both(l.Name()+" 可以打开", l.Name()+" can be opened"))
		return
	}
	what, err := trial.Status(l, driver)
	if err != nil {
		d.bad(thing, both(what.ZH, what.EN))
		return
	}
	d.ok(thing, both(l.Name()+"："+what.ZH, l.Name()+": "+what.EN))
}

// diagnose says what to do about a port that cannot be opened.
func (d *doctor) diagnose(thing config.Text, o port.Options, err error) {
	kind, name := place(o)
	switch {
	case errors.Is(err, port.ErrAmbiguous):
		d.bad(thing, both(fmt.Sprintf("%v（有几个一样的，请写明是哪一个）", err), fmt.Sprintf("%v", err)))
	case errors.Is(err, fs.ErrPermission):
		d.permission(thing, o, err)
	case errors.Is(err, port.ErrInUse):
		d.bad(thing, both(fmt.Sprintf("被占用：%s；请停用那个程序", d.holdersOf(o)), fmt.Sprintf("it is in use by %s: stop that program", d.holdersOf(o))))
	case o.SPI != "" && errors.Is(err, fs.ErrNotExist):
		d.bad(thing, both(o.SPI+" 不存在：请在 /boot/firmware/config.txt 中加一行 dtparam=spi=on，再重启",
			o.SPI+" is not there: add the line dtparam=spi=on to /boot/firmware/config.txt and start again"))
	case o.TCP != "":
		d.bad(thing, both(fmt.Sprintf("%v：请检查电源、网线和地址", err), fmt.Sprintf("%v: look at its power, its cable, and the address", err)))
	case o.PCSC != "":
		d.bad(thing, both(fmt.Sprintf("%v：请插上读卡器，并安装和启动 pcscd（systemctl start pcscd）", err),
			fmt.Sprintf("%v: plug the reader in, and install and start pcscd", err)))
	case kind == "":
		d.bad(thing, both(fmt.Sprintf("%v：请用 gpioinfo 核对线名，看是否被别的程序占用，用户是否在 gpio 组", err),
			fmt.Sprintf("%v: compare the names with gpioinfo, look whether another program has the line, and whether the user is in the group gpio", err)))
	case errors.Is(err, fs.ErrNotExist):
		there := d.there(kind)
		d.bad(thing, both(fmt.Sprintf("没有 %s。请插上；若换了适配器，请改配置。现有：%s", name, there),
			fmt.Sprintf("there is no %s: plug it in; if it is another adapter now, change the configuration. There is: %s", name, there)))
	default:
		d.bad(thing, both(fmt.Sprintf("打不开：%v", err), fmt.Sprintf("it cannot be opened: %v", err)))
	}
}

// permission names the group that may use a port.
func (d *doctor) permission(thing config.Text, o port.Options, err error) {
	group := "dialout"
	if node, ferr := d.node(o); node != "" && ferr != nil {
		if info, serr := os.Stat(node); serr == nil {
			if g, gerr := user.LookupGroupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Gid))); gerr == nil {
				group = g.Name
			}
		}
	}
	d.bad(thing, both(fmt.Sprintf("没有权限（%v）：sudo usermod -aG %s 运行服务的用户，再重启服务", err, group),
		fmt.Sprintf("no permission: sudo usermod -aG %s and the user of the service, then start the service again", group)))
}

// there lists what of a kind is plugged in, for a person who has to choose.
func (d *doctor) there(kind string) string {
	var out []string
	for _, a := range port.List(d.sys) {
		if a.Kind == kind {
			out = append(out, a.String())
		}
	}
	if len(out) == 0 {
		return "无 nothing"
	}
	return strings.Join(out, ", ")
}

// inventory lists what is plugged in, with the names to write into a configuration.
func (d *doctor) inventory() {
	kinds := map[string]config.Text{
		port.KindSerial: both("串口", "serial"), port.KindEvdev: both("输入设备", "input device"), port.KindLP: both("USB 打印机", "USB printer"),
		port.KindGPIO: both("GPIO 芯片", "GPIO chip"), port.KindSPI: both("SPI 片选", "SPI chip select"),
	}
	used := map[string]string{}
	if d.device != nil {
		for _, p := range partsOf(d.device) {
			if node, _ := d.node(d.options(p)); node != "" {
				used[target(node)] = p.name
			}
		}
	}
	for _, a := range port.List(d.sys) {
		if a.Kind == port.KindEvdev && !a.Types {
			continue // a power key
		}
		names := a.String()
		if links := port.Links(a.Node); len(links) > 0 {
			names += " = " + strings.Join(links, " = ")
		}
		if name := used[a.Node]; name != "" {
			names += " ← " + name
		}
		d.say("连接 there", kinds[a.Kind], plain("%s", names))
	}
}

// holders names other programs that have the port of a part open.
func (d *doctor) holders(p part) string { return d.holdersOf(d.options(p)) }

func (d *doctor) holdersOf(o port.Options) string {
	kind, name := place(o)
	node, err := port.Find(d.sys, kind, name)
	if err != nil || node == "" {
		return ""
	}
	var out []string
	for _, pid := range slices.Concat(d.lockers(node), d.openers(node)) {
		who := fmt.Sprintf("%s (pid %d)", strings.TrimSpace(d.read(strconv.Itoa(pid)+"/comm")), pid)
		if pid != os.Getpid() && !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	return strings.Join(out, ", ")
}
