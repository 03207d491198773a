package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// allowed returns the numbers of the system calls that the lines of
// SystemCallFilter= allow: the first list sets out with those it names, later
// ones add, or take away with ~ (systemd.exec(5)). Names that this architecture
// does not have are left out.
func allowed(lines []string) (map[int]bool, error) {
	sets, err := callSets()
	if err != nil {
		return nil, err
	}
	numbers, err := callNumbers()
	if err != nil {
		return nil, err
	}
	out := make(map[int]bool)
	var each func(name string, add bool) error
	each = func(name string, add bool) error {
		if !strings.HasPrefix(name, "@") {
			if n, ok := numbers[name]; ok && add {
				out[n] = true
			} else if ok {
				delete(out, n)
			}
			return nil
		}
		members, ok := sets[name]
		if !ok {
			return fmt.Errorf("systemd knows no set of system calls %s", name)
		}
		for _, m := range members {
			if err := each(m, add); err != nil {
				return err
			}
		}
		return nil
	}
	for _, line := range lines {
		names, taken := strings.CutPrefix(line, "~")
		for name := range strings.FieldsSeq(names) {
			if err := each(name, !taken); err != nil {
				return nil, err
			}
		}
	}
	// Every list has these (systemd: @default).
	if err := each("@default", true); err != nil {
		return nil, err
	}
	return out, nil
}

// callSets asks systemd for its sets of system calls.
func callSets() (map[string][]string, error) {
	text, err := exec.Command("systemd-analyze", "--no-pager", "syscall-filter").Output()
	if err != nil {
		return nil, fmt.Errorf("systemd-analyze syscall-filter: %w", err)
	}
	sets, name := make(map[string][]string), ""
	for line := range strings.Lines(string(text)) {
		word := strings.TrimSpace(line)
		switch {
		case word == "" || word[0] == '#':
		case line[0] == '@':
			name = word
			sets[name] = nil
		case line[0] == ' ' && name != "":
			sets[name] = append(sets[name], word)
		}
	}
	return sets, nil
}

// callNumbers reads the numbers of this architecture's system calls from the
// source of golang.org/x/sys, which is there wherever the tests are built.
func callNumbers() (map[string]int, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		return nil, fmt.Errorf("go list golang.org/x/sys: %w", err)
	}
	path := filepath.Join(string(bytes.TrimSpace(dir)), "unix", "zsysnum_linux_"+runtime.GOARCH+".go")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int)
	for _, m := range regexp.MustCompile(
		`(?m)^\tSYS_([A-Z0-9_]+)\s*= ([0-9]+)$`).FindAllStringSubmatch(string(b), -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err
		}
		out[strings.ToLower(m[1])] = n
	}
	if len(out) < 200 {
		return nil, fmt.Errorf("%s: only %d system calls understood", path, len(out))
	}
	return out, nil
}
