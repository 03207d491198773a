package formats

import (
	"os"
	"path/filepath"
	"testing"

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
