package cloudformation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// FuzzImport: the answer is a policy or an error, always the same one, with positions within
// the text; and a policy survives its export.
func FuzzImport(f *testing.F) {
	for _, seed := range converttest.Seeds(f, ".template", ".json") {
		f.Add(seed)
	}
	f.Add([]byte(strings.Replace(skeleton, "EXPRESSION", "!Sub ['${a}', {a: !Ref None}]", 1)))
	f.Add([]byte(`{"Resources":{"L":{"Type":"AWS::EC2::PrefixList","Properties":{"Entries":` +
		`[{"Cidr":"::/0"}],"AddressFamily":"IPv6"}},"Fn::ForEach::X":["X",["a","b"],{"G${X}":{"Type":` +
		`"AWS::EC2::SecurityGroup","Properties":{"GroupName":"${X}"}}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sources := []convert.Source{{Name: "f.yaml", Data: data}}
		r := Import(sources, convert.Options{})
		converttest.Check(t, sources, r)
		if diff := cmp.Diff(r.Problems, Import(sources, convert.Options{}).Problems); diff != "" {
			t.Fatalf("two readings of one text differ:\n%s", diff)
		}
		if r.Policy != nil {
			roundTrip(t, r.Policy)
		}
	})
}
