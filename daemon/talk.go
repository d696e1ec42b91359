package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quhao/daemon/controller"
	"quhao/daemon/queue"
	"quhao/daemon/store"
	"quhao/internal/config"
)

// The command line talks to the running daemon over a unix socket in the data folder, which only its owner can open:
// POST /do with the words of the command as a JSON list, answered by lines for the person, status 200 or 409.

const (
	socketName = "quhaod.sock"
	alarmMark  = "ALARM: "  // begins the lines of quhaod status that the doctor looks for
	enrolled   = "enrolled" // what quhaod enrol says: there is another password
)

// listenSocket opens the socket; a dead one that was left behind is replaced. The folder's lock keeps a second daemon away.
func listenSocket(data string) (net.Listener, error) {
	path := filepath.Join(data, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	return l, os.Chmod(path, 0o600)
}

// talker answers the command line.
type talker struct {
	ctl  *controller.Controller
	st   *store.Store
	conf *config.Config
	now  func() time.Time

	reload func() error // lets the broker read the passwords anew
	alarms *alarms
}

func talkHandler(t *talker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		var words []string
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&words); err != nil || len(words) == 0 {
			http.Error(w, "a list of words is wanted", http.StatusBadRequest)
			return
		}
		said, err := t.do(r.Context(), words)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprint(w, said)
	})
	return mux
}

// do carries out one command of the command line.
func (t *talker) do(ctx context.Context, words []string) (string, error) {
	if err := understood(words); err != nil {
		return "", err
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch words[0] {
	case "status":
		return t.status(ctx)
	case "why":
		return t.why(ctx, arg(1))
	case "do":
		return t.order(ctx, arg(1), arg(2), arg(3))
	case enrolled:
		return "", t.reload()
	case "backup":
		if err := t.st.Backup(ctx, arg(1)); err != nil {
			return "", backupError(err)
		}
		return fmt.Sprintf("copied and checked: %s\n", arg(1)), nil
	}
	wishes, err := t.wishes(ctx, words[0], arg(1), arg(2), arg(3))
	if err != nil {
		return "", err
	}
	for _, wish := range wishes {
		if _, err := t.ctl.Do(ctx, queue.Command{Request: newRequest(t.now()), Actor: "cli", Do: wish}); err != nil {
			if no, ok := errors.AsType[*queue.Refusal](err); ok {
				if no.Code == queue.Fault {
					return "", fmt.Errorf("%s; quhaod status names what is there", no.Why)
				}
				return "", errors.New(no.Why)
			}
			return "", err
		}
	}
	return "done\n", nil
}

// wishes are the commands that one line of words stands for.
func (t *talker) wishes(ctx context.Context, name, a, b, c string) (out []queue.Wish, err error) {
	if name != "issuing" || b != "all" || a != "open" && a != "close" {
		w, err := t.wish(ctx, name, a, b, c)
		return []queue.Wish{w}, err
	}
	err = t.ctl.Look(ctx, func(v controller.View) {
		for _, d := range slices.Sorted(maps.Keys(v.Rules().Departments)) {
			out = append(out, queue.SetIssuing{Dept: d, Open: a == "open"})
		}
	})
	return out, err
}

// wish says what the words of a command mean.
func (t *talker) wish(ctx context.Context, name, a, b, c string) (queue.Wish, error) {
	switch name + " " + a {
	case "day open":
		return queue.OpenDay{}, nil
	case "day close":
		return queue.CloseDay{Force: b == wordForce}, nil
	case "issuing open", "issuing close":
		return queue.SetIssuing{Dept: queue.DeptID(b), Open: a == "open"}, nil
	case "sign on":
		return queue.SignOn{Counter: queue.CounterID(b), Officer: queue.OfficerID(c)}, nil
	case "recovery end":
		w := queue.EndRecovery{Jump: t.conf.Centre.Recovery.Jump, Why: "an administrator has ended it"}
		return w, t.ctl.Look(ctx, func(v controller.View) { w.Heard = v.Heard() })
	case "sign off":
		return queue.SignOff{Counter: queue.CounterID(b)}, nil
	}
	switch name {
	case "return":
		id, err := t.find(ctx, a, true)
		return queue.Reinstate{Ticket: id}, err
	case "replace":
		return queue.Bind{Device: a, Install: queue.InstallID(b), Replace: true}, t.waits(ctx, a, b)
	}
	return nil, fmt.Errorf("%s: not understood; quhaod help shows how it is written", strings.TrimSpace(name+" "+a))
}

// waits refuses an installation that does not wait to be let in: a slip in its name would shut the device out.
func (t *talker) waits(ctx context.Context, device, install string) (err error) {
	looked := t.ctl.Look(ctx, func(v controller.View) {
		for _, d := range v.Devices() {
			switch {
			case d.ID != device:
				continue
			case slices.Contains(d.Pending, install):
				return
			case len(d.Pending) == 0:
				err = fmt.Errorf("no other installation of %s waits: start the spare device under that name first", device)
			default:
				err = fmt.Errorf("no installation %q of %s waits, but: %s", install, device, strings.Join(d.Pending, ", "))
			}
			return
		}
		err = fmt.Errorf("there is no device %q; quhaod status shows them", device)
	})
	return cmp.Or(looked, err)
}

// find returns today's ticket with a number; if there is none and expired ones count, the last one that expired with its day.
func (t *talker) find(ctx context.Context, number string, expired bool) (id queue.TicketID, err error) {
	err = t.ctl.Look(ctx, func(v controller.View) {
		var day queue.Day
		for _, ticket := range v.State().Tickets {
			today := ticket.Day == v.State().Day
			if strings.EqualFold(ticket.Number, number) && ticket.Twin == 0 && ticket.Day > day &&
				(today || expired && ticket.State == queue.Expired) {
				id, day = ticket.ID, ticket.Day
			}
		}
	})
	if err == nil && id == "" {
		err = fmt.Errorf("there is no ticket %s today", number)
	}
	return id, err
}

func (t *talker) why(ctx context.Context, number string) (string, error) {
	id, err := t.find(ctx, number, false)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.ctl.Look(ctx, func(v controller.View) {
		for _, because := range queue.Why(v.Rules(), v.State(), id) {
			fmt.Fprintf(&out, "%s：%s (%s)\n", strings.ToUpper(number), because.Words("zh"), because.Words("en"))
		}
	})
	return out.String(), err
}

func (t *talker) status(ctx context.Context) (string, error) {
	var out strings.Builder
	err := t.ctl.Look(ctx, func(v controller.View) {
		s := v.State()
		fmt.Fprintf(&out, "day %d is %s; event %d, epoch %d\n", s.Day, word(s.Open, "open", "closed"), s.Seq, s.Epoch)
		for _, a := range t.alarms.standing() {
			fmt.Fprintf(&out, "%s%s\n", alarmMark, a)
		}
		if s.Recovering {
			fmt.Fprintf(&out, "RECOVERING: no numbers until these kiosks have handed in their papers: %s\n", strings.Join(v.Missing(), ", "))
		}
		if err := v.Faulted(); err != nil {
			fmt.Fprintf(&out, "FAULT: %v\n", err)
		}
		for _, d := range slices.Sorted(maps.Keys(v.Rules().Departments)) {
			fmt.Fprintf(&out, "department %-12s waiting %3d, last number %3d, %s\n", d, len(s.Line(d)), s.LastNum[d],
				word(s.Accepting(d), "gives out numbers", "gives out none"))
		}
		for _, c := range slices.Sorted(maps.Keys(v.Rules().Counters)) {
			state := v.Counter(t.now(), c)
			fmt.Fprintf(&out, "counter %-4s %-8s %-6s officer %s%s\n", c, state.S, state.Num, s.Desk(c).Officer, shownBy(v, c))
		}
		for _, d := range v.Devices() {
			fmt.Fprintf(&out, "device %-10s %-11s heard %s%s\n", d.ID, word(d.Session, "connected", "not there"), ago(t.now(), d.Heard), parts(d.Health.Parts))
			if d.Rivals != "" {
				fmt.Fprintf(&out, "%sdevice %s: %s: give one of them a name of its own, or switch it off\n", alarmMark, d.ID, d.Rivals)
			}
			for _, p := range d.Pending {
				fmt.Fprintf(&out, "  another installation waits: quhaod replace %s %s\n", d.ID, p)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v.Counts())) {
			fmt.Fprintf(&out, "count %-18s %d\n", name, v.Counts()[name])
		}
	})
	return out.String(), err
}

// shownBy says whose display shows what a counter is, and whose does not.
func shownBy(v controller.View, c queue.CounterID) string {
	var out strings.Builder
	for _, d := range v.Devices() {
		if shows, of := d.Shows[c]; of {
			fmt.Fprintf(&out, ", %s %s", d.ID, word(shows, "shows it", "does not show it"))
		}
	}
	return out.String()
}

// word is yes or no, in words.
func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// parts says how the parts of a device are.
func parts(all map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&out, ", %s %s", name, all[name])
	}
	return out.String()
}

