package file

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// onePart is a valid policy with one of each part, the caller's own.
func onePart() object {
	rule := object{"protocol": "tcp", "ports": 443,
		"cidr_blocks": []any{object{"cidr": "192.0.2.0/24"}}}
	return object{
		"version": 1,
		"prefix_lists": []any{object{
			"name": "office", "entries": []any{object{"cidr": "10.0.0.0/8"}},
		}},
		"security_groups": []any{object{"name": "web", "description": "x", "ingress": []any{rule}}},
		"network_acls": []any{object{"name": "edge", "ingress": []any{object{
			"rule_no": 100, "action": "allow", "protocol": "tcp", "ports": 443,
			"cidr_block": "10.0.0.0/8",
		}}}},
		"interfaces": []any{object{
			"device": "eth0", "security_groups": []any{"web"}, "network_acl": "edge",
		}},
		"peers": []any{object{
			"name": "db", "addresses": []any{"10.0.0.1"}, "security_groups": []any{"web"},
		}},
		"settings": object{"flow_log": object{"destination": "/var/log/sgfw"}},
	}
}

// inPart returns the mapping of a part in a policy, an empty one if it is not there.
func inPart(t *testing.T, doc object, path string) object {
	t.Helper()
	switch path {
	case rulePath:
		path = "security_groups[].ingress[]"
	case aclRulePath:
		path = "network_acls[].ingress[]"
	case cidrPeerPath:
		path = "security_groups[].ingress[].cidr_blocks[]"
	case namedPeerPath:
		inPart(t, doc, rulePath)["prefix_lists"] = []any{object{"name": "office"}}
		path = "security_groups[].ingress[].prefix_lists[]"
	}
	at := doc
	for name := range strings.SplitSeq(path, ".") {
		var next any = at
		if name != "" {
			next = at[strings.TrimSuffix(name, "[]")]
		}
		if next == nil {
			next = object{}
			at[name] = next
		}
		if list, ok := next.([]any); ok {
			next = list[0]
		}
		m, ok := next.(object)
		if !ok {
			t.Fatalf("the sample has no part %q", path)
		}
		at = m
	}
	return at
}

// read parses a sample in which keys of a part have other values.
func read(t *testing.T, path string, values object) (*policy.Policy, policy.Problems, error) {
	t.Helper()
	doc := onePart()
	if values["rules_per_network_acl"] == 1 {
		inPart(t, doc, aclPath)["ingress"] = []any{} // for which that leaves no room
	}
	if path == "interfaces[]" && values["max_flows"] != nil { // which has to fit in
		doc["settings"] = object{"max_flows": policy.MaxMaxFlows}
	}
	maps.Copy(inPart(t, doc, path), values)
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return Parse("", text)
}

// eachKey runs a test for each key of the reference.
func eachKey(t *testing.T, test func(t *testing.T, p Part, k Key)) {
	t.Helper()
	if _, _, err := read(t, "", nil); err != nil {
		t.Fatalf("the sample is refused: %v", err)
	}
	for _, p := range Reference() {
		for _, k := range p.Keys {
			t.Run(strings.TrimPrefix(p.Path+"."+k.Name, "."), func(t *testing.T) { test(t, p, k) })
		}
	}
}

// TestEveryKeyIsRead: the reader looks at every key of the reference, for it refuses a
// value of another type. It takes no key that the reference does not have, for its lists
// of keys are those of the reference.
func TestEveryKeyIsRead(t *testing.T) {
	eachKey(t, func(t *testing.T, p Part, k Key) {
		var wrong any = object{"nobody": "expects this"}
		if k.Kind == KindTags || k.Kind == KindMapping {
			wrong = []any{"nor this"}
		}
		if _, _, err := read(t, p.Path, object{k.Name: wrong}); err == nil {
			t.Errorf("%v is taken", wrong)
		}
		if k.Text == "" {
			t.Error("no text")
		}
	})
}

// TestRequiredKeys: the reader refuses a part without them, and takes it without any
// other key.
func TestRequiredKeys(t *testing.T) {
	eachKey(t, func(t *testing.T, p Part, k Key) {
		doc := onePart()
		part := inPart(t, doc, p.Path)
		if p.Path == rulePath && k.Name == "cidr_blocks" {
			part["self"] = true // some peer is needed
		}
		if p.Path == aclRulePath && k.Name == "cidr_block" {
			part["ipv6_cidr_block"] = "::/0"
		}
		if (p.Path == rulePath || p.Path == aclRulePath) && k.Name == "ports" {
			part["from_port"], part["to_port"] = 443, 443
		}
		delete(part, k.Name)
		if p.Path == "" && k.Name == "security_groups" {
			delete(doc, "interfaces") // which refer to them
			delete(doc, "peers")
		}
		if p.Path == "" && k.Name == "network_acls" {
			delete(inPart(t, doc, "interfaces[]"), "network_acl")
		}
		text, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Parse("", text); (err != nil) != k.Required {
			t.Errorf("required %v, without it: %v", k.Required, err)
		}
	})
}

