package awsjson

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
)

// cli is the AWS CLI of this machine, asking a server that answers from testdata/cli.
type cli struct {
	t    *testing.T
	url  string
	dir  string
	mu   sync.Mutex
	last url.Values // what was asked last
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("SKIPPED: there is no aws in PATH, so nothing shows that what the real AWS CLI prints " +
			"can be imported")
	}
	c := &cli{t: t, dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		c.last = r.PostForm
		c.mu.Unlock()
		name := filepath.Base(r.PostForm.Get("Action")) + ".xml"
		answer, err := os.ReadFile(filepath.Join("testdata", "cli", name))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		if _, err := w.Write(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// ec2 runs aws ec2 and returns what it prints.
func (c *cli) ec2(args ...string) (stdout, stderr string) {
	c.t.Helper()
	cmd := exec.Command("aws", append([]string{"--endpoint-url", c.url, "ec2"}, args...)...)
	none := filepath.Join(c.dir, "none")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_MAX_ATTEMPTS=1")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && said.Len() == 0 {
		return "", err.Error()
	}
	return out.String(), said.String()
}

// TestCLI: what the real AWS CLI prints is imported, piped in a row as people do it, and its
// other formats are imported or said to be unfit.
func TestCLI(t *testing.T) {
	c := newCLI(t)
	calls := [][]string{{"describe-security-groups"}, {"describe-security-group-rules"},
		{"describe-managed-prefix-lists"}, {"describe-prefix-lists"},
		{"get-managed-prefix-list-entries", "--prefix-list-id", "pl-0123456789abcdef0"},
		{"describe-network-interfaces"}, {"describe-instances"}}
	answers := make([]string, len(calls))
	var wg sync.WaitGroup
	for i, args := range calls {
		wg.Go(func() {
			var said string
			if answers[i], said = c.ec2(append(args, "--output", "json")...); said != "" {
				t.Errorf("%v: %s", args, said)
			}
		})
	}
	wg.Wait()
	text := strings.Join(answers, "")
	sources := []convert.Source{{Name: "stdin", Data: []byte(text)}}
	r := Import(sources, convert.Options{})
	converttest.Check(t, sources, r)
	if r.Policy == nil {
		t.Fatalf("%v\n%s", r.Problems, text)
	}
	converttest.Compare(t, "testdata/cli.yaml", string(file.Write(r.Policy, r.Comments)))
	probes, err := os.ReadFile("testdata/cli.probes")
	if err != nil {
		t.Fatal(err)
	}
	converttest.Probe(t, "testdata/cli.probes", string(probes), r)

	groups := string(file.Write(Import([]convert.Source{{Name: "f", Data: []byte(answers[0])}},
		convert.Options{}).Policy, nil))
	for _, format := range []string{"text", "table", "yaml", "yaml-stream"} {
		out, said := c.ec2("describe-security-groups", "--output", format)
		if strings.HasPrefix(format, "yaml") && out == "" {
			t.Logf("SKIPPED: this AWS CLI, of version 1, prints no %s: %s", format, said)
			break
		}
		r := Import([]convert.Source{{Name: "f", Data: []byte(out)}}, convert.Options{})
		switch {
		case strings.HasPrefix(format, "yaml"):
			if r.Policy == nil || string(file.Write(r.Policy, nil)) != groups {
				t.Errorf("%s: %v\n%s", format, r.Problems, out)
			}
		case r.Policy != nil || !strings.Contains(r.Problems.Error(), "(hint: use --output json)"):
			t.Errorf("%s: %v\n%s", format, r.Problems, out)
		}
	}
	out, _ := c.ec2("describe-security-groups", "--max-items", "1", "--output", "json")
	r = Import([]convert.Source{{Name: "f", Data: []byte(out)}}, convert.Options{})
	if r.Policy != nil || !strings.Contains(r.Problems.Error(), "there are more SecurityGroups") {
		t.Errorf("a part of the groups: %v\n%s", r.Problems, out)
	}
}

// TestCLITakesExport: the permissions of an export are what the real AWS CLI takes to make
// rules.
func TestCLITakesExport(t *testing.T) {
	c := newCLI(t)
	p, _, err := file.Load("testdata/export.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := Export(p)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	var parsed struct {
		SecurityGroups []struct {
			Ingress json.RawMessage `json:"IpPermissions"`
		}
	}
	if err := json.Unmarshal(doc, &parsed); err != nil {
		t.Fatal(err)
	}
	if _, said := c.ec2("authorize-security-group-ingress", "--group-id", "sg-1", "--ip-permissions",
		string(parsed.SecurityGroups[0].Ingress)); said != "" {
		t.Fatal(said)
	}
	for key, want := range map[string]string{"IpPermissions.1.FromPort": "443",
		"IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0", "IpPermissions.3.IpProtocol": "icmp",
		"IpPermissions.1.Ipv6Ranges.1.Description": "HTTPS"} {
		if got := c.last.Get(key); got != want {
			t.Errorf("%s is %q, want %q: %v", key, got, want, c.last)
		}
	}
}
