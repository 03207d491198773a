package firewalld

import (
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// FuzzImport: whatever the text, there is a policy or an error, positions are within the
// text, and what is written can be read.
func FuzzImport(f *testing.F) {
	converttest.Fuzz(f, Import, []convert.Options{{}, {Vars: map[string]string{"limits": "open"}}},
		".xml")
}
