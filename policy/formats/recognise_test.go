package formats

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// TestRecognised: every shape that an importer is tested with is known for what it is.
func TestRecognised(t *testing.T) {
	for format, patterns := range map[string][]string{
		"aws": {"../awsjson/testdata/shapes/*.json", "../awsjson/testdata/shapes/*.yml",
			"../awsjson/testdata/shapes/*/*.json", "../awsjson/testdata/export.json"},
		"iptables":  {"../iptables/testdata/shapes/*.rules"},
		"ufw":       {"../ufw/testdata/shapes/*/*.rules", "../ufw/testdata/shapes/*/ufw"},
		"firewalld": {"../firewalld/testdata/shapes/*/*.xml", "../firewalld/testdata/shapes/*/*.conf"},
		"nftables":  {"../nftables/testdata/shapes/*.json", "../nftables/testdata/export/*.nft"},
		"cloudformation": {"../cloudformation/testdata/shapes/*.template",
			"../cloudformation/testdata/shapes/*.json", "../cloudformation/testdata/shapes/*/*.yaml",
			"../cloudformation/testdata/export.yaml"},
	} {
		for _, pattern := range patterns {
			paths, err := filepath.Glob(pattern)
			if err != nil || len(paths) == 0 {
				t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
			}
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got := recogniseOne(convert.Source{Name: "stdin", Data: data}); got != format {
					t.Errorf("%s: %q", path, got)
				}
			}
		}
	}
	for text, format := range map[string]string{
		"SECURITYGROUPS\tPages\tsg-1\tweb\n":                        "aws",
		"ENTRIES\t10.0.0.0/8\n":                                     "aws",
		"NETWORKINTERFACES\tx\n":                                    "aws",
		"-----\n|        DescribeSecurityGroupRules      |\n+----+": "aws",
		`{"Entries": []}`:                                           "aws",
		`{"Reservations": []}`:                                      "aws",
		`{"NetworkAcls": []}`:                                       "aws",
		"NetworkAcls:\n- Entries: []\n":                             "aws",
		"NETWORKACLS\tFalse\tacl-1\n":                               "aws",
		"version: 1\nsecurity_groups: []\n":                         "",
		"version: 1\nprefix_lists: # SecurityGroups:\n":             "",
		"hello": "",
	} {
		if f, _ := file.Recognise([]byte(text)); (f != nil || format != "") &&
			(f == nil || f.Format != format) {
			t.Errorf("%q: %+v", text, f)
		}
	}
}

// TestHints: what is wrong with the text as such, or with what was given beside it, is said.
func TestHints(t *testing.T) {
	tf := "resource \"aws_security_group\" \"g\" {\n  name = \"g\"\n  ingress {\n" +
		"    from_port = 1\n    to_port = 1\n" +
		"    protocol = \"tcp\"\n    prefix_list_ids = [\"pl-1234\"]\n  }\n}\n"
	entries := map[string][]policy.PrefixEntry{}
	for _, name := range []string{"pl-1234", "pl-1243", "other"} {
		entries[name] = []policy.PrefixEntry{{CIDR: netip.MustParsePrefix("10.0.0.0/8")}}
	}
	for name, c := range map[string]struct{ file, text, lists, want string }{
		"half of iptables": {"rules.v4", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 " +
			"-s 10.0.0.0/8 -j ACCEPT\n", "", "rules.v4:1:1: table filter does not end: there is no COMMIT"},
		"no Terraform": {"a.tf", "", "", "a.tf:1:1: there is nothing in it"},
		"groups of --query": {"stdin", "- Description: d\n  GroupId: sg-1\n  GroupName: a\n" +
			"  IpPermissions:\n  - FromPort: 1\n    IpProtocol: tcp\n    ToPort: 1\n", "",
			"stdin:5:5: notice: a permission of tcp names no peer"},
		"nothing":    {"stdin", "  \n", "", "stdin:1:1: there is nothing in it (hint: if it came"},
		"a list":     {"q.json", `[["sg-1","web"]]`, "", "q.json: notice: the format is not recognised"},
		"words":      {"stdin", "An error occurred", "", "stdin: notice: the format is not recognised"},
		"a manifest": {"k.yaml", "apiVersion: v1\n", "", "k.yaml:1: this is a manifest of Kubernetes"},
		"a list of iptables": {"stdin", "Chain INPUT (policy DROP 0 packets, 0 bytes)\n", "",
			"stdin:1: this is what iptables -L prints, not a policy (hint: (iptables-save; "},
		"a chain of iptables": {"stdin", "Chain f2b-sshd (1 references)\n", "",
			"stdin:1: this is what iptables -L prints"},
		"status of ufw": {"stdin", "Status: active\n\nTo   Action  From\n", "",
			"stdin:1: this is what ufw status prints, not a policy (hint: sgfw import /etc/ufw/"},
		"a zone for people": {"stdin", "public (active)\n  target: default\n  interfaces: eth0\n", "",
			"stdin:2: this is what firewall-cmd --list-all prints"},
		"a policy": {"p.yaml", "version: 1\nsecurity_group: []\n", "",
			"p.yaml:2:1: the policy has no key"},
		"needed": {"a.tf", tf, "pl-1234", ""},
		"near": {"a.tf", tf, "pl-1243",
			"notice: --prefix-list pl-1243: no rule needs it (hint: did you mean pl-1234?)"},
		"far": {"a.tf", tf, "other",
			"notice: --prefix-list other: no rule needs it (hint: it is for what"},
		"none": {"a.tf", strings.ReplaceAll(tf, "[\"pl-1234\"]", "[]\n    self = true"), "other",
			"notice: --prefix-list other: no rule needs it (hint: the files have all"},
	} {
		o := convert.Options{PrefixLists: map[string][]policy.PrefixEntry{}}
		if c.lists != "" {
			o.PrefixLists[c.lists] = entries[c.lists]
		}
		r := Import("", []convert.Source{{Name: c.file, Data: []byte(c.text)}}, o)
		said := ""
		if len(r.Problems) > 0 {
			said = r.Problems[0].Error()
		}
		if !strings.HasPrefix(said, c.want) || c.want == "" && said != "" {
			t.Errorf("%s: %q", name, said)
		}
	}
}
