package station

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"quhao/drivers/trial"
)

// NewBench returns the bench of a try: it prints what to do and how each step came out, Chinese first, and takes the
// person's answers from in. At the end of in, and if it is nil, nobody is there, and questions stay open.
func NewBench(out io.Writer, in io.Reader) trial.Bench {
	b := trial.Bench{
		Say:  func(t trial.Text) { fmt.Fprintf(out, "→ %s\n", inTwo(t)) },
		Note: func(s trial.Step) { fmt.Fprintln(out, stepLine(s)) },
	}
	if in == nil {
		return b
	}
	lines := make(chan string)
	go func() { // a read of a terminal cannot be broken off: this ends with in, or with the program
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	b.Ask = func(ctx context.Context, question trial.Text) trial.Answer { return answer(ctx, out, lines, question) }
	return b
}

// answer puts a question until it is answered by yes or no.
func answer(ctx context.Context, out io.Writer, lines <-chan string, question trial.Text) trial.Answer {
	for {
		fmt.Fprintf(out, "？ %s [y/n] ", inTwo(question))
		select {
		case line, ok := <-lines:
			if !ok {
				fmt.Fprintln(out)
				return trial.NoAnswer
			}
			switch strings.ToLower(strings.TrimSpace(line)) {
			case "y", "yes", "是", "对", "好", "1":
				return trial.Yes
			case "n", "no", "否", "不", "0":
				return trial.No
			}
		case <-ctx.Done():
			return trial.NoAnswer
		}
	}
}

// inTwo is a text in both languages, on one line.
func inTwo(t trial.Text) string {
	if t.ZH == t.EN {
		return t.ZH
	}
	return t.ZH + " / " + t.EN
}

// stepLine is how a step came out, for the person.
func stepLine(s trial.Step) string {
	word := map[trial.Verdict]string{trial.Passed: "通过 ok", trial.Failed: "失败 FAILED", trial.Unknown: "未判 not judged"}[s.Verdict]
	line := fmt.Sprintf("[%s] %s", word, inTwo(s.What))
	if s.Detail != (trial.Text{}) {
		line += "：" + inTwo(s.Detail)
	}
	return line
}
