package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/daemon/queue"
)

// day is a centre in the middle of a day: a backup, and what has happened after it.
type day struct {
	*daemon
	kiosks []*kioskProgram
	unit   *counterProgram
	backup string
	called []string // before the restore
	after  int      // papers after the backup
}

// newDay lets a day begin: papers and calls, a backup, and again papers and calls.
func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{daemon: newDaemon(t, writeCentre(t, 2, 1)), backup: filepath.Join(t.TempDir(), "copy.db")}
	for i := range 2 {
		d.kiosks = append(d.kiosks, startKiosk(t, d.daemon, fmt.Sprintf("kiosk-%d", i+1)))
	}
	d.unit = startUnit(t, d.daemon, "unit-1", "c1")
	d.start()
	d.tell("sign", "on", "c1", "officer-1")
	for _, k := range d.kiosks {
		k.ready()
	}
	d.visitors(3)
	d.calls(2)
	d.tell("backup", d.backup)
	d.visitors(3)
	d.calls(3)
	d.after = 2 * 3
	return d
}

// visitors lets n visitors take a number at each kiosk, one after the other.
func (d *day) visitors(n int) {
	d.t.Helper()
	for range n {
		for _, k := range d.kiosks {
			k.number()
		}
	}
	for _, k := range d.kiosks {
		k.ready()
	}
}

func (d *day) calls(n int) {
	d.t.Helper()
	for range n {
		d.called = append(d.called, d.unit.next())
	}
}

// restore kills the daemon, puts the backup in place, and starts it again.
func (d *day) restore() {
	d.t.Helper()
	d.kill()
	d.tell("restore", "-config", d.conf, d.backup)
	d.start()
}

// papers are the numbers on all papers.
func (d *day) papers() (out []string) {
	for _, k := range d.kiosks {
		out = append(out, k.slot.numbers()...)
	}
	return out
}

// check stops the daemon and looks whether every paper is in the database as waiting, called or served, and none twice.
func (d *day) check() (s *queue.State, verified string) {
	d.t.Helper()
	d.stop()
	verified = d.verify()
	s = d.books()
	states := map[string][]queue.TicketState{}
	for _, ticket := range s.Tickets {
		states[ticket.Number] = append(states[ticket.Number], ticket.State)
	}
	papers := d.papers()
	for _, number := range papers {
		if at := states[number]; len(at) != 1 || !at[0].Live() && at[0] != queue.Done {
			d.t.Errorf("the paper %s is %v in the database", number, at)
		}
	}
	if all := distinct(papers); len(all) != len(papers) {
		d.t.Errorf("a number is on two papers: %v", papers)
	}
	return s, verified
}

// TestRestore: a backup of the morning is put back in the middle of the day while the kiosks are up. They hand in what it
// does not know, the recovery ends by itself, every paper is called, and numbers go on at the next hundred.
func TestRestore(t *testing.T) {
	d := newDay(t)
	lost := d.called[2:] // calls that the backup does not know
	d.restore()
	for _, k := range d.kiosks {
		k.ready()
	}
	if said := d.tell("status"); strings.Contains(said, "RECOVERING") {
		t.Errorf("every kiosk is back, and the recovery goes on:\n%s", said)
	}
	number := d.kiosks[0].number()
	if number != "A0100" {
		t.Errorf("after the recovery the next number is %s, want A0100", number)
	}
	again := d.unit.empty()
	before := d.called[:2]
	if left := missing(d.papers(), slices.Concat(before, again)); len(left) > 0 {
		t.Errorf("never called: %v", left)
	}
	twice := slices.DeleteFunc(slices.Clone(again), func(n string) bool { return !slices.Contains(d.called, n) })
	if extra := missing(twice, lost); len(extra) > 0 || len(distinct(again)) != len(again) {
		t.Errorf("called again %v, of which the backup knew %v", again, extra)
	}
	_, verified := d.check()
	t.Logf("papers %d, of them after the backup %d, back in the queue or called %d; calls that the backup did not know, made again: %d; the next number %s; %s",
		len(d.papers()), d.after, len(d.papers())-len(missing(d.papers(), slices.Concat(before, again))), len(twice), number, verified)
}

