package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// working says every two seconds that something still goes on, if it takes that long and a person looks on.
// Call what it returns when it is over.
func working(out io.Writer, what string) (done func()) {
	f, ok := out.(*os.File)
	if !ok || !terminal(f) {
		return func() {}
	}
	began, stop, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				fmt.Fprintf(out, "%s … %s\n", what, time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
	}
}

// terminal says whether a person looks at the file.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
