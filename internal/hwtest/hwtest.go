// Package hwtest runs the device programs on a real Linux kernel in a virtual machine, with hardware that the kernel
// believes in: GPIO lines (gpio-sim), a USB keyboard, USB serial adapters (FTDI) and a printer of the USB printer class
// (usblp) that are unplugged and plugged in again.
//
// The harness is a test of this package, behind the build tag hwtest; scripts/hwtest prepares the kernel and runs it.
// The machine is QEMU without acceleration. Its first and only process is package guest, which does as it is told by the
// harness over a TCP connection with net/rpc; what both say to each other is in this file.
package hwtest

import (
	"fmt"
	"time"
)

// Service is the name under which the guest's methods are called.
const Service = "Guest"

// HostArg is the argument of the kernel's command line that names the harness as the guest sees it, host:port.
const HostArg = "hwtest.host="

// GuestAddr is the guest's own address in QEMU's user network; HostAddr is how it reaches the host's loopback.
const (
	GuestAddr = "10.0.2.15"
	HostAddr  = "10.0.2.2"
)

// Programs is the guest's folder of programs, Modules that of kernel modules with their Order: a file name a line.
const (
	Programs = "/bin"
	Modules  = "/modules"
	Order    = Modules + "/order"
)

// Command starts a program of the guest.
type Command struct {
	Name string // in Programs
	Args []string
}

// Ask asks for what a program has written, on both its outputs, behind the first From bytes.
type Ask struct {
	ID   int // as Start has returned it
	From int
	Wait time.Duration // for something new, or the end
}

// Said is what a program has written.
type Said struct {
	Text  string
	Ended bool
	How   string // how it ended, empty for exit code 0
}

// Kill sends a signal to a program.
type Kill struct {
	ID     int
	Signal int
}

// Held is what a program holds of the kernel's.
type Held struct {
	Files   []string // its open descriptors, as the links of /proc name them
	Threads int
	RSS     int // resident memory in KiB
}

// File is a file of the guest; as an argument of Get, Path is the URL of a page.
type File struct {
	Path string
	Text string
}

// Played is how a sequence of steps went.
type Played struct {
	Took time.Duration
	Late time.Duration // by how much the step that lasted longest overran its time: the machine is slow at times
	// Stall is by how much the longest nap within a step overran its time. Whoever looks again and again has looked less
	// often: a machine that sleeps wakes up late on a busy host, and its clock has gone on.
	Stall time.Duration
}

// Taken is how much a printer of the USB printer class has taken since it was told to stop after some bytes.
type Taken struct {
	Bytes int
	Full  bool // it takes no more
}

// Step moves one GPIO line.
type Step struct {
	Line string
	High bool
	Then time.Duration // how long to wait after it, busily below a millisecond
}

// MatrixKey is the name, as a Step's Line, of the key of the matrix keypad in a row and a column from 1 to MatrixSize;
// low is pressed.
func MatrixKey(row, column int) string { return fmt.Sprintf("R%dC%d", row, column) }

// MatrixSize is the number of rows, and of columns, of the matrix keypad; their lines are ROW1 and so on, COL1 and so on.
const MatrixSize = 4

// Reader is a device that the guest itself reads, with the driver and the port that the programs use.
type Reader struct {
	Kind    string // keypad or card
	Driver  string
	Options string // of the driver, as YAML
	Port    string // options of the port, as YAML
}
