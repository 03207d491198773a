package audit

import "slices"

// Check is one thing that an audit looks for.
type Check struct {
	// Code names it in outputs, flags and comments. It never changes.
	Code string
	// Severity is the worst that its findings have.
	Severity Severity
	// Title says what it finds in a few words.
	Title string
	// Why says why it matters, Do what to do about it, and Instead what serves the same
	// need; Instead may be empty.
	Why, Do, Instead string
	// Also is what other tools call the same: their codes, as they write them.
	Also Also
}

// Also are the codes of other tools.
type Also struct {
	Checkov, Trivy, Prowler []string
	// AWS are controls of Security Hub (EC2.13), rules of Config and checks of Trusted Advisor.
	AWS []string
	// CIS are sections of the AWS Foundations Benchmark with its version.
	CIS []string
}

// All are the codes in one list, each with the tool's name before it where the code does not
// say it.
func (a Also) All() []string {
	var out []string
	for _, c := range [][]string{a.Checkov, a.Trivy, a.Prowler, a.AWS, a.CIS} {
		out = append(out, c...)
	}
	return out
}

// with returns the codes of both, each once.
func (a Also) with(b Also) Also {
	join := func(x, y []string) []string {
		out := slices.Clone(x)
		for _, s := range y {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out
	}
	return Also{join(a.Checkov, b.Checkov), join(a.Trivy, b.Trivy), join(a.Prowler, b.Prowler),
		join(a.AWS, b.AWS), join(a.CIS, b.CIS)}
}

// Codes are all codes that findings of the check may have.
func (c *Check) Codes() Also {
	out := c.Also
	for i := range services {
		if services[i].check == c.Code {
			out = out.with(services[i].codes())
		}
	}
	return out
}

// Checks are all that an audit looks for, the worst first.
func Checks() []*Check {
	out := make([]*Check, len(checks))
	for i := range checks {
		out[i] = &checks[i]
	}
	return out
}

// Of returns the check of a code, nil for an unknown one.
func Of(code string) *Check {
	for i := range checks {
		if checks[i].Code == code {
			return &checks[i]
		}
	}
	return nil
}