// beside are the values that a key's neighbours need while it is at an end of its range.
func beside(path, key string) object {
	switch {
	case path == "settings.queues" && key == "base":
		return object{"count": 1}
	case key == "address_family":
		return object{"entries": []any{}}
	case path == "quotas" && key == "rules_per_security_group":
		return object{"security_groups_per_interface": 1}
	}
	return object{}
}

// TestRanges: the reader takes what is in the range of a number and refuses the rest.
func TestRanges(t *testing.T) {
	eachKey(t, func(t *testing.T, p Part, k Key) {
		if k.Kind != KindNumber || p.Path == rulePath || // there the protocol decides
			p.Path == aclRulePath && k.Low < 0 {
			return
		}
		type end struct {
			n    int
			want bool
		}
		ends := []end{{k.Low - 1, false}, {k.Low, true}}
		if k.High > 0 {
			ends = append(ends, end{k.High, true}, end{k.High + 1, false})
		}
		for _, end := range ends {
			values := beside(p.Path, k.Name)
			values[k.Name] = end.n
			if _, _, err := read(t, p.Path, values); (err == nil) != end.want {
				t.Errorf("%d: taken %v, want %v: %v", end.n, err == nil, end.want, err)
			}
		}
	})
}

// TestWords: the reader takes the words of a key and refuses others.
func TestWords(t *testing.T) {
	eachKey(t, func(t *testing.T, p Part, k Key) {
		if k.Kind != KindWord && k.Kind != KindWords {
			return
		}
		try := func(word string) error {
			var value any = word
			if k.Kind == KindWords {
				value = []any{word}
			}
			values := beside(p.Path, k.Name)
			values[k.Name] = value
			_, _, err := read(t, p.Path, values)
			return err
		}
		for _, w := range k.Words {
			if err := try(w); err != nil {
				t.Errorf("%s: %v", w, err)
			}
		}
		if err := try("nonsense"); err == nil {
			t.Error("nonsense is taken")
		}
	})
}

// TestDefaultsAreTrue: a default that is written out changes nothing.
func TestDefaultsAreTrue(t *testing.T) {
	options := cmp.Options{
		cmp.Comparer(func(policy.Pos, policy.Pos) bool { return true }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	}
	want, _, _ := read(t, "", nil)
	checked := 0
	eachKey(t, func(t *testing.T, p Part, k Key) {
		var value any
		if n, err := strconv.Atoi(k.Default); k.Kind == KindNumber && err == nil {
			value = n
		} else if on, err := strconv.ParseBool(k.Default); k.Kind == KindTruth && err == nil {
			value = on
		} else if k.Kind == KindWord && k.Default != "" {
			value = k.Default
		} else {
			return
		}
		checked++
		got, _, err := read(t, p.Path, object{k.Name: value})
		if diff := cmp.Diff(want, got, options); err != nil || diff != "" {
			t.Errorf("with %v: %v\n%s", value, err, diff)
		}
	})
	if checked < 20 {
		t.Errorf("only %d defaults were compared", checked)
	}
}

// TestReferenceIsWhole: every part is reached by a key, and what a key takes can be said.
func TestReferenceIsWhole(t *testing.T) {
	reached := []string{""}
	for _, p := range Reference() {
		for _, k := range p.Keys {
			if k.Kind == KindMapping || k.Kind == KindList {
				reached = append(reached, p.Inner(k))
			}
			if k.Item != "" {
				reached = append(reached, k.Item)
			}
			if k.Takes() == "" || (k.Kind == KindWord || k.Kind == KindWords) != (len(k.Words) > 0) {
				t.Errorf("%s: %s takes %q", p.Path, k.Name, k.Takes())
			}
			if k.Required && k.Default != "" {
				t.Errorf("%s: %s is required and has a default", p.Path, k.Name)
			}
		}
	}
	for _, p := range Reference() {
		if !slices.Contains(reached, p.Path) {
			t.Errorf("no key leads to the part %q", p.Path)
		}
		reached = slices.DeleteFunc(reached, func(path string) bool { return path == p.Path })
	}
	if len(reached) > 0 {
		t.Errorf("parts without keys: %v", reached)
	}
}
