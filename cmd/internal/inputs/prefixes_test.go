package inputs

import (
	"strings"
	"testing"

	"sgfw/policy"
)

// TestPrefixes: lines, with what is for people behind a mark, and the answer of the AWS CLI.
func TestPrefixes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lines": "# netset\r\n192.0.2.0/24 ; SBL1\n\n2001:db8::7 # one\n",
		"json": `{"Entries":[{"Cidr":"192.0.2.0/24","Description":"SBL1"},` +
			`{"Cidr":"2001:db8::7/128","Description":"one"}]}`,
		"query": `[{"Cidr":"192.0.2.0/24","Description":"SBL1"},` +
			`{"Cidr":"2001:db8::7/128","Description":"one"}]`,
	} {
		entries, err := Prefixes(write(t, dir, name, text))
		if err != nil || len(entries) != 2 || entries[0].CIDR.String() != "192.0.2.0/24" ||
			entries[0].Description != "SBL1" || entries[1].CIDR.String() != "2001:db8::7/128" ||
			entries[1].Description != "one" {
			t.Errorf("%s: %v %v", name, entries, err)
		}
	}
	_, err := Prefixes(write(t, dir, "bad", "10.0.0.0/8\n10.0.0.0/33\nmany\n"))
	if ps := policy.AsProblems(err); len(ps) != 2 || ps[0].Pos.Line != 2 || ps[1].Pos.Line != 3 {
		t.Errorf("bad lines: %v", err)
	}
	for text, want := range map[string]string{
		"\té 10.0.0.0/33": "bad:1:2: ",
		`{"Foo": 1}`: "bad:1:1: these are no entries of a prefix list (hint: such as aws ec2 " +
			"get-managed-prefix-list-entries prints them)",
		"{\n\"Entries\": [{\"Cidr\": \"10.0.0.0/33\"}, 1]}":       "bad:2:22: \"10.0.0.0/33\"",
		`[{"Cidr": "10.0.0.0/8"}`:                                 "bad:1:24: the text ends in the",
		`{"Entries": [{"Cidr": "10.0.0.0/8"}], "NextToken": "x"}`: "bad:1:52: there are more entries",
		`{"Entries": {}}`:                                         "bad:1:1: these are no entries",
	} {
		_, err := Prefixes(write(t, dir, "bad", text))
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir+"/", ""), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
