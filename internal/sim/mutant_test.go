package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// mutant is a fault planted into the real code, which the simulator has to find by the rule that it breaks.
type mutant struct {
	name  string
	edits []edit
	found string // the broken rule, a regular expression
	plan  string // the kind of plan that can bring it to light; empty for any
}

type edit struct{ file, old, new string }

// mutantRuns is within how many runs a mutant has to be found.
const mutantRuns = 20_000

func mutants() []mutant {
	const (
		batch, cmd, wire, ctl, fault = "daemon/controller/batch.go", "daemon/controller/cmd.go", "daemon/controller/wire.go", "daemon/controller/controller.go", "daemon/controller/fault.go"
		decide, counter, fact        = "daemon/queue/decide.go", "daemon/queue/decide_counter.go", "daemon/queue/decide_fact.go"
		ask, rating, hear, session   = "kiosk/flow/ask.go", "display/flow/rating.go", "display/flow/counter.go", "internal/device/session.go"
		apply                        = "daemon/queue/apply.go"
	)
	return append(offlineMutants(), []mutant{
		{"a repeated request is done again", []edit{
			{cmd, "if res, ok := s.answers[m.ID]; ok {", "if res, ok := s.answers[m.ID]; ok && false {"},
			{batch, "if a, ok := b.state.Answer(cmd.Request); ok {", "if a, ok := b.state.Answer(cmd.Request); ok && false {"},
			{decide, "if _, done := s.Answer(c.Request); done {", "if _, done := s.Answer(c.Request); done && false {"},
		}, "changed something twice", ""},
		{"if_ver is not looked at", []edit{
			{counter, "if v := d.c.IfVer; v != nil &&", "if v := d.c.IfVer; v != nil && false &&"},
		}, "was pressed at counter", ""},
		{"an answer of another session is used", []edit{
			{ask, `|| r.Sess == "" || r.Sess != k.s.Sess()`, ""},
		}, "the answer of another session", ""},
		{"a paper is begun although its record failed", []edit{
			{ask, "if !k.note(now, f) {", "if k.note(now, f); false {"},
		}, "without its record", ""},
		{"a visit is rated twice", []edit{
			{rating, "	c.rating.given = true\n", ""},
			{fact, "case v.Score != 0:", "case false:"},
		}, "rated twice|two scores", ""},
		{"facts are acknowledged before the commit", []edit{
			{wire, "	b.then = append(b.then, func() {\n		if in := b.state.Installs", "	func() {\n		if in := b.state.Installs"},
			{wire, "Ack: in.Ack, Sum: in.Sum})\n		}\n	})\n", "Ack: in.Ack, Sum: in.Sum})\n		}\n	}()\n"},
		}, "told that its facts are taken", ""},
		{"a command is answered before the commit", []edit{
			{cmd, "	s.answers[m.ID] = res\n	b.say(dev,", "	s.answers[m.ID] = res\n	b.tell(dev,"},
		}, "a ticket that the log does not hold", ""},
		{"states are said before the commit", []edit{
			{ctl, "	if err := b.commit(); err != nil {\n		c.fault(now, err)", "	b.publish()\n	if err := b.commit(); err != nil {\n		c.fault(now, err)"},
		}, "is said to be|is of epoch", ""},
		{"memory stays ahead after a failed commit", []edit{
			{ctl, "	c.state, c.calls, c.ahead = state, calls, false\n", "	if c.calls, c.ahead = calls, false; c.state == nil {\n		c.state = state\n	}\n"},
		}, "the log is broken|memory is not|is said to be|that its facts are taken|is of epoch|the log does not say so", ""},
		{"a fact is taken twice", []edit{
			{fact, "if f.Seq <= in.Ack {", "if false {"},
		}, "was taken twice", ""},
		{"a ticket is void although one of its papers came out", []edit{
			{fact, "if answer != one && !p.none() {", "if answer != one && !p.none() && false {"},
			{apply, "		case t.State == Void:\n			t.State = Waiting\n", ""},
		}, "the paper .* is lost", ""},
		{"a display takes an older state", []edit{
			{hear, "if c.known && !st.At().After(c.held.At()) {", "if false {"},
		}, "shows .* after", ""},
		{"a device does not hear that it has to say hello again", []edit{
			{session, "case proto.Again:\n		if w.Sess == s.sess && s.sess != \"\" {", "case proto.Again:\n		if false {"},
		}, "facts that are not taken|is not in session|shows", ""},
		{"a blank display is not told again", []edit{
			{wire, "		at := h.Shown[counter] // a display that has shown nothing yet is behind as well\n", "		at, ok := h.Shown[counter]\n		if !ok {\n			continue\n		}\n"},
		}, "shows", ""},
		{"the sessions outlive a fault", []edit{
			{fault, "	c.endSessions()\n	return true", "	return true"},
			{cmd, "		delete(s.answers, m.ID) // it may never have been true\n", ""},
		}, "a ticket that the log does not hold", ""},
	}...)
}

