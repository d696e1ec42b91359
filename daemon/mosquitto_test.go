//go:build mosquitto

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quhao/daemon/store"
	"quhao/internal/link"
	"quhao/internal/proto"
)

// The access file: what a device says in another's name, or to others, nobody hears; what is for others it does not hear,
// whatever it subscribes to and whatever client id it takes.
func TestMosquittoAccess(t *testing.T) {
	r, m := newMosquitto(t)
	topics := r.topics
	boss := observe(r, link.Options{Addr: "tcp://" + m.local, ClientID: "watch", User: controllerName, Subscribe: []string{"#", "$SYS/#"}})
	victim := observe(r, link.Options{Addr: r.addr, TLS: r.tls, ClientID: "kiosk-1", User: "kiosk-1", Subscribe: []string{"#"}})
	thief := observe(r, link.Options{Addr: r.addr, TLS: r.tls, ClientID: "kiosk-1", User: "kiosk-2", Subscribe: []string{"#", "$SYS/#", "quhao/1/dev/+/down/#"}})
	for i, topic := range []string{
		topics.Up("kiosk-1", "hello"), topics.Down("kiosk-1", "res"), topics.Down("kiosk-2", "res"), topics.Ctl(), topics.Counter("c1"),
		"quhao/2/dev/kiosk-2/up/hello", "elsewhere", "quhao/1/dev/kiosk-2/upside", "$SYS/broker",
	} {
		thief.say(t, topic, "forbidden "+string(rune('a'+i)))
	}
	thief.say(t, topics.Up("kiosk-2", "hello"), "allowed") // in order: what was let through has come before it
	until(t, "what a device may say arrives", func() bool { topic, ok := boss.payload("allowed"); return ok && topic == topics.Up("kiosk-2", "hello") })
	boss.say(t, topics.Down("kiosk-1", "res"), "for kiosk-1")
	boss.say(t, topics.Down("kiosk-2", "res"), "for kiosk-2")
	boss.say(t, topics.Counter("c1"), "for all")
	for _, x := range []*observer{victim, thief} {
		until(t, "state arrives", func() bool { _, ok := x.payload("for all"); return ok })
	}
	for text, x := range map[string]*observer{"for kiosk-1": victim, "for kiosk-2": thief} {
		if _, ok := x.payload(text); !ok {
			t.Errorf("%q did not arrive", text)
		}
	}
	if _, ok := thief.payload("for kiosk-1"); ok {
		t.Error("kiosk-2 hears what is said to kiosk-1")
	}
	for _, x := range []*observer{boss, victim, thief} {
		x.mu.Lock()
		for _, msg := range x.heard {
			if strings.HasPrefix(string(msg.Payload), "forbidden") || strings.HasPrefix(msg.Topic, "$SYS") {
				t.Errorf("%s %q was heard", msg.Topic, msg.Payload)
			}
		}
		x.mu.Unlock()
	}
	if victim.count() != 1 {
		t.Error("a device was pushed off by another one that took its client id")
	}
}

// Where the client id is not bound to the name, a device that takes another one's id still speaks and hears in its own name
// only: the patterns of the access file stand on %u. With %c it would be the other device.
func TestMosquittoPosing(t *testing.T) {
	r, m := newMosquitto(t)
	boss := observe(r, link.Options{Addr: "tcp://" + m.local, ClientID: "watch", User: controllerName, Subscribe: []string{r.topics.AllUp()}})
	thief := observe(r, link.Options{Addr: "tcp://" + m.local, ClientID: "kiosk-1", User: "kiosk-2", Subscribe: []string{"quhao/1/dev/+/down/#"}})
	thief.say(t, r.topics.Up("kiosk-1", "hello"), "forbidden")
	thief.say(t, r.topics.Up("kiosk-2", "hello"), "allowed")
	until(t, "what it may say arrives", func() bool { _, ok := boss.payload("allowed"); return ok })
	if _, ok := boss.payload("forbidden"); ok {
		t.Error("kiosk-2 spoke as kiosk-1")
	}
	boss.say(t, r.topics.Down("kiosk-1", "res"), "for kiosk-1")
	boss.say(t, r.topics.Down("kiosk-2", "res"), "for kiosk-2")
	until(t, "what it may hear arrives", func() bool { _, ok := thief.payload("for kiosk-2"); return ok })
	if _, ok := thief.payload("for kiosk-1"); ok {
		t.Error("kiosk-2 heard what is for kiosk-1")
	}
}