// TestRestoreWithADeadKiosk: one kiosk never comes back in time. The other gives numbers of its own until an administrator
// ends the recovery; then numbers go on far above all that the dead one can have printed, whose papers join when it is back.
func TestRestoreWithADeadKiosk(t *testing.T) {
	d := newDay(t)
	up, dead := d.kiosks[0], d.kiosks[1]
	dead.kill()
	d.restore()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for late := time.Now().Add(devicePatience); !strings.Contains(d.tell("status"), "handed in their papers: kiosk-2\n"); <-tick.C {
		if time.Now().After(late) {
			t.Fatalf("the status does not say that kiosk-2 alone is missing:\n%s", d.tell("status"))
		}
	}
	own := up.number()
	if !strings.HasPrefix(own, "AUU") {
		t.Errorf("during a recovery the kiosk gives %s", own)
	}
	d.tell("recovery", "end")
	up.ready()
	number := up.number()
	if number != "A0400" {
		t.Errorf("after the administrator's end the next number is %s, want A0400", number)
	}
	dead.start()
	dead.ready()
	again := d.unit.empty()
	if left := missing(d.papers(), slices.Concat(d.called[:2], again)); len(left) > 0 || len(distinct(again)) != len(again) {
		t.Errorf("called %v, never called %v", again, left)
	}
	_, verified := d.check()
	t.Logf("during the recovery %s, after `quhaod recovery end` %s; papers %d, called %d; %s",
		own, number, len(d.papers()), len(distinct(slices.Concat(d.called[:2], again))), verified)
}

// TestVerifyFinds: one byte of one event changed in the file, and one event removed: quhaod verify names the event.
func TestVerifyFinds(t *testing.T) {
	d := newDaemon(t, writeCentre(t, 1, 1))
	c := kiosks(t, d, 1)[0]
	d.start()
	for range 5 {
		if res, err := c.take(newID()); err != nil || res.Ticket == nil {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	d.tell("backup", copied)
	d.stop()
	whole, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	seq := uint64(0)
	for _, e := range events(t, copied) {
		if strings.Contains(e.body, `"A0003"`) && e.kind == "issued" {
			seq = e.seq
		}
	}
	body := []byte(`"Number":"A0003"`)
	if n := bytes.Count(whole, body); n != 1 || seq == 0 {
		t.Fatalf("the file has %d times %s, the event %d", n, body, seq)
	}
	for name, spoil := range map[string]func(file string){
		"nothing": func(string) {},
		"one byte changed": func(file string) {
			if err := os.WriteFile(file, bytes.Replace(whole, body, []byte(`"Number":"A0013"`), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"one event removed": func(file string) { remove(t, file, seq) },
	} {
		data := t.TempDir()
		file := filepath.Join(data, "quhao.db")
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		spoil(file)
		out, err := exec.Command(bin("quhaod"), "verify", "-data", data).CombinedOutput()
		said := strings.TrimSpace(string(out))
		switch {
		case name == "nothing" && (err != nil || !strings.Contains(said, "the log is whole")):
			t.Errorf("an honest copy: %v, %s", err, said)
		case name != "nothing" && (cmdCode(err) != 1 || !strings.Contains(said, fmt.Sprintf("event %d", seq))):
			t.Errorf("%s: %v, %s; want event %d", name, err, said, seq)
		}
		t.Logf("%s (event %d): %s", name, seq, said)
	}
}

// logged is a row of the log.
type logged struct {
	seq        uint64
	kind, body string
}

// database opens a file of the database with the driver that the store has registered.
func database(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// events reads the log in a file.
func events(t *testing.T, file string) (out []logged) {
	t.Helper()
	db := database(t, file)
	defer db.Close()
	rows, err := db.Query("SELECT seq, kind, body FROM events ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var l logged
		if err := rows.Scan(&l.seq, &l.kind, &l.body); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// remove takes an event out of the log, as somebody would who has the file: the triggers that guard it first.
func remove(t *testing.T, file string, seq uint64) {
	t.Helper()
	db := database(t, file)
	defer db.Close()
	for _, query := range []string{"DROP TRIGGER events_no_delete", fmt.Sprintf("DELETE FROM events WHERE seq = %d", seq)} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
}
