package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"quhao/internal/hwtest"
)

// classPrinter is a printer of the USB printer class that is plugged into the machine itself: dummy_hcd is a USB port
// whose other end is here. Origin of the files: Documentation/usb/gadget_configfs.rst and gadget_printer.rst.
type classPrinter struct {
	mu     sync.Mutex
	made   bool
	paper  *inlet
	unplug func() error // nil while it is not plugged in
}

const (
	printerDir      = "/sys/kernel/config/usb_gadget/printer"
	printerFunction = printerDir + "/functions/printer.quhao"
	printerLink     = printerDir + "/configs/c.1/printer.quhao"
	printerFile     = "/dev/g_printer0"
)

// PlugPrinter plugs the printer in; what is printed goes to an address of the host, whose answers are the printer's.
func (g *guest) PlugPrinter(addr string, _ *struct{}) error {
	c := &g.class
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unplug != nil {
		return errors.New("the printer is plugged in already")
	}
	if !c.made {
		if err := describe(); err != nil {
			return fmt.Errorf("describe the printer: %w", err)
		}
		c.made = true
	}
	conn, err := net.DialTimeout("tcp", addr, bootWithin)
	if err != nil {
		return err
	}
	if err := attach(); err != nil {
		return errors.Join(fmt.Errorf("plug the printer in: %w", err), conn.Close())
	}
	f, err := openPrinter()
	if err != nil {
		return errors.Join(err, conn.Close(), detach())
	}
	c.paper, c.unplug = join(conn, f)
	return nil
}

// attach makes the printer and lets it appear on the USB port. It is made for each plug: the kernel's printer that is
// plugged in a second time goes on with the packet of which half was read, whose memory it has given away (f_printer.c,
// printer_func_unbind, Linux 6.1).
func attach() error {
	ports, err := os.ReadDir("/sys/class/udc")
	if err != nil {
		return err
	}
	if len(ports) != 1 {
		return fmt.Errorf("%d ports for a USB device instead of 1", len(ports))
	}
	if err := os.Symlink(printerFunction, printerLink); err != nil {
		return err
	}
	return put(printerDir+"/UDC", ports[0].Name())
}

// detach takes it away.
func detach() error {
	return errors.Join(put(printerDir+"/UDC", "\n"), os.Remove(printerLink))
}

// openPrinter opens the printer's own end. Until the kernel at the other end has asked it what it is there is nothing to
// open.
func openPrinter() (f *os.File, err error) {
	open := func() (err error) {
		f, err = os.OpenFile(printerFile, os.O_RDWR|unix.O_NONBLOCK, 0)
		return err
	}
	return f, eventually(bootWithin, open, unix.ENODEV)
}

// join carries bytes between the printer and its twin until it is unplugged.
func join(conn net.Conn, f *os.File) (*inlet, func() error) {
	in := &inlet{f: f}
	var copying sync.WaitGroup
	// Bare readers and writers: with what it sees of a socket and a file io.Copy would splice, which takes the bytes from
	// the socket, and then finds out that the printer's file cannot splice.
	copying.Go(func() { _, _ = io.Copy(struct{ io.Writer }{conn}, in) }) // both end with the two
	copying.Go(func() { _, _ = io.Copy(struct{ io.Writer }{f}, struct{ io.Reader }{conn}) })
	return in, func() error {
		_, _ = conn.Close(), f.Close() // an end of its own may have come first
		copying.Wait()
		return detach()
	}
}

// UnplugPrinter pulls it out.
func (g *guest) UnplugPrinter(_ struct{}, _ *struct{}) error {
	c := &g.class
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unplug == nil {
		return errors.New("no printer is plugged in")
	}
	err := c.unplug()
	c.unplug = nil
	return err
}

// StopPrinter lets the printer take so many more bytes, and none after these until it is plugged in anew.
func (g *guest) StopPrinter(after int, _ *struct{}) error {
	g.class.mu.Lock()
	defer g.class.mu.Unlock()
	if g.class.unplug == nil {
		return errors.New("no printer is plugged in")
	}
	g.class.paper.stop(after)
	return nil
}

// PrinterTook answers what the printer has taken since.
func (g *guest) PrinterTook(_ struct{}, out *hwtest.Taken) error {
	g.class.mu.Lock()
	defer g.class.mu.Unlock()
	if g.class.unplug == nil {
		return errors.New("no printer is plugged in")
	}
	*out = g.class.paper.taken()
	return nil
}

// describe says what the printer tells of itself: 0525:a4a8 is Linux's own number for it.
func describe() error {
	for _, dir := range []string{"strings/0x409", "functions/printer.quhao", "configs/c.1"} {
		if err := os.MkdirAll(filepath.Join(printerDir, dir), 0o755); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{
		{"idVendor", "0x0525"}, {"idProduct", "0xa4a8"}, {"strings/0x409/serialnumber", "CLASS"},
		{"strings/0x409/manufacturer", "Quhao"}, {"strings/0x409/product", "Twin"},
		{"functions/printer.quhao/pnp_string", "MFG:Quhao;MDL:Twin;CLS:PRINTER;"},
		{"functions/printer.quhao/q_len", "1"}, // the packet in its hand and no more, or it would take a ticket while it is stopped
	} {
		if err := put(filepath.Join(printerDir, f[0]), f[1]); err != nil {
			return fmt.Errorf("%s: %w", f[0], err)
		}
	}
	return nil
}

// inlet is where the printer takes bytes, a few at a time.
type inlet struct {
	f *os.File

	mu   sync.Mutex
	ends bool // it stops when left is used up
	left int
	took int
}

// stop lets n more bytes in.
func (i *inlet) stop(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ends, i.left, i.took = true, n, 0
}

func (i *inlet) taken() hwtest.Taken {
	i.mu.Lock()
	defer i.mu.Unlock()
	return hwtest.Taken{Bytes: i.took, Full: i.ends && i.left <= 0}
}

// Read implements io.Reader. Once stopped it says that this is the end, and the rest stays where it is.
func (i *inlet) Read(b []byte) (int, error) {
	if i.taken().Full {
		return 0, io.EOF
	}
	n, err := i.f.Read(b[:min(len(b), 16)])
	i.mu.Lock()
	defer i.mu.Unlock()
	i.left -= n
	i.took += n
	return n, err
}
