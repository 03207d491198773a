package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/host/links"
	"sgfw/cmd/internal/screen"
	"sgfw/policy/formats"
)

// inFolder writes files and returns a function that runs a command line there, at 80 columns.
func inFolder(t *testing.T, files map[string]string) func(args ...string) (exitCode, string,
	string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(args ...string) (exitCode, string, string) {
		var out, said strings.Builder
		code := (&program{out: &out, err: &said, screen: screen.Screen{Width: 80},
			errScreen: screen.Screen{Width: 80},
			now:       func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) },
			links: func() (links.Snapshot, error) {
				return links.Snapshot{}, errors.ErrUnsupported
			}}).run(args)
		return code, out.String(), said.String()
	}
}

const diffOld = `version: 1
security_groups:
  - name: web
    ingress:
      - {protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0]}
      - {protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8]}
    egress: []
  - name: app
    ingress:
      - {protocol: tcp, ports: 80, security_groups: [web]}
interfaces:
  - {device: eth0, security_groups: [web]}
`

const diffTerraform = `resource "aws_security_group" "web" {
  name = "web"
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/1", "128.0.0.0/1"]
  }
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}

resource "aws_security_group" "app" {
  name = "app"
  ingress {
    from_port       = 80
    to_port         = 80
    protocol        = "tcp"
    security_groups = [aws_security_group.web.id]
  }
  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}
`

// TestDiff: what is said of two policies, at 80 columns, and the exit codes.
func TestDiff(t *testing.T) {
	changed := strings.NewReplacer("[10.0.0.0/8]", "[10.0.0.0/9, 192.0.2.0/24, 198.18.0.0/15, "+
		"198.51.100.0/25, 203.0.113.0/24]", "[0.0.0.0/0]",
		`[0.0.0.0/0], ipv6_cidr_blocks: ["::/0"]`, "name: app", "name: backend").Replace(diffOld)
	run := inFolder(t, map[string]string{"old.yaml": diffOld, "new.yaml": changed +
		"  - {device: eth1, security_groups: [web]}\n", "main.tf": diffTerraform,
		"less.yaml": strings.Replace(diffOld, "10.0.0.0/8", "10.0.0.0/9", 1),
		"bad.yaml":  "version: 1\nsecurity_groups: [{name: x, ingress: [{protocol: tcp}]}]\n"})
	code, out, _ := run("diff", "old.yaml", "new.yaml")
	want := `new.yaml permits some more than old.yaml, and some less
groups:
  ~ backend was called app, and permits the same
  - web ingress tcp 22 from 10.128.0.0/9
  + web ingress tcp 22 from 192.0.2.0/24, 198.18.0.0/15, 198.51.100.0/25,
      203.0.113.0/24
  + web ingress tcp 443 from ::/0
interfaces:
  - eth0 ingress tcp 22 from 10.128.0.0/9
  + eth0 ingress tcp 22 from 192.0.2.0/24, 198.18.0.0/15, 198.51.100.0/25,
      203.0.113.0/24
  + eth0 ingress tcp 443 from ::/0
  - eth1 is governed now: everything could pass before
`
	if code != exitDifferent || out != want {
		t.Errorf("%d\n%s\nwant\n%s", code, out, want)
	}
	for _, c := range []struct {
		args string
		code exitCode
		out  string
	}{
		{"diff old.yaml old.yaml", exitOK, "old.yaml permits the same as old.yaml\n"},
		{"diff main.tf old.yaml", exitOK, "old.yaml permits the same as main.tf\n"},
		{"diff --attach eth0=web main.tf old.yaml", exitOK, "old.yaml permits the same as main.tf\n"},
		{"diff --by interface --attach eth0=web,app main.tf old.yaml", exitDifferent,
			"old.yaml permits less than main.tf\ninterfaces:\n" +
				"  - eth0 ingress tcp 80 from group web\n" +
				"  - eth0 egress all protocols to 0.0.0.0/0, ::/0\n"},
		{"diff --by interface main.tf old.yaml", exitFailed, ""},
		{"diff --fail-on opened old.yaml less.yaml", exitOK, `less.yaml permits less than old.yaml
groups:
  - web ingress tcp 22 from 10.128.0.0/9
interfaces:
  - eth0 ingress tcp 22 from 10.128.0.0/9
`},
		{"diff -q --fail-on closed old.yaml less.yaml", exitDifferent, ""},
		{"diff -q --fail-on opened less.yaml old.yaml", exitDifferent, ""},
		{"diff -q --fail-on closed less.yaml old.yaml", exitOK, ""},
		{"diff --by group old.yaml less.yaml", exitDifferent, `less.yaml permits less than old.yaml
groups:
  - web ingress tcp 22 from 10.128.0.0/9
`},
		{"diff --fail-on something old.yaml less.yaml", exitUsage, ""},
		{"diff - -", exitUsage, ""},
		{"diff old.yaml", exitUsage, ""},
		{"diff bad.yaml old.yaml", exitInvalid, ""},
		{"diff old.yaml nowhere.yaml", exitFailed, ""},
		{"check old.yaml --same-as main.tf", exitOK, "old.yaml is valid: 2 groups, 5 rules, 0 prefix " +
			"lists, 1 interface\nold.yaml permits the same as main.tf\n"},
		{"check less.yaml --same-as main.tf -q", exitDifferent, ""},
		{"check less.yaml --same-as main.tf", exitDifferent, "less.yaml is valid: 2 groups, 5 rules, " +
			"0 prefix lists, 1 interface\nless.yaml permits less than main.tf\ngroups:\n" +
			"  - web ingress tcp 22 from 10.128.0.0/9\n"},
		{"check bad.yaml --same-as main.tf", exitInvalid, ""},
		{"check old.yaml --attach eth0=web", exitUsage, ""},
		{"check - --same-as -", exitUsage, ""},
	} {
		code, out, said := run(strings.Fields(c.args)...)
		if code != c.code || out != c.out {
			t.Errorf("%s: %d\n%s%s\nwant %d\n%s", c.args, code, out, said, c.code, c.out)
		}
	}
}

