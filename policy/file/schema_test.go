package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// schemaPath is the JSON Schema of the policy file that editors use.
const schemaPath = "../../docs/schema/policy.json"

type object = map[string]any

// schema makes the JSON Schema of the policy file of its reference. It
// checks less than the reader: keys, types, words and ranges.
func schema(t *testing.T) object {
	t.Helper()
	parts := make(map[string]Part)
	for _, p := range Reference() {
		parts[p.Path] = p
	}
	used := make(map[string]bool)
	var part func(path string) object
	part = func(path string) object {
		p, ok := parts[path]
		if !ok {
			t.Fatalf("the reference has no part %q", path)
		}
		used[path] = true
		properties, required := object{}, []string{}
		for _, k := range p.Keys {
			s := value(p, k, part)
			s["description"] = strings.TrimSpace(k.Text)
			properties[k.Name] = s
			if k.Required {
				required = append(required, k.Name)
			}
		}
		out := object{"type": "object", "properties": properties, "additionalProperties": false}
		for former, name := range formerKeys {
			if s, ok := properties[name].(object); ok {
				deprecated := maps.Clone(s)
				deprecated["deprecated"] = true
				deprecated["description"] = "The former name of " + name + "."
				properties[former] = deprecated
				out["not"] = object{"required": []string{name, former}}
			}
		}
		if p.Text != "" {
			out["description"] = p.Text
		}
		if len(required) > 0 {
			out["required"] = required
		}
		if path == "security_groups[]" {
			out["required"] = slices.DeleteFunc(required, func(k string) bool { return k == "name" })
			out["oneOf"] = []object{
				{"required": []string{"name"}}, {"required": []string{"name_prefix"}}}
		}
		if path == rulePath {
			var peers []object
			for _, k := range []string{"cidr_blocks", "ipv6_cidr_blocks", "prefix_lists", "security_groups",
				"self"} {
				peers = append(peers, object{"required": []string{k}})
			}
			out["anyOf"] = peers
			out["dependentRequired"] = object{
				"from_port": []string{"to_port"}, "to_port": []string{"from_port"}}
			out["not"] = object{"required": []string{"ports", "from_port"}}
		}
		return out
	}
	root := part("")
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema",
		"Policy file of sgfw"
	for path := range parts {
		if !used[path] {
			t.Errorf("no key leads to the part %q", path)
		}
	}
	return root
}

// value is the schema of what a key takes.
func value(p Part, k Key, part func(string) object) object {
	list := func(of object) object {
		if k.Item != "" {
			of = object{"anyOf": []object{of, part(k.Item)}}
		}
		return object{"type": "array", "items": of}
	}
	text := object{"type": "string", "minLength": 1}
	cidr := object{"type": "string", "pattern": `^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`}
	switch k.Kind {
	case KindText:
		if k.Name == "description" {
			return object{"type": "string"}
		}
		return text
	case KindNumber:
		switch {
		case k.High == 0:
			return object{"type": "integer", "minimum": k.Low}
		case k.Low == k.High:
			return object{"const": k.Low}
		}
		return object{"type": "integer", "minimum": k.Low, "maximum": k.High}
	case KindTruth:
		return object{"type": "boolean"}
	case KindWord:
		return object{"enum": k.Words}
	case KindWords:
		return object{"type": "array", "uniqueItems": true, "items": object{"enum": k.Words}}
	case KindNames:
		return list(text)
	case KindCIDR:
		return cidr
	case KindCIDR4s, KindCIDR6s:
		return list(cidr)
	case KindAddrs:
		return list(object{"type": "string", "pattern": `^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`})
	case KindBits:
		return object{"type": "array", "uniqueItems": true, "minItems": 2, "maxItems": 2,
			"items": object{"type": "integer", "minimum": k.Low, "maximum": k.High}}
	case KindProtocol:
		return object{"anyOf": []object{
			{"enum": []any{"tcp", "udp", "icmp", "icmpv6", "all", -1}},
			{"type": "integer", "minimum": -1, "maximum": 255},
			{"type": "string",
				"pattern": `^([Aa][Ll][Ll]|[Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ii][Cc][Mm][Pp]([Vv]6)?|-1|[0-9]{1,3})$`},
		}}
	case KindPorts:
		var names []string
		for _, s := range policy.Services() {
			names = append(names, s.Name)
		}
		names = append(names, "all")
		one := []object{
			{"type": "integer", "minimum": 0, "maximum": policy.MaxPort},
			{"type": "string", "pattern": `^[0-9]{1,5}(-[0-9]{1,5})?$`},
			{"enum": names},
		}
		return object{"anyOf": append(one,
			object{"type": "array", "minItems": 1, "items": object{"anyOf": one}})}
	case KindTags:
		of := object{"type": "string"}
		return object{"type": "object", "additionalProperties": of}
	case KindList:
		return list(part(p.Inner(k)))
	}
	return part(p.Inner(k))
}

