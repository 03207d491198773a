package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes where and when numbers were measured.
type machine struct {
	cpu, kernel, golang string
	cpus                int
	date                time.Time
	// load is the load average of the last minute before the run.
	load string
}

// busy reports whether the machine did other work before the run.
func (m machine) busy() bool {
	v, err := strconv.ParseFloat(m.load, 64)
	return err == nil && v >= 1
}

func thisMachine() machine {
	m := machine{
		cpu: "unknown CPU", golang: runtime.Version(), cpus: runtime.NumCPU(), date: time.Now(),
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(b) {
			if k, v, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(k) == "model name" {
				m.cpu = strings.TrimSpace(v)
				break
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.load, _, _ = strings.Cut(string(b), " ")
	}
	return m
}

func (m machine) String() string {
	return fmt.Sprintf("%d × %s, %s, %s, %s, load average %s at the start",
		m.cpus, m.cpu, m.kernel, m.golang, m.date.Format("2 January 2006"), m.load)
}
