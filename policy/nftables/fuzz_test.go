package nftables

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// FuzzImport: whatever the text, there is a policy or an error, positions are within the
// text, and what is written can be read.
func FuzzImport(f *testing.F) {
	err := filepath.WalkDir("testdata/shapes", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		f.Add(string(data))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sources := []convert.Source{{Name: "f", Data: []byte(text)}}
		vars := map[string]string{"limits": "open"}
		converttest.Check(t, sources, Import(sources, convert.Options{}))
		converttest.Check(t, sources, Import(sources, convert.Options{Vars: vars}))
	})
}
