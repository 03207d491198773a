package harness

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FlowLog is the setting of a flow log to a folder, in one window for the whole test unless
// more says otherwise; more are further keys, in a line.
func FlowLog(folder, more string) string {
	if more != "" {
		more = ", " + more
	}
	interval := ", aggregation_interval: 600"
	if strings.Contains(more, "aggregation_interval") {
		interval = ""
	}
	return fmt.Sprintf("flow_log: { destination: %s%s%s }", folder, interval, more)
}

// FlowFiles are the paths of all files in a folder of flow logs, in order.
func FlowFiles(t testing.TB, folder string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FlowLines are the records of a folder of flow logs as they are written, without the first
// lines of the files, which are returned apart.
func FlowLines(t testing.TB, folder string) (headers, lines []string) {
	t.Helper()
	for _, path := range FlowFiles(t, folder) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if data, err = io.ReadAll(z); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		if len(data) == 0 || data[len(data)-1] != '\n' {
			t.Errorf("%s: the last line has no end", path)
		}
		for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
			if i == 0 {
				headers = append(headers, line)
			} else {
				lines = append(lines, line)
			}
		}
	}
	return headers, lines
}

// FlowRecord is a record by the names of its fields.
type FlowRecord map[string]string

// FlowRecords are the records of a folder of flow logs, all of one format.
func FlowRecords(t testing.TB, folder string) (out []FlowRecord) {
	t.Helper()
	headers, lines := FlowLines(t, folder)
	if len(headers) == 0 {
		t.Fatalf("no flow log in %s", folder)
	}
	names := strings.Fields(headers[0])
	for _, line := range lines {
		values := strings.Split(line, " ")
		if len(values) != len(names) {
			t.Fatalf("%q has %d values, want %d", line, len(values), len(names))
		}
		r := FlowRecord{}
		for i, name := range names {
			r[name] = values[i]
		}
		out = append(out, r)
	}
	return out
}

// Matches reports whether the record has these values, each as "name=value".
func (r FlowRecord) Matches(values ...string) bool {
	for _, v := range values {
		name, want, _ := strings.Cut(v, "=")
		if r[name] != want {
			return false
		}
	}
	return true
}
