package station

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"quhao/drivers/port"
	"quhao/drivers/virtual"
	"quhao/internal/proto"
)

// broker answers one CONNECT after the other with a code; it says no more than a doctor needs.
func broker(t *testing.T, code byte, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if wrap != nil {
		ln = wrap(ln)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 256)
			n, err := c.Read(buf)
			if err == nil && n > 12 && buf[0] == 0x10 && string(buf[4:8]) == "MQTT" && bytes.Contains(buf[:n], []byte(secret)) {
				_, _ = c.Write([]byte{0x20, 2, 0, code})
				_, _ = c.Read(buf)
			}
			_ = c.Close()
		}
	}()
	return addr
}

// clinic is a device that can be looked over.
type clinic struct {
	t    *testing.T
	out  bytes.Buffer
	d    *doctor
	data string
}

const clinicFile = `version: 1
id: kiosk-1
kind: kiosk
hall: hall
letter: X
keys: [{key: 1, department: study}]
printer: {driver: escpos, port: {serial: ports/printer}}
card_reader: {driver: rdm6300, port: {serial: 'usb:1a86:7523'}}
`

// newClinic makes a device whose printer and reader are twins; the reader is found by name.
func newClinic(t *testing.T, controller, ca string) (*clinic, *virtual.Printer) {
	t.Helper()
	dir := t.TempDir()
	c := &clinic{t: t, data: filepath.Join(dir, "data")}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.MkdirAll(filepath.Join(c.data, "ports"), 0o700); err != nil {
		t.Fatal(err)
	}
	identity := "version: 1\nid: kiosk-1\ncontroller: " + controller + "\nsecret: " + secret + "\n"
	if ca != "" {
		identity += "ca: " + ca + "\n"
	}
	twin := virtual.NewPrinter(virtual.PrinterOptions{})
	cable := virtual.NewCable(filepath.Join(c.data, "ports", "printer"))
	if err := cable.Plug(t.Context(), twin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cable.Cut() })
	reader, path, err := virtual.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	c.d = &doctor{
		out: &c.out, name: "quhao-kiosk", kind: proto.KindKiosk,
		a:    Arguments{Identity: write("id.yaml", identity), Data: c.data, Local: write("device.yaml", clinicFile)},
		sys:  adapters(path),
		proc: os.DirFS("/proc"), free: func(string) (uint64, error) { return 1 << 30, nil }, set: func(time.Time) bool { return true },
	}
	return c, twin
}

// adapters is a /sys with a USB adapter for each node.
func adapters(nodes ...string) fstest.MapFS {
	sys := fstest.MapFS{}
	for i, node := range nodes {
		dir := fmt.Sprintf("devices/usb1/1-%d", i)
		file := func(name, text string) { sys[dir+name] = &fstest.MapFile{Data: []byte(text + "\n")} }
		file("/idVendor", "1a86")
		file("/idProduct", "7523")
		file("/1-0:1.0/bInterfaceNumber", "00")
		file("/1-0:1.0/tty/uevent", "DEVNAME="+strings.TrimPrefix(node, "/dev/"))
		sys[fmt.Sprintf("class/tty/ttyUSB%d", i)] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../../" + dir + "/1-0:1.0/tty")}
	}
	return sys
}

// visit lets the doctor look and compares what is said.
func (c *clinic) visit(well bool, says ...string) {
	c.t.Helper()
	err := c.d.visit(c.t.Context())
	if (err == nil) != well || err != nil && !errors.Is(err, ErrUnwell) {
		c.t.Errorf("well is %v, the doctor says %v:\n%s", well, err, &c.out)
	}
	for _, s := range says {
		if !strings.Contains(c.out.String(), s) {
			c.t.Errorf("the doctor does not say %q:\n%s", s, &c.out)
		}
	}
	if strings.Contains(c.out.String(), secret) {
		c.t.Error("the doctor tells the secret")
	}
}

func TestDoctorWell(t *testing.T) {
	c, _ := newClinic(t, broker(t, 0, nil), "")
	c.visit(true, "可以登录", "[正常 ok] 打印机 printer (escpos)：", "ports/printer：ok", "usb:1a86:7523 at /dev/pts/", "没有发现问题",
		"[连接 there] 串口 serial：/dev/pts/", "← card_reader")
}

