package station

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"quhao/internal/device"
)

// healAfter is how long a device goes on with a journal that cannot be written before it ends to be started again: a fault of
// the disk that has passed is over then, for the journal is read anew. Until then whoever stands there has read what to do.
const healAfter = time.Minute

// loud is the journal's disk with a voice: what the flow shows the visitor as a fault, the log tells the administrator.
// The journal keeps the error and lets the flow know; nobody else logs it.
type loud struct {
	*device.FileDisk
	log *slog.Logger
	on  bool // the journal is open; an error before that ends the program, which says it

	broken chan struct{} // closed when the journal is not trusted any more
	lost   func()        // closes it, once
}

func newLoud(d *device.FileDisk, log *slog.Logger) *loud {
	broken := make(chan struct{})
	return &loud{FileDisk: d, log: log, broken: broken, lost: sync.OnceFunc(func() { close(broken) })}
}

func (d *loud) said(what string, err error) error {
	if err != nil && d.on {
		d.log.Error("the journal: "+what+"; look at the disk", "err", err)
	}
	return err
}

// Append is that of the disk.
func (d *loud) Append(b []byte) error {
	err := d.FileDisk.Append(b)
	if err != nil {
		d.lost()
	}
	return d.said("a record cannot be kept", err)
}

// Replace is that of the disk.
func (d *loud) Replace(b []byte) error {
	err := d.FileDisk.Replace(b)
	if err != nil && !errors.Is(err, device.ErrKept) {
		d.lost()
	}
	return d.said("it cannot be written anew", err)
}

// Reserve is that of the disk.
func (d *loud) Reserve(n int) error {
	return d.said("there is no room for another ticket", d.FileDisk.Reserve(n))
}
