package convert

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/policy"
)

// TestAttachNobody: who names a group that is not there hears which ones are.
func TestAttachNobody(t *testing.T) {
	build := func(many int) Result {
		d := NewDraft(Options{})
		d.Group(`aws_security_group.tier["web"]`, "", policy.Group{Name: "acme-web"})
		d.Group("sg-2", "", policy.Group{Name: "acme-db"})
		for i := range many {
			d.Group(fmt.Sprint("more-", i), "", policy.Group{Name: fmt.Sprint("more-", i)})
		}
		return d.Finish()
	}
	for name, want := range map[string]string{
		"web":                          "did you mean acme-web?",
		"acme":                         "did you mean acme-web or acme-db?",
		"acme-wbe":                     "did you mean acme-web?",
		"sg-3":                         "did you mean sg-2?",
		"aws_security_group.tier[web]": `did you mean 'aws_security_group.tier["web"]'? Mind the quotes`,
		"elsewhere":                    "the groups are acme-web and acme-db",
	} {
		r := build(0)
		r.Attach(Attachment{Device: "eth0", Groups: []string{name, "acme-db"}})
		said := fmt.Sprintf("--attach eth0: no group is called %q", name)
		if r.Policy != nil || len(r.Problems) != 1 || r.Problems[0].Hint != want ||
			r.Problems[0].Message != said {
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
	r := build(9)
	r.Attach(Attachment{Device: "eth0", Groups: []string{"elsewhere", "nor-here"}})
	if len(r.Problems) != 2 || !strings.HasSuffix(r.Problems[1].Hint, "more-2 and 6 more") {
		t.Errorf("%+v", r.Problems)
	}
	none := NewDraft(Options{}).Finish()
	none.Attach(Attachment{Device: "eth0", Groups: []string{"a"}})
	if len(none.Problems) != 1 || none.Problems[0].Hint != "there are no groups" {
		t.Errorf("%+v", none.Problems)
	}
}

// TestAttachBeside: groups that the sources gave to a device do not add up, or go, in silence.
func TestAttachBeside(t *testing.T) {
	for attached, want := range map[string]string{
		"eth0=web":    "p:7:3: eth0 has groups ssh, a here, and gets what --attach says beside them",
		"eth0=ssh":    "",
		"eth0=sg-ssh": "",
		"eth1=web": "p:8:3: eth1 has group web here by eth*, and gets what --attach says in place " +
			"of them",
		"wlan0=web": "",
	} {
		r := Result{Names: map[string]string{"sg-ssh": "ssh"},
			Policy: &policy.Policy{Quotas: policy.DefaultQuotas,
				Settings: policy.DefaultSettings, Groups: []policy.Group{{Name: "ssh"}, {Name: "web"},
					{Name: "a"}}, Interfaces: []policy.Interface{
					{Device: "eth0", Groups: []string{"ssh", "a"}, Timeouts: policy.DefaultTimeouts,
						Pos: policy.Pos{File: "p", Line: 7, Col: 3}},
					{Device: "eth*", Groups: []string{"web"}, Timeouts: policy.DefaultTimeouts,
						Pos: policy.Pos{File: "p", Line: 8, Col: 3}}}}}
		a, err := ParseAttachment(attached)
		if err != nil {
			t.Fatal(err)
		}
		r.Attach(a)
		said := ""
		for _, p := range r.Problems {
			said += p.Pos.String() + ": " + p.Message
			if p.Severity != policy.SeverityNotice || p.Hint == "" {
				t.Errorf("%s: %+v", attached, p)
			}
		}
		if said != want || r.Policy == nil {
			t.Errorf("%s: %q, want %q", attached, said, want)
		}
	}
}
