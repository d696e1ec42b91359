package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/internal/config"
	"quhao/internal/proto"
)

// ask carries out a command under an id of its own; the id of a Take is the ticket's.
func (c *centre) ask(id string, w queue.Wish) {
	c.t.Helper()
	if _, err := c.ctl.Do(c.t.Context(), queue.Command{Request: queue.RequestID(id), Actor: "test", Do: w}); err != nil {
		c.t.Fatalf("%s, %T: %v", id, w, err)
	}
}

// pass lets time pass, of the bubble: a ticket's paper is taken for printed after 20 s, a page looks again after 250 ms.
func (c *centre) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// at opens a day with one officer at each counter that is named.
func (c *centre) at(counters ...string) {
	c.t.Helper()
	c.must(queue.OpenDay{})
	for i, id := range counters {
		c.ask("on "+id, queue.SignOn{Counter: queue.CounterID(id), Officer: queue.OfficerID(fmt.Sprintf("officer-%s", officers(id, i)))})
	}
}

// officers names an officer of the two sample configurations.
func officers(counter string, i int) string {
	if len(counter) == 3 {
		return fmt.Sprintf("%02d", i+1)
	}
	return fmt.Sprint(i + 1)
}

func (c *centre) page(path string, status int) string {
	c.t.Helper()
	got, body := c.get("GET", path)
	if got != status {
		c.t.Errorf("%s: %d, want %d", path, got, status)
	}
	return body
}

// shows checks that a page holds some texts and does not hold others, which begin with an exclamation mark.
func (c *centre) shows(path string, texts ...string) {
	c.t.Helper()
	body := c.page(path, http.StatusOK)
	for _, text := range texts {
		text, unwanted := strings.CutPrefix(text, "!")
		if strings.Contains(body, text) == unwanted {
			c.t.Errorf("%s: %q is there: %t\n%s", path, text, unwanted, body)
		}
	}
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.shows("/board/hall", "停止办公", "教务", "Study Affairs", "示例数据", "示例服务大厅", "!data-t")
		c.at("c1", "c2", "c3")
		c.ask("t1", queue.Take{Dept: "finance", Holder: "one card"})
		c.ask("t2", queue.Take{Dept: "finance", Holder: "another card"})
		c.pass(21 * time.Second)
		c.shows("/board/hall", "请留意叫号", `<b>2</b>`, "!停止办公", "!暂无窗口")
		c.must(queue.Next{Counter: "c3"})
		called := time.Now().UnixMilli()
		c.must(queue.SetIssuing{Dept: "cards"})
		c.pass(time.Second)
		c.shows("/board/hall", fmt.Sprintf(`data-t="%d"`, called), `<b class="num">B001</b>`, "3号窗口", "Counter 3", "停止取号",
			`class="last">B001<`, `<b>1</b>`, "!card\"", "!officer")
		c.ask("off", queue.SignOff{Counter: "c1"})
		c.ask("off 2", queue.Pause{Counter: "c2"})
		c.pass(time.Second)
		c.shows("/board/hall", "暂无窗口")
		c.must(queue.Undo{Counter: "c3"})
		c.pass(time.Second)
		c.shows("/board/hall", "!B001")
		c.ask("on 4", queue.SignOn{Counter: "c4", Officer: "officer-4"})
		c.ask("next", queue.Next{Counter: "c3"})
		c.must(queue.Transfer{Counter: "c3", To: "cards"})
		c.ask("next 4", queue.Next{Counter: "c4"})
		c.pass(time.Second)
		// The visitor who was handed over is called, but the department's own numbers are no further for that.
		c.shows("/board/hall", `<b class="num">B001</b>`, "4号窗口")
		if n := strings.Count(c.page("/board/hall", http.StatusOK), `class="last">B001<`); n != 1 {
			t.Errorf("%d departments have called B001 as their own", n)
		}
		c.must(queue.CloseDay{Force: true})
		c.pass(time.Second)
		c.shows("/board/hall", "停止办公", "!data-t")
	})
}

