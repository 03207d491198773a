package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// oracle is a slow and obvious second implementation that a test compares the engine
// with, on random inputs.
type oracle struct {
	name, pkg, test string
	// files are the beginnings of the names of the files whose faults concern it.
	files []string
}

// oracles are all of them that need no packets.
var oracles = []oracle{
	{"flow table", "./conntrack", "TestModel|TestUntrackedAgainstNaive", []string{"conntrack/"}},
	{"lookup", "./filter/match", "Naive|ManyPorts", []string{"filter/match/"}},
	{"whole decision", "./test/differential", "TestEngine",
		[]string{"filter/", "conntrack/", "policy/"}},
}

// compareOracles shows for each fault which oracles alone notice it, and in the end how
// many each notices that no other one does.
func compareOracles(pattern *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "sgfw-mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	noticed, alone := make(map[string]int), make(map[string]int)
	for _, m := range mutants {
		if !pattern.MatchString(m.name) || m.total {
			continue
		}
		overlay, err := m.overlay(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		var by []string
		for _, o := range oracles {
			if !o.concerns(m.file) {
				continue
			}
			if o.notices(overlay) {
				by = append(by, o.name)
				noticed[o.name]++
			}
		}
		if len(by) == 1 {
			alone[by[0]]++
		}
		fmt.Printf("%-28s %s\n", m.name, strings.Join(by, ", "))
	}
	for _, o := range oracles {
		fmt.Printf("%s: notices %d, %d of them alone\n", o.name, noticed[o.name], alone[o.name])
	}
	return nil
}

func (o oracle) concerns(file string) bool {
	for _, f := range o.files {
		if strings.HasPrefix(file, f) {
			return true
		}
	}
	return false
}

// notices reports whether the oracle's test fails with the fault.
func (o oracle) notices(overlay string) bool {
	out, err := exec.Command("go", "test", "-count=1", "-overlay", overlay, "-failfast",
		"-run", o.test, o.pkg).CombinedOutput()
	return err != nil && strings.Contains(string(out), "--- FAIL: ")
}
