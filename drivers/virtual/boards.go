package virtual

import (
	"context"
	"encoding/binary"
	"image"
	"io"
	"sync"
)

// Boards are number boards LED-485 on one RS-485 line, slaves of Modbus RTU: function 10 writes registers, two digits
// in each from register 0080 on (MODBUS Application Protocol V1.1b3, section 6.12; the register as LED-485_setuptool
// has it). A board that is asked for anything else refuses it.
type Boards struct {
	onShow func(addr int, text string)

	mu    sync.Mutex
	all   map[int]*board485
	noise int
}

type board485 struct {
	forms []byte // of the digits, the left one first
	dead  bool
	asked int
}

// NewBoards returns boards of so many digits (3 to 6) at these addresses, dark. onShow may be nil; it is called for
// every frame that a board has taken.
func NewBoards(digits int, onShow func(addr int, text string), addrs ...int) *Boards {
	b := &Boards{onShow: onShow, all: map[int]*board485{}}
	for _, a := range addrs {
		b.all[a] = &board485{forms: make([]byte, digits)}
	}
	return b
}

// SetDead pulls out the power of one board, or gives it back.
func (b *Boards) SetDead(addr int, dead bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[addr].dead = dead
}

// Text is what a board shows; "" if there is none at that address.
func (b *Boards) Text(addr int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.all[addr]; one != nil {
		return digitText(one.forms)
	}
	return ""
}

// Asked is how many frames have come for a board, also while it was dead.
func (b *Boards) Asked(addr int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all[addr].asked
}

// Noise is how many bytes belonged to no frame.
func (b *Boards) Noise() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noise
}

// Image is how a board looks.
func (b *Boards) Image(addr int) image.Image {
	b.mu.Lock()
	defer b.mu.Unlock()
	return digitFace(b.all[addr].forms, 255)
}

// Serve answers until ctx ends or the line is cut.
func (b *Boards) Serve(ctx context.Context, rw io.ReadWriter) error {
	defer serving(ctx, rw)()
	return receive(ctx, rw, func(buf []byte) (int, error) {
		n, answer, shown := b.frame(buf)
		if shown != nil {
			shown()
		}
		if len(answer) == 0 {
			return n, nil
		}
		_, err := rw.Write(answer)
		return n, err
	})
}

// frame takes one request: addr 10 first(2) count(2) bytes data crc(2).
func (b *Boards) frame(buf []byte) (n int, answer []byte, shown func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.all[int(buf[0])]
	switch {
	case one == nil || len(buf) > 1 && buf[1] != 0x10:
		b.noise++
		return 1, nil, nil
	case len(buf) < 7 || len(buf) < 9+int(buf[6]):
		return 0, nil, nil
	}
	size := 9 + int(buf[6])
	if modbusCheck(buf[:size]) != 0 {
		b.noise++
		return 1, nil, nil
	}
	addr, first, count, data := int(buf[0]), binary.BigEndian.Uint16(buf[2:]), int(binary.BigEndian.Uint16(buf[4:])), buf[7:size-2]
	one.asked++
	if one.dead {
		return size, nil, nil
	}
	if first != 0x80 || len(data) != 2*count || count > (len(one.forms)+1)/2 {
		return size, modbusSeal([]byte{buf[0], 0x90, 2}), nil
	}
	copy(one.forms, data)
	text := digitText(one.forms)
	if b.onShow != nil {
		shown = func() { b.onShow(addr, text) }
	}
	return size, modbusSeal(append([]byte{}, buf[:6]...)), shown
}

// modbusCheck is the CRC of Modbus, worked out bit by bit with a register of its own, as the standard's text has it
// (MODBUS over Serial Line V1.02, section 6.2.2); 0 over a frame with its right check.
func modbusCheck(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, x := range b {
		crc ^= uint16(x)
		for bit := 0; bit < 8; bit++ {
			carry := crc&1 == 1
			if crc >>= 1; carry {
				crc ^= 0xa001
			}
		}
	}
	return crc
}

func modbusSeal(b []byte) []byte { return binary.LittleEndian.AppendUint16(b, modbusCheck(b)) }