// offlineMutants are the faults in what concerns papers that the controller did not give, or has forgotten. They are hunted
// in runs with the misfortunes that can bring them to light.
func offlineMutants() []mutant {
	const (
		offline, fact, undo = "daemon/queue/offline.go", "daemon/queue/decide_fact.go", "daemon/queue/undo.go"
		decide              = "daemon/queue/decide.go"
		wire, mine, journal = "daemon/controller/wire.go", "daemon/controller/offline.go", "internal/device/journal.go"
		apply, aside, wait  = "daemon/queue/apply.go", "daemon/controller/aside.go", "daemon/controller/waiting.go"
		session             = "internal/device/session.go"
	)
	return []mutant{
		{"the claimed time is not clamped", []edit{
			{offline, "max(place.After, w.NotBefore, d.s.dayVer)", "max(place.After, d.s.dayVer)"},
		}, "which was given when", ""},
		{"an offline number does not consume its request", []edit{
			{offline, "range []RequestID{answer, RequestID(b.Ticket)} {", "range []RequestID{RequestID(b.Ticket)} {"},
		}, "ended in a number of the kiosk's own", ""},
		{"the series of a new installation begins at 1", []edit{
			{offline, "from = max(d.s.Letters[w.Letters], d.s.Letters[anyLetters]) + 1", "from = 1"},
		}, "two visitors hold|is given to", "lose"},
		{"a hello ends the recovery", []edit{
			{wire, "	b.sessions[dev] = s\n	return nil", "	b.sessions[dev] = s\n	b.replayed(dev, s, 0)\n	return nil"},
		}, "has not handed in", "restore"},
		{"no number is jumped over after a recovery", []edit{
			{offline, "n := (known/100+1)*100 + w.Jump", "n := known + 1"},
		}, "two visitors hold|is given to", "restore"},
		{"the kiosk's own counter is not journaled", []edit{
			{journal, "		j.c.OffN = max(j.c.OffN, f.Off)\n", ""},
			{journal, "	if err := j.replayFact(raw); err != nil {\n		return f,", "	j.c.OffN = max(j.c.OffN, f.Off)\n	if err := j.replayFact(raw); err != nil {\n		return f,"},
		}, "two visitors hold|is given to", ""},
		{"a fact whose commit failed counts as handed in", []edit{
			{mine, "c.state.Devices[dev] == in.ID && in.HW >= h.papers", "c.state.Devices[dev] == in.ID"},
		}, "has not handed in", "restore"},
		{"an old copy of a journal voids a ticket", []edit{
			{fact, "return (news == PaperAbandoned || news == PaperOffline) &&", "return false && (news == PaperAbandoned || news == PaperOffline) &&"},
		}, "is lost", "back"},
		{"a ticket waits for its paper for a second only", []edit{
			{decide, "if d.since(t.Since) >= or(d.r.PrintingFor, 20*time.Second) {", "if d.since(t.Since) >= time.Second {"},
		}, "its paper is only now begun", ""},
		{"spares begin at what the backup knows", []edit{
			{offline, "max(d.s.Letters[w.Letters], d.s.Letters[anyLetters]) + 1", "d.s.Letters[w.Letters] + 1"},
		}, "two visitors hold|is given to", "restore"},
		{"the open papers of a replaced installation are not given up", []edit{
			{apply, "		a.settle(b.Device)\n", ""},
		}, "is lost", "swap"},
		{"the papers in a gap are not counted", []edit{
			{offline, "in.Ack, in.Sum, in.HW = b.First-1, \"\", b.Papers", "in.Ack, in.Sum = b.First-1, \"\""},
		}, "the recovery does not end", "week"},
		{"a gap is not skipped", []edit{
			{wire, "if in == nil || m.First <= in.Ack+1 {", "if true {"},
		}, "facts that are not taken|the recovery does not end", "week"},
		{"a journal says only once from where on it reaches", []edit{
			{journal, "return j.acked.Seq+1 < j.c.Next", "return len(j.Pending()) > 0"},
		}, "facts that are not taken|the recovery does not end", "week"},
		{"a device does not tell whose state it holds", []edit{
			{session, "			s.seeIn(m.Payload)\n", ""},
		}, "shows", "restore"},
		{"a later controller is not heeded", []edit{
			{aside, "case uint64(ctl.Epoch) > b.Controller.epoch &&", "case false &&"},
		}, "has heard a later one", "rival"},
		{"a controller that gave way goes on with its numbers", []edit{
			{aside, "if !c.state.Recovering {", "if false {"},
		}, "would go on with its numbers", "rival"},
		{"a spare that waits to be let in is not heard", []edit{
			{wait, "!known || !b.state.Recovering {", "true || known {"},
		}, "waits for an administrator, and nobody has taken", "slow"},
		{"an undone call brings back a number without paper", []edit{
			{undo, `if t.State.inLine() && t.noneBut("") {`, "if false {"},
		}, "is known to have no paper", ""},
	}
}