// A quiet hall keeps its last call on its board however much is called elsewhere, and a call of a department of this hall
// to a counter on another floor names the floor.
func TestBoardOfTwoHalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := load(t, "../../configs")
		conf.Centre.Counters = append(conf.Centre.Counters, config.Counter{
			ID: "c15", Number: 15, Name: config.Text{ZH: "15号窗口", EN: "Counter 15"}, Hall: "hall-2", Departments: []string{"office"},
		})
		c := centreOf(t, conf)
		c.at("c01", "c02")
		c.ask("on finance", queue.SignOn{Counter: "c12", Officer: "officer-12"})
		c.ask("on 15", queue.SignOn{Counter: "c15", Officer: "officer-13"})
		c.ask("f", queue.Take{Dept: "finance"})
		for i := range 12 {
			c.ask(fmt.Sprint("s", i), queue.Take{Dept: "students"})
		}
		c.ask("o", queue.Take{Dept: "office"})
		c.pass(21 * time.Second)
		c.ask("next f", queue.Next{Counter: "c12"})
		for i := range 12 {
			c.pass(time.Second)
			c.ask(fmt.Sprint("next s", i), queue.Next{Counter: "c02"})
		}
		c.pass(time.Second)
		c.shows("/board/hall-2", "J001", "!B012", "!<i>1楼")
		c.shows("/board/hall-1", "B012", "B007", "!<b class=\"num\">B006", "!J001", "!楼</i>")
		c.ask("next o", queue.Next{Counter: "c15"})
		c.pass(time.Second)
		c.shows("/board/hall-1", "<i>2楼</i>15号窗口", "Counter 15, Floor 2")
		c.shows("/board/hall-2", "15号窗口", "!<i>2楼")
		c.pass(20 * time.Second)
		c.must(queue.Recall{Counter: "c02"})
		c.pass(time.Second)
		if body := c.page("/board/hall-1", http.StatusOK); strings.Index(body, `num">B012`) > strings.Index(body, `num">A001`) {
			t.Errorf("who is called again does not stand first: %s", body)
		}
	})
}

func TestTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.at("c1", "c2")
		c.ask("t1", queue.Take{Dept: "study", Holder: "the first card", Item: "transcript"})
		c.ask("t2", queue.Take{Dept: "study", Holder: "the second card"})
		c.ask("t3", queue.Take{Dept: "finance", Holder: "the third card"})
		c.ask("t4", queue.Take{Dept: "study", Holder: "the fourth card"})
		c.shows("/ticket/t4", "前面还有 2 人", "2 people ahead of you")
		const person, secret = "!card\"", "!transcript"
		c.shows("/ticket/t1", "A001", "教务", "下一位就是您", "You are next", "!the first", person, secret)
		c.shows("/t/t2", "A002", "前面还有 1 人", "1 person ahead of you", "!the second")
		c.shows("/ticket/t3", "B001", "该部门窗口暂未开放")
		c.pass(21 * time.Second)
		c.must(queue.Next{Counter: "c1"})
		c.shows("/ticket/t1", "请到", "1号窗口", "Please go to <b>Counter 1</b>", "!楼", "!下一位")
		c.shows("/ticket/t2", "下一位就是您")
		c.must(queue.Start{Counter: "c1"})
		c.shows("/ticket/t1", "正在办理")
		c.must(queue.Park{Counter: "c1"})
		c.shows("/ticket/t1", "暂时挂起")
		c.ask("next 2", queue.Next{Counter: "c1"})
		c.pass(6 * time.Second)
		c.must(queue.Recall{Counter: "c1"})
		c.pass(6 * time.Second)
		c.must(queue.Miss{Counter: "c1"})
		c.shows("/ticket/t2", "已过号", "过号 30 分钟内返回，排在 1 人之后")
		c.pass(31 * time.Minute)
		c.shows("/ticket/t2", "请到导办台")
		c.must(queue.Unpark{Counter: "c1"})
		c.must(queue.Complete{Counter: "c1", Outcome: queue.Direct})
		c.shows("/ticket/t1", "已办结")
		c.must(queue.CloseDay{Force: true})
		c.shows("/ticket/t3", "号票已失效")
		for _, unknown := range []string{"/ticket/nobody", "/t/%3Cscript%3E", "/ticket/%00", "/ticket/a%2Fb", "/ticket/" + strings.Repeat("x", 5000)} {
			if body := c.page(unknown, http.StatusNotFound); !strings.Contains(body, "没有找到这张号票") || strings.Contains(body, "<script>") {
				t.Errorf("%.40s: %s", unknown, body)
			}
		}
	})
}

func TestOverviewPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.shows("/", "停止办公", `href="/board/hall"`, "系统正常", "设备在线 0 / 6", "kiosk-1", "取号机", "离线")
		c.at("c1", "c2", "c3")
		c.ask("t1", queue.Take{Dept: "finance", Holder: "whose card it is"})
		c.pass(21 * time.Second)
		c.must(queue.Next{Counter: "c3"})
		c.must(queue.Pause{Counter: "c2"})
		c.pass(time.Second)
		c.shows("/", "正在服务", "B001", "正在叫号", "暂停服务", "1.2.3", "!whose card", "!officer", "!示例甲")
	})
}

// Two devices that use one name are told of where everybody looks; their addresses are not.
func TestOverviewPageOfRivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		topics := proto.NewTopics("")
		for i := range 8 {
			hello, err := proto.Encode(proto.Hello{
				V: 1, Nonce: fmt.Sprint(i), Kind: proto.KindKiosk, Proto: 1, Install: "install", Boot: proto.Boot(fmt.Sprint("boot ", i%2)), First: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			c.ctl.Message(t.Context(), "kiosk-1", proto.Message{Topic: topics.Up("kiosk-1", proto.UpHello), Payload: hello, QoS: 1})
			c.pass(time.Second)
		}
		c.shows("/", "两台设备使用此名称", "!10.0.0.", "!sent away")
	})
}

