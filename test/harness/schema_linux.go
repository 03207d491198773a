package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// DocumentSchema reads a schema of docs/schema and makes it strict: what it does not
// name is an error, although readers must bear it.
func DocumentSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "schema", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var strict func(any)
	strict = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["properties"] != nil && v["type"] == "object" && v["additionalProperties"] == nil {
				v["additionalProperties"] = false
			}
			for _, inner := range v {
				strict(inner)
			}
		case []any:
			for _, inner := range v {
				strict(inner)
			}
		}
	}
	strict(doc)
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