// TestDiffLeavesOutWhatAFormatCannotSay: settings of a policy are no difference from a file
// that cannot have any, and are one from a file that can. Rules count in both.
func TestDiffLeavesOutWhatAFormatCannotSay(t *testing.T) {
	settings := strings.Replace(diffOld, "version: 1\n",
		"version: 1\nsettings: { preset: aws, failsafe: { dhcpv4-client: false } }\n", 1)
	run := inFolder(t, map[string]string{"old.yaml": diffOld, "aws.yaml": settings,
		"main.tf": diffTerraform, "less.yaml": strings.Replace(settings, "10.0.0.0/8",
			"10.0.0.0/9", 1), "rules.v4": "*filter\n:INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\n" +
			"-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n" +
			"-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n" +
			"-A INPUT -i eth0 -p tcp --dport 443 -j ACCEPT\nCOMMIT\n"})
	const left = "view, tracking, icmp_errors, exempt,"
	for _, c := range []struct {
		args      string
		code      exitCode
		out, note string
	}{
		{"check aws.yaml --same-as main.tf --attach eth0=web", exitOK, "permits the same", left},
		{"diff main.tf aws.yaml --attach eth0=web", exitOK, "permits the same", left},
		{"diff aws.yaml main.tf --attach eth0=web", exitOK, "permits the same", left},
		{"diff main.tf old.yaml --attach eth0=web", exitOK, "permits the same", ""},
		{"diff main.tf aws.yaml", exitOK, "permits the same", ""},
		{"diff --by group main.tf aws.yaml --attach eth0=web", exitOK, "permits the same", ""},
		{"diff main.tf less.yaml --attach eth0=web", exitDifferent, "permits less", left},
		{"diff old.yaml aws.yaml", exitDifferent, "~ eth0 view local → wire", ""},
		{"diff rules.v4 aws.yaml", exitDifferent, "~ icmp_errors ", "view, tracking, exempt"},
	} {
		code, out, said := run(strings.Fields(c.args)...)
		said = strings.Join(strings.Fields(said), " ") // as if it were one line
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(said, c.note) ||
			strings.Contains(said, "not compared") != (c.note != "") {
			t.Errorf("%s: %d\n%s%s", c.args, code, out, said)
		}
	}
	_, out, _ := run(strings.Fields("diff -o json main.tf aws.yaml --attach eth0=web")...)
	if !strings.Contains(out, `"left_out": [`) {
		t.Errorf("the document says nothing of it:\n%s", out)
	}
}