// Killed with all its state and started again, several times: devices and controller come back by themselves, and each
// retained state is there again and right, for one who connects only then.
func TestMosquittoKilled(t *testing.T) {
	r, m := newMosquitto(t)
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk)
	unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
	kiosk.inSession()
	unit.inSession()
	r.tell("sign", "on", "c3", "officer-3")
	others := []string{"unit-1", "unit-2", "unit-4", "kiosk-2"} // one for each kill
	for i, other := range others {
		taken := kiosk.ticket("finance")
		kiosk.await("its facts acknowledged", func() bool { return kiosk.sess.Journal().Acked() == uint64(2*i+2) })
		unit.press("c3", proto.Cmd{Op: proto.OpNext})
		m.kill()
		m.start()
		late := r.join(other, kindOf(other), r.topics.Counter("c3"))
		if st := late.counter("c3", func(st proto.CounterState) bool { return st.S != "" }); st.S != "calling" || st.Num != taken.Num {
			t.Fatalf("kill %d: the counter is retained as %+v, want the call of %s", i, st, taken.Num)
		}
		late.await("its configuration", func() bool { return late.configs > 0 })
		for _, x := range []*member{kiosk, unit} {
			x.await("back", func() bool { return x.ups == i+2 && x.sess.Ready(x.now()) })
		}
	}
	r.stop()
	kiosk.await("the controller's leave", func() bool { return kiosk.ctl[len(kiosk.ctl)-1] == "off" })
	r.books(store.Total{Dept: "finance", Taken: len(others), Called: len(others), Served: len(others) - 1})
}

func kindOf(id string) proto.Kind {
	if strings.HasPrefix(id, "kiosk") {
		return proto.KindKiosk
	}
	return proto.KindCounter
}

// The controller's connection breaks: the devices hear of it by its last will, and of its return.
func TestMosquittoControllersWill(t *testing.T) {
	r, m := newMosquitto(t)
	cable := newCable(t, m.local)
	r.replace("centre.yaml", m.local, cable.addr)
	r.start()
	unit := r.join("unit-3", proto.KindCounter, r.topics.Counter("c3"))
	unit.inSession()
	for i := range 3 {
		cable.tear()
		heard := func(word string) int {
			n := 0
			for _, w := range unit.ctl {
				if w == word {
					n++
				}
			}
			return n
		}
		unit.await("that the controller is lost", func() bool { return heard("lost") == i+1 })
		unit.await("that it is back", func() bool { return unit.ctl[len(unit.ctl)-1] == "on" })
		r.tell("sign", "on", "c3", "officer-3")
		unit.counter("c3", func(st proto.CounterState) bool { return st.S == "idle" })
		r.tell("sign", "off", "c3")
		unit.counter("c3", func(st proto.CounterState) bool { return st.S == "closed" })
	}
}

