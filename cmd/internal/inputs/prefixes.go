package inputs

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
	"sgfw/policy/file"
)

// Prefixes reads the entries of a prefix list: a CIDR or an address a line, with # or ; before
// what is for people, which becomes the description; or the JSON of
// aws ec2 get-managed-prefix-list-entries.
func Prefixes(path string) ([]policy.PrefixEntry, error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, err
	}
	if data, err = decoded(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if begin := bytes.TrimSpace(data); bytes.HasPrefix(begin, []byte("{")) ||
		bytes.HasPrefix(begin, []byte("[")) {
		return jsonPrefixes(path, data)
	}
	var entries []policy.PrefixEntry
	var found policy.Collector
	for i, line := range strings.Split(string(data), "\n") {
		text, description := strings.TrimSpace(line), ""
		indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		if at := strings.IndexAny(text, "#;"); at >= 0 {
			text, description = strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
		}
		if text == "" {
			continue
		}
		entries = append(entries, entry(&found, policy.Pos{File: path, Line: i + 1,
			Col: 1 + utf8.RuneCountInString(line[:indent])}, text, description))
	}
	return entries, found.Problems().Err()
}

// entry reads one CIDR or address.
func entry(found *policy.Collector, pos policy.Pos, text, description string) policy.PrefixEntry {
	cidr, bad := policy.ParseCIDR(text)
	if bad != nil {
		if whole, worse := policy.ParseAddress(text); worse == nil {
			cidr, bad = whole, nil
		}
	}
	if bad != nil {
		bad.Pos = pos
		found.Add(*bad)
	}
	return policy.PrefixEntry{CIDR: cidr, Description: description, Pos: pos}
}

// jsonPrefixes reads the answer of the AWS CLI, or the list that --query took out of it. An
// answer that is cut off is no list.
func jsonPrefixes(path string, data []byte) ([]policy.PrefixEntry, error) {
	var entries []policy.PrefixEntry
	var found policy.Collector
	wrong := func(n *tree.Node, hint, message string) {
		found.Add(policy.Problem{Pos: n.Pos(path), Hint: hint, Message: message})
	}
	r := tree.Reader{File: path, Listed: func(key string) bool { return key == "Entries" },
		Visit: func(p tree.Part) bool {
			cidr := p.Node.Get("Cidr")
			switch list := p.Node.Get("Entries"); {
			case cidr != nil:
				description := ""
				if d := p.Node.Get("Description"); d != nil {
					description = d.Text
				}
				entries = append(entries, entry(&found, cidr.Pos(path), cidr.Text, description))
			case p.Key != "" || list == nil || list.Kind != tree.List:
				wrong(p.Node, "such as aws ec2 get-managed-prefix-list-entries prints them",
					"these are no entries of a prefix list")
			case p.Node.Get("NextToken") != nil:
				wrong(p.Node.Get("NextToken"), "leave out --max-items and --no-paginate",
					"there are more entries than this answer has")
			}
			return !found.Full(policy.SeverityError)
		}}
	if bad := r.Read(data); bad != nil {
		found.Add(*bad)
	}
	return entries, found.Problems().Err()
}
