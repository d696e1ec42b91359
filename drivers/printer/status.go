package printer

import "fmt"

// Ask asks by DLE EOT for the four status bytes, in the order 1, 2, 3, 4: a status byte does not say which question
// it answers, only the order tells. It is empty if the option status is none. It must not be written into the middle
// of a ticket, and what was received before is to be thrown away first.
func (e *ESCPOS) Ask() []byte {
	if e.Status == "none" {
		return nil
	}
	return []byte("\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04")
}

// Enable is GS a for changes of online or not, of errors and of paper (bits 1, 2, 3); a printer that knows it sends its
// status at once and then at each change. It is empty unless the option status is automatic.
func (e *ESCPOS) Enable() []byte {
	if e.Status != "automatic" {
		return nil
	}
	return []byte("\x1da\x0e")
}

// Recover is DLE ENQ 2: the printer recovers from a fault whose cause is gone, and forgets what it has not printed. The
// other one, DLE ENQ 1, would print the rest of a ticket whose visitor was told to ask for help.
func (e *ESCPOS) Recover() []byte {
	if e.Recovery != "enq" {
		return nil
	}
	return []byte("\x10\x05\x02")
}

// maxAnswer is the longest answer that is waited for, in bytes: four, and some automatic status between them.
const maxAnswer = 40

// DecodeStatus takes the four answers to Ask, or four bytes of automatic status. Automatic status that comes between the
// answers is no part of them; but if it tells of a stop, the stop counts, whatever was answered before it. Anything else
// is noise, and with it goes the incomplete answer before it.
func (e *ESCPOS) DecodeStatus(buf []byte) (n int, s Said, err error) {
	if isAutomatic(buf) {
		if len(buf) < 4 {
			return 0, Said{}, nil
		}
		return 4, told([4]byte(buf)), nil
	}
	var answer []byte
	var between Said
	for i := 0; i < len(buf); {
		switch rest := buf[i:]; {
		case i >= maxAnswer:
			return i, Said{}, fmt.Errorf("printer status: %w: %02x has no end", ErrFrame, buf[:i])
		case isStatus(rest[0]):
			i++
			if answer = append(answer, rest[0]); len(answer) < 4 {
				continue
			}
			s := answered([4]byte(answer))
			if between.State != "" && !between.State.CanPrint() && s.State.CanPrint() {
				s.State, s.Curable = between.State, between.Curable
			}
			return i, s, nil
		case !isAutomatic(rest):
			return i + 1, Said{}, fmt.Errorf("printer status: %w: %02x", ErrFrame, buf[:i+1])
		case len(rest) < 4:
			return 0, Said{}, nil
		default:
			between = told([4]byte(rest))
			i += 4
		}
	}
	return 0, Said{}, nil
}

// isStatus knows an answer to DLE EOT by its fixed bits: 1 and 4 set, 0 and 7 clear.
func isStatus(x byte) bool { return x&0x93 == 0x12 }

// isAutomatic knows the start of an automatic status: bit 4 set, 0, 1 and 7 clear; then bits 4 and 7 clear.
func isAutomatic(buf []byte) bool {
	if len(buf) == 0 || buf[0]&0x93 != 0x10 {
		return false
	}
	for _, x := range buf[1:min(4, len(buf))] {
		if x&0x90 != 0 {
			return false
		}
	}
	return true
}

// trouble is what a printer has told, from whichever bytes.
type trouble struct{ open, out, curable, fatal, other, offline, low bool }

// answered reads the answers to DLE EOT 1 to 4 (Epson, "ESC/POS Command Reference", DLE EOT). Of n = 3, bit 2 is an error
// of the mechanism and bit 3 one of the cutter; bit 6 goes away by itself: the head is too hot.
func answered(a [4]byte) Said {
	has := func(i int, bits byte) bool { return a[i]&bits != 0 }
	return trouble{
		open: has(1, 1<<2), out: has(3, 1<<5|1<<6) || has(1, 1<<5), curable: has(2, 1<<2|1<<3), fatal: has(2, 1<<5),
		other: has(2, 1<<6) || has(1, 1<<6), offline: has(0, 1<<3), low: has(3, 1<<2|1<<3),
	}.said()
}

// told reads four bytes of automatic status (the same reference, GS a).
func told(a [4]byte) Said {
	has := func(i int, bits byte) bool { return a[i]&bits != 0 }
	s := trouble{
		open: has(0, 1<<5), out: has(2, 1<<2|1<<3), curable: has(1, 1<<2|1<<3), fatal: has(1, 1<<5),
		other: has(1, 1<<6), offline: has(0, 1<<3), low: has(2, 1<<0|1<<1),
	}.said()
	s.Unasked = true
	return s
}

// said names the one thing a person has to do first. An open cover hides the paper sensor, so it goes before out.
func (t trouble) said() Said {
	switch {
	case t.open:
		return Said{State: Open}
	case t.out:
		return Said{State: Out}
	case t.curable, t.fatal, t.other:
		return Said{State: Error, Curable: t.curable && !t.fatal}
	case t.offline:
		return Said{State: Offline}
	case t.low:
		return Said{State: Low}
	}
	return Said{State: OK}
}
