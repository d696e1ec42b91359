package config

import "time"

// Text is a text in the centre's two languages.
type Text struct {
	ZH string `yaml:"zh" must:"every text is given in Chinese (zh) and English (en)"`
	EN string `yaml:"en" must:"every text is given in Chinese (zh) and English (en)"`
}

// In returns the text in the language "zh" or "en"; any other language gets Chinese.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.ZH
}

// Passage is a longer text in the centre's two languages: 1 to 2000 characters, several lines allowed.
type Passage struct {
	ZH string `yaml:"zh" must:"every text is given in Chinese (zh) and English (en)" range:"1..2000"`
	EN string `yaml:"en" must:"every text is given in Chinese (zh) and English (en)" range:"1..2000"`
}

// Centre is the file centre.yaml: one building or floor with its halls and its one controller.
type Centre struct {
	Version     int          `yaml:"version" must:"the first line of every configuration file is version: 1"`
	Sample      bool         `yaml:"sample"` // shown as 示例数据 on every screen and page
	Name        Text         `yaml:"name" must:"the centre's name stands on tickets and boards"`
	Zone        string       `yaml:"zone" must:"the time zone, such as Asia/Shanghai"` // IANA name; tzdata is compiled in
	Prefix      string       `yaml:"prefix" form:"root"`                               // root of all MQTT topics; default quhao
	Broker      Broker       `yaml:"broker"`
	HTTP        string       `yaml:"http"`       // host:port of the pages; default 127.0.0.1:8480
	HTTPPlain   bool         `yaml:"http_plain"` // beyond this machine too, pages go without encryption
	Classes     []Class      `yaml:"classes" count:"1..9"`
	Needs       []Need       `yaml:"needs" count:"0..20"`
	Departments []Department `yaml:"departments" must:"a centre has at least one department" count:"1..200"`
	Halls       []Hall       `yaml:"halls" must:"a centre has at least one hall" count:"1..50"`
	Counters    []Counter    `yaml:"counters" must:"a centre has at least one counter" count:"1..999"`
	Officers    []Officer    `yaml:"officers" count:"0..2000"`
	Hours       Hours        `yaml:"hours"`
	Ticket      Ticket       `yaml:"ticket"`
	Rating      Rating       `yaml:"rating"`
	Offline     Offline      `yaml:"offline"`
	Recovery    Recovery     `yaml:"recovery"`
}

func (c *Centre) defaults() {
	c.Prefix = "quhao"
	c.HTTP = "127.0.0.1:8480"
	c.Classes = []Class{
		{"priority", Text{"优先", "Priority"}},
		{"appointment", Text{"预约", "Appointment"}},
		{"normal", Text{"普通", "Normal"}},
	}
}

// Broker says where the devices meet the controller: the embedded broker, or an external one.
type Broker struct {
	Listen   string `yaml:"listen"`   // host:port without encryption; loopback only; default 127.0.0.1:1883, none with external
	TLS      string `yaml:"tls"`      // host:port with encryption for devices on other machines; empty for none
	External string `yaml:"external"` // mqtt://host:port or mqtts://host:port of a broker elsewhere; empty for the embedded one
}

func (b *Broker) defaults() { b.Listen = "127.0.0.1:1883" }

// Class is a class of priority. The first class of the centre is the highest, the last one is everybody's.
type Class struct {
	ID   string `yaml:"id" must:"every class needs an id" form:"id"`
	Name Text   `yaml:"name" must:"every class needs a name"`
}

// Need is something that a ticket may need and a counter may provide, such as a low desk.
type Need struct {
	ID   string `yaml:"id" must:"every need has an id" form:"id"`
	Name Text   `yaml:"name" must:"every need has a name"`
}

// Department owns a queue, a number series and its counters.
type Department struct {
	ID     string   `yaml:"id" must:"every department needs an id" form:"id"`
	Name   Text     `yaml:"name" must:"every department needs a name"`
	Short  Text     `yaml:"short"` // for counter displays, at most eight full-width cells; default the name
	Prefix string   `yaml:"prefix" must:"the letters that its ticket numbers begin with" form:"series"`
	Floor  int      `yaml:"floor" range:"-9..99"` // said with the call; default the floor of its first counter
	Series Series   `yaml:"series"`
	Order  Order    `yaml:"order"`
	Needs  []string `yaml:"needs"` // what a ticket here may need; each must be provided by one of its counters
	Card   string   `yaml:"card" oneof:"required optional never"`
	Missed Missed   `yaml:"missed"`
	Items  []Item   `yaml:"items" count:"0..200"`
}

func (d *Department) defaults() { d.Card = CardOptional }

// Whether a ticket needs a card.
const (
	CardRequired = "required" // no ticket without a card
	CardOptional = "optional" // with a card, or by key alone
	CardNever    = "never"    // cards are not asked for and not recorded
)

// Series is a department's number series of one service day.
type Series struct {
	Width   int    `yaml:"width" range:"1..5"`            // digits after the prefix; default 3
	First   int    `yaml:"first" range:"1..99999"`        // default 1
	Limit   int    `yaml:"limit" range:"1..99999"`        // the last number; default all nines of the width
	AtLimit string `yaml:"at_limit" oneof:"refuse widen"` // default refuse
}

