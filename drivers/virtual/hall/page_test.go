package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quhao/drivers/virtual"
)

// standing is a hall of the real configuration in which no program runs: twins, papers and the page.
func standing(t *testing.T) (*hall, *page, *strings.Builder) {
	t.Helper()
	said := &strings.Builder{}
	h := &hall{ctx: t.Context(), out: newVoice(said), conf: load(t), opt: options{http: "127.0.0.1:1"}, board: newBoard("127.0.0.1:1")}
	var err error
	if h.papers, err = newPapers(filepath.Join(t.TempDir(), "papers"), h.out); err != nil {
		t.Fatal(err)
	}
	if h.wires, err = newWires(t.TempDir(), h.conf, h.papers, nil); err != nil {
		t.Fatal(err)
	}
	return h, newPage(h, newStage(h, time.UnixMilli(1))), said
}

// at makes a request as the page itself would: to this machine, from itself.
func at(method, path, body string, head ...string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8481"+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return r
}

func answer(p *page, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.handler().ServeHTTP(w, r)
	return w
}

// TestOrdersFromThePage: the page does what the terminal does, and only what hands can do.
func TestOrdersFromThePage(t *testing.T) {
	_, p, said := standing(t)
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"do":"tap 20260001 kiosk-1"}`, 204, ""},
		{`{"do":"tap 20260001 3"}`, 204, ""},
		{`{"do":"key 1 kiosk-1"}`, 204, ""},
		{`{"do":"sign 1"}`, 204, ""},
		{`{"do":"rate 3 5"}`, 204, ""},
		{`{"do":"paper out kiosk-1"}`, 204, ""},
		{`{"do":"cover open kiosk-1"}`, 204, ""},
		{`{"do":"cut kiosk-1-printer"}`, 204, ""},
		{`{"do":"take kiosk-1"}`, 409, "出纸口没有号票"},
		{`{"do":"cover ajar kiosk-1"}`, 409, "cover open, or cover closed"},
		{`{"do":"cover open kiosk-2"}`, 409, "不会缺纸"},
		{`{"do":"tap 1 9"}`, 409, "there is no counter 9"},
		{`{"do":"quit"}`, 409, "is not understood"},
		{`{"do":"wait 3600"}`, 409, "is not understood"},
		{`{"do":"dance"}`, 409, "不明白"},
		{`{"do":""}`, 400, "缺少指令"},
		{`{"do":`, 400, "缺少指令"},
		{`{"do":"` + strings.Repeat("x", maxLine) + `"}`, 400, "缺少指令"},
	} {
		w := answer(p, at("POST", "/do", c.body))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d %q", c.body, w.Code, w.Body, c.status, c.want)
		}
		var both words
		if w.Code != 204 && (json.Unmarshal(w.Body.Bytes(), &both) != nil || both.ZH == "" || both.EN == "") {
			t.Errorf("%s: the refusal %s is not in both languages", c.body, w.Body)
		}
	}
	if !strings.Contains(said.String(), "page: paper out kiosk-1") {
		t.Errorf("the terminal does not tell what was done on the page:\n%s", said)
	}
	s := p.h.set(pagesSeen{})
	if k := s.Kiosks[0]; !k.Out || !k.Open || k.Cables[0].In || k.Cables[0].Part != "printer" {
		t.Errorf("the scene does not show it: %+v", k)
	}
}

// TestOnlyThePageItself: another page that is open in the same browser can do nothing in the hall, nor read in it.
func TestOnlyThePageItself(t *testing.T) {
	_, p, said := standing(t)
	for _, head := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", ""},
		{"Sec-Fetch-Site", "", "Origin", "http://elsewhere.example"}, {"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:9999"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "http://127.0.0.1:8481"},
	} {
		if w := answer(p, at("POST", "/do", `{"do":"sign 1"}`, head...)); w.Code != http.StatusForbidden {
			t.Errorf("%q: %d, want 403", head, w.Code)
		}
	}
	if w := answer(p, at("POST", "/do", `{"do":"sign 1"}`, "Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:8481")); w.Code != 204 {
		t.Errorf("the page in an older browser: %d %s", w.Code, w.Body)
	}
	if strings.Count(said.String(), "sign 1") != 1 {
		t.Errorf("orders were taken from elsewhere:\n%s", said)
	}
	r := at("GET", "/", "")
	for host, want := range map[string]int{"evil.example:8481": 421, "127.0.0.1.evil.example": 421, "localhost:8481": 200, "[::1]:8481": 200, "127.0.0.1": 200} {
		if r.Host = host; answer(p, r).Code != want {
			t.Errorf("host %s: not %d", host, want)
		}
	}
	p.h.opt.demo = true
	if w := answer(p, at("POST", "/do", `{"do":"sign 1"}`)); w.Code != 409 || !strings.Contains(w.Body.String(), "演示") {
		t.Errorf("the demo can be disturbed: %d %s", w.Code, w.Body)
	}
}

// TestPageUsesNothingFromElsewhere: no address of another machine, no style or script in the markup, nothing missing.
func TestPageUsesNothingFromElsewhere(t *testing.T) {
	_, p, _ := standing(t)
	all := ""
	files, err := fs.Glob(assets, "assets/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]+`).FindAllString(string(b), -1) {
			if found != "http://www.w3.org" { // the name of SVG, not an address that is asked
				t.Errorf("%s names %s", name, found)
			}
		}
		all += string(b)
		if strings.HasSuffix(name, ".html") {
			continue // a template
		}
		w := answer(p, at("GET", "/"+name, ""))
		if w.Code != 200 || w.Body.String() != string(b) || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d, policy %q", name, w.Code, w.Header().Get("Content-Security-Policy"))
		}
	}
	for _, m := range regexp.MustCompile(`(?:from "\./|(?:src|href)="assets/)([a-z.]+)"`).FindAllStringSubmatch(all, -1) {
		if !slices.Contains(files, "assets/"+m[1]) {
			t.Errorf("%s is used and not there", m[1])
		}
	}
	for query, want := range map[string]string{"?lang=zh": `<html lang="zh-CN">`, "?lang=en": `<html lang="en">`, "?lang=fr": `<html lang="zh-CN">`} {
		w := answer(p, at("GET", "/"+query, ""))
		if !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "style=") || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s: %s", query, w.Body)
		}
	}
	if w := answer(p, at("GET", "/", "", "Accept-Language", "en-GB,en;q=0.9")); !strings.Contains(w.Body.String(), `lang="en"`) {
		t.Error("an English browser gets a Chinese page")
	}
}