// TestSchemaIsCurrent compares the checked-in schema with the reference;
// `go test ./policy/file -run Schema -update` writes it.
func TestSchemaIsCurrent(t *testing.T) {
	want, err := json.MarshalIndent(schema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(schemaPath), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(schemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaPath); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/schema/policy.json is not what the reference says (%v): go test ./policy/file "+
			"-run Schema -update", err)
	}
}

// checked is the schema as editors read it.
func checked(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conforms validates YAML text.
func conforms(s *jsonschema.Schema, text []byte) error {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(data)); err != nil {
		return err
	}
	return s.Validate(doc)
}

// TestSchemaTakesWhatIsValid: what the reader takes the schema takes, in all the
// examples and in all cases of testdata/problems.
func TestSchemaTakesWhatIsValid(t *testing.T) {
	s := checked(t)
	taken := 0
	try := func(name string, text []byte) {
		if _, _, err := Parse("", text); err != nil {
			return
		}
		taken++
		if err := conforms(s, text); err != nil {
			t.Errorf("%s: the reader takes it, the schema says %v\n%s", name, err, text)
		}
	}
	var examples []string
	for _, pattern := range []string{"../../examples/*.yaml", "../../examples/*/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		examples = append(examples, paths...)
	}
	if len(examples) < 4 {
		t.Fatalf("examples: %v", examples)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Parse(path, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		try(path, text)
	}
	cases, _ := filepath.Glob("testdata/problems/*.txt")
	for _, path := range cases {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(data), "### ")
		for _, c := range parts[1:] {
			title, rest, _ := strings.Cut(c, "\n")
			body, _, _ := strings.Cut(rest, ">>> ")
			try(path+": "+title, []byte(parts[0]+body))
		}
	}
	if taken < 30 {
		t.Errorf("only %d policies were taken", taken)
	}
}

// TestSchemaRefuses: an editor marks mistakes of form.
func TestSchemaRefuses(t *testing.T) {
	s := checked(t)
	const good = `version: 1
security_groups:
  - name: web
    description: web
    ingress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }
interfaces:
  - device: eth0
    security_groups: [web]
settings:
  on_stop: remove
`
	if err := conforms(s, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"another version":         {"version: 1", "version: 2"},
		"no version":              {"version: 1\n", ""},
		"a key of the future":     {"on_stop: remove", "on_start: remove"},
		"a misspelt key":          {"cidr_blocks:", "cidr_block:"},
		"a deny":                  {"{ protocol: tcp,", "{ action: deny, protocol: tcp,"},
		"a word that is none":     {"on_stop: remove", "on_stop: forget"},
		"no protocol":             {"{ protocol: tcp, ", "{ "},
		"an unknown protocol":     {"protocol: tcp", "protocol: carrier-pigeon"},
		"no peer":                 {", cidr_blocks: [0.0.0.0/0]", ""},
		"a port too many":         {"ports: 443", "ports: 65536"},
		"an empty list of ports":  {"ports: 443", "ports: []"},
		"a list of lists":         {"ports: 443", "ports: [[80], 443]"},
		"no such service":         {"ports: 443", "ports: httpx"},
		"a name and a prefix":     {"  - name: web\n", "  - name: web\n    name_prefix: web-\n"},
		"a peer without a CIDR":   {"[0.0.0.0/0]", "[{ description: x }]"},
		"both forms of ports":     {"ports: 443", "ports: 443, from_port: 443, to_port: 443"},
		"half of a range":         {"ports: 443", "from_port: 443"},
		"text for a list":         {"[0.0.0.0/0]", "0.0.0.0/0"},
		"a name for a CIDR":       {"[0.0.0.0/0]", "[everyone]"},
		"an empty key":            {"ingress:\n", "ingress:\n    egress:\n"},
		"a default group by list": {"interfaces:", "default_security_group: []\ninterfaces:"},
		"a default group's name":  {"interfaces:", "default_security_group: { name: web }\ninterfaces:"},
		"no name":                 {"  - name: web\n    description", "  - description"},
		"a timeout out of range": {"    security_groups: [web]\n",
			"    security_groups: [web]\n    connection_tracking: { udp_timeout: 5 }\n"},
		"text for truth": {"on_stop: remove", "watch: 'yes'"},
		"too many queues": {"on_stop: remove",
			fmt.Sprintf("queues: { count: %d }", policy.MaxQueues+1)},
		"both names of a key":  {"on_stop: remove", "failsafe: {}\n  life_lines: {}"},
		"a word of no meaning": {"on_stop: remove", "datapath: flowtable"},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if what == "an empty key" {
			text = strings.Replace(text, "      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0] }\n",
				"", 1)
		}
		if text == good {
			t.Fatalf("%s changes nothing", what)
		}
		if err := conforms(s, []byte(text)); err == nil {
			t.Errorf("%s: taken\n%s", what, text)
		}
		if _, _, err := Parse("", []byte(text)); err == nil {
			t.Errorf("%s: the reader takes it\n%s", what, text)
		}
	}
	keys := slices.Collect(maps.Keys(schema(t)["properties"].(object)))
	if len(keys) != len(policyKeys) {
		t.Errorf("keys at the top: %v", keys)
	}
}
