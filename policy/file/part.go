package file

import (
	"fmt"
	"slices"
	"strings"
)

// Part is one kind of mapping in the policy file.
type Part struct {
	// Path is where the part stands, "" for the file itself; [] is a list.
	Path string
	// Text says what the part is, in one paragraph.
	Text string
	Keys []Key
}

// Key is a key of a part.
type Key struct {
	Name string
	Kind Kind
	// Words are what a KindWord takes, or the items of a KindWords.
	Words []string
	// Low and High bound a KindNumber, where a High of 0 is no bound, or those of a KindBits.
	Low, High int
	// Item is the path of the part that may stand in place of an item of the list; "" for
	// none.
	Item string
	// Required: the part is refused without the key.
	Required bool
	// Default is what holds without the key, as the file would say it or in words; "" if
	// the key is required or has no effect when left out.
	Default string
	// Text says what the key does, in full sentences.
	Text string
}

// Kind is the type of what a key takes.
type Kind uint8

const (
	KindText Kind = iota
	KindNumber
	KindTruth    // true or false
	KindWord     // one of a few
	KindWords    // a list of them
	KindNames    // a list of names of other parts
	KindCIDR     // of either family
	KindCIDR4s   // a list
	KindCIDR6s   // a list
	KindAddrs    // a list
	KindBits     // a list of two different numbers
	KindProtocol // a name, a number, or all
	KindPorts    // a number, a range, the name of a service, or a list of those
	KindTags     // a mapping from text to text
	KindMapping  // another part
	KindList     // a list of another part
)

// The paths of network ACLs and of their rules.
const (
	aclPath     = "network_acls[]"
	aclRulePath = "network_acls[].ingress[] and network_acls[].egress[]"
)

// rulePath is the path of the part that stands at two places.
const rulePath = "security_groups[].ingress[] and egress[]"

// The paths of peers with a description.
const (
	cidrPeerPath  = "cidr_blocks[] and ipv6_cidr_blocks[] of a rule"
	namedPeerPath = "prefix_lists[] and security_groups[] of a rule"
)

// Inner is the path of the part that a KindMapping or KindList of p takes.
func (p Part) Inner(k Key) string {
	path := k.Name
	if p.Path != "" {
		path = p.Path + "." + k.Name
	}
	switch {
	case k.Kind == KindList && p.Path == aclPath:
		return aclRulePath
	case k.Kind == KindList && (k.Name == "ingress" || k.Name == "egress"):
		return rulePath
	case k.Kind == KindList:
		return path + "[]"
	}
	return path
}

// Takes says in a word or two what the key takes.
func (k Key) Takes() string {
	switch k.Kind {
	case KindText:
		return "text"
	case KindNumber:
		switch {
		case k.High == 0:
			return "number"
		case k.Low == k.High:
			return fmt.Sprint(k.Low)
		}
		return fmt.Sprintf("%d to %d", k.Low, k.High)
	case KindTruth:
		return "true or false"
	case KindWord:
		return joined(k.Words, "or")
	case KindWords:
		return "list of " + joined(k.Words, "and")
	case KindNames:
		return "list of names"
	case KindCIDR:
		return "CIDR"
	case KindCIDR4s:
		return "list of IPv4 CIDRs"
	case KindCIDR6s:
		return "list of IPv6 CIDRs"
	case KindAddrs:
		return "list of addresses and prefixes"
	case KindBits:
		return fmt.Sprintf("list of two numbers, %d to %d", k.Low, k.High)
	case KindProtocol:
		return "name or number"
	case KindPorts:
		return "port, range, service, or list of them"
	case KindList:
		if k.Name == "ingress" || k.Name == "egress" {
			return "list of rules"
		}
		return "list"
	}
	return "mapping"
}

// Says is the text of the key with whether it is required and what holds without it.
func (k Key) Says() string {
	out := k.Text
	if k.Required {
		out += " Required."
	}
	if k.Default != "" {
		out += " Default: " + k.Default + "."
	}
	return strings.TrimSpace(out)
}

// joined joins words as in "cpu, hash or pinned".
func joined(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// Reference describes every part and key of the policy file, in the order in which
// documentation shows them. The result is the caller's own.
func Reference() []Part {
	out := slices.Clone(reference)
	for i := range out {
		out[i].Keys = slices.Clone(out[i].Keys)
	}
	return out
}

// keyAt is a key of a part.
func keyAt(path, name string) Key {
	keys := partAt(path).Keys
	return keys[slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })]
}

// partAt is the part of a path.
func partAt(path string) Part {
	return reference[slices.IndexFunc(reference, func(p Part) bool { return p.Path == path })]
}

// keysOf are the keys of a part, in the order of the reference.
func keysOf(path string) []string {
	var out []string
	for _, k := range partAt(path).Keys {
		out = append(out, k.Name)
	}
	return out
}
