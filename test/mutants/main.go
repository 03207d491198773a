// Command mutants is a mutation test: would the tests notice a fault? It builds the
// project with one seeded fault at a time and runs the tests against it: each fault
// must be noticed by some test. Two faults are judged more strictly: against a build
// that accepts every packet, and against one that drops every packet, every single
// black-box test must fail.
//
// Claims about AWS have faults that make just them false. With -claims each of
// these is tried against the very test that the table of docs/aws-parity.md names
// for the claim, which must fail.
//
// With -by the tests of one package judge alone, which shows what they can see, and with
// -oracles the second implementations that random inputs are compared with.
//
// The tree is not touched: faults go through go's -overlay.
//
// What killed each mutant is kept in killers.tsv and asked first the next time, which
// makes a run of all of them bearable; -record writes it anew.
//
//	go run ./test/mutants [-run REGEXP] [-list | -record | -claims | -oracles | -by PACKAGE]
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	pattern := flag.String("run", ".", "only mutants whose name matches")
	list := flag.Bool("list", false, "list the mutants and run nothing")
	record := flag.Bool("record", false, "write what killed each to "+killersFile)
	inverted := flag.Bool("claims", false,
		"try the claims that are said to fail when they are inverted")
	compare := flag.Bool("oracles", false, "show which oracle notices which fault")
	judge := flag.String("by", "", "only the tests of this `package` judge")
	flag.Parse()
	examine := run
	switch {
	case flag.NArg() > 0:
		examine = func(*regexp.Regexp) error {
			return fmt.Errorf("what is %q? to choose mutants say -run", flag.Arg(0))
		}
	case *list:
		examine = listAll
	case *compare:
		examine = compareOracles
	case *record:
		examine = runAndRecord
	case *inverted:
		examine = invert
	case *judge != "":
		examine = func(p *regexp.Regexp) error { return runBy(p, *judge) }
	}
	if err := examine(regexp.MustCompile(*pattern)); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// listAll names the mutants whose name matches.
func listAll(pattern *regexp.Regexp) error {
	for _, m := range mutants {
		if pattern.MatchString(m.name) {
			fmt.Printf("%-28s %s: %s\n", m.name, m.file, m.what)
		}
	}
	return nil
}

func run(pattern *regexp.Regexp) error {
	_, err := kill(pattern)
	return err
}

// runAndRecord remembers what killed each mutant, so that the next run asks that first.
func runAndRecord(pattern *regexp.Regexp) error {
	killers, err := kill(pattern)
	return errors.Join(err, writeKillers(killers))
}

// kill tries every mutant whose name matches and returns what killed it, with what is
// known of the others.
func kill(pattern *regexp.Regexp) (map[string]killer, error) {
	killers, err := readKillers()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sgfw-mutants")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := buildRooms(dir); err != nil {
		return nil, err
	}
	var killed, alive int
	for _, m := range mutants {
		if !pattern.MatchString(m.name) {
			continue
		}
		begin := time.Now()
		by, err := m.try(dir, killers[m.name])
		if err != nil {
			return killers, fmt.Errorf("%s: %w", m.name, err)
		}
		took := time.Since(begin).Round(time.Second / 10)
		if by.test == "" {
			alive++
			fmt.Printf("ALIVE   %-28s %s (%s)\n", m.name, m.what, took)
			delete(killers, m.name)
			continue
		}
		killed++
		if !m.total {
			killers[m.name] = by
		}
		fmt.Printf("killed  %-28s by %s (%s)\n", m.name, by, took)
	}
	fmt.Printf("%d mutants killed, %d alive\n", killed, alive)
	if alive > 0 {
		return killers, fmt.Errorf("%d faults would go unnoticed", alive)
	}
	return killers, nil
}

// room is a package of black-box tests: they run the program that SGFW_BINARY names.
type room struct {
	name string
	// only is a pattern for the black-box tests of a package that has others, too.
	only string
	// single: it is asked about single faults alone. Some of its tests are about what passes
	// and how, and cannot fail where everything does.
	single bool
}

// rooms are all of them, in the order in which they are asked.
var rooms = []room{
	{name: "rules"}, {name: "state"}, {name: "guest"}, {name: "live"}, {name: "operations"},
	{name: "lifecycle"},
	{name: "differential", only: "^TestKernel$"},
	{name: "offload", single: true},
}

