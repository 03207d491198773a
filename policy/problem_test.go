package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestProblemsError(t *testing.T) {
	ps := Problems{
		{Pos: Pos{"b", 1, 1}, Message: "fifth"},
		{Pos: Pos{"a", 10, 2}, Message: "fourth", Severity: SeverityNotice},
		{Pos: Pos{"a", 2, 10}, Message: "third", Severity: SeverityWarning, Hint: "do so"},
		{Pos: Pos{"a", 2, 9}, Message: "second", Hint: "do this", Code: InvalidParameterValue},
		{Message: "first"},
	}
	ps.Sort()
	want := strings.Join([]string{
		"first",
		"a:2:9: second (hint: do this)",
		"a:2:10: warning: third (hint: do so)",
		"a:10:2: notice: fourth",
		"b:1:1: fifth",
	}, "\n")
	if got := ps.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if ps.Err() == nil || ps.Of(SeverityWarning).Err() != nil || ps.Of(SeverityNotice).Err() != nil ||
		Problems(nil).Err() != nil {
		t.Error("Err is about errors only")
	}
	if got := len(ps.Of(SeverityError)); got != 3 {
		t.Errorf("%d errors", got)
	}
}

func TestPosString(t *testing.T) {
	for pos, want := range map[Pos]string{
		{}: "", {"f", 0, 0}: "f", {"f", 3, 0}: "f:3", {"f", 3, 4}: "f:3:4", {"", 3, 4}: "3:4",
	} {
		if got := pos.String(); got != want {
			t.Errorf("%#v prints %q, want %q", pos, got, want)
		}
	}
}

// TestLimit: the first by position stay, and the rest is counted by kind.
func TestLimit(t *testing.T) {
	var ps Problems
	for i := range 10 {
		ps = append(ps, Problem{Pos: Pos{Line: 10 - i}, Message: "m"},
			Problem{Pos: Pos{Line: 10 - i}, Message: "w", Severity: SeverityWarning})
	}
	if got := len(ps.Limit(10)); got != 20 {
		t.Errorf("%d of 20 are left", got)
	}
	got := ps.Limit(3)
	want := "1: m\n1: warning: w\n2: m\n2: warning: w\n3: m\n3: warning: w\n" +
		"and 7 more errors\nnotice: and 7 more warnings and notices"
	if got.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", got.Error(), want)
	}
	if ps[0].Pos.Line != 10 {
		t.Error("Limit sorted its receiver")
	}
}

// TestCollector: warnings never displace an error.
func TestCollector(t *testing.T) {
	var c Collector
	for i := range MaxCollected + 5 {
		c.Add(Problem{Severity: SeverityNotice, Message: fmt.Sprint(i)})
	}
	if !c.Full(SeverityNotice) || c.Full(SeverityError) || c.Failed() {
		t.Error("a full bound of notices is that of notices only")
	}
	c.Add(Problem{Message: "error"})
	c.Add(Problem{Message: "warning", Severity: SeverityWarning})
	if !c.Failed() || len(c.Problems()) != MaxCollected+2 || c.Problems().Err() == nil {
		t.Errorf("kept %d problems", len(c.Problems()))
	}
	// The same for a whole policy: more warnings than are kept, and one error.
	groups := []Group{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for i, r := range many(MaxCollected+5, IPv6) {
		r.Protocol, r.From, r.To, r.Index = ICMP, -1, -1, i
		g := &groups[i%len(groups)]
		g.Ingress = append(g.Ingress, r)
	}
	groups[2].Egress = []Rule{rule(TCP, 2, 1, cidr("::/0"))}
	p := attachedTo(groups...)
	p.Quotas.RulesPerGroup, p.Quotas.GroupsPerInterface = 1000, 1
	if got := codes(Validate(p)); got != "InvalidParameterValue" {
		t.Errorf("errors %q behind many warnings", got)
	}
}
