package flowfiles

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/flowlog"
	"sgfw/test/parity"
)

const patience = 10 * time.Second

// at is a time of the examples in AWS's guide.
func at(hour, minute int) int64 {
	return time.Date(2026, 11, 30, hour, minute, 0, 0, time.UTC).Unix()
}

func record(n int, start int64) flowlog.Record {
	a := netip.MustParseAddr("192.0.2.1")
	return flowlog.Record{Interface: "eni-1", Device: "eth0", Src: a, Dst: a, PktSrc: a, PktDst: a,
		SrcPort: uint16(n), Packets: 1, Bytes: 40, Start: start, End: start + 1, Accepted: true}
}

func open(t *testing.T, l policy.FlowLog, stdout io.Writer) *Sink {
	t.Helper()
	if l.Format == "" {
		l.Format = "${srcport} ${start} ${log-status}"
	}
	s, err := Open(Config{Log: l, Stdout: stdout})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files are the contents of all files below a folder, by path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if strings.HasSuffix(p, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			if data, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFiles: names and folders are AWS's; there is a file for five minutes, an hour has its
// folder, and the first line names the fields.
func TestFiles(t *testing.T) {
	parity.Proves(t, "F10")
	for _, c := range []struct {
		name string
		log  policy.FlowLog
		want string // patterns of paths, by their first record
	}{
		{"text", policy.FlowLog{AccountID: "123456789012", Region: "eu-central-1"},
			`AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/11/30/HH/` +
				`123456789012_vpcflowlogs_eu-central-1_fl-[0-9a-f]{17}_20261130THHMMZ_[0-9a-f]{8}\.log`},
		{"gzip", policy.FlowLog{File: policy.FlowLogGzip},
			`AWSLogs/000000000000/vpcflowlogs/local/2026/11/30/HH/` +
				`000000000000_vpcflowlogs_local_fl-[0-9a-f]{17}_20261130THHMMZ_[0-9a-f]{8}\.log\.gz`},
		{"hive", policy.FlowLog{Hive: true},
			`AWSLogs/aws-account-id=000000000000/aws-service=vpcflowlogs/aws-region=local/year=2026/` +
				`month=11/day=30/hour=HH/` +
				`000000000000_vpcflowlogs_local_fl-[0-9a-f]{17}_20261130THHMMZ_[0-9a-f]{8}\.log`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "not", "there")
			c.log.Destination, c.log.Megabytes = dir, 1
			s := open(t, c.log, nil)
			for i, start := range []int64{at(9, 54), at(9, 55), at(9, 59), at(10, 0)} {
				s.Put(start, []flowlog.Record{record(i, start)})
			}
			if !s.Close(patience) {
				t.Fatal("not all is written")
			}
			if got := s.Status(); got.Written != 4 || got.Lost != 0 || got.Failure != "" ||
				!strings.HasPrefix(got.File, dir) {
				t.Errorf("%+v", got)
			}
			const header = "srcport start log-status\n"
			want := map[string]string{
				"09 0950": header + fmt.Sprintf("0 %d OK\n", at(9, 54)),
				"09 0955": header + fmt.Sprintf("1 %d OK\n2 %d OK\n", at(9, 55), at(9, 59)),
				"10 1000": header + fmt.Sprintf("3 %d OK\n", at(10, 0)),
			}
			got := files(t, dir)
			for when, text := range want {
				hour, minute, _ := strings.Cut(when, " ")
				pattern := strings.NewReplacer("THHMM", "T"+minute, "HH", hour).Replace(c.want)
				found := 0
				for p, content := range got {
					if regexp.MustCompile("^" + pattern + "$").MatchString(p) {
						found++
						if content != text {
							t.Errorf("%s has %q, want %q", p, content, text)
						}
					}
				}
				if found != 1 {
					t.Errorf("%d files like %s among %v", found, pattern, got)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d files, want %d", len(got), len(want))
			}
		})
	}
}

// TestPrune: the oldest files make room, what is not ours stays, and the newest stays whatever
// it takes.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	l := policy.FlowLog{Destination: dir}
	var paths []string
	for hour := range 4 {
		f, err := create(root, l, time.Unix(at(hour, 0), 0), strings.Repeat("x", 999))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, f.name)
		f.Close()
	}
	foreign := filepath.Join(dir, "AWSLogs", "000000000000", "notes.log")
	if err := os.WriteFile(foreign, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	there := func() (out []bool) {
		for _, p := range paths {
			_, err := root.Stat(p)
			out = append(out, err == nil)
		}
		return out
	}
	for _, c := range []struct {
		most int64
		want string
	}{{4000, "[true true true true]"}, {3999, "[false true true true]"},
		{2000, "[false false true true]"}, {1, "[false false false true]"}} {
		if err := prune(root.FS(), root.Remove, c.most); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(there()); got != c.want {
			t.Errorf("at most %d bytes: %s, want %s", c.most, got, c.want)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
	if _, err := root.Stat(filepath.Dir(paths[0])); err == nil {
		t.Error("an empty folder stays")
	}
}

// stuck is a stream that somebody has to read first. entered is closed when the first write
// waits for that.
type stuck struct {
	mu        sync.Mutex
	once      sync.Once
	entered   chan struct{}
	unblocked chan struct{}
	written   bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.entered) })
	<-s.unblocked
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written.Write(p)
}

// TestSlow: whoever has records does not wait for a stream that nobody reads. What finds no
// room is lost, said once, and is a line when the stream goes on.
func TestSlow(t *testing.T) {
	parity.Proves(t, "F11", "F14")
	out := &stuck{entered: make(chan struct{}), unblocked: make(chan struct{})}
	var said []string
	s, err := Open(Config{Log: policy.FlowLog{Destination: policy.FlowLogStdout,
		Format: "${srcport} ${start} ${end} ${log-status}"}, Stdout: out,
		Failed: func(why string) { said = append(said, why) }})
	if err != nil {
		t.Fatal(err)
	}
	const windows = 20
	begin := time.Now()
	for i := range windows {
		s.Put(int64(i), []flowlog.Record{record(i, int64(100*i)),
			{Status: flowlog.NoData, Interface: "eni-2", Start: int64(100 * i), End: int64(100*i + 1)}})
		if i == 0 {
			<-out.entered // it has left the queue
		}
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if s.Close(10 * time.Millisecond) {
		t.Error("nothing can be written, and all is")
	}
	lost := s.Status()
	if lost.Lost != windows-waiting-1 || lost.Failure != errSlow.Error() {
		t.Errorf("%+v", lost)
	}
	close(out.unblocked)
	if !s.Close(patience) {
		t.Fatal("not all is written")
	}
	text := out.written.String()
	first := windows - int(lost.Lost)
	want := fmt.Sprintf("- %d %d SKIPDATA\n", 100*first, 100*(windows-1)+1)
	if strings.Count(text, "SKIPDATA") != 1 || !strings.Contains(text, want) ||
		strings.Count(text, " OK\n") != first {
		t.Errorf("%d lost, want the line %q in\n%s", lost.Lost, want, text)
	}
	if got := fmt.Sprint(said); got != "["+errSlow.Error()+" ]" {
		t.Errorf("said: %q", said)
	}
}

// TestID: another flow log has another ID (F12).
func TestID(t *testing.T) {
	l := policy.DefaultFlowLog
	a := ID(l)
	l.Traffic = policy.TrafficReject
	if b := ID(l); a == b || !regexp.MustCompile(`^fl-[0-9a-f]{17}$`).MatchString(a) {
		t.Errorf("%s and %s", a, b)
	}
}
