package tree

import (
	"bytes"
	"io"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
	"sgfw/policy/yamltext"
)

const (
	// MaxYAML bounds the characters of a text of YAML that can begin a node: reading each
	// takes some 500 bytes.
	MaxYAML = 300_000
	// maxSize bounds all of its bytes, so that reading takes less than a second.
	maxSize = 8 << 20
)

func (r *Reader) yaml(data []byte) *policy.Problem {
	if len(data) > maxSize {
		return problem(0, 0, "JSON may be longer, and is read faster", "more than %d MB of YAML",
			maxSize>>20)
	}
	structure, bad := yamltext.Check(data)
	if bad != nil {
		return bad
	}
	if structure > MaxYAML {
		return problem(0, 0, "JSON may be longer, and is read faster",
			"more than %d lines, keys and items of YAML", MaxYAML)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	lines := int32(1 + bytes.Count(data, []byte("\n")))
	for !r.stopped {
		doc, err := yamltext.Decode(d)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			dialect := yamltext.Dialect{Depth: r.depth, Special: "* & % @ or `"}
			return dialect.Explain(data, err)
		}
		if bad := r.begin(int32(doc.Line), int32(doc.Column),
			"a second YAML document begins"); bad != nil {
			return bad
		}
		b := builder{Reader: r, built: map[*yaml.Node]*built{}, lines: lines}
		if b.document(doc.Content[0]); b.bad != nil {
			return b.bad
		}
	}
	return nil
}
