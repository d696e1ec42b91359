package station

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quhao/internal/device"
	"quhao/internal/proto"
)

// A device whose journal cannot be written says so in the log, stays for a minute, and ends to be started again.
func TestBrokenJournalEndsTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		r.o.LocalFile = filepath.Join("..", "..", "configs", "hall")
		s, err := Open(t.Context(), r.o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- s.Run(t.Context()) }()
		<-s.Events()
		if err := os.Remove(filepath.Join(r.o.DataDir, "journal")); err != nil {
			t.Fatal(err)
		}
		if err := s.Journal.AddIntent(device.Intent{ID: "I1", Q: "finance"}); err == nil { // there is no room in a file that is not there
			t.Error("an intent was kept without a file")
		}
		if _, err := s.Journal.AddFact(proto.Fact{K: proto.FactAbandoned, ID: "I1"}); !errors.Is(err, device.ErrJournal) {
			t.Errorf("a fact without a file: %v", err)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended at once: %v", err)
		default:
		}
		if !strings.Contains(r.log.String(), "the journal: ") {
			t.Errorf("the log says %q", r.log.String())
		}
		if err := <-ended; !errors.Is(err, ErrRestart) || time.Since(began) < healAfter {
			t.Errorf("after %s it ended with %v", time.Since(began), err)
		}
	})
}