func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Round(time.Second).String() + " ago"
}

// talkCommand sends a command to the running daemon and prints what it says.
func talkCommand(ctx context.Context, name string, args []string, stdout io.Writer) error {
	var data string
	var force bool
	rest, err := flags(name, args, func(fs *flag.FlagSet) {
		fs.StringVar(&data, "data", "", "folder of the database")
		fs.BoolVar(&force, "force", false, "close the day although visits are open")
	})
	if err != nil {
		return err
	}
	if data == "" {
		return usageError{name + " needs -data, the folder of the running daemon"}
	}
	words := append([]string{name}, rest...)
	if force {
		words = append(words, wordForce)
	}
	if err := understood(words); err != nil {
		return usageError{err.Error()}
	}
	said, err := talk(ctx, data, words)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, said)
	return nil
}

// errNotRunning says that no daemon answers at the socket.
var errNotRunning = errors.New("quhaod does not run on this data folder: start it with quhaod run")

func talk(ctx context.Context, data string, words []string) (string, error) {
	client := &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(data, socketName))
		},
	}}
	body, err := json.Marshal(words)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://quhaod/do", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if _, refused := errors.AsType[*net.OpError](err); refused {
		return "", fmt.Errorf("%w (%s)", errNotRunning, data)
	}
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", errors.New(strings.TrimSpace(string(said)))
	}
	return string(said), nil
}
