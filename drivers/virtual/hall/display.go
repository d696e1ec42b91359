package main

import (
	"fmt"
	"slices"
	"sync"

	"quhao/drivers/virtual"
	"quhao/internal/config"
)

// display watches the LED of a counter and says what people would look up for.
type display struct {
	number int
	out    *voice   // nil: nobody is told
	idle   []string // what an idle display shows in turn

	mu   sync.Mutex
	last virtual.Shown
}

// idleTexts are the texts that a unit shows in turn while nobody is called.
func idleTexts(c *config.Counter, centre *config.Centre) []string {
	texts := []string{c.Name.ZH, fmt.Sprintf("%d号窗口", c.Number)}
	for _, id := range c.Departments {
		d := centre.Department(id)
		texts = append(texts, d.Name.ZH, d.Short.ZH)
	}
	return texts
}

func (d *display) show(s virtual.Shown) {
	d.mu.Lock()
	was := d.last
	d.last = s
	d.mu.Unlock()
	turning := s.Mode == was.Mode && slices.Contains(d.idle, s.Text) // name and department in turn
	if d.out != nil && s != was && !turning {
		zh, en := shown(s)
		d.out.event("%[1]d 号窗口屏显示 %[2]s", "counter %[1]d shows %[3]s", d.number, zh, en)
	}
}

// shown says in words what a display shows.
func shown(s virtual.Shown) (zh, en string) {
	switch {
	case s.Mode != "" && s.Blink:
		return s.Text + "（闪烁）", s.Text + " (blinking)"
	case s.Mode != "":
		return s.Text, s.Text
	case s.Value < 0:
		return "无", "nothing"
	}
	zh, en = "红色", "red"
	switch s.Colour {
	case 0:
		zh, en = "绿色", "green"
	case 1:
		zh, en = "黄色", "yellow"
	}
	return fmt.Sprintf("%s %d", zh, s.Value), fmt.Sprintf("%d in %s", s.Value, en)
}
