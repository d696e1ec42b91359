package store

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"quhao/daemon/queue"
)

// childDir and childSeed make the test program work on a data folder instead of testing, until it is killed.
const (
	childDir  = "QUHAO_STORE_TEST_DIR"
	childSeed = "QUHAO_STORE_TEST_SEED"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		err := work(dir, os.Getenv(childSeed))
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// work goes on with the centre in the folder without end. It says ready, and then the number and hash of the last event
// of each batch, after Append has returned.
func work(dir, seed string) error {
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	s, err := Open(dir, Options{Who: "the child"})
	if err != nil {
		return err
	}
	w := newWalk(n)
	if err := s.Load(func(e queue.Event) error { _, err := w.state.Apply(e); return err }); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		events, tickets, visits, err := w.steps(1 + w.rng.IntN(8))
		if err != nil {
			return err
		}
		if err := s.Append(events, tickets, visits); err != nil {
			return err
		}
		seq, hash, err := s.Head(context.Background())
		if err != nil {
			return err
		}
		fmt.Println(seq, hex.EncodeToString(hash[:]))
	}
}

// TestKill kills a program under load 30 times, each after another number of answers. What it had answered is there.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[uint64]string{}
	for round := range 30 {
		for seq, hash := range killed(t, dir, round) {
			acknowledged[seq] = hash
		}
		s := mustOpen(t, dir)
		loaded(t, s)
		if err := s.Verify(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for seq, hash := range acknowledged {
			rows, err := s.Events(t.Context(), seq, 1)
			if err != nil || len(rows) != 1 || hex.EncodeToString(rows[0].Hash[:]) != hash {
				t.Fatalf("round %d: event %d was acknowledged and is not there: %v, %v", round, seq, rows, err)
			}
		}
		if round == 29 {
			rebuiltIsSame(t, s)
		}
		mustClose(t, s)
	}
	t.Logf("%d batches were acknowledged", len(acknowledged))
}

// killed starts a program on the folder, kills it under load, and gives what it had acknowledged: hash by number.
func killed(t *testing.T, dir string, round int) map[uint64]string {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s=%d", childSeed, 1000+round))
	var failure strings.Builder
	c.Stderr = &failure
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	answers, done := rand.New(rand.NewPCG(uint64(round), 2)).IntN(150), map[uint64]string{}
	// All that was said before the end counts, also what is read after the kill.
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if lines.Text() == "ready" {
			lockedBy(t, dir, c.Process.Pid)
			continue
		}
		number, hash, _ := strings.Cut(lines.Text(), " ")
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if done[seq] = hash; len(done) == answers+1 {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || failure.Len() > 0 || len(done) <= answers {
		t.Fatalf("round %d: the child ended by itself after %d answers: %v %s", round, len(done), err, failure.String())
	}
	return done
}

// lockedBy checks that nobody else can open the folder, and is told who has it.
func lockedBy(t *testing.T, dir string, pid int) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err == nil {
		mustClose(t, s)
	}
	locked, ok := errors.AsType[ErrLocked](err)
	if want := fmt.Sprintf("the child, process %d", pid); !ok || locked.Holder != want || locked.Dir != dir {
		t.Errorf("want locked by %q, got %v", want, err)
	}
}
