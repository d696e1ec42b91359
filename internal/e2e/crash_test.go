package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quhao/daemon/queue"
	"quhao/drivers/virtual"
	"quhao/internal/proto"
)

const (
	crashKiosks = 2 // real ones, with printers
	crashUnits  = 2 // real ones, with displays
	crashPosts  = 4 // kiosks without hardware at the post office, which take numbers much faster than a person
	postCounter = "post"
	healEvery   = 10 // rounds between two looks at a centre that is left alone
	awayEvery   = 12 // rounds; then the controller stays away so long that kiosks give numbers of their own
)

// crash is a centre whose programs are killed at random moments while people go on.
type crash struct {
	t      *testing.T
	d      *daemon
	seed   uint64
	rng    *rand.Rand // of the rounds; people have their own
	kiosks []*mortal
	units  []*mortal
	posts  []*client
	caller *client
	given  *given

	kills               map[string]int // by program
	healed              []time.Duration
	lost                int
	burst               atomic.Bool // the post's kiosks do not pause
	taps, nexts, scores atomic.Int64
	repeats             atomic.Int64 // requests made twice
	called              sync.Map     // ticket at the post's counter, by the request of the press
}

// mortal is a real device and whether it is dead now.
type mortal struct {
	*appliance
	kiosk *kioskProgram   // one of the two is set
	unit  *counterProgram //
	dead  atomic.Bool
}

// TestCrashLoop: the controller, the broker, kiosks and counter units are killed at random moments, again and again, while
// visitors tap, officers press, visitors rate, and a fifth of all requests is made twice. Nothing that was answered or
// printed is lost, no number is on two papers, no press calls twice, and once the killing is over everything is right.
func TestCrashLoop(t *testing.T) {
	usual := 100
	if os.Getenv(brokerEnv) != "" {
		usual = 60 // the second time
	}
	t.Parallel() // it mostly waits
	c := newCrash(t)
	n := rounds(t, usual)
	for done := 0; done < n; {
		stop := c.people()
		for range min(healEvery, n-done) {
			c.round(done)
			done++
		}
		stop()
		c.heal()
	}
	drained := time.Now()
	c.drain()
	for _, m := range c.mortals() {
		m.kill()
	}
	c.d.stop()
	books := c.audit(drained)
	t.Logf("seed %d: %d rounds; kill -9: %s; right again %s after the last start at most; %s", c.seed, n, c.killed(), longest(c.healed), c.d.verify())
	t.Log(books)
}

// newCrash opens the centre.
func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{t: t, seed: seedOf(t), given: newGiven(), kills: map[string]int{}}
	t.Logf("seed %d", c.seed) // also when the test fails
	c.rng = rand.New(rand.NewPCG(c.seed, 0))
	c.d = newDaemon(t, crashCentre(t))
	for i := range crashKiosks {
		k := startESCPOS(t, c.d, fmt.Sprintf("kiosk-%d", i+1), virtual.PrinterOptions{})
		c.kiosks = append(c.kiosks, &mortal{appliance: k.appliance, kiosk: k})
	}
	for i := range crashUnits {
		u := startUnit(t, c.d, fmt.Sprintf("unit-%d", i+1), fmt.Sprintf("c%d", i+1))
		c.units = append(c.units, &mortal{appliance: u.appliance, unit: u})
	}
	for i := range crashPosts {
		c.posts = append(c.posts, connect(t, c.d, fmt.Sprintf("kiosk-%d", crashKiosks+i+1), proto.KindKiosk))
	}
	c.caller = connect(t, c.d, "unit-post", proto.KindCounter, proto.NewTopics("").Counter(postCounter))
	c.d.start()
	for i := range crashUnits {
		c.d.tell("sign", "on", fmt.Sprintf("c%d", i+1), fmt.Sprintf("officer-%d", i+1))
	}
	c.d.tell("sign", "on", postCounter, "officer-post")
	c.heal()
	return c
}

// seedOf is QUHAO_SEED, or another one each time.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	word := os.Getenv("QUHAO_SEED")
	if word == "" {
		return rand.Uint64() >> 32
	}
	seed, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		t.Fatalf("QUHAO_SEED=%q: %v", word, err)
	}
	return seed
}

