package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"quhao/drivers/port"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// leastSpace is what must be free in the data folder, in bytes: a journal of seven days is at most a few MiB, and is
// written anew beside the old one.
const leastSpace = 64 << 20

// doctor goes through what a device needs and says of each thing that it is well, or what is wrong and what to do next,
// in Chinese and in English. It works beside the running service, which it asks, and without it.
type doctor struct {
	out  io.Writer
	name string // of the program
	kind proto.Kind
	a    Arguments
	sys  fs.FS // the root of /sys
	proc fs.FS // the root of /proc
	free func(folder string) (bytes uint64, err error)
	set  func(time.Time) bool // the clock has been set

	id      *Identity      // nil if it cannot be read
	device  *config.Device // nil if there is no good configuration
	running bool           // the service holds the data folder
	state   *stateSeen     // what it says of itself; nil if it says nothing
	wrong   int
}

// stateSeen is what is read of the state page of a kiosk or a unit.
type stateSeen struct {
	Session json.RawMessage            `json:"session"` // true or false, or a name or ""
	Printer string                     `json:"printer"`
	Parts   map[string]string          `json:"parts"`
	Noise   map[string]json.RawMessage `json:"noise"` // a number, or {"n": a number}
	Journal struct {
		Err string `json:"err"`
	} `json:"journal"`
}

// inSession says whether the service is connected with the controller.
func (s *stateSeen) inSession() bool {
	return string(s.Session) != "false" && string(s.Session) != `""`
}

// doctor examines the device. The error says how many things are wrong, and wraps ErrUnwell.
func (p Program) doctor(ctx context.Context, a Arguments, out io.Writer) error {
	d := &doctor{
		out: out, name: p.Name, kind: p.Kind, a: a, sys: port.Sys(), proc: os.DirFS("/proc"), free: freeSpace, set: clockSet,
	}
	return d.visit(ctx)
}

// ErrUnwell is wrapped by the error of a doctor's visit that found something.
var ErrUnwell = errors.New("something is wrong")

// visit looks at everything, in the order in which things depend on each other.
func (d *doctor) visit(ctx context.Context) error {
	d.identity()
	d.clock()
	d.folder()
	if d.running {
		d.service(ctx)
	}
	d.configuration()
	if d.id != nil {
		d.controller(ctx)
	}
	if d.device != nil {
		d.parts(ctx)
	}
	d.inventory()
	if d.wrong > 0 {
		return fmt.Errorf("%w: %d 处有误，见上 / things wrong: %d, see above", ErrUnwell, d.wrong, d.wrong)
	}
	d.say("正常 ok", both("总计", "in all"), both("没有发现问题", "nothing wrong was found"))
	return nil
}

// both is a text in the two languages.
func both(zh, en string) config.Text { return config.Text{ZH: zh, EN: en} }

// plain is a text that needs no translation.
func plain(format string, args ...any) config.Text {
	s := fmt.Sprintf(format, args...)
	return both(s, s)
}

func (d *doctor) say(word string, thing, what config.Text) {
	fmt.Fprintf(d.out, "[%s] %s %s：%s\n", word, thing.ZH, thing.EN, what.ZH)
	if what.EN != what.ZH {
		fmt.Fprintf(d.out, "    %s\n", what.EN)
	}
}

func (d *doctor) ok(thing, what config.Text) { d.say("正常 ok", thing, what) }

// bad says what is wrong, and what to do about it.
func (d *doctor) bad(thing, what config.Text) {
	d.wrong++
	d.say("有误 wrong", thing, what)
}

// identity looks at the file that says who this device is.
func (d *doctor) identity() {
	thing := both("身份文件", "identity")
	id, err := ReadIdentity(d.a.Identity)
	if errors.Is(err, fs.ErrPermission) {
		d.bad(thing, both(fmt.Sprintf("%s 不可读：请用运行服务的用户（或 sudo）执行", d.a.Identity),
			fmt.Sprintf("%s cannot be read: run this as the user of the service, or with sudo", d.a.Identity)))
		return
	}
	if err != nil {
		d.bad(thing, both(fmt.Sprintf("%v：请在控制器上用 quhaod enrol 生成，再复制到本机", err),
			fmt.Sprintf("%v: make it by quhaod enrol on the controller, and copy it here", err)))
		return
	}
	d.id = &id
	if info, err := os.Stat(d.a.Identity); err == nil && info.Mode().Perm()&0o007 != 0 {
		d.bad(thing, both(fmt.Sprintf("任何人都能读到其中的密钥：chmod o-rwx %s", d.a.Identity),
			fmt.Sprintf("everybody can read the secret in it: chmod o-rwx %s", d.a.Identity)))
		return
	}
	d.ok(thing, plain("%s, %s", id.ID, id.Controller))
}