func (s *Series) defaults() { *s = Series{Width: 3, First: 1, AtLimit: AtLimitRefuse} }

// What happens after the last number of a series. A series never wraps.
const (
	AtLimitRefuse = "refuse" // no more tickets that day
	AtLimitWiden  = "widen"  // go on with one more digit
)

// Order is how the next ticket is chosen among the classes of a department.
type Order struct {
	Policy    string `yaml:"policy" oneof:"fifo strict ratio"`
	Ratio     []int  `yaml:"ratio" range:"1..20"`       // with ratio: how many of each class in turn, one number for each class of the centre
	MaxPassed int    `yaml:"max_passed" range:"1..100"` // nobody is passed over more often; default 10
}

func (o *Order) defaults() { *o = Order{Policy: PolicyStrict, MaxPassed: 10} }

// The policies of Order.
const (
	PolicyFIFO   = "fifo"   // by place alone; classes are only shown
	PolicyStrict = "strict" // the highest class first, bounded by MaxPassed
	PolicyRatio  = "ratio"  // classes in turn by Ratio, bounded by MaxPassed
)

// Missed is the 过号 rule of a department.
type Missed struct {
	Recalls int           `yaml:"recalls" range:"0..9"`   // calls again before a no-show; default 3
	Every   time.Duration `yaml:"every" range:"5s..10m"`  // between two calls; default 20s
	Within  time.Duration `yaml:"within" range:"1m..12h"` // a return within this time is reinstated; default 30m
	After   int           `yaml:"after" range:"0..20"`    // behind this many others; default 3
	Times   int           `yaml:"times" range:"1..9"`     // how often one ticket is reinstated; default 1
}

func (m *Missed) defaults() {
	*m = Missed{Recalls: 3, Every: 20 * time.Second, Within: 30 * time.Minute, After: 3, Times: 1}
}

// Item is one thing that a department does.
type Item struct {
	ID    string `yaml:"id" must:"every item needs an id" form:"id"` // unique in the centre
	Name  Text   `yaml:"name" must:"every item needs a name"`
	Guide Guide  `yaml:"guide" must:"every item has a guide with audience, conditions, materials, process, place and limit"`
}

// Guide is what the regulation asks to be announced for an item (article 11).
type Guide struct {
	Audience   Passage `yaml:"audience" must:"for whom the item is"`
	Conditions Passage `yaml:"conditions" must:"what must be so before one comes"`
	Materials  Passage `yaml:"materials" must:"which papers to bring"`
	Process    Passage `yaml:"process" must:"what happens, step by step"`
	Place      Passage `yaml:"place" must:"where it is done"`
	Limit      Passage `yaml:"limit" must:"how long it may take"`
}

// Hall is a room with counters, a board and kiosks.
type Hall struct {
	ID    string `yaml:"id" must:"every hall needs an id" form:"id"`
	Name  Text   `yaml:"name" must:"every hall needs a name"`
	Floor int    `yaml:"floor" must:"the floor is said with every call to another floor" range:"-9..99"`
}

// Counter is a desk that serves one or more departments.
type Counter struct {
	ID          string   `yaml:"id" must:"every counter needs an id" form:"id"`
	Number      int      `yaml:"number" must:"the number that is called out and painted on the desk" range:"1..999"`
	Name        Text     `yaml:"name"` // default 3号窗口 and Counter 3, after the number
	Hall        string   `yaml:"hall" must:"the hall where the counter stands"`
	Departments []string `yaml:"departments" must:"a counter serves at least one department" count:"1..50"`
	Provides    []string `yaml:"provides"` // ids of needs
}

// Officer works at counters. A card's number never stands in a file: see Card.
type Officer struct {
	ID            string   `yaml:"id" must:"every officer needs an id" form:"id"`
	Name          Text     `yaml:"name" must:"every officer needs a name"`
	Card          string   `yaml:"card" form:"card"` // lower-case hex SHA-256 of "quhao card " and the number; empty: signs on by the console only
	Counters      []string `yaml:"counters"`         // the desks of the A post
	SubstituteFor []string `yaml:"substitute_for"`   // ids of the officers whose B post this one is
}

// Ticket is what the centre adds to the printed ticket.
type Ticket struct {
	Missed Text   `yaml:"missed"` // the 过号 rule in one line; default made from the department's numbers
	QR     string `yaml:"qr"`     // base address of the status page, ending in a slash; empty: no QR code
}

// Rating is how long a visitor may rate.
type Rating struct {
	Minimum time.Duration `yaml:"minimum" range:"5s..5m"` // kept open although the next visitor starts; default 10s
	For     time.Duration `yaml:"for" range:"10s..30m"`   // then no answer is recorded; default 2m
}

func (r *Rating) defaults() { *r = Rating{Minimum: 10 * time.Second, For: 120 * time.Second} }

// Offline bounds what a kiosk may issue while it cannot reach the controller.
type Offline struct {
	Cap int `yaml:"cap" range:"0..99"` // tickets between two permits of different days; default 99; 0: none
}

func (o *Offline) defaults() { o.Cap = 99 }

// Recovery is what happens after a restore.
type Recovery struct {
	Jump int `yaml:"jump" range:"100..900"` // numbers skipped when an administrator ends the recovery by hand; default 300
}

func (r *Recovery) defaults() { r.Jump = 300 }
