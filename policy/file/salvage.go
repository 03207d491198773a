package file

import (
	"bytes"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
	"sgfw/policy/yamltext"
)

// Remains is what a policy file that is refused still says about the machine.
type Remains struct {
	// Gone is settings.on_failure.gone, where it can be read, else the default.
	Gone policy.FailAction
	// Devices are those of its interfaces, and patterns. All is true where the file does
	// not say them, or not all of them: any device may have been meant.
	Devices []string
	All     bool
}

// Salvage reads what it can of a policy file that [Parse] refuses. What is in doubt is
// read as the stricter.
func Salvage(data []byte) Remains {
	out := Remains{Gone: policy.DefaultSettings.OnGone, All: true}
	d := &decoder{parts: make(map[place]*node)}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if len(data) > MaxSize || !d.clean(data) {
		return out
	}
	doc, err := yamltext.Decode(yaml.NewDecoder(bytes.NewReader(data)))
	if err != nil {
		return out
	}
	root := doc.Content[0]
	gone := onlyValue(onlyValue(onlyValue(root, "settings"), "on_failure"), "gone")
	if gone != nil && gone.Kind == yaml.ScalarNode && gone.Value == policy.FailAccept.String() {
		out.Gone = policy.FailAccept
	}
	list := onlyValue(root, "interfaces")
	if list == nil || list.Kind != yaml.SequenceNode {
		return out
	}
	devices := make([]string, 0, len(list.Content))
	for _, n := range list.Content {
		device := onlyValue(n, "device")
		if device == nil || device.Kind != yaml.ScalarNode || policy.CheckDevice(device.Value) != nil {
			return out
		}
		devices = append(devices, device.Value)
	}
	out.Devices, out.All = devices, false
	return out
}

// onlyValue is the value of a key, nil where n is no mapping that has it once.
func onlyValue(n *node, key string) (value *node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			if value != nil {
				return nil
			}
			value = n.Content[i+1]
		}
	}
	return value
}
