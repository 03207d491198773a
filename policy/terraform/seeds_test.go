package terraform

import (
	"os"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/test/parity"
)

func read(t *testing.T, path string) convert.Source {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return convert.Source{Name: path, Data: data}
}

// run imports texts, each a file named by the order: a.tf, b.tf.
func run(t *testing.T, o convert.Options, texts ...string) convert.Result {
	t.Helper()
	var sources []convert.Source
	for i, s := range texts {
		name := string(rune('a'+i)) + ".tf"
		if strings.HasPrefix(strings.TrimSpace(s), "{") {
			name += ".json"
		}
		sources = append(sources, convert.Source{Name: name, Data: []byte(s)})
	}
	r := Import(sources, o)
	converttest.Check(t, sources, r)
	return r
}

// TestSample: the sample of an article imports to four rules in and one out.
func TestSample(t *testing.T) {
	parity.Proves(t, "W2")
	r := Import([]convert.Source{read(t, "testdata/seeds/sample.tf")}, convert.Options{})
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	g := r.Policy.Group("web-sg")
	if g == nil || g.Description != "Allow incoming WEB connections" || g.Tags["Name"] != "web-sg" ||
		g.VPCID != "aws_vpc.vpc" {
		t.Fatalf("the group is %+v", g)
	}
	var in, out []string
	for _, rule := range g.Ingress {
		in = append(in, rule.String())
	}
	for _, rule := range g.Egress {
		out = append(out, rule.String())
	}
	if got, want := strings.Join(in, ", ")+"; "+strings.Join(out, ", "),
		"tcp 22 0.0.0.0/0, tcp 80 0.0.0.0/0, tcp 443 0.0.0.0/0, icmp all 0.0.0.0/0; "+
			"all 0.0.0.0/0"; got != want {
		t.Errorf("the rules are %s, want %s", got, want)
	}
	if len(r.Problems) != 1 || r.Problems[0].Pos != (policy.Pos{File: "testdata/seeds/sample.tf",
		Line: 6, Col: 3}) || r.Problems[0].Severity != policy.SeverityNotice {
		t.Errorf("the old block of tags is noticed: %v", r.Problems)
	}
	converttest.Probe(t, "sample", `attach web-sg
		pass ingress tcp 192.0.2.1 443
		pass ingress icmp 192.0.2.1 8/0
		drop ingress tcp 192.0.2.1 8080
		drop ingress tcp 2001:db8::1 443
		pass egress udp 192.0.2.1 53
		drop egress udp 2001:db8::1 53`, r)
}

// TestDamaged: without closing braces every block that is open is said; with braces the
// texts that were emptied are refused, and are never taken for anywhere.
func TestDamaged(t *testing.T) {
	parity.Proves(t, "W7", "W8", "W9")
	r := Import([]convert.Source{read(t, "testdata/seeds/damaged.tf")}, convert.Options{})
	if r.Policy != nil || len(r.Problems) != 7 {
		t.Fatalf("%v %v", r.Policy, r.Problems)
	}
	for i, line := range []int{1, 6, 10, 17, 24, 31, 38} {
		p := r.Problems[i]
		if p.Pos.Line != line || p.Pos.Col == 0 || !strings.Contains(p.Message, "unclosed block") {
			t.Errorf("%v is not the unclosed block of line %d", p, line)
		}
	}
	text := string(read(t, "testdata/seeds/damaged.tf").Data)
	text = strings.ReplaceAll(text, "[\"\"]\n", "[\"\"]\n  }\n")
	text = strings.ReplaceAll(text, "\"web-sg\"\n\n", "\"web-sg\"\n  }\n\n") + "}\n"
	r = run(t, convert.Options{}, text)
	var empty, other int
	for _, p := range r.Problems {
		switch {
		case p.Severity != policy.SeverityError:
		case strings.Contains(p.Message, "the CIDR is empty") && p.Pos.Line > 0 && p.Pos.Col > 0:
			empty++
		case p.Pos.Line == 3: // "${}"
			other++
		default:
			t.Errorf("unexpected: %v", p)
		}
	}
	if r.Policy != nil || empty != 5 || other != 1 {
		t.Errorf("%d empty CIDRs and %d empty sequences are refused: %v", empty, other, r.Problems)
	}
}
