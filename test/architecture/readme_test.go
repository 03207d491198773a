package architecture

import (
	"regexp"
	"testing"

	"sgfw/policy/file"
)

var yamlListing = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestReadmePolicy: the first policy that a reader copies is valid, without a warning.
func TestReadmePolicy(t *testing.T) {
	found := yamlListing.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(found) == 0 {
		t.Fatal("README.md has no policy")
	}
	for _, m := range found {
		if _, problems, err := file.Parse("README.md", []byte(m[1])); err != nil || len(problems) > 0 {
			t.Errorf("%v\n%v", err, problems)
		}
	}
}
