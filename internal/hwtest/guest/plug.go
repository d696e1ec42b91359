package main

import (
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// links keeps the lasting names of what is plugged in, as udev does: /dev/serial/by-id and /dev/input/by-id.
// Origin of the names: systemd, rules.d/60-serial.rules and 60-persistent-input.rules.
type links struct {
	mu   sync.Mutex
	made map[string]string // name: target
}

// watchPlugs makes the links of what is there and follows what the kernel tells of plugs.
func watchPlugs() (*links, error) {
	l := &links{made: map[string]string{}}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return nil, err
	}
	if err := l.look(); err != nil {
		return nil, err
	}
	go l.follow(fd)
	return l, nil
}

// follow looks anew after every plug. It ends with the machine.
func (l *links) follow(fd int) {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			log.Println("guest: plugs are no longer heard of:", err)
			return
		}
		what := string(buf[:max(n, 0)])
		if err == nil && !strings.Contains(what, "SUBSYSTEM=tty") && !strings.Contains(what, "SUBSYSTEM=input") {
			continue
		}
		if err := l.look(); err != nil {
			log.Println("guest: links:", err)
		}
	}
}

// look makes the links be as the devices are.
func (l *links) look() error {
	want := map[string]string{}
	ttys, err := filepath.Glob("/sys/class/tty/ttyUSB*")
	if err != nil {
		return err
	}
	inputs, err := filepath.Glob("/sys/class/input/event*")
	if err != nil {
		return err
	}
	for _, dir := range ttys {
		if id := usbName(dir); id != "" {
			want["/dev/serial/by-id/usb-"+id+"-if00-port0"] = "/dev/" + filepath.Base(dir)
		}
	}
	for _, dir := range inputs {
		if id := usbName(dir); id != "" {
			want["/dev/input/by-id/usb-"+id+"-event-kbd"] = "/dev/input/" + filepath.Base(dir)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, target := range l.made {
		if want[name] != target {
			if err := os.Remove(name); err != nil {
				return err
			}
			delete(l.made, name)
		}
	}
	for name, target := range want {
		if l.made[name] == target {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(target, name); err != nil {
			return err
		}
		l.made[name] = target
	}
	return nil
}

// usbName is manufacturer, product and serial number of the USB device behind a device, empty if there is none or it
// has gone meanwhile.
func usbName(class string) string {
	dir, err := filepath.EvalSymlinks(class)
	if err != nil {
		return ""
	}
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		var parts []string
		for _, name := range []string{"manufacturer", "product", "serial"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				break
			}
			parts = append(parts, regexp.MustCompile(`[^0-9A-Za-z#+.:=@_-]`).ReplaceAllString(strings.TrimSpace(string(b)), "_"))
		}
		if len(parts) == 3 {
			return fmt.Sprintf("%s_%s_%s", parts[0], parts[1], parts[2])
		}
	}
	return ""
}

func (l *links) all() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.made)
}
