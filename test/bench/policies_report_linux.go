package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
)

// chapter is a table of tasks.
type chapter struct {
	sheet
	tasks []*task
}

// reportPolicies prints what was measured and writes it into the documentation.
func reportPolicies(m machine, o options, chapters []chapter) error {
	var sheets []sheet
	missed := 0
	for _, c := range chapters {
		s := c.sheet
		s.head = []string{"format", "rules", "input", "time", "processor", "memory"}
		if c.title == "Check and export" {
			s.head[0] = "command"
		}
		for _, t := range c.tasks {
			size := fmt.Sprintf("%.1f MB", float64(t.size)/1e6)
			if t.failed != nil {
				word := "**refused**"
				if errors.Is(t.failed, errSlow) {
					word = fmt.Sprintf("**> %v**", bulkPatience)
				}
				s.add(t.name, thousands(t.rules), size, word, "–", "–")
				missed++
				continue
			}
			wall, memory := seconds(t.wall), fmt.Sprintf("%.0f MB", t.memory.median()/1e6)
			if t.wall.median() > limitTime.Seconds() {
				wall = "**" + wall + "**"
				missed++
			}
			if t.memory.median() > limitMemory {
				memory = "**" + memory + "**"
				missed++
			}
			s.add(t.name, thousands(t.rules), size, wall, seconds(t.processor), memory)
		}
		sheets = append(sheets, s)
	}
	var md bytes.Buffer
	fmt.Fprintf(&md, "# Large policies\n\nWritten by `make bench WHAT=policies`. %s.\n"+
		"Medians of %d interleaved repetitions.\n", m, o.repetitions)
	if m.busy() {
		fmt.Fprint(&md, "\n**The machine did other work at the time: take the numbers as rough.**\n")
	}
	fmt.Fprintf(&md, "\n1,000 security groups with 60,000 rules, no two of a group with the same "+
		"ports, in each format that sgfw reads. Where it\ntakes less, as many as it takes: YAML "+
		"of others and chains of rules are bounded by what hostile texts may cost.\n"+
		"*Time* is how long somebody waits, *processor* what the program computes on all "+
		"processors meanwhile, *memory* the most\nthat it has resident. "+
		"The aims are 2 seconds and 300 MB; ")
	switch missed {
	case 0:
		fmt.Fprint(&md, "all are kept.\n")
	default:
		fmt.Fprintf(&md, "**%d** numbers are beyond them.\n", missed)
	}
	return printSheets(sheets, &md, o.docs, filepath.Join(o.docs, "large-policies.md"))
}

// seconds is a median with what it varies by.
func seconds(s sample) string {
	return fmt.Sprintf("%.2f s %s", s.median(), percent(s.spread()))
}
