package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"quhao/internal/config"
	"quhao/internal/proto"
	"quhao/internal/ticket"

	"quhao/kiosk/flow"
)

// setup is what the flow has to know. Without the centre's file departments and items go by their ids.
func setup(d *config.Device, c *config.Centre, topics proto.Topics) flow.Config {
	out := flow.Config{
		Dev: d.ID, Hall: d.Hall, Topics: topics, Lang: d.Lang, Card: d.Card, Departments: map[string]flow.Department{},
	}
	for _, k := range d.Keys {
		out.Choices = append(out.Choices, flow.Choice{Key: k.Key, Q: k.Department, Item: k.Item})
		dept, ok := out.Departments[k.Department]
		if !ok {
			dept = department(k.Department, c)
		}
		if _, ok := dept.Items[k.Item]; k.Item != "" && !ok {
			dept.Items[k.Item] = flow.Text{ZH: k.Item, EN: k.Item}
		}
		out.Departments[k.Department] = dept
	}
	return out
}

func department(id string, c *config.Centre) flow.Department {
	out := flow.Department{Name: flow.Text{ZH: id, EN: id}, Card: flow.CardOptional, Items: map[string]flow.Text{}}
	if c == nil || c.Department(id) == nil {
		return out
	}
	own := c.Department(id)
	out.Name, out.Card, out.Prefix = flow.Text(own.Name), own.Card, own.Prefix
	for _, item := range own.Items {
		out.Items[item.ID] = flow.Text(item.Name)
	}
	return out
}

// paperOf makes the ticket of a job. It names no visitor: a job has nothing of the card.
func paperOf(j flow.Job, c *config.Centre) ticket.Ticket {
	in := func(t flow.Text) string { return config.Text(t).In(j.Lang) }
	out := ticket.Ticket{
		Department: in(j.Department), Item: in(j.Item), Number: j.Ticket.Num, Ahead: j.Ticket.Ahead,
		Time: time.UnixMilli(j.Ticket.T), Reprint: j.Reprint, Offline: j.Offline, Lang: ticket.Lang(j.Lang),
	}
	if j.Offline {
		out.Ahead = ticket.Unknown
	}
	if w := j.Ticket.Wait; w != nil {
		out.Wait = ticket.Wait{Lo: w.Lo, Hi: w.Hi}
	}
	if c == nil {
		return out
	}
	out.Centre, out.Where = c.Name.In(j.Lang), where(c, j.Ticket.Q, j.Lang)
	if zone, err := time.LoadLocation(c.Zone); err == nil { // the checker has loaded it before
		out.Time = out.Time.In(zone)
	}
	if out.MissedRule = c.Ticket.Missed.In(j.Lang); out.MissedRule == "" {
		out.MissedRule = missedRule(c.Department(j.Ticket.Q), j.Lang)
	}
	if c.Ticket.QR != "" {
		out.QR = c.Ticket.QR + string(j.Ticket.TID)
	}
	return out
}

// missedRule says in one line what happens to one who misses the call.
func missedRule(d *config.Department, lang string) string {
	if d == nil {
		return ""
	}
	m, minutes := d.Missed, int(d.Missed.Within.Minutes())
	switch {
	case lang == string(ticket.English) && m.Times > 0 && minutes > 0:
		return fmt.Sprintf("If you miss your call, come to the counter within %d minutes.", minutes)
	case lang == string(ticket.English):
		return "If you miss your call, please take a new number."
	case m.Times > 0 && minutes > 0:
		return fmt.Sprintf("过号 %d 分钟内请到窗口恢复排队", minutes)
	}
	return "过号请重新取号"
}

// where names the counters of a department, floor by floor, the lowest first: 二楼 3、4号窗口.
func where(c *config.Centre, dept, lang string) string {
	floors := map[int][]int{}
	for _, counter := range c.Counters {
		if slices.Contains(counter.Departments, dept) {
			floor := 0
			if h := c.HallOf(counter.Hall); h != nil {
				floor = h.Floor
			}
			floors[floor] = append(floors[floor], counter.Number)
		}
	}
	var parts []string
	for _, floor := range sortedKeys(floors) {
		numbers := floors[floor]
		slices.Sort(numbers)
		parts = append(parts, onFloor(floor, runs(numbers, lang), len(numbers), lang))
	}
	if lang == string(ticket.English) {
		return strings.Join(parts, "; ")
	}
	return strings.Join(parts, "；")
}

func sortedKeys(m map[int][]int) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}

func onFloor(floor int, numbers string, n int, lang string) string {
	if lang == string(ticket.English) {
		word := "counters"
		if n == 1 {
			word = "counter"
		}
		return fmt.Sprintf("%s %s, floor %d", word, numbers, floor)
	}
	return floorName(floor) + " " + numbers + " 号窗口"
}

// floorName is 二楼, 十二楼, or 地下一层.
func floorName(n int) string {
	digits := []rune("零一二三四五六七八九十")
	name := func(n int) string {
		switch {
		case n <= 10:
			return string(digits[n])
		case n < 20:
			return "十" + string(digits[n-10])
		}
		return strconv.Itoa(n)
	}
	if n < 0 {
		return "地下" + name(-n) + "层"
	}
	return name(n) + "楼"
}

// runs writes sorted numbers, three or more in a row as a range: 1、3至6.
func runs(numbers []int, lang string) string {
	comma, to := "、", "至"
	if lang == string(ticket.English) {
		comma, to = ", ", "-"
	}
	var parts []string
	for i := 0; i < len(numbers); {
		end := i
		for end+1 < len(numbers) && numbers[end+1] == numbers[end]+1 {
			end++
		}
		if end-i < 2 {
			end = i
			parts = append(parts, strconv.Itoa(numbers[i]))
		} else {
			parts = append(parts, strconv.Itoa(numbers[i])+to+strconv.Itoa(numbers[end]))
		}
		i = end + 1
	}
	return strings.Join(parts, comma)
}
