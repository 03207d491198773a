package iptables

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
)

// Table is the filter table of one family as a file has it.
type Table struct {
	// Family is 0 if nothing says it.
	Family policy.Family
	// Chains are those of rules read for packets that come, and for those that leave.
	Chains [2]map[string]*chains.Chain
	// Pos is where it begins.
	Pos policy.Pos
	// declared are the names of chains that have a line of their own.
	declared map[string]bool
}

// Append adds the chains of another table, as the kernel does if it gets one after the other
// and is not told to forget the first: a chain that is declared anew begins anew.
func (t *Table) Append(next *Table) {
	for dir, all := range next.Chains {
		for name, c := range all {
			was := t.Chains[dir][name]
			if was == nil || next.declared[name] {
				t.Chains[dir][name] = c
				continue
			}
			was.Rules = append(was.Rules, c.Rules...)
		}
	}
}

// Bounds of what is read of a file.
const (
	maxSource = 4 << 20
	maxTables = 200
)

// Reader reads files in the format of iptables-save. Its problems go to the draft. Make one
// with [NewReader]; it is for one goroutine.
type Reader struct {
	d *convert.Draft
	// open takes rules that limit rates as if they did not.
	open bool
	// sets are the entries of ipsets, by name.
	sets  chains.Lists
	given map[string][]policy.PrefixEntry
	// Texts are descriptions for the rules of a line, by position; they go before a rule's
	// own comment.
	texts map[policy.Pos]string
	noted map[string]bool
	// moved counts rules that made place for others.
	moved int
}

// maxMoved bounds it, for both directions.
const maxMoved = 4_000_000

// NewReader returns a reader that reports to the draft. The variable limits=open of the user
// takes rules that limit rates as if they did not.
func NewReader(d *convert.Draft, o convert.Options) *Reader {
	r := &Reader{d: d, open: o.Vars["limits"] == "open", sets: chains.Lists{}, given: o.PrefixLists,
		texts: map[policy.Pos]string{}, noted: map[string]bool{}}
	return r
}

// Sets are the ipsets that were read, as prefix lists.
func (r *Reader) Sets() chains.Lists { return r.sets }

// Describe gives the rules on a line a description.
func (r *Reader) Describe(pos policy.Pos, text string) { r.texts[pos] = text }

// section is where the reader stands in a file.
type section struct {
	table  string // "filter", "nat", …
	family policy.Family
	found  *Table
	hint   policy.Family // what addresses and protocols on the lines say
	begin  policy.Pos    // of a table that COMMIT has to end
}

// Read returns the filter tables of a source.
func (r *Reader) Read(s convert.Source) []*Table {
	if len(s.Data) > maxSource {
		r.d.Errorf(policy.Pos{File: s.Name}, "", "the file has more than %d MB", maxSource>>20)
		return nil
	}
	var out []*Table
	// What has no header is what iptables -S prints: the filter table alone.
	at := section{family: familyOfName(s.Name)}
	named := at.family
	finish := func() {
		if at.begin.Line > 0 { // iptables-restore refuses it, too
			r.d.Errorf(at.begin, "is the text whole?", "table %s does not end: there is no COMMIT",
				at.table)
			at.begin = policy.Pos{}
		}
		if at.found == nil {
			return
		}
		if at.found.Family == 0 {
			at.found.Family = at.hint
		}
		out = append(out, at.found)
		at.found = nil
	}
	line := 0
	for text := range strings.SplitSeq(string(s.Data), "\n") {
		line++
		pos := policy.Pos{File: s.Name, Line: line, Col: 1}
		text = strings.TrimRight(text, " \t\r")
		switch trimmed := strings.TrimLeft(text, " \t"); {
		case r.d.Full():
			return out
		case trimmed == "":
		case trimmed[0] == '#':
			if f := familyOfHeader(trimmed); f != 0 {
				finish()
				at = section{family: f}
			}
		case trimmed[0] == '*':
			finish()
			at.table, at.hint, at.begin = trimmed[1:], 0, pos
			if at.table == "filter" {
				at.found = NewTable(at.family, pos)
			}
			if len(out) == maxTables {
				r.d.Errorf(pos, "", "the file has more than %d tables", maxTables)
				return out
			}
		case trimmed == "COMMIT":
			at.begin = policy.Pos{}
			finish()
			at.table = ""
		case strings.HasPrefix(trimmed, "create ") || strings.HasPrefix(trimmed, "add "):
			r.set(pos, strings.Fields(trimmed))
		default:
			if at.table == "" && at.found == nil && strings.HasPrefix(trimmed, "-") {
				at = section{table: "filter", family: cmp.Or(at.family, named),
					found: NewTable(cmp.Or(at.family, named), pos)}
			}
			r.line(&at, pos, trimmed)
		}
	}
	finish()
	return out
}

// NewTable returns one without chains.
func NewTable(f policy.Family, pos policy.Pos) *Table {
	return &Table{Family: f, Pos: pos, declared: map[string]bool{},
		Chains: [2]map[string]*chains.Chain{{}, {}}}
}

// familyOfHeader is what the comment of iptables-save says, 0 if it is another comment.
func familyOfHeader(s string) policy.Family {
	switch {
	case !strings.Contains(s, "enerated by ip"):
		return 0
	case strings.Contains(s, "enerated by ip6tables"):
		return policy.IPv6
	case strings.Contains(s, "enerated by iptables"):
		return policy.IPv4
	}
	return 0
}

