package awsjson

import (
	"net/netip"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// text returns a member that is a text, "" if there is none.
func (i *importer) text(n *tree.Node, key string) string {
	v := n.Get(key)
	if v == nil {
		return ""
	}
	switch v.Kind {
	case tree.List, tree.Map:
		i.Errorf(v.Pos(i.file), "", "%s is %s, not a text", key, v.Kind)
		return ""
	}
	return i.printable(v, key)
}

// printable is a text as people can read it. AWS takes line ends and tabs in tags, and a
// policy does not.
func (i *importer) printable(v *tree.Node, key string) string {
	return i.Printable(v.Pos(i.file), key, v.Text)
}

// id returns a member that must be a text and not empty.
func (i *importer) id(n *tree.Node, key, what string) (string, bool) {
	v := n.Get(key)
	if v == nil || v.Text == "" {
		pos := n.Pos(i.file)
		if v != nil {
			pos = v.Pos(i.file)
		}
		i.Errorf(pos, "", "%s has no %s", what, key)
		return "", false
	}
	return v.Text, true
}

// number returns a member that is a number, nil if there is none.
func (i *importer) number(n *tree.Node, key string) (value *int, ok bool) {
	v := n.Get(key)
	if v == nil {
		return nil, true
	}
	number, ok := v.Int()
	if !ok {
		i.Errorf(v.Pos(i.file), "", "%s is no whole number", key)
		return nil, false
	}
	return &number, true
}

// items returns a member that is a list.
func (i *importer) items(n *tree.Node, key string) []*tree.Node {
	v := n.Get(key)
	if v == nil {
		return nil
	}
	if v.Kind != tree.List {
		i.Errorf(v.Pos(i.file), "", "%s is %s, not a list", key, v.Kind)
		return nil
	}
	return v.Items
}

// object reports whether a value is an object; what says what it should be.
func (i *importer) object(n *tree.Node, what string) bool {
	if n.Kind != tree.Map {
		i.Errorf(n.Pos(i.file), "", "%s is an object, not %s", what, n.Kind)
	}
	return n.Kind == tree.Map
}

// tags returns the tags of a part.
func (i *importer) tags(n *tree.Node, key string) map[string]string {
	items := i.items(n, key)
	if len(items) == 0 {
		return nil
	}
	tags := make(map[string]string, len(items))
	for _, item := range items {
		if i.object(item, "a tag") {
			tags[i.text(item, "Key")] = i.text(item, "Value")
		}
	}
	return tags
}

// cidr reads a CIDR of a family, or of either if that is 0. It must be there: nothing is
// never everything.
func (i *importer) cidr(n *tree.Node, key string, family policy.Family) (netip.Prefix, bool) {
	v := n.Get(key)
	if v == nil {
		i.Errorf(n.Pos(i.file), "", "there is no %s", key)
		return netip.Prefix{}, false
	}
	cidr, bad := policy.ParseCIDR(v.Text)
	if bad == nil && v.Kind != tree.Text {
		bad = &policy.Problem{Code: policy.InvalidParameterValue, Message: key + " is no text"}
	}
	if bad == nil && family != 0 && policy.FamilyOf(cidr) != family {
		bad = &policy.Problem{Code: policy.InvalidParameterValue,
			Message: v.Text + " is " + policy.FamilyOf(cidr).String() + ", and " + key + " is for " +
				family.String()}
	}
	i.Add(v.Pos(i.file), bad)
	return cidr, bad == nil
}

// unknown gives a notice of keys that mean nothing here and may mean something to AWS.
func (i *importer) unknown(n *tree.Node, what string, known map[string]bool) {
	for key, v := range n.Fields() {
		if !known[key.Text] && v.Kind != tree.Null {
			i.Lost(v.Pos(i.file), "", "%s has %s, which sgfw does not know", what, key.Text)
		}
	}
}

func set(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}
