package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"quhao/daemon/broker"
	"quhao/internal/proto"
)

// echoName is the device that the echo serves.
const echoName = "echo-1"

// baseline is what no design can avoid: an fsync, and a round trip through the same broker with nothing behind it.
type baseline struct {
	file *os.File
	echo *program
	dev  *device
	page []byte

	fsync, trip, sum sample // of every turn
}

// newBaseline makes the file on the disk to be measured and starts the echo, a process of its own like quhaod.
func newBaseline(dir string) (*baseline, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	secret := random()
	hash, err := broker.HashPassword(secret)
	if err != nil {
		return nil, err
	}
	passwords := filepath.Join(dir, "passwords")
	if err := (broker.Passwords{echoName: hash}).Save(passwords); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &baseline{page: make([]byte, 4096), dev: &device{id: echoName, topics: proto.NewTopics("")}}
	if b.echo, err = start(self, "-echo", passwords); err != nil {
		return nil, err
	}
	m, _, err := b.echo.await(regexp.MustCompile(`echo (\S+)`))
	if err != nil {
		return nil, err
	}
	if b.dev.client, err = dial(m[1], echoName, secret, b.dev.topics); err != nil {
		return nil, err
	}
	if err := b.dev.subscribe(b.dev.topics.AllDown(echoName)); err != nil {
		return nil, err
	}
	b.file, err = os.OpenFile(filepath.Join(dir, "pages"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return b, err
}

// turn measures an fsync and a round trip of as many bytes as a command for a ticket has.
func (b *baseline) turn() error {
	began := time.Now()
	if _, err := b.file.Write(b.page); err != nil {
		return err
	}
	if err := b.file.Sync(); err != nil {
		return err
	}
	synced := time.Since(began)
	payload, err := proto.Encode(b.dev.ticket())
	if err != nil {
		return err
	}
	b.dev.deadline(answerWithin)
	began = time.Now()
	if err := b.dev.publish(b.dev.topics.Up(echoName, proto.UpCmd), payload); err != nil {
		return err
	}
	if _, err := b.dev.await(proto.DownRes); err != nil {
		return err
	}
	trip := time.Since(began)
	b.fsync, b.trip, b.sum = append(b.fsync, synced), append(b.trip, trip), append(b.sum, synced+trip)
	return nil
}

// reset forgets what was measured: each row has a baseline of its own.
func (b *baseline) reset() { b.fsync, b.trip, b.sum = nil, nil, nil }

// withTrips is the sum of an fsync and so many round trips, turn by turn.
func (b *baseline) withTrips(n float64) sample {
	out := make(sample, len(b.fsync))
	for i := range b.fsync {
		out[i] = b.fsync[i] + time.Duration(n*float64(b.trip[i]))
	}
	return out
}

func (b *baseline) close() error {
	b.dev.cut()
	return errors.Join(b.file.Close(), b.echo.stop())
}

// echo is the broker of quhaod with nothing behind it: what a device says comes back to it at once.
func echo(ctx context.Context, passwords string) error {
	topics := proto.NewTopics("")
	var b *broker.Broker
	var fault error
	b, err := broker.New(broker.Options{
		Listen: "127.0.0.1:0", Passwords: passwords,
		OnMessage: func(client string, m proto.Message) {
			if strings.HasSuffix(m.Topic, proto.UpCmd) {
				fault = errors.Join(fault, b.Publish(proto.Message{Topic: topics.Down(client, proto.DownRes), Payload: m.Payload, QoS: 1}))
			}
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	plain, _ := b.Addr()
	fmt.Fprintln(os.Stderr, "echo", plain)
	return errors.Join(b.Run(ctx), fault)
}