// overlay writes the mutated files and the file that go test -overlay wants.
func (m mutant) overlay(root, dir string) (string, error) {
	texts := map[string]string{}
	for _, e := range m.edits {
		file := filepath.Join(root, filepath.FromSlash(e.file))
		text, have := texts[file]
		if !have {
			b, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("%s holds %q %d times: the mutant does not fit any more", e.file, e.old, n)
		}
		texts[file] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, strings.ReplaceAll(filepath.ToSlash(file), "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[file] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, b, 0o600)
}

var seedFound = regexp.MustCompile(`seed (\d+): a rule was broken: (.*)`)

// hunt builds the simulator around the mutant and runs it; it returns the seed and the rule by which the mutant was found.
func (m mutant) hunt(ctx context.Context, root, dir string) (seed, rule string, err error) {
	list, err := m.overlay(root, dir)
	if err != nil {
		return "", "", err
	}
	binary := filepath.Join(dir, "sim.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-ldflags=-s -w", "-overlay", list, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build: %w: %s", err, out)
	}
	defer os.Remove(binary)
	var out bytes.Buffer
	test := exec.CommandContext(ctx, binary, "-test.run=^TestSim$")
	test.Env = append(os.Environ(), fmt.Sprintf("QUHAO_RUNS=%d", mutantRuns), "QUHAO_SEED=", "QUHAO_FROM=", "QUHAO_PLAN="+m.plan)
	test.Stdout, test.Stderr = &out, &out
	if err := test.Run(); err == nil {
		return "", "", fmt.Errorf("it survived %d runs", mutantRuns)
	}
	found := seedFound.FindStringSubmatch(out.String())
	if found == nil {
		return "", "", fmt.Errorf("it failed otherwise: %.2000s", out.String())
	}
	return found[1], found[2], nil
}

// TestMutants plants faults into the real code and wants each of them found. It takes about a minute;
// QUHAO_MUTANTS=all does so, without it the first mutant alone is hunted, and all have to fit the code.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := mutants()
	hunted := all[:1]
	if os.Getenv("QUHAO_MUTANTS") == "all" {
		hunted = all
	}
	for _, m := range all[len(hunted):] {
		if _, err := m.overlay(root, t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	seats := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	for _, m := range hunted {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Parallel()
			seats <- struct{}{}
			defer func() { <-seats }()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			seed, rule, err := m.hunt(ctx, root, dir)
			switch {
			case err != nil:
				t.Error(err)
			case !regexp.MustCompile(m.found).MatchString(rule):
				t.Errorf("found by another rule than %q, with seed %s: %s", m.found, seed, rule)
			default:
				t.Logf("found with seed %s: %.160s", seed, rule)
			}
		})
	}
}
