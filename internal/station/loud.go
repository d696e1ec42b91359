package station

import (
	"log/slog"

	"quhao/internal/device"
)

// loud is the journal's disk with a voice: what the flow shows the visitor as a fault, the log tells the administrator.
// The journal keeps the error and lets the flow know; nobody else logs it.
type loud struct {
	*device.FileDisk
	log *slog.Logger
	on  bool // the journal is open; an error before that ends the program, which says it
}

func (d *loud) said(what string, err error) error {
	if err != nil && d.on {
		d.log.Error("the journal: "+what+"; look at the disk, and start this program again if it shows a fault", "err", err)
	}
	return err
}

// Append is that of the disk.
func (d *loud) Append(b []byte) error { return d.said("a record cannot be kept", d.FileDisk.Append(b)) }

// Replace is that of the disk.
func (d *loud) Replace(b []byte) error {
	return d.said("it cannot be written anew", d.FileDisk.Replace(b))
}

// Reserve is that of the disk.
func (d *loud) Reserve(n int) error {
	return d.said("there is no room for another ticket", d.FileDisk.Reserve(n))
}
