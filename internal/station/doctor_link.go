package station

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// lookFor bounds each step of looking for the controller.
const lookFor = 5 * time.Second

// controller looks whether the controller can be reached, is the right one, and lets this device in. While the service
// runs nothing is signed in, because that would throw the service out: its session proves it.
func (d *doctor) controller(ctx context.Context) {
	thing := both("控制器", "controller")
	if d.state != nil && d.state.inSession() {
		d.ok(thing, both("会话正常 "+d.id.Controller, "in session with "+d.id.Controller))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.id.Controller)
	if err != nil {
		d.bad(thing, both(fmt.Sprintf("连不上 %s（%v）：请检查网线、地址、控制器是否在运行和防火墙", d.id.Controller, err),
			fmt.Sprintf("%s cannot be reached (%v): look at the cable, the address, whether quhaod runs, and the firewall", d.id.Controller, err)))
		return
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			d.bad(thing, plain("%v", err))
			return
		}
	}
	line, ok := d.authenticate(ctx, conn)
	if !ok {
		return
	}
	if d.running {
		d.session()
		return
	}
	switch err := signIn(line, *d.id); {
	case errors.Is(err, errSecret):
		d.bad(thing, both("不接受本机的密钥：它已被重新登记，请用 quhaod enrol 再生成身份文件并复制过来",
			"it does not take this device's secret: another was made since; run quhaod enrol again and copy the file here"))
	case err != nil:
		d.bad(thing, both(fmt.Sprintf("连不上 MQTT（%v）：请看 quhaod 是否在运行、端口对不对，TLS 是 8883，本机是 1883", err),
			fmt.Sprintf("it does not speak MQTT (%v): look whether quhaod runs, and at the port: 8883 with TLS, 1883 on the same machine", err)))
	default:
		d.ok(thing, both("可以登录 "+d.id.Controller, "signed in at "+d.id.Controller))
	}
}

// authenticate knows the controller by its fingerprint.
func (d *doctor) authenticate(ctx context.Context, conn net.Conn) (net.Conn, bool) {
	conf := d.id.TLS()
	if conf == nil {
		return conn, true
	}
	thing := both("控制器证书", "certificate")
	line := tls.Client(conn, conf)
	switch err := line.HandshakeContext(ctx); {
	case errors.Is(err, errForeign):
		d.bad(thing, both("指纹不符，这不是登记本机的那台控制器：若控制器已重装，请用 quhaod enrol 再生成身份文件",
			"its fingerprint is another: this is not the controller that enrolled this device; if it was set up anew, run quhaod enrol again"))
		return nil, false
	case err != nil:
		d.bad(thing, both(fmt.Sprintf("TLS 不成功（%v）：请检查端口（8883）和两边的时钟", err),
			fmt.Sprintf("no TLS (%v): look at the port (8883) and at the clocks of both", err)))
		return nil, false
	}
	d.ok(thing, both("指纹相符", "the fingerprint is the enrolled one"))
	return line, true
}

// session says what a running service without a session, or without a word, lets one think of a controller that is there.
func (d *doctor) session() {
	thing := both("控制器", "controller")
	if d.state == nil {
		d.ok(thing, both("连得上 "+d.id.Controller, d.id.Controller+" can be reached"))
		return
	}
	d.bad(thing, both("连得上，但服务没有会话：在控制器上看 quhaod status；换机后要 quhaod replace，密钥变了要重新登记",
		"it can be reached, and the service has no session: look at quhaod status on the controller; a spare waits for quhaod replace, a new secret has to be copied here"))
}

// errSecret says that name and password were refused.
var errSecret = errors.New("refused")

// signIn says hello as MQTT 3.1.1 wants it (OASIS, sections 3.1, 3.2 and 3.14), and goodbye: by hand, because nothing may
// connect again by itself.
func signIn(line net.Conn, id Identity) error {
	field := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) }
	body := append(field(nil, "MQTT"), 4, 0xC2, 0, 10) // level 4; user, password, clean session; keep alive 10 s
	for _, s := range []string{id.ID, id.ID, id.Secret} {
		body = field(body, s)
	}
	packet := binary.AppendUvarint([]byte{0x10}, uint64(len(body)))
	if _, err := line.Write(append(packet, body...)); err != nil {
		return err
	}
	var ack [4]byte
	if _, err := io.ReadFull(line, ack[:]); err != nil {
		return err
	}
	switch {
	case ack[0] != 0x20 || ack[1] != 2:
		return fmt.Errorf("% x is no CONNACK", ack)
	case ack[3] == 4 || ack[3] == 5: // bad user name or password; not authorised
		return errSecret
	case ack[3] != 0:
		return fmt.Errorf("refused with code %d", ack[3])
	}
	_, err := line.Write([]byte{0xE0, 0})
	return err
}