// TestTableOfWords: each text of the page is there in both languages, and each that is used is in the table.
func TestTableOfWords(t *testing.T) {
	b, err := fs.ReadFile(assets, "assets/words.js")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, m := range regexp.MustCompile(`(\w+): \["([^"]*)", "([^"]*)"\]`).FindAllStringSubmatch(string(b), -1) {
		have[m[1]] = true
		if m[2] == "" || m[3] == "" || strings.Count(m[2], "{}") != strings.Count(m[3], "{}") {
			t.Errorf("%s: %q and %q do not agree", m[1], m[2], m[3])
		}
		if regexp.MustCompile(`\p{Han}[,;:!?(]|[,;:!?)]\p{Han}`).MatchString(m[2]) {
			t.Errorf("%s: %q has the punctuation of another script", m[1], m[2])
		}
	}
	files, err := fs.Glob(assets, "assets/*.js")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, name := range files {
		b, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt\("(\w+)"[,)]`).FindAllStringSubmatch(string(b), -1) {
			if used++; !have[m[1]] {
				t.Errorf("%s uses the text %s, which is not in the table", name, m[1])
			}
		}
	}
	if used < 20 || len(have) < 40 {
		t.Errorf("%d texts are used of %d: this test reads the scripts wrongly", used, len(have))
	}
}

// TestPapersOnThePage: a paper hangs in the slot, can be looked at, and is taken.
func TestPapersOnThePage(t *testing.T) {
	h, p, _ := standing(t)
	print := func(kiosk, number string) {
		h.papers.take(kiosk, virtual.Paper{Lines: []string{number}, Image: image.NewGray(image.Rect(0, 0, 576, 100))})
	}
	print("kiosk-1", "A001")
	print("kiosk-2", "B001")
	w := answer(p, at("GET", "/papers/0.png", ""))
	if img, err := png.Decode(w.Body); err != nil || img.Bounds().Dx() != 576 || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("the picture: %v, %s", err, w.Header().Get("Content-Type"))
	}
	if w := answer(p, at("POST", "/do", `{"do":"take kiosk-1"}`)); w.Code != 204 {
		t.Errorf("take: %d %s", w.Code, w.Body)
	}
	print("kiosk-1", "A002")
	want := []paperScene{
		{ID: 0, Kiosk: "kiosk-1", Number: "A001", W: 576, H: 100},
		{ID: 1, Kiosk: "kiosk-2", Number: "B001", Slot: true, W: 576, H: 100},
		{ID: 2, Kiosk: "kiosk-1", Number: "A002", Slot: true, W: 576, H: 100},
	}
	if got := h.set(pagesSeen{}).Papers; !slices.Equal(got, want) {
		t.Errorf("papers %+v, want %+v", got, want)
	}
	for range keepPictures {
		print("kiosk-1", "A003")
	}
	if w := answer(p, at("GET", "/papers/0.png", "")); w.Code != 404 {
		t.Errorf("a paper of long ago: %d", w.Code)
	}
	for _, name := range []string{"x.png", "-1.png", "99999.png"} {
		if w := answer(p, at("GET", "/papers/"+name, "")); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if n := len(h.set(pagesSeen{}).Papers); n != showPapers {
		t.Errorf("%d papers on the page, want %d", n, showPapers)
	}
}

// TestEventsCarryTheWholeScene with a version that grows, and end when the browser goes.
func TestEventsCarryTheWholeScene(t *testing.T) {
	h, p, _ := standing(t)
	srv := httptest.NewServer(p.handler())
	defer srv.Close()
	p.stage.take(h.set(pagesSeen{}), time.UnixMilli(2))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (got shownScene, s scene) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &got); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(got.Scene, &s); err != nil {
					t.Fatal(err)
				}
				return got, s
			}
		}
		t.Fatal("the stream has ended: ", lines.Err())
		return got, s
	}
	first, s := next()
	if first.V != 1 || first.Run != 1 || len(s.Kiosks) != 2 || len(s.Counters) != 4 || s.Kiosks[0].Keys[0].Name.ZH != "教务" {
		t.Errorf("first: v %d, run %d, %+v", first.V, first.Run, s)
	}
	p.stage.take(h.set(pagesSeen{}), time.UnixMilli(3)) // the same again is no news
	h.wires.kiosks[0].setOut(true)
	p.stage.take(h.set(pagesSeen{}), time.UnixMilli(4))
	second, s := next()
	if second.V != 2 || !s.Kiosks[0].Out || len(second.Story) != 1 || second.Story[0].ZH != "入口取号机：打印纸已取出" {
		t.Errorf("second: v %d, %+v", second.V, second.Story)
	}
	cancel()
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the stream goes on without its reader")
	}
}

// TestPageIsForThisMachine: other machines are refused at once, a taken port is named with the way out.
func TestPageIsForThisMachine(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:8481", ":8481", "192.0.2.1:8481", "example.org:80", "8481", "127.0.0.1"} {
		h := &hall{opt: options{page: addr}}
		err := h.listen()
		var said bytes.Buffer
		if exitCode(&said, err) != exitUsage {
			t.Errorf("-page %s: %v", addr, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := &hall{opt: options{page: l.Addr().String()}}
	err = h.listen()
	var said bytes.Buffer
	if code := exitCode(&said, err); code != exitNoHall || !strings.Contains(said.String(), l.Addr().String()+" is taken") ||
		!strings.Contains(said.String(), "-page ADDR chooses another") || !strings.Contains(said.String(), "占用") {
		t.Errorf("a taken port: exit %d, %s", code, said.String())
	}
	h = &hall{opt: options{page: "127.0.0.1:0"}}
	if err := h.listen(); err != nil || strings.HasSuffix(h.opt.page, ":0") {
		t.Errorf("port 0 is %s, %v", h.opt.page, err)
	}
	if err := h.hide(); err != nil {
		t.Error(err)
	}
}
