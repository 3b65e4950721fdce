// Command transcript runs what a document shows. Every fenced block of language
// console holds commands after "$ " and the output that follows each; the
// command is run in the repository's root, by one shell for the whole document,
// and must end well and print that. In the shown output "..." or "…" stands for
// any text, and alone on a line for any lines.
//
// A block "console background" holds one command that stays: it is started, must
// print what is shown within five minutes, and is ended with the document.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: transcript FILE…")
		os.Exit(2)
	}
	for _, name := range os.Args[1:] {
		if err := document(name, os.Stderr); err != nil {
			fmt.Fprintf(os.Stderr, "transcript: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

// step is one command with the output that is shown.
type step struct {
	line       int
	command    string
	want       []string
	background bool
}

func document(name string, log io.Writer) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	steps := parse(string(text))
	if len(steps) == 0 {
		return fmt.Errorf("no block of language console: nothing to run")
	}
	return run(steps, log)
}

// parse finds the steps of a document.
func parse(text string) []step {
	var steps []step
	inside, background := false, false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		switch {
		case !inside && strings.HasPrefix(line, "```console"):
			inside, background = true, strings.Contains(line, "background")
		case inside && line == "```":
			inside = false
		case !inside:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: line[2:], background: background})
		case strings.HasPrefix(line, "> ") && len(steps) > 0 && len(steps[len(steps)-1].want) == 0:
			steps[len(steps)-1].command += "\n" + line[2:]
		case len(steps) > 0:
			steps[len(steps)-1].want = append(steps[len(steps)-1].want, line)
		}
	}
	return steps
}

// run executes the steps in order.
func run(steps []step, log io.Writer) error {
	sh, err := newShell()
	if err != nil {
		return err
	}
	defer sh.close()
	for _, s := range steps {
		fmt.Fprintf(log, "line %d: %s\n", s.line, s.command)
		if s.background {
			end, err := stay(s)
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", s.line, s.command, err)
			}
			defer end()
			continue
		}
		got, code, err := sh.do(s.command)
		switch {
		case err != nil:
			return fmt.Errorf("line %d: %s: %w", s.line, s.command, err)
		case code != "0":
			return fmt.Errorf("line %d: %s: ended with %s:\n%s", s.line, s.command, code, strings.Join(got, "\n"))
		case !matches(s.want, got):
			return fmt.Errorf("line %d: %s: printed\n%s\nand the document shows\n%s", s.line, s.command,
				strings.Join(got, "\n"), strings.Join(s.want, "\n"))
		}
	}
	return nil
}

// patience bounds one step.
const patience = 5 * time.Minute

// marker ends the output of a command.
const marker = "\x01transcript "

// shell is one bash for the document, so that its variables live on.
type shell struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out chan string
}

func newShell() (*shell, error) {
	s := &shell{cmd: exec.Command("bash"), out: make(chan string, 64)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go pump(out, s.out)
	return s, nil
}

// pump passes lines on until the output ends.
func pump(r io.Reader, to chan<- string) {
	defer close(to)
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		to <- strings.TrimRight(sc.Text(), " \t\r")
	}
}

// do runs a command and returns what it printed and its exit code.
func (s *shell) do(command string) (got []string, code string, err error) {
	if _, err := fmt.Fprintf(s.in, "{ %s\n} </dev/null\nprintf '\\n%s%%d\\n' $?\n", command, marker); err != nil {
		return nil, "", err
	}
	late := time.After(patience)
	for {
		select {
		case line, ok := <-s.out:
			if !ok {
				return got, "", fmt.Errorf("the shell ended")
			}
			if rest, found := strings.CutPrefix(line, marker); found {
				return trim(got), rest, nil
			}
			got = append(got, line)
		case <-late:
			return got, "", fmt.Errorf("no end after %v; printed so far:\n%s", patience, strings.Join(got, "\n"))
		}
	}
}

func (s *shell) close() {
	_ = s.in.Close()
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // what it left running
	_ = s.cmd.Wait()
}

// stay starts a command that runs on, and waits until it printed what is shown.
func stay(s step) (end func(), err error) {
	cmd := exec.Command("bash", "-c", s.command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		kill.Stop()
	}
	lines := make(chan string, 64)
	go pump(out, lines)
	var got []string
	late := time.After(patience)
	for {
		if startsWith(s.want, got) {
			go func() {
				for range lines { // what it says later is not looked at
				}
			}()
			return end, nil
		}
		select {
		case line, ok := <-lines:
			if !ok {
				end()
				return nil, fmt.Errorf("ended; printed\n%s", strings.Join(got, "\n"))
			}
			got = append(got, line)
		case <-late:
			end()
			return nil, fmt.Errorf("printed\n%s\nand the document shows\n%s", strings.Join(got, "\n"), strings.Join(s.want, "\n"))
		}
	}
}

// startsWith reports whether what was printed begins with what is shown.
func startsWith(want, got []string) bool {
	for n := 0; n <= len(got); n++ {
		if matches(want, got[:n]) {
			return true
		}
	}
	return false
}

// matches compares shown and printed lines.
func matches(want, got []string) bool {
	want, got = trim(want), trim(got)
	if len(want) == 0 {
		return true // nothing is shown: nothing is promised
	}
	var b strings.Builder
	for _, w := range want {
		if w == "..." || w == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(strings.ReplaceAll(w, "…", "..."), "...")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		b.WriteString(strings.Join(parts, `.*`) + `\n`)
	}
	re, err := regexp.Compile(`^` + b.String() + `$`)
	return err == nil && re.MatchString(strings.Join(got, "\n")+"\n")
}

// trim leaves empty lines at both ends out.
func trim(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