// crashCentre is a centre with an office, whose devices are real, and a post office, whose devices are faster than any hardware.
func crashCentre(t *testing.T) string {
	t.Helper()
	conf := writeCentre(t, crashKiosks+crashPosts, crashUnits)
	fitPrinters(t, conf, "")
	edit := func(name string, change ...string) {
		name = filepath.Join(conf, name)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.NewReplacer(change...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit("centre.yaml",
		"departments:\n", "departments:\n  - {id: post, name: {zh: 邮局, en: Post}, prefix: B, series: {width: 5}}\n",
		"counters:\n", "counters:\n  - {id: post, number: 9, hall: hall, departments: [post]}\n",
		"officers:\n", "officers:\n  - {id: officer-post, name: {zh: 乙, en: B}}\n")
	unit, err := os.ReadFile(filepath.Join(conf, "devices", "unit-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	post := strings.NewReplacer("id: unit-1", "id: unit-post", "[c1]", "["+postCounter+"]").Replace(string(unit))
	if err := os.WriteFile(filepath.Join(conf, "devices", "unit-post.yaml"), []byte(post), 0o600); err != nil {
		t.Fatal(err)
	}
	return conf
}

// mortals are all real devices.
func (c *crash) mortals() []*mortal { return append(append([]*mortal(nil), c.kiosks...), c.units...) }

// round kills one to three programs at a random moment and starts them again after another.
func (c *crash) round(n int) {
	c.t.Helper()
	c.pause(100, 1100)
	if n%3 == 0 {
		c.pause(1000, 2500) // so long that sessions open and work is done
	}
	daemon, broker, devices := c.victims(n)
	if daemon {
		c.burst.Store(true)
		c.pause(20, 120)
	}
	for _, m := range devices {
		m.dead.Store(true)
		m.kill()
		c.kills[m.prog]++
	}
	if broker {
		c.d.outer.kill()
		c.kills["broker"]++
	}
	if daemon {
		c.d.kill()
		c.kills["quhaod"]++
		c.burst.Store(false)
		_, _, missing := c.given.against(c.t, c.d.books(), c.given.copy())
		c.lost += missing
	}
	if n%awayEvery == awayEvery-1 {
		c.pause(3500, 4500)
	} else {
		c.pause(0, 250)
	}
	if broker {
		c.d.outer.start()
	}
	if daemon {
		c.d.start()
	}
	for _, m := range devices {
		m.start()
		m.dead.Store(false)
	}
}

// victims draws who is killed: the controller in half of the rounds, the broker as often if it is a program of its own, and
// each device in a quarter; somebody always. When the controller is to stay away, it has to be one of them.
func (c *crash) victims(n int) (daemon, broker bool, devices []*mortal) {
	for {
		daemon = c.rng.IntN(2) == 0
		broker = c.d.outer != nil && c.rng.IntN(2) == 0
		devices = nil
		for _, m := range c.mortals() {
			if c.rng.IntN(4) == 0 {
				devices = append(devices, m)
			}
		}
		if n%awayEvery == awayEvery-1 {
			return true, broker, nil // visitors are to find the kiosks working
		}
		if daemon || broker || len(devices) > 0 {
			return daemon, broker, devices
		}
	}
}

// pause lets people go on for a random time in ms.
func (c *crash) pause(from, to int) {
	late := time.NewTimer(time.Duration(from+c.rng.IntN(to-from)) * time.Millisecond)
	<-late.C
}

// heal waits until a centre that is left alone is right: every device in session, every fact taken, every display as the
// controller says.
func (c *crash) heal() {
	c.t.Helper()
	start := time.Now()
	for _, m := range c.kiosks {
		m.kiosk.page("right", func(k kioskPage) bool { return k.ready() && k.Screen.State != "asking" && k.Screen.State != "printing" })
	}
	for _, m := range c.units {
		m.unit.right()
	}
	c.healed = append(c.healed, time.Since(start).Round(10*time.Millisecond))
}

// right waits until the display shows what the controller says.
func (u *counterProgram) right() {
	u.t.Helper()
	u.page("right", func(p unitPage) bool { return u.agrees(p) && p.Journal.Pending == 0 })
}

// agrees says whether the display shows what the controller says now.
func (u *counterProgram) agrees(p unitPage) bool {
	var o overviewPage
	if get(u.d.overview(), &o) != nil || len(p.Counters) != 1 {
		return false
	}
	is, led := o.Counters[u.counter], u.led.Shown()
	return p.Ready && !p.Stale && p.Counters[0].Held == is.At() && led.Mode != "stale" && strings.Contains(led.Text, is.Num) &&
		(is.S == "calling") == (led.Mode == "calling") && (is.S == "serving") == (led.Mode == "serving")
}

// drain calls everybody who waits at the office, asks again for what the post has given, and looks once more.
func (c *crash) drain() {
	c.t.Helper()
	var all sync.WaitGroup
	for _, m := range c.units {
		all.Go(func() {
			c.t.Run("drain "+m.id, func(t *testing.T) {
				m.unit.t, m.t = t, t
				m.unit.empty()
			})
		})
	}
	all.Wait()
	for _, m := range c.units {
		m.unit.t, m.t = c.t, c.t
	}
	repeatAll(c.t, c.posts, c.given)
	c.heal()
	for _, m := range c.kiosks {
		m.kiosk.printer.Tear() // what hangs out of it
	}
}

// killed lists the kills.
func (c *crash) killed() string {
	if c.d.outer == nil {
		c.kills["broker"] = c.kills["quhaod"] // it is a part of it
	}
	return fmt.Sprintf("quhaod %d, broker %d, quhao-kiosk %d, quhao-display %d",
		c.kills["quhaod"], c.kills["broker"], c.kills["quhao-kiosk"], c.kills["quhao-display"])
}

func longest(all []time.Duration) (out time.Duration) {
	for _, d := range all {
		out = max(out, d)
	}
	return out
}

// deaths are all kills: no fault without one.
func (c *crash) deaths() (n int) {
	for _, k := range c.kills {
		n += k
	}
	return n
}

// requestOf is the id of a command as the database has it.
func requestOf(id proto.ID) queue.RequestID { return queue.RequestID(id) }