// clock asks whether somebody has set the clock: a Pi has none of its own.
func (d *doctor) clock() {
	thing, now := both("时钟", "clock"), time.Now()
	if !d.set(now) {
		d.bad(thing, both(
			fmt.Sprintf("%s，没有对时：请接通网络的时间服务（timedatectl），或装时钟模块；否则开机后连上控制器之前，时间不可信，取号机不能离线取号", now.Format(time.DateTime)),
			fmt.Sprintf("%s, and nobody has set it: let it reach a time server (timedatectl), or fit a clock; until the controller is heard after a start its time is not trusted, and a kiosk gives no numbers of its own",
				now.Format(time.DateTime))))
		return
	}
	d.ok(thing, plain("%s", now.Format(time.DateTime)))
}

// folder looks at the data folder, and finds out whether the service runs on it.
func (d *doctor) folder() {
	thing := both("数据目录", "data folder")
	f, err := os.OpenFile(filepath.Join(d.a.Data, "lock"), os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok(thing, both(d.a.Data+"：还没有，首次启动时建立", d.a.Data+": not there yet; the first start makes it"))
		return
	case err != nil:
		d.bad(thing, both(fmt.Sprintf("%v：请用运行服务的用户（或 sudo）执行", err), fmt.Sprintf("%v: run this as the user of the service, or with sudo", err)))
		return
	}
	defer f.Close() // which gives the lock back as well
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.running = true
		d.ok(thing, both(d.a.Data+"：服务正在运行", d.a.Data+": the service runs on it"))
	} else {
		d.ok(thing, both(d.a.Data+"：服务没有运行", d.a.Data+": the service does not run"))
	}
	free, err := d.free(d.a.Data)
	space := both("剩余空间", "free space")
	switch {
	case err != nil:
		d.bad(space, plain("%v", err))
	case free < leastSpace:
		d.bad(space, both(fmt.Sprintf("只剩 %d MiB，需要 %d：请清理磁盘，写不了日志就不能取号", free>>20, leastSpace>>20),
			fmt.Sprintf("%d MiB are left, %d are wanted: clear the disk; without the journal there are no numbers", free>>20, leastSpace>>20)))
	default:
		d.ok(space, plain("%d MiB", free>>20))
	}
}

// freeSpace is what an ordinary user may still write on the disk of a folder, in bytes.
func freeSpace(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// service asks the running service for its state.
func (d *doctor) service(ctx context.Context) {
	thing := both("服务", "service")
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(d.a.Data, SocketName))
		},
	}}
	defer client.CloseIdleConnections()
	state, err := ask(ctx, client, "/state")
	var s stateSeen
	if err == nil {
		err = json.Unmarshal([]byte(state), &s)
	}
	if err != nil {
		d.bad(thing, both(fmt.Sprintf("在运行，但不回答（%v）：它可能在等控制器下发配置，请看它的日志", err),
			fmt.Sprintf("it runs and does not answer (%v): it may wait for its configuration from the controller; look at its log", err)))
		return
	}
	d.state = &s
	switch wrong, err := ask(ctx, client, "/healthz"); {
	case err != nil && wrong != "":
		d.bad(thing, both("报告 reports: "+wrong, "the service itself says so"))
	case err != nil:
		d.bad(thing, plain("%v", err))
	default:
		d.ok(thing, both("已与控制器会话，一切可用", "in session with the controller, and all it needs is there"))
	}
	if s.Journal.Err != "" {
		d.bad(both("日志", "journal"), both(s.Journal.Err+"：请检查存储卡", s.Journal.Err+": look at the SD card"))
	}
}

// ask reads a page of the service; the text comes with the error of another status than 200.
func ask(ctx context.Context, client *http.Client, page string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://device"+page, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return string(b), err
}

// configuration reads what the device would work with.
func (d *doctor) configuration() {
	if d.id == nil {
		return
	}
	thing := both("配置", "configuration")
	found, mistakes := setup{}, config.Mistakes(nil)
	if d.a.Local != "" {
		found, mistakes = local(d.a.Local, d.id.ID, d.kind)
	} else if m, ok := readCache(d.a.Data); ok {
		found, mistakes = m.check(d.id.ID, d.kind)
	} else {
		d.bad(thing, both("控制器还没有下发：请启动服务，并在控制器上确认有 devices/"+d.id.ID+".yaml",
			"the controller has served none yet: start the service, and look on the controller for devices/"+d.id.ID+".yaml"))
		return
	}
	for _, m := range mistakes {
		d.bad(thing, plain("%s", m))
	}
	if len(mistakes) == 0 {
		d.device = found.device
		d.ok(thing, both(fmt.Sprintf("%d 个部件", len(partsOf(found.device))), fmt.Sprintf("%d parts", len(partsOf(found.device)))))
	}
}
