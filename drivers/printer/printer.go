// Package printer turns a laid-out ticket into the bytes of a printer family, one file per family.
//
// A driver here is an options struct and a translation: it never opens a port, waits or logs.
package printer

import (
	"errors"
	"image"
)

// Paper is one ticket as laid out: lines from top to bottom, then the cut.
type Paper struct {
	Lines []Line
}

// Align is where a line stands on the paper.
type Align int

// The three alignments.
const (
	Left Align = iota
	Center
	Right
)

// Line is one line of text, or a QR code, or a picture, or an empty feed. Exactly one of Text, QR, Image is set, or none for a feed.
type Line struct {
	Text   string      // UTF-8; a driver prints characters its font lacks as a raster line
	QR     string      // content of a QR code, at most 200 bytes of ASCII
	Image  image.Image // one bit is enough: darker than half is black
	Align  Align
	Width  int // magnification across, 1 to 8; 0 is 1
	Height int // magnification down, 1 to 8; 0 is 1
	Bold   bool
	Indent int // columns left free before a text aligned Left, at magnification 1; 0 to half of the paper
	Feed   int // empty dots after the line, 0 to 255
}

// State is what a printer says of itself.
type State string

// The states of a printer, the same words as in a device's health.
const (
	OK      State = "ok"
	Low     State = "low"     // paper near its end; still prints
	Out     State = "out"     // no paper
	Open    State = "open"    // cover open
	Error   State = "error"   // cutter, head temperature, or an error that needs a person
	Offline State = "offline" // the printer says it is not ready, for a reason it does not tell
	Gone    State = "gone"    // no answer any more to a request for status
	Mute    State = "mute"    // never answered since the program started; prints, as far as anybody can know
)

// CanPrint says whether a ticket may be started in this state.
func (s State) CanPrint() bool { return s == OK || s == Low || s == Mute }

// ErrFrame is wrapped by every error of DecodeStatus for bytes that are no status.
var ErrFrame = errors.New("bad frame")

// Driver is what a printer family has to know.
type Driver interface {
	// Encode returns the whole ticket as one stream of bytes, cut included.
	Encode(p Paper) []byte
	// Columns is the width of a line in half-width characters at magnification 1.
	Columns() int
}

// Said is what a printer has said in whole; the zero value is nothing.
type Said struct {
	State   State
	Unasked bool // it told by itself (or in answer to Enable), which answers no Ask
	Curable bool // the fault may end by Recover, once a person has removed its cause
}

// Asker is implemented by printers that answer a request for their status.
type Asker interface {
	// Ask returns the bytes that ask for the whole status. It must not be written into the middle of a ticket.
	Ask() []byte
	// Enable returns the bytes after which the printer tells each change by itself. It tells its status at once as well,
	// but in the order of the stream: it has obeyed all that came before. Empty if the printer has no such thing.
	Enable() []byte
	// Recover returns the bytes that end a curable fault; what is left of a ticket is thrown away. Empty if there are none.
	Recover() []byte
	// DecodeStatus looks at the start of buf and returns how many bytes it has used.
	// n == 0 with err == nil means: not enough yet. s is zero unless something was said in whole.
	DecodeStatus(buf []byte) (n int, s Said, err error)
}
