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

// DecodeStatus takes the four answers to Ask. Four bytes of automatic status (GS a, which a printer may have switched
// on by itself) are passed over without a state; anything else is noise, and with it goes the incomplete answer before it.
func (e *ESCPOS) DecodeStatus(buf []byte) (n int, s State, err error) {
	if len(buf) == 0 {
		return 0, "", nil
	}
	if isAutomatic(buf) {
		if len(buf) < 4 {
			return 0, "", nil
		}
		return 4, "", nil
	}
	for i := range min(4, len(buf)) {
		if !isStatus(buf[i]) {
			return i + 1, "", fmt.Errorf("printer status: %w: %02x", ErrFrame, buf[:i+1])
		}
	}
	if len(buf) < 4 {
		return 0, "", nil
	}
	return 4, stateOf([4]byte(buf)), nil
}

// isStatus knows an answer to DLE EOT by its fixed bits: 1 and 4 set, 0 and 7 clear.
func isStatus(x byte) bool { return x&0x93 == 0x12 }

// isAutomatic knows the start of an automatic status: bit 4 set, 0, 1 and 7 clear; then bits 4 and 7 clear.
func isAutomatic(buf []byte) bool {
	if buf[0]&0x93 != 0x10 {
		return false
	}
	for _, x := range buf[1:min(4, len(buf))] {
		if x&0x90 != 0 {
			return false
		}
	}
	return true
}

// stateOf names the one thing a person has to do first. An open cover hides the paper sensor, so it goes before out.
func stateOf(a [4]byte) State {
	offline, cause, fault, paper := a[0], a[1], a[2], a[3]
	switch {
	case cause&(1<<2) != 0:
		return Open
	case paper&(1<<5|1<<6) != 0, cause&(1<<5) != 0:
		return Out
	case cause&(1<<6) != 0, fault&(1<<3|1<<5|1<<6) != 0:
		return Error
	case offline&(1<<3) != 0:
		return Offline
	case paper&(1<<2|1<<3) != 0:
		return Low
	}
	return OK
}
