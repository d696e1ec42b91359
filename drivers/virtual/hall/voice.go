package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// voice is what the hall says on the terminal: whole lines, from many goroutines, without mixing.
type voice struct {
	start time.Time
	tty   bool // somebody types below what is said: the prompt comes again after each line

	mu     sync.Mutex
	w      io.Writer
	prompt string
}

func newVoice(w io.Writer) *voice {
	v := &voice{w: w, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		v.tty = err == nil
	}
	return v
}

// event says what has just happened in both languages, with the seconds since the start; both texts get the same arguments.
func (v *voice) event(zh, en string, args ...any) {
	v.note(fmt.Sprintf(zh, args...) + " / " + fmt.Sprintf(en, args...))
}

// note is an event whose words are bilingual already, or in no language.
func (v *voice) note(words string) { v.say("%5.1f  %s", time.Since(v.start).Seconds(), words) }

// say says a line, or several. A terminal that has gone is no reason to stop: whoever closed it has stopped the hall.
func (v *voice) say(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tty && v.prompt != "" {
		fmt.Fprint(v.w, "\r\033[K")
	}
	fmt.Fprintf(v.w, format+"\n", args...)
	if v.tty {
		fmt.Fprint(v.w, v.prompt)
	}
}

// ask sets the prompt.
func (v *voice) ask(prompt string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.prompt = prompt; v.tty {
		fmt.Fprint(v.w, "\r\033[K"+prompt)
	}
}
