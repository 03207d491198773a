package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuditOfPart: files of other tools do not say everybody who has a group, nor what is in
// lists that are elsewhere. What they leave out is no finding; what they do say is.
func TestAuditOfPart(t *testing.T) {
	const tf = `resource "aws_security_group" "web" {
  name = "web"
  ingress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    security_groups = [aws_security_group.lb.id]
  }
  egress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = [data.aws_prefix_list.s3.id]
  }
}
resource "aws_security_group" "lb" {
  name = "lb"
}
resource "aws_lb" "lb" {
  security_groups = [aws_security_group.lb.id]
}
resource "aws_instance" "web" {
  private_ip             = "10.0.0.5"
  vpc_security_group_ids = [aws_security_group.web.id]
}
`
	const groups = `{"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1",
  "Description": "Pages", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
    "UserIdGroupPairs": [{"GroupId": "sg-2"}], "PrefixListIds": [{"PrefixListId": "pl-1"}]}],
  "IpPermissionsEgress": []}, {"GroupId": "sg-2", "GroupName": "lb", "VpcId": "vpc-1",
  "Description": "Balancers", "IpPermissions": [], "IpPermissionsEgress": []}]}`
	const instance = `"PrivateIpAddress": "10.0.0.5", "Groups": [{"GroupId": "sg-1"}]`
	dir := t.TempDir()
	for name, text := range map[string]string{"main.tf": tf, "groups.json": groups,
		"instances.json": `{"Reservations": [{"Instances": [{"InstanceId": "i-1",
  "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", ` + instance + `}]}]}]}`,
		"interfaces.json": `{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", ` + instance + `}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for files, want := range map[string]string{
		"main.tf":                      "",
		"groups.json":                  "",
		"groups.json instances.json":   "",
		"groups.json interfaces.json":  "stale-peer unused-group",
		"main.tf --attach eth0=web":    "stale-peer unused-group",
		"groups.json --attach eth0=lb": "unused-group",
	} {
		code, out, said := auditing(append(strings.Fields(files), "-o", "json", "--fail-on", "none")...)
		found := codesOf(t, out)
		got := ""
		for _, check := range []string{"stale-peer", "unused-group"} {
			if found[check] != "" {
				got = strings.TrimSpace(got + " " + check)
			}
		}
		if code != exitOK || got != want {
			t.Errorf("%s: %d %q, want %q: %s", files, code, got, want, said)
		}
	}
}

// TestAuditQuotaOfImport: nobody has granted the quota that an import needs, so none of it is
// used up. The policy that the import writes has that quota.
func TestAuditQuotaOfImport(t *testing.T) {
	t.Chdir(t.TempDir())
	var rules strings.Builder
	rules.WriteString("*filter\n:INPUT DROP [0:0]\n" +
		"-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n")
	for i := range 70 {
		fmt.Fprintf(&rules, "-A INPUT -s 10.0.0.0/8 -p tcp --dport %d -j ACCEPT\n", 2000+2*i)
	}
	rules.WriteString("COMMIT\n")
	if err := os.WriteFile("rules.v4", []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var text, said strings.Builder
	code := run([]string{"import", "rules.v4"}, &text, &said)
	if code != exitOK || !strings.Contains(text.String(), "rules_per_security_group: 70") {
		t.Fatal(code, said.String())
	}
	if err := os.WriteFile("p.yaml", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{"rules.v4": false, "p.yaml": true} {
		code, out, said := auditing(file, "-o", "json", "--fail-on", "none")
		if got := codesOf(t, out)["near-quota"] != ""; code != exitOK || got != want {
			t.Errorf("%s: %d, near-quota %t: %s", file, code, got, said)
		}
	}
}

// TestSARIFPlaces: a file below the working directory has a path from there, however it was
// named; and each result has a place, for code hosts take no document otherwise.
func TestSARIFPlaces(t *testing.T) {
	dir := t.TempDir()
	var groups strings.Builder
	groups.WriteString("version: 1\nquotas: { security_groups: 10 }\nsecurity_groups:\n")
	for i := range 9 {
		fmt.Fprintf(&groups, "  - { name: g%d, description: Machines of %d, ingress: [] }\n", i, i)
	}
	for _, name := range []string{"top/infra/p.yaml", "other/p.yaml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(groups.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(dir, "top"))
	for path, want := range map[string]string{
		"infra/p.yaml":                         "infra/p.yaml",
		filepath.Join(dir, "top/infra/p.yaml"): "infra/p.yaml",
		"../other/p.yaml":                      "../other/p.yaml",
		filepath.Join(dir, "other/p.yaml"):     "file://" + filepath.Join(dir, "other/p.yaml"),
	} {
		_, out, said := auditing(path, "-o", "sarif")
		var log struct {
			Runs []struct {
				Results []struct {
					RuleID    string `json:"ruleId"`
					Locations []struct {
						PhysicalLocation struct {
							ArtifactLocation struct{ URI string }
							Region           struct{ StartLine int }
						}
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &log); err != nil {
			t.Fatal(err, said)
		}
		near := false
		for _, r := range log.Runs[0].Results {
			near = near || r.RuleID == "near-quota"
			if len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.ArtifactLocation.URI != want ||
				r.Locations[0].PhysicalLocation.Region.StartLine < 1 {
				t.Errorf("%s: %+v", path, r)
			}
		}
		if !near {
			t.Errorf("%s: nothing is near a quota: %s", path, out)
		}
	}
}