// Another controller on the same broker, with a later epoch: ours falls silent at once and says why, and after its next start
// waits for the kiosks' journals before it gives a number.
func TestMosquittoTwoControllers(t *testing.T) {
	r, m := newMosquitto(t)
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk)
	kiosk.inSession()
	other := observe(r, link.Options{Addr: "tcp://" + m.local, ClientID: "quhaod-other", User: controllerName, Subscribe: []string{r.topics.Ctl()}})
	text, err := proto.Encode(proto.Ctl{V: proto.Version, S: "on", Epoch: 1000, Boot: "other"})
	if err != nil {
		t.Fatal(err)
	}
	other.say(t, r.topics.Ctl(), string(text))
	until(t, "quhaod says that it stands aside", func() bool { return strings.Contains(r.tell("status"), "another controller speaks on this broker") })
	r.stop()
	r.start()
	until(t, "the recovery waits for the kiosk that is not there, and for no other", func() bool {
		s := r.tell("status")
		return strings.Contains(s, "RECOVERING") && strings.Contains(s, "papers: kiosk-2\n")
	})
	r.tell("recovery", "end")
	kiosk.inSession()
	if taken := kiosk.ticket("finance"); !strings.HasSuffix(taken.Num, "00") {
		t.Errorf("the first number after a recovery is %s, not the next hundred", taken.Num)
	}
}

// The doctor finds all well, without disturbing the running daemon and its devices.
func TestMosquittoDoctorFindsAllWell(t *testing.T) {
	r, _ := newMosquitto(t)
	r.healthy("broker", "sign-in", "access", "round trip")
	r.start()
	kiosk := r.join("kiosk-1", proto.KindKiosk)
	kiosk.inSession()
	r.healthy("database       quhaod runs", "access", "round trip")
	if strings.Contains(r.tell("status"), "messages_bad") || strings.Contains(r.log.String(), probeWord) {
		t.Error("the daemon took the doctor for a device")
	}
	kiosk.ticket("finance")
	kiosk.mu.Lock()
	defer kiosk.mu.Unlock()
	for _, word := range kiosk.ctl {
		if word != "on" {
			t.Errorf("while the doctor looked, the controller was %q", word)
		}
	}
}

func TestMosquittoDoctorFindsWhatIsWrong(t *testing.T) {
	t.Run("Nagle", func(t *testing.T) {
		r, _ := newMosquitto(t, "\nset_tcp_nodelay true\n", "\nset_tcp_nodelay false\n")
		r.unwell("round trip", "set_tcp_nodelay true", "mosquitto.conf")
	})
	for right, thing := range map[string]string{
		"topic read quhao/1/dev/+/up/#": "/up/probe", "topic write quhao/1/dev/+/down/#": "/down/probe", "topic write quhao/1/state/#": "/state/probe",
	} {
		t.Run(right, func(t *testing.T) {
			r, m := newMosquitto(t)
			acl := filepath.Join(filepath.Dir(m.file), "acl")
			text := m.read("acl")
			if strings.Count(text, "\n"+right+"\n") != 1 {
				t.Fatalf("the shipped access file has no line %q", right)
			}
			if err := os.WriteFile(acl, []byte(strings.Replace(text, right, "", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			m.kill()
			m.start()
			r.unwell("access", thing, strings.Fields(right)[1])
		})
	}
	t.Run("an old copy of the passwords", func(t *testing.T) {
		r, _ := newMosquitto(t)
		r.enrol(controllerName) // Mosquitto was not told
		r.unwell("sign-in", passwordFile)
	})
}

// TestMosquittoRoundTrip is the ratio that the doctor's verdict rests on: the option makes a difference of tens of milliseconds.
func TestMosquittoRoundTrip(t *testing.T) {
	mid := map[string]time.Duration{}
	for _, word := range []string{"true", "false"} {
		r, m := newMosquitto(t, "\nset_tcp_nodelay true\n", "\nset_tcp_nodelay "+word+"\n")
		p, err := signIn(t.Context(), "tcp://"+m.local, r.secrets[controllerName], r.topics)
		if err != nil {
			t.Fatal(err)
		}
		all, err := p.measure(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.stop()
		mid[word] = median(all)
	}
	t.Logf("median of %d round trips: set_tcp_nodelay true %s, false %s", trips, short(mid["true"]), short(mid["false"]))
	if mid["false"]-mid["true"] < 25*time.Millisecond || mid["false"] < 4*mid["true"] {
		t.Error("set_tcp_nodelay makes no difference")
	}
}
