package station

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// systemd's notification protocol (sd_notify(3)): datagrams of KEY=VALUE lines to the socket named by NOTIFY_SOCKET.

// heart tells the service manager that the program is up, and beats in the loop that has to live: a loop that hangs
// beats no more, and the program is started again.
type heart struct {
	socket string
	ticker *time.Ticker
	beats  <-chan time.Time // nil without a watchdog
}

// newHeart says that the program is up, if a service manager has started it. Its beats come twice in each of the periods
// that the manager sets by WATCHDOG_USEC. End it with stop.
func newHeart() (*heart, error) {
	h := &heart{socket: os.Getenv("NOTIFY_SOCKET")}
	if h.socket == "" {
		return h, nil
	}
	if err := h.say("READY=1"); err != nil {
		return nil, err
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if period := time.Duration(us) * time.Microsecond / 2; err == nil && period > 0 {
		h.ticker = time.NewTicker(period)
		h.beats = h.ticker.C
	}
	return h, nil
}

// beat is to be called for each of the beats, by the loop itself.
func (h *heart) beat() error { return h.say("WATCHDOG=1") }

// stop ends the beats.
func (h *heart) stop() {
	if h.ticker != nil {
		h.ticker.Stop()
	}
}

// say sends one datagram. A name that begins with @ is an abstract socket.
func (h *heart) say(words string) error {
	name := h.socket
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer c.Close() // the datagram has gone or not: that is the error of Write
	if _, err = c.Write([]byte(words)); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
