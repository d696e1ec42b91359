package sim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"quhao/internal/device"
	"quhao/internal/proto"
)

// disk is a journal's disk: it survives the program, and may tear what is written as the power fails.
type disk struct {
	w   *world
	who string
	b   []byte
	bad bool // it said no: the program has to be started anew

	read    *device.Journal // what a new start would make of what the disk held
	readOf  []byte          // when it held this
	scanned []byte          // the records that were looked at
	found   []proto.Fact    // among them
}

var errFull = errors.New("no space left on device")

func (d *disk) Load() ([]byte, error) { return slices.Clone(d.b), nil }

func (d *disk) Append(b []byte) error {
	w := d.w
	if w.chance(w.faults.tear) {
		d.b = append(d.b, b[:w.rng.IntN(len(b)+1)]...)
		panic(crash{d.who + ", writing,"})
	}
	if w.chance(w.faults.full) {
		w.say("%s: the disk says no", d.who)
		d.b = append(d.b, b[:w.rng.IntN(len(b)+1)]...)
		d.bad = true
		return errFull
	}
	d.b = append(d.b, b...)
	return nil
}

func (d *disk) Replace(b []byte) error {
	w := d.w
	if w.chance(w.faults.tear) {
		if w.chance(0.5) {
			d.b = slices.Clone(b)
		}
		panic(crash{d.who + ", writing anew,"})
	}
	d.b = slices.Clone(b)
	return nil
}

// journal is the journal as a new start would find it; nil if it could not, which breaks a rule. It must only be looked at.
func (d *disk) journal() *device.Journal {
	if d.read == nil || !bytes.Equal(d.b, d.readOf) {
		d.readOf = slices.Clone(d.b)
		j, err := device.OpenJournal(&disk{w: &world{}, b: d.readOf}, func() proto.Install { return "nobody" })
		if err != nil {
			d.w.fail("%s: the journal cannot be read: %v", d.who, err)
			return nil
		}
		d.read = j
	}
	return d.read
}

// facts are the facts on the disk, read by the format that internal/device states (frame.go): a run of records, each with
// four bytes of length and four of CRC-32C, up to the first that does not check. They are read as they are added, for each
// print and each score asks for them; what a new start makes of the disk, journal says.
func (d *disk) facts() []proto.Fact {
	if !bytes.HasPrefix(d.b, d.scanned) {
		d.scanned, d.found = nil, nil
	}
	at := len(d.scanned)
	for rest := d.b[at:]; len(rest) >= 8; rest = d.b[at:] {
		size := uint64(binary.LittleEndian.Uint32(rest))
		if size == 0 || uint64(len(rest)-8) < size {
			break
		}
		payload := rest[8 : 8+size]
		if crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(rest[4:]) {
			break
		}
		at += len(payload) + 8
		if !bytes.HasPrefix(payload, []byte(`{"fact":`)) {
			continue
		}
		var rec struct{ Fact proto.Fact }
		if err := json.Unmarshal(payload, &rec); err != nil {
			d.w.fail("%s: a record that cannot be read is on the disk: %s", d.who, payload)
		}
		d.found = append(d.found, rec.Fact)
	}
	d.scanned = append(d.scanned, d.b[len(d.scanned):at]...)
	return d.found
}

// program is what a kiosk and a counter unit have in common: they run, die, and are started anew on the same disk.
type program struct {
	*link
	disk    *disk
	alive   bool
	away    bool          // taken away: nobody starts it
	set     bool          // somebody has set its clock
	wrong   time.Duration // by so much
	life    int
	since   time.Duration // when it was started
	session *device.Session
	wake    int

	begin func(j *device.Journal) // makes the flow
	tick  func()
	due   func() (time.Duration, bool)
	ids   int // made by the present event
	most  int // that one event may make
}

// believes is the journal as the program holds it, or as its next start will find it. The two differ where a write was whole
// on the disk and failed all the same: nothing was done then, so nothing is owed for it.
func (p *program) believes() *device.Journal {
	if p.alive {
		return p.session.Journal()
	}
	return p.disk.journal()
}

func (p *program) time() device.Now {
	now := device.Now{Up: p.w.now - p.since, Wall: time.Unix(0, 0).Add(p.w.now - p.since)}
	if p.set {
		now.Wall, now.Set = began.Add(p.w.now+p.w.passed+p.wrong), true
	}
	return now
}

// start starts the program on what its disk holds.
func (p *program) start() {
	p.life++
	p.set, p.wrong = p.w.chance(0.2), p.w.some(-time.Hour, time.Hour)
	p.alive, p.since, p.disk.bad = true, p.w.now, false
	p.w.say("%s starts", p.dev)
	p.run(func() {
		j, err := device.OpenJournal(p.disk, func() proto.Install { return proto.Install(p.w.random()) })
		if err != nil {
			p.w.fail("%s: the journal cannot be opened: %v", p.dev, err)
			return
		}
		p.begin(j)
		p.tick()
	})
	p.dial()
}

// run runs a piece of the program, and sees to it that time reaches it.
func (p *program) run(f func()) {
	if !p.alive {
		return
	}
	p.ids = 0
	p.w.step(f, p.die)
	if !p.alive || p.w.bad != nil {
		return
	}
	if p.disk.bad { // somebody comes and starts it anew
		p.disk.bad = false
		life := p.life
		p.w.after(p.w.some(2*time.Second, 10*time.Second), func() {
			if p.life == life && p.alive {
				p.die()
			}
		})
	}
	p.wake++
	wake := p.wake
	if at, ok := p.due(); ok {
		p.w.after(p.since+at-p.w.now, func() {
			if p.wake == wake && p.alive {
				p.run(p.tick)
			}
		})
	}
}

// die is the end of the program, however it came.
func (p *program) die() {
	p.alive = false
	p.life++
	p.wake++
	p.cut()
	p.w.after(p.w.some(300*time.Millisecond, 6*time.Second), func() {
		if !p.alive && !p.away {
			p.start()
		}
	})
}

// stumble lets the program die here by chance.
func (p *program) stumble() {
	if p.w.chance(p.w.faults.die) {
		panic(crash{p.dev})
	}
}

// drop is the device's own wish to dial anew.
func (p *program) drop(rest time.Duration) {
	p.rest = p.w.now + rest
	p.cut()
}

func (p *program) open(kind proto.Kind, j *device.Journal) *device.Session {
	p.session = device.NewSession(device.Options{
		Dev: p.dev, Kind: kind, FW: "sim", Topics: p.w.topics, Boot: proto.Boot(p.w.random()), Random: p.w.random,
	}, j)
	return p.session
}

// newID makes the id of a command: one event may make one, and a kiosk one more for a number of its own.
func (p *program) newID() proto.ID {
	if p.ids++; p.ids > p.most {
		p.w.fail("%s makes %d commands of one tap or press", p.dev, p.ids)
	}
	return p.w.newID()
}