// familyOfName is what the name of a file says.
func familyOfName(name string) policy.Family {
	name = strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	six := slices.ContainsFunc([]string{"ip6tables", "rules6", "rules.v6", "ipv6", ".v6", "6.rules"},
		func(s string) bool { return strings.Contains(name, s) })
	four := slices.ContainsFunc([]string{"iptables", "rules.v4", "ipv4", ".v4", "user.rules",
		"before.rules", "after.rules"},
		func(s string) bool { return strings.Contains(name, s) })
	switch {
	case six:
		return policy.IPv6
	case four:
		return policy.IPv4
	}
	return 0
}

// line reads a chain or a rule.
func (r *Reader) line(at *section, pos policy.Pos, text string) {
	words, ok := split(text)
	if !ok {
		r.d.Errorf(pos, "", "a quotation mark is not closed")
		return
	}
	if strings.HasPrefix(words[0], "[") && len(words) > 1 { // counters
		words = words[1:]
	}
	if at.table == "" {
		r.d.Errorf(pos, "this is for what iptables-save prints", "%.40q is in no table", text)
		return
	}
	if at.found == nil {
		r.other(at.table, pos, words)
		return
	}
	switch {
	case words[0][0] == ':' && len(words) >= 2:
		r.chain(at, pos, words[0][1:], words[1])
	case words[0] == "-P" && len(words) == 3:
		r.chain(at, pos, words[1], words[2])
	case words[0] == "-N" && len(words) == 2:
		r.chain(at, pos, words[1], "-")
	case (words[0] == "-A" || words[0] == "--append") && len(words) >= 2:
		r.add(at, pos, words[1], words[2:], math.MaxInt)
	case (words[0] == "-I" || words[0] == "--insert") && len(words) >= 2:
		place, rest := 1, words[2:]
		if len(rest) > 0 {
			if n, err := strconv.Atoi(rest[0]); err == nil {
				place, rest = n, rest[1:]
			}
		}
		r.add(at, pos, words[1], rest, place)
	default:
		r.d.Errorf(pos, "this is for what iptables-save prints", "%.40q is unknown", text)
	}
}

// add puts a rule into a chain at a place, from 1, or behind all others if there are fewer.
func (r *Reader) add(at *section, pos policy.Pos, chain string, words []string, place int) {
	for dir := range policy.Direction(2) {
		c := at.found.Chains[dir][chain]
		if c == nil {
			c = &chains.Chain{Pos: pos, Policy: chains.Accept}
			at.found.Chains[dir][chain] = c
		}
		rule, family := r.rule(pos, words, dir)
		at.hint = cmp.Or(at.hint, family)
		switch n := len(c.Rules); {
		case place < 1 || place > n+1 && place != math.MaxInt:
			if dir == policy.Ingress {
				r.d.Errorf(pos, "", "chain %q has %d rules here, so there is no place %d", chain, n,
					place)
			}
		case place > n || r.moved > maxMoved:
			c.Rules = append(c.Rules, rule)
		default:
			if r.moved += n + 1 - place; r.moved > maxMoved { // and nothing more is put before others
				r.d.Errorf(pos, "iptables-save prints -A", "too many rules are put before others")
			}
			c.Rules = slices.Insert(c.Rules, place-1, rule)
		}
	}
}

// chain declares one.
func (r *Reader) chain(at *section, pos policy.Pos, name, verdict string) {
	end := chains.Accept
	switch verdict {
	case "ACCEPT", "-":
	case "DROP":
		end = chains.Drop
	default:
		r.d.Errorf(pos, "ACCEPT or DROP", "%q is no policy of a chain", verdict)
	}
	if at.found.Chains[0][name] != nil {
		r.d.Errorf(pos, "", "there are two chains %q in a table", name)
	}
	at.found.declared[name] = true
	for dir := range at.found.Chains {
		at.found.Chains[dir][name] = &chains.Chain{Pos: pos, Policy: end}
	}
}

// other says what is left out of a table that is not the filter table.
func (r *Reader) other(table string, pos policy.Pos, words []string) {
	if words[0] != "-A" || len(words) < 2 {
		if words[0][0] == ':' && len(words) > 1 && words[1] == "DROP" {
			r.d.Errorf(pos, "drop in the filter table", "the policy of a chain of table %s is DROP",
				table)
		}
		return
	}
	for i, w := range words {
		if (w == "-j" || w == "--jump") && i+1 < len(words) && words[i+1] == "DROP" {
			r.d.Errorf(pos, "drop in the filter table",
				"table %s drops packets before the filter table sees them", table)
		}
	}
	if !r.noted[table] {
		r.noted[table] = true
		r.d.Lost(pos, "leave those rules in place: sgfw does not touch them",
			"the rules of table %s are left out", table)
	}
}

// split parts a line into words, as iptables-restore does.
func split(s string) (out []string, ok bool) {
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && quoted:
			i++
			word.WriteByte(s[i])
		case c == '"':
			quoted, in = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	// A word may be empty, and nothing here is.
	out = slices.DeleteFunc(out, func(w string) bool { return w == "" })
	return out, !quoted && len(out) > 0
}