// Each thing that can be wrong, with the word that helps.
func TestDoctorFinds(t *testing.T) {
	for _, w := range []struct {
		name  string
		code  byte
		spoil func(t *testing.T, c *clinic, twin *virtual.Printer)
		says  []string
	}{
		{"no identity", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) { c.d.a.Identity = "none" }, []string{"quhaod enrol"}},
		{"an open identity", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			if err := os.Chmod(c.d.a.Identity, 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"chmod o-rwx"}},
		{"clock", 0, func(_ *testing.T, c *clinic, _ *virtual.Printer) { c.d.set = func(time.Time) bool { return false } }, []string{"没有对时"}},
		{"disk", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			lockFile(t, c)
			c.d.free = func(string) (uint64, error) { return 1 << 20, nil }
		}, []string{"只剩 1 MiB"}},
		{"secret", 5, nil, []string{"不接受本机的密钥"}},
		{"no broker", 9, nil, []string{"refused with code 9"}},
		{"mistakes", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			if err := os.WriteFile(c.d.a.Local, []byte(strings.Replace(clinicFile, "letter: X", "letter: A", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"device.yaml:5:9"}},
		{"nothing served", 0, func(_ *testing.T, c *clinic, _ *virtual.Printer) { c.d.a.Local = "" }, []string{"控制器还没有下发"}},
		{"a reader that does not answer", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			if err := os.WriteFile(c.d.a.Local, []byte(strings.Replace(clinicFile, "driver: rdm6300", "driver: pn532", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"读卡器不应答"}},
		{"no paper", 0, func(_ *testing.T, _ *clinic, p *virtual.Printer) { p.SetOut(true) }, []string{"[有误 wrong] 打印机 printer", "请装纸"}},
		{"mute", 0, func(_ *testing.T, _ *clinic, p *virtual.Printer) { p.SetMute(true) }, []string{"没有应答：请检查电源"}},
		{"unplugged", 0, func(_ *testing.T, c *clinic, _ *virtual.Printer) { c.d.sys = fstest.MapFS{} },
			[]string{"[有误 wrong] 读卡器 card_reader", "请插上；若换了适配器", "现有：无 nothing"}},
		{"alike", 0, func(_ *testing.T, c *clinic, _ *virtual.Printer) { c.d.sys = adapters("/dev/pts/0", "/dev/pts/1") },
			[]string{"有几个一样的", "/dev/pts/0 (usb:1a86:7523:0), /dev/pts/1"}},
		{"port taken", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			l, err := port.Open(port.Options{Serial: filepath.Join(c.data, "ports", "printer")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			c.d.proc = fstest.MapFS{"locks": lockOf(t, filepath.Join(c.data, "ports", "printer"), 4242), "4242/comm": {Data: []byte("ModemManager\n")}}
		}, []string{"被占用：ModemManager (pid 4242)"}},
		{"another reads along", 0, func(t *testing.T, c *clinic, _ *virtual.Printer) {
			node := target(filepath.Join(c.data, "ports", "printer"))
			c.d.proc = fstest.MapFS{"77/fd/3": {Mode: fs.ModeSymlink, Data: []byte(node)}, "77/comm": {Data: []byte("brltty\n")}}
		}, []string{"brltty (pid 77)", "stop that program"}},
	} {
		t.Run(w.name, func(t *testing.T) {
			c, twin := newClinic(t, broker(t, w.code, nil), "")
			if w.spoil != nil {
				w.spoil(t, c, twin)
			}
			c.visit(false, w.says...)
		})
	}
}

// lockFile makes the lock of a data folder, free.
func lockFile(t *testing.T, c *clinic) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.data, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lockOf is what /proc/locks says of a node that a process has locked.
func lockOf(t *testing.T, path string, pid int) *fstest.MapFile {
	t.Helper()
	node := target(path)
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{proc: os.DirFS("/proc")}
	if pids := d.lockers(node); len(pids) != 1 || pids[0] != os.Getpid() {
		t.Fatalf("%s is locked by %v, and by us, %d:\n%s", node, pids, os.Getpid(), text)
	}
	return &fstest.MapFile{Data: bytes.ReplaceAll(text, fmt.Appendf(nil, " %d ", os.Getpid()), fmt.Appendf(nil, " %d ", pid))}
}

func TestDoctorNoController(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	c, _ := newClinic(t, addr, "")
	c.visit(false, "连不上 "+addr)
}

// selfSigned is a certificate that signs itself, as a controller's own authority is.
func selfSigned(t *testing.T) (cert tls.Certificate, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, hex.EncodeToString(sum[:])
}

func TestDoctorKnowsTheController(t *testing.T) {
	cert, print := selfSigned(t)
	secure := func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	c, _ := newClinic(t, broker(t, 0, secure), print)
	c.visit(true, "指纹相符", "可以登录")
	_, other := selfSigned(t)
	c, _ = newClinic(t, broker(t, 0, secure), other)
	c.visit(false, "这不是登记本机的那台控制器")
	c, _ = newClinic(t, broker(t, 0, nil), print)
	c.visit(false, "TLS 不成功")
}

// While the service runs its own word counts, and its ports and its connection are left alone.
func TestDoctorAsksTheService(t *testing.T) {
	for _, w := range []struct {
		name, page, wrong string
		well              bool
		says              []string
	}{
		{"well", `{"session":true,"printer":"ok","parts":{"printer":"ok","card_reader":"ok"},"noise":{"card_reader":3}}`, "", true,
			[]string{"服务正在运行", "已与控制器会话", "会话正常"}},
		{"a unit's page", `{"session":"s1","printer":"low","parts":{"card_reader":"ok"},"noise":{"card_reader":{"n":2}}}`, "", true, []string{"纸快用完"}},
		{"noise", `{"session":true,"printer":"ok","parts":{"card_reader":"ok"},"noise":{"card_reader":{"n":12}}}`, "", false, []string{"12 帧无法理解：多半是波特率"}},
		{"no session", `{"session":false,"printer":"ok","parts":{"card_reader":"ok"}}`, "no session with the controller", false,
			[]string{"quhaod replace", "报告 reports: no session"}},
		{"printer open", `{"session":true,"printer":"open","parts":{"card_reader":"ok"}}`, "printer open", false, []string{"关盖"}},
		{"reader gone", `{"session":true,"printer":"ok","parts":{"card_reader":"gone"}}`, "", false, []string{"请插上；若换了适配器"}},
		{"reader silent", `{"session":true,"printer":"ok","parts":{"card_reader":"error"}}`, "", false, []string{"不应答"}},
		{"stuck", `{"session":true,"printer":"ok","parts":{"card_reader":"ok","card_reader key next":"error"}}`, "", false, []string{"键 next 卡住"}},
		{"journal", `{"session":true,"printer":"ok","parts":{"card_reader":"ok"},"journal":{"err":"disk full"}}`, "", false, []string{"disk full：请检查存储卡"}},
		{"no page", "", "", false, []string{"在运行，但不回答"}},
	} {
		t.Run(w.name, func(t *testing.T) {
			c, _ := newClinic(t, broker(t, 5, nil), "") // a sign-in would be refused
			ctx, cancel := context.WithCancel(t.Context())
			o := Options{
				IdentityFile: c.d.a.Identity, DataDir: c.data, LocalFile: c.d.a.Local, Kind: proto.KindKiosk,
				Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			st, err := Open(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			window, ended := new(Window), make(chan error, 1)
			if w.page != "" {
				window.state.Store(new([]byte(w.page)))
				window.health.Store(&w.wrong)
			}
			go func() { ended <- st.ServeSocket(ctx, window) }()
			t.Cleanup(func() {
				cancel()
				if err := errors.Join(<-ended, st.Close()); err != nil {
					t.Error(err)
				}
			})
			until(t, "the socket", func() bool {
				conn, err := net.Dial("unix", filepath.Join(c.data, SocketName))
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			if strings.Contains(w.name, "gone") {
				c.d.sys = fstest.MapFS{}
			}
			c.visit(w.well, w.says...)
		})
	}
}

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("in vain: %s", what)
		}
	}
}
