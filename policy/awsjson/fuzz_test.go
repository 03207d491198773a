package awsjson

import (
	"os"
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// FuzzImport: whatever the text, there is a policy or an error, positions are within the
// text, and what is written can be read.
func FuzzImport(f *testing.F) {
	for _, seed := range converttest.Seeds(f, ".json") {
		f.Add(seed)
	}
	refusals, err := os.ReadFile("testdata/refusals.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(refusals), "\n\n") {
		_, text, _ := strings.Cut(c, "\n")
		f.Add([]byte(text))
	}
	f.Add([]byte("SecurityGroups:\n- GroupId: sg-1\n  GroupName: default\n  IpPermissions:\n" +
		"  - IpProtocol: '-1'\n    IpRanges:\n    - CidrIp: 10.0.0.0/8\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sources := []convert.Source{{Name: "f", Data: data}}
		converttest.Check(t, sources, Import(sources, convert.Options{}))
	})
}
