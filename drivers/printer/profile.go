package printer

import "slices"

// Profile is what is known of a family of ticket printers: the defaults of the options of an ESCPOS and of its serial line.
// The fields that the options have as well mean the same as there.
type Profile struct {
	Name     string // as written in YAML: profile: xp-80
	Doc      string // which printers these are, in a sentence for the administrator
	Columns  int
	Codepage string
	QR       string
	QRSize   int
	Hanzi    string
	Cutter   bool
	Status   string
	Recover  string
	Flow     string // of a serial line: none, rtscts or xonxoff
	Baud     int    // of a serial line, as the printer leaves its factory
}

// Ordinary is the profile that counts if none is named.
const Ordinary = "80mm"

// Profiles returns the table of all profiles, the four ordinary kinds first. Whatever a row says wrongly of one machine is
// put right by a single option; its self-test, printed with the feed key held while it is switched on, shows the speed.
//
// Where a named row comes from:
//   - tm-t88: Epson, "TM-T88II/T88III Technical Reference Guide", A.1.1: 9600 baud, 8 bits, XON/XOFF or DTR/DSR by DIP
//     switch; "TM-T88 Series Technical Manual", A-5: with DIP switch 2-1 on, DLE EOT fails when the buffer is full, and
//     GS a is to be used. 180 dpi: 512 dots, 42 columns. Up to T88IV without QR codes.
//   - tm-t82: Epson, "ESC/POS Command Reference", list of models: 576 dots, GS ( k, GS a, DLE ENQ. Its speed was not seen
//     in a manual.
//   - xp-80: Xprinter, "XP-80XX Programmer Manual" (DLE EOT; GS ( k); sold under many names as POS-80.
//   - rp80: Rongta, "RP80 Command Set", pages 6 and 8: DLE EOT, DLE ENQ.
//   - srp-350: Bixolon, "SRP-350/352plusIII Command Manual", list of commands: DLE EOT, GS a, no DLE ENQ. 180 dpi.
//   - star-escpos: Star, "TSP2000 Series User's Manual", B-1, page 91: DIP switch 2-6 for ESC/POS, 1-8 for status by
//     itself, 1-7 for 9600 baud, 1-3 for XON/XOFF.
//   - zj-58: Zijiang ZJ-5870 as the public data base "escpos-printer-db" has it: 384 dots, no QR codes, no cutter.
//   - csn-a2: Cashino, "CSN-A2 User Manual", list of commands: GS v 0, no DLE EOT, no GS ( k.
//
// XON/XOFF does no harm where the printer uses its wires instead: it never sends the two bytes then.
func Profiles() []Profile {
	return []Profile{
		{Ordinary, "80 mm printer on a serial line or adapter; what counts without a profile.", 48, "gbk", "native", 6, "gs", true, "ask", "none", "none", 9600},
		{"58mm", "58 mm printer on a serial or TTL line, without cutter, such as XP-58 or POS-58.", 32, "gb2312", "raster", 4, "gs", false, "ask", "none", "none", 9600},
		{"80mm-tcp", "80 mm printer on the network, port 9100.", 48, "gbk", "native", 6, "gs", true, "ask", "none", "none", 9600},
		{"80mm-usb", "80 mm printer of the USB printer class, port lp.", 48, "gbk", "native", 6, "gs", true, "ask", "none", "none", 9600},
		{"tm-t88", "Epson TM-T88 with Chinese characters.", 42, "gb18030", "raster", 4, "gs", true, "automatic", "enq", "xonxoff", 9600},
		{"tm-t82", "Epson TM-T82 and TM-T20 with Chinese characters.", 48, "gb18030", "native", 6, "gs", true, "automatic", "enq", "xonxoff", 38400},
		{"xp-80", "Xprinter XP-80 and its many relatives named POS-80.", 48, "gbk", "native", 6, "gs", true, "ask", "none", "none", 19200},
		{"rp80", "Rongta RP80, RP325 to RP332.", 48, "gbk", "native", 6, "gs", true, "ask", "enq", "none", 19200},
		{"srp-350", "Bixolon SRP-350 with Chinese characters.", 42, "gbk", "raster", 4, "gs", true, "automatic", "none", "xonxoff", 9600},
		{"star-escpos", "Star TSP and TUP switched to ESC/POS.", 48, "gb2312", "raster", 4, "gs", true, "automatic", "enq", "xonxoff", 9600},
		{"zj-58", "Zijiang ZJ-58 without cutter.", 32, "gb2312", "raster", 4, "gs", false, "ask", "none", "none", 9600},
		{"csn-a2", "Cashino CSN-A2 and other 58 mm panel printers on TTL that answer nothing.", 32, "gb2312", "raster", 4, "fs", false, "none", "none", "none", 9600},
	}
}

// profile finds a profile; the empty name is the ordinary one.
func profile(name string) (Profile, bool) {
	if name == "" {
		name = Ordinary
	}
	all := Profiles()
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return all[i], true
}

// Preset sets every option to what the profile of that name says, so that single options can be read over it.
// An unknown name is only noted: Check refuses it.
func (e *ESCPOS) Preset(name string) {
	e.Profile = name
	p, ok := profile(name)
	if !ok {
		return
	}
	e.Cols, e.Codepage, e.QR, e.QRSize, e.HanziSize = p.Columns, p.Codepage, p.QR, p.QRSize, p.Hanzi
	e.Cutter, e.Status, e.Recovery = p.Cutter, p.Status, p.Recover
}

// SerialLine returns the usual speed of the profile's serial line in bits a second, and its flow control.
func (e *ESCPOS) SerialLine() (baud int, flow string) {
	p, ok := profile(e.Profile)
	if !ok {
		p, _ = profile(Ordinary)
	}
	return p.Baud, p.Flow
}
