package proto

import "strings"

// Topics makes and reads the topics of one centre.
type Topics struct{ root string }

// NewTopics returns the topics under a prefix, quhao unless the configuration names another.
func NewTopics(prefix string) Topics {
	if prefix == "" {
		prefix = "quhao"
	}
	return Topics{root: prefix + "/1/"}
}

// The last levels of a device's topics.
const (
	UpAvail   = "avail"
	UpHello   = "hello"
	UpCmd     = "cmd"
	UpFact    = "fact"
	UpBeat    = "hb"
	UpHealth  = "health"
	UpCfg     = "cfg"
	DownHello = "welcome"
	DownRes   = "res"
	DownAck   = "ack"
	DownDo    = "do"
	DownCfg   = "cfg"
)

// Up is a topic on which a device speaks, such as quhao/1/dev/kiosk-1/up/hello.
func (t Topics) Up(dev, what string) string { return t.root + "dev/" + dev + "/up/" + what }

// Down is a topic on which a device is spoken to.
func (t Topics) Down(dev, what string) string { return t.root + "dev/" + dev + "/down/" + what }

// AllDown is the filter for everything a device is told.
func (t Topics) AllDown(dev string) string { return t.root + "dev/" + dev + "/down/#" }

// AllUp is the controller's filter for what the devices say.
func (t Topics) AllUp() string { return t.root + "dev/+/up/#" }

// Ctl is the controller's own state.
func (t Topics) Ctl() string { return t.root + "state/ctl" }

// Counter is the state of a counter.
func (t Topics) Counter(c string) string { return t.root + "state/counter/" + c }

// Hall is the state of a hall.
func (t Topics) Hall(h string) string { return t.root + "state/hall/" + h }

// ReadUp takes the topic of a device's message apart.
func (t Topics) ReadUp(topic string) (dev, what string, ok bool) { return t.read(topic, "/up/") }

// ReadDown takes the topic of a message to a device apart.
func (t Topics) ReadDown(topic string) (dev, what string, ok bool) { return t.read(topic, "/down/") }

func (t Topics) read(topic, way string) (dev, what string, ok bool) {
	rest, ok := strings.CutPrefix(topic, t.root+"dev/")
	if !ok {
		return "", "", false
	}
	dev, what, ok = strings.Cut(rest, way)
	if !ok || dev == "" || what == "" || strings.Contains(dev, "/") || strings.Contains(what, "/") {
		return "", "", false
	}
	return dev, what, true
}

// ReadState takes the topic of a state apart: kind is ctl, counter or hall, name is empty for ctl.
func (t Topics) ReadState(topic string) (kind, name string, ok bool) {
	rest, ok := strings.CutPrefix(topic, t.root+"state/")
	if !ok {
		return "", "", false
	}
	kind, name, _ = strings.Cut(rest, "/")
	switch {
	case kind == "ctl" && name == "", (kind == "counter" || kind == "hall") && name != "" && !strings.Contains(name, "/"):
		return kind, name, true
	}
	return "", "", false
}