// TestDiffDocument: the document of a difference, of both commands that print it.
func TestDiffDocument(t *testing.T) {
	run := inFolder(t, map[string]string{"old.yaml": diffOld,
		"new.yaml": strings.Replace(diffOld, "tcp, ports: 22", "all", 1)})
	for _, args := range []string{"diff old.yaml new.yaml -o json",
		"check new.yaml --same-as old.yaml -o json"} {
		code, out, said := run(strings.Fields(args)...)
		var doc struct {
			policyDifference
			Difference *policyDifference
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitDifferent {
			t.Fatalf("%s: %d, %v\n%s%s", args, code, err, out, said)
		}
		d := &doc.policyDifference
		if doc.Difference != nil {
			d = doc.Difference
		}
		if !d.Opened || d.Closed || d.ByName || d.Old != "old.yaml" || len(d.Groups) != 1 ||
			len(d.Interfaces) != 1 {
			t.Fatalf("%s: %+v", args, d)
		}
		got, err := json.Marshal(d.Groups[0])
		want := `{"op":"~","name":"web","opened":[{"direction":"ingress","traffic":[{"protocol":"-1",` +
			`"from_port":-1,"to_port":-1}],"but":[{"protocol":"tcp","from_port":22,"to_port":22},` +
			`{"protocol":"tcp","from_port":443,"to_port":443}],"peers":["10.0.0.0/8"]}],"closed":[]}`
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", args, err, got, want)
		}
	}
}

// TestMinimal: what is written in fewer rules permits the same, and says so.
func TestMinimal(t *testing.T) {
	run := inFolder(t, map[string]string{"main.tf": strings.Replace(diffTerraform, `["10.0.0.0/8"]`,
		`["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16"]`, 1)})
	for _, args := range []string{"import --minimal main.tf", "export sgfw --minimal main.tf"} {
		code, out, said := run(strings.Fields(args)...)
		if code != exitOK || !strings.Contains(out, "cidr_blocks: [10.0.0.0/8]") ||
			!strings.Contains(said, "(web ingress: 5 rules became 3)") {
			t.Errorf("%s: %d\n%s%s", args, code, out, said)
		}
		if err := os.WriteFile(filepath.Join(".", "short.yaml"), []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, said = run("diff", "main.tf", "short.yaml"); code != exitOK {
			t.Errorf("%s: %d\n%s%s", args, code, out, said)
		}
	}
	_, out, _ := run("export", "sgfw", "main.tf")
	if !strings.Contains(out, "10.128.0.0/9") {
		t.Errorf("shortened unasked:\n%s", out)
	}
}

// TestExportsPermitTheSame: what the examples become in every format that can be read again,
// as they are and in as few rules as possible, permits the same.
func TestExportsPermitTheSame(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) < 5 {
		t.Fatal(examples, err)
	}
	texts := make(map[string]string)
	for _, path := range examples {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(b)
	}
	run := inFolder(t, texts)
	ends := map[string]string{"terraform": ".tf"}
	for name := range texts {
		for _, f := range formats.All() {
			// What is written for nft -f is read as nft -j prints it.
			if f.Import == nil || f.Export == nil || f.Name == "nftables" {
				continue
			}
			for _, args := range [][]string{{"export", f.Name, name},
				{"export", f.Name, "--minimal", name}} {
				code, out, said := run(args...)
				if code != exitOK {
					t.Fatalf("%v: %d\n%s", args, code, said)
				}
				other := "other" + ends[f.Name]
				if err := os.WriteFile(other, []byte(out), 0o600); err != nil {
					t.Fatal(err)
				}
				if code, out, said = run("diff", name, other); code != exitOK {
					t.Errorf("%v: %d\n%s%s", args, code, out, said)
				}
			}
		}
	}
}
