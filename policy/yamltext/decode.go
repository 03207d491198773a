package yamltext

import (
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Decode returns the next document, io.EOF after the last one. Panics of yaml.v3 are errors.
// Explain says what an error means.
func Decode(d *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: not understood")
		}
	}()
	doc = new(yaml.Node)
	if err := d.Decode(doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, io.EOF
	}
	return doc, nil
}