// binary is the test binary of a room.
func (r room) binary(dir string) string { return filepath.Join(dir, r.name+".test") }

// buildRooms builds the black-box tests, which do not change with the program.
func buildRooms(dir string) error {
	for _, r := range rooms {
		out, err := exec.Command("go", "test", "-c", "-o", r.binary(dir),
			"./test/"+r.name).CombinedOutput()
		if err != nil {
			return fmt.Errorf("building the tests of test/%s: %w\n%s", r.name, err, out)
		}
	}
	return nil
}

// overlay writes the mutated file and returns go's overlay description of it.
func (m *mutant) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s has the mutant's text %d times, want once:\n%s", m.file, n, m.old)
	}
	mutated := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.new, 1)),
		0o644); err != nil {
		return "", err
	}
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutated}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o644)
}

// build builds the program with the fault in it; the overlay is for tests that
// hold the code themselves.
func (m *mutant) build(dir string) (overlay, program string, err error) {
	overlay, err = m.overlay(dir)
	if err != nil {
		return "", "", err
	}
	program = filepath.Join(dir, "sgfw")
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program,
		"./cmd/sgfw").CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("the mutant does not build: %w\n%s", err, out)
	}
	return overlay, program, nil
}

// try runs the tests against the mutant and says what killed it, "" for nothing. The
// test that killed it last time is asked first.
func (m *mutant) try(dir string, last killer) (by killer, err error) {
	if m.total {
		_, program, err := m.build(dir)
		if err != nil {
			return killer{}, err
		}
		return m.tryAll(dir, program)
	}
	if last.test != "" {
		if fails, err := m.fails(dir, last.String()); err == nil && fails {
			return last, nil
		}
	}
	overlay, program, err := m.build(dir)
	if err != nil {
		return killer{}, err
	}
	others := slices.Clone(rooms)
	for _, pkg := range m.packages {
		i := slices.IndexFunc(others, func(r room) bool {
			return pkg == "./test/"+r.name && r.only == ""
		})
		if i < 0 {
			if by := testWith(overlay, pkg); by.test != "" {
				return by, nil
			}
			continue
		}
		if by := others[i].testWith(dir, program); by.test != "" {
			return by, nil
		}
		others = slices.Delete(others, i, i+1)
	}
	for _, r := range others {
		if by := r.testWith(dir, program); by.test != "" {
			return by, nil
		}
	}
	return killer{}, nil
}

// testWith says which test of the room fails with a program, if one does.
func (r room) testWith(dir, program string) killer {
	out, err := r.test(dir, program, r.only, "-test.failfast")
	if err == nil {
		return killer{}
	}
	return firstFailure(out, "test/"+r.name)
}

// tryAll demands that every black-box test fails.
func (m *mutant) tryAll(dir, program string) (by killer, err error) {
	var out []byte
	for _, r := range rooms {
		if r.single {
			continue
		}
		o, _ := r.test(dir, program, r.only, "-test.v")
		out = append(out, o...)
	}
	var failed int
	var passed []string
	for _, r := range regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`).FindAllStringSubmatch(
		string(out), -1) {
		switch {
		case withoutPackets[r[2]]:
		case r[1] == "FAIL":
			failed++
		default:
			passed = append(passed, r[2])
		}
	}
	if len(passed) > 0 || failed == 0 {
		fmt.Printf("        against %s these did not fail: %s\n", m.name, strings.Join(passed, " "))
		return killer{}, nil
	}
	return killer{"test", fmt.Sprintf("every one of %d black-box tests", failed)}, nil
}

// test runs those tests of a room whose names match, "" for all, against a program.
func (r room) test(dir, program, only string, args ...string) ([]byte, error) {
	if only != "" {
		args = append(args, "-test.run="+only)
	}
	cmd := exec.Command(r.binary(dir), args...)
	cmd.Dir = filepath.Join("test", r.name)
	cmd.Env = append(os.Environ(), "SGFW_BINARY="+program, "SGFW_REQUIRE_ROOT=1")
	return cmd.CombinedOutput()
}

// firstFailure names the test that failed first.
func firstFailure(out []byte, pkg string) killer {
	k := killer{pkg: strings.TrimPrefix(pkg, "./"), test: "unknown"}
	if f := regexp.MustCompile(`--- FAIL: (\S+)`).FindSubmatch(out); f != nil {
		k.test = string(f[1])
	}
	return k
}