// While the database cannot be written, or the controller does not answer, no page shows a number as if it still held.
func TestPagesWithoutController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.at("c3")
		c.ask("t1", queue.Take{Dept: "finance"})
		c.pass(21 * time.Second)
		c.must(queue.Next{Counter: "c3"})
		c.pass(time.Second)
		c.shows("/board/hall", "B001")
		all := []string{"/", "/board/hall", "/ticket/t1"}
		away := func(why string) {
			t.Helper()
			c.pass(time.Second)
			for _, path := range all {
				if body := c.page(path, http.StatusServiceUnavailable); strings.Contains(body, "B001") || !strings.Contains(body, " stale\"") {
					t.Errorf("%s, %s: %s", why, path, body)
				}
			}
		}
		c.log.full.Store(true)
		if err := c.do(queue.SetIssuing{Dept: "cards"}); !errors.Is(err, controller.ErrFaulted) {
			t.Fatalf("a full disk: %v", err)
		}
		away("full disk")
		c.log.full.Store(false)
		c.pass(2 * time.Second) // it tries each second
		c.shows("/board/hall", "B001", "! stale\"")
		c.stop()
		away("stopped")
	})
}

// Whatever stands in the configuration is text, and nothing else.
func TestEscape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const evil = `<script>alert("1")</script>`
		conf := load(t, "../../configs/hall")
		conf.Centre.Name = config.Text{ZH: evil, EN: evil}
		conf.Centre.Ticket.Missed = config.Text{ZH: evil, EN: evil}
		conf.Centre.Departments[1].Name = config.Text{ZH: evil, EN: evil}
		conf.Centre.Counters[2].Name = config.Text{ZH: evil, EN: `" onload="x`}
		conf.Centre.Halls[0].Name = config.Text{ZH: evil, EN: evil}
		c := centreOf(t, conf)
		c.at("c1", "c2", "c3")
		c.ask("t1", queue.Take{Dept: "finance"})
		c.pass(21 * time.Second)
		c.must(queue.Next{Counter: "c3"})
		c.pass(time.Second)
		for _, path := range []string{"/", "/board/hall", "/ticket/t1"} {
			body := c.page(path, http.StatusOK)
			if strings.Contains(body, "<script>") || strings.Contains(body, `onload="x`) || !strings.Contains(body, "&lt;script&gt;alert") {
				t.Errorf("%s: %s", path, body)
			}
		}
		s := c.listen("/events/hall/hall")
		if html := s.state().HTML; strings.Contains(html, "<script") || !strings.Contains(html, "&lt;script&gt;alert") {
			t.Errorf("the event: %s", html)
		}
	})
}

// No page uses anything that its policy forbids, or anything from elsewhere.
func TestPolicy(t *testing.T) {
	c := newCentre(t)
	c.must(queue.OpenDay{})
	c.ask("t1", queue.Take{Dept: "finance"})
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:[^>]*)>[^<]|https?://`)
	asset := regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`)
	seen := map[string]bool{}
	for path, status := range map[string]int{
		"/": 200, "/board/hall": 200, "/board/nowhere": 404, "/ticket/t1": 200, "/t/none": 404, "/healthz": 200, "/api/overview": 200,
		"/assets/live.js": 200, "/assets/style.css": 200, "/assets/none": 404, "/assets/": 404, "/nowhere": 404, "/events/hall/nowhere": 404, "/events/ticket/none": 404,
	} {
		w := httptest.NewRecorder()
		c.http.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		h := w.Header()
		if w.Code != status || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self'; ") ||
			strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %d, want %d, %v", path, w.Code, status, h)
		}
		if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			continue
		}
		if bad := inline.FindString(w.Body.String()); bad != "" {
			t.Errorf("%s holds %q", path, bad)
		}
		for _, m := range asset.FindAllStringSubmatch(w.Body.String(), -1) {
			seen[m[1]] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("the pages use %v", seen)
	}
	for path := range seen {
		if body := c.page(path, http.StatusOK); strings.Contains(strings.ReplaceAll(body, `xmlns="http://www.w3.org/2000/svg"`, ""), "://") {
			t.Errorf("%s speaks of another place", path)
		}
	}
}

// An unchanged asset is not sent twice.
func TestAssetTag(t *testing.T) {
	c := newCentre(t)
	w := httptest.NewRecorder()
	c.http.ServeHTTP(w, httptest.NewRequest("GET", "/assets/style.css", nil))
	r := httptest.NewRequest("GET", "/assets/style.css", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	again := httptest.NewRecorder()
	c.http.ServeHTTP(again, r)
	if w.Code != http.StatusOK || again.Code != http.StatusNotModified || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%d, then %d, %v", w.Code, again.Code, w.Header())
	}
}
