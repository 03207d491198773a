package ufw

import (
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/convert"
)

// Defaults are what happens to what no rule is about.
type Defaults struct {
	In, Out chains.Verdict
	// Only4 is set if ufw lets nothing of IPv6 pass, whatever its rules for it say.
	Only4 bool
}

// isDefaults reports whether a text is /etc/default/ufw.
func isDefaults(data []byte) bool {
	head := string(data[:min(len(data), 64<<10)])
	return strings.Contains(head, "DEFAULT_INPUT_POLICY=") && !strings.Contains(head, "\n-A ")
}

// read reads /etc/default/ufw.
func (p *Defaults) read(d *convert.Draft, s convert.Source) {
	n := 0
	for line := range strings.SplitSeq(string(s.Data), "\n") {
		n++
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		to := &p.In
		switch {
		case !ok:
			continue
		case name == "IPV6":
			p.Only4 = !strings.EqualFold(strings.Trim(value, `"'`), "yes")
			continue
		case name == "DEFAULT_OUTPUT_POLICY":
			to = &p.Out
		case name != "DEFAULT_INPUT_POLICY":
			continue
		}
		switch strings.ToUpper(strings.Trim(value, `"'`)) {
		case "ACCEPT":
			*to = chains.Accept
		case "DROP", "REJECT":
			*to = chains.Drop
		default:
			d.Errorf(policy.Pos{File: s.Name, Line: n, Col: 1}, "ACCEPT, DROP or REJECT",
				"%.40q is no policy", value)
		}
	}
}
