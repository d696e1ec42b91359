package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// restoreCommand puts a backup in place and begins the recovery: from the next start on the kiosks hand in what the
// backup does not know, and no number is given before they have.
func restoreCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var dir, data string
	rest, err := flags("restore", args, func(fs *flag.FlagSet) {
		fs.StringVar(&dir, "config", "", "folder of centre.yaml")
		fs.StringVar(&data, "data", "", "folder of the database")
	})
	switch {
	case err != nil:
		return err
	case dir == "" || data == "" || len(rest) != 1:
		return usageError{"restore needs -config, -data and the backup"}
	}
	conf, mistakes := config.Load(dir)
	if len(mistakes) > 0 {
		return mistakes
	}
	defer working(stdout, "checking and copying")()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	kept, err := store.Restore(ctx, data, rest[0], time.Now(), func(stage string) error { return beginRecovery(conf, stage, data, log) })
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "restored %s\n", rest[0])
	if kept != "" {
		fmt.Fprintf(stdout, "what was there is kept in %s\n", kept)
	}
	fmt.Fprintln(stdout, "start quhaod now: it gives no numbers until every kiosk has handed in its papers.")
	fmt.Fprintln(stdout, "If a kiosk cannot: quhaod recovery end -data", data)
	return nil
}

// noBroker is a broker that is not there.
type noBroker struct{}

func (noBroker) Publish(proto.Message) error { return nil }

// beginRecovery commits the event that begins it to the copy in stage, by the controller, which alone may write.
func beginRecovery(conf *config.Config, stage, data string, log *slog.Logger) (err error) {
	st, err := store.Open(stage, store.Options{Who: "quhaod restore"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	now := time.Now()
	ctl, err := controller.New(controller.Options{
		Config: conf, Store: st, Publisher: noBroker{}, Keys: controller.NewFileKeys(data), Random: random, Log: log,
	}, now)
	if err != nil {
		return err
	}
	var answer error
	cmd := queue.Command{Request: newRequest(now), Actor: "cli", Do: queue.BeginRecovery{Why: "restore"}}
	ctl.Handle(now, []controller.Input{{Do: &cmd, Reply: func(_ controller.Result, err error) { answer = err }}})
	return answer
}
