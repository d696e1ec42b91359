package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"quhao/daemon/controller"
)

// systemd's notification protocol (sd_notify(3)): datagrams of KEY=VALUE lines to the socket named by NOTIFY_SOCKET.

// notify says something to the service manager; without one it does nothing.
func notify(words string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] == '@' {
		name = "\x00" + name[1:] // an abstract socket
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer c.Close()
	_, err = c.Write([]byte(words))
	return err
}

// watchdog tells the service manager that the controller still answers, twice in each of the periods that it sets by
// WATCHDOG_USEC. A controller that hangs says nothing, and is started again.
func watchdog(ctx context.Context, ctl *controller.Controller) error {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	tick := time.NewTicker(time.Duration(us) * time.Microsecond / 2)
	defer tick.Stop()
	for {
		if err := ctl.Look(ctx, func(controller.View) {}); err != nil {
			return err
		}
		if err := notify("WATCHDOG=1"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
