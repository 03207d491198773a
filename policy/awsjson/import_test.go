package awsjson

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
)

// importing imports files, "name: text" each, or a single text.
func importing(t *testing.T, o convert.Options, texts ...string) (convert.Result, string) {
	t.Helper()
	var sources []convert.Source
	for i, text := range texts {
		name := fmt.Sprintf("f%d", i+1)
		if before, after, ok := strings.Cut(text, ": "); ok && !strings.ContainsAny(before, " {[\n") &&
			strings.Contains(before, ".") {
			name, text = before, after
		}
		sources = append(sources, convert.Source{Name: name, Data: []byte(text)})
	}
	r := Import(sources, o)
	converttest.Check(t, sources, r)
	var said []string
	for _, p := range r.Problems {
		said = append(said, p.Error())
	}
	return r, strings.Join(said, "\n")
}

// rulesOf are the rules of a group as text, with descriptions.
func rulesOf(t *testing.T, r convert.Result, name string) string {
	t.Helper()
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	g := r.Policy.Group(name)
	if g == nil {
		t.Fatalf("no group %q", name)
	}
	var out []string
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for _, rule := range g.Rules(d) {
			out = append(out, strings.TrimSpace(d.String()[:1]+" "+rule.String()+" "+rule.Description))
		}
	}
	return strings.Join(out, ", ")
}

// web is a group with permissions.
func web(permissions string) string {
	return `{"SecurityGroups":[{"GroupId":"sg-1","GroupName":"web","OwnerId":"111111111111",
"IpPermissions":[
` + permissions + `
]}]}`
}

const tcp80 = `{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}`

// TestSelectors: protocols and ports as AWS has them.
func TestSelectors(t *testing.T) {
	for permission, want := range map[string]string{
		`"IpProtocol":"tcp","FromPort":1,"ToPort":2`:      "i tcp 1-2 10.0.0.0/8",
		`"IpProtocol":"6","FromPort":1,"ToPort":1`:        "i tcp 1 10.0.0.0/8",
		`"IpProtocol":"TCP","FromPort":"1","ToPort":"1"`:  "i tcp 1 10.0.0.0/8",
		`"IpProtocol":17,"FromPort":0,"ToPort":65535`:     "i udp 0-65535 10.0.0.0/8",
		`"IpProtocol":"-1"`:                               "i all 10.0.0.0/8",
		`"IpProtocol":"-1","FromPort":-1,"ToPort":-1`:     "i all 10.0.0.0/8",
		`"IpProtocol":"-1","FromPort":null`:               "i all 10.0.0.0/8",
		`"IpProtocol":"50","FromPort":0,"ToPort":0`:       "i 50 10.0.0.0/8",
		`"IpProtocol":"132","FromPort":0,"ToPort":65535`:  "i 132 10.0.0.0/8",
		`"IpProtocol":"icmp","FromPort":8,"ToPort":-1`:    "i icmp type 8 10.0.0.0/8",
		`"IpProtocol":"1","FromPort":-1,"ToPort":-1`:      "i icmp all 10.0.0.0/8",
		`"IpProtocol":"icmpv6"`:                           "i icmpv6 all 10.0.0.0/8",
		`"IpProtocol":"icmpv6","FromPort":128,"ToPort":0`: "i icmpv6 type 128 code 0 10.0.0.0/8",
		`"IpProtocol":"0"`:                                "i 0 10.0.0.0/8",
	} {
		r, said := importing(t, convert.Options{},
			web(`{`+permission+`,"IpRanges":[{"CidrIp":"10.9.9.9/8"}]}`))
		if got := rulesOf(t, r, "web"); got != want || said != "" {
			t.Errorf("%s: %s\n%s", permission, got, said)
		}
	}
	r, said := importing(t, convert.Options{},
		web(`{"IpProtocol":"47","FromPort":80,"ToPort":90,"IpRanges":[{"CidrIp":"10.9.9.9/8"}]}`))
	if got := rulesOf(t, r, "web"); got != "i 47 10.0.0.0/8" || !strings.Contains(said,
		"f1:3:1: notice: ports 80-90 are ignored: protocol 47 is permitted as a whole") {
		t.Errorf("%s\n%s", got, said)
	}
}

// TestRefusals: what is wrong is said with its place, all at once, and nothing is imported;
// above all nothing that is missing or empty becomes everything. testdata/refusals.txt has
// what is said, in part, and behind it the text, up to an empty line.
func TestRefusals(t *testing.T) {
	data, err := os.ReadFile("testdata/refusals.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n\n")
	for _, c := range cases {
		head, text, _ := strings.Cut(c, "\n")
		want, ok := strings.CutPrefix(head, "says ")
		r, said := importing(t, convert.Options{}, text)
		if !ok || r.Policy != nil || !strings.Contains(said, want) {
			t.Errorf("%s\n says\n%s\n want\n%s", text, said, want)
		}
	}
	if len(cases) < 50 {
		t.Errorf("only %d cases", len(cases))
	}
	_, said := importing(t, convert.Options{}, web(`{"IpProtocol":"x"}`), web(`{"IpProtocol":"y"}`))
	if !strings.Contains(said, "f1:3:15: ") || !strings.Contains(said, "f2:3:15: ") {
		t.Errorf("not all at once:\n%s", said)
	}
}

// TestLeftOut: what permits nothing and what sgfw does not know is left out with a notice.
func TestLeftOut(t *testing.T) {
	r, said := importing(t, convert.Options{}, web(
		`{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"IpRanges":[],"UserIdGroupPairs":[]},
{"IpProtocol":"tcp","FromPort":2,"ToPort":2,"IpRanges":[{"CidrIp":"10.0.0.0/8","Zone":"x"}],
"DnsNames":[1]},
`+tcp80), `{"SecurityGroupRules":[
{"GroupId":"sg-1","IsEgress":true,"IpProtocol":"-1","DnsName":"x"}]}`)
	if got := rulesOf(t, r, "web"); got != "i tcp 2 10.0.0.0/8, i tcp 80 10.0.0.0/8" {
		t.Error(got)
	}
	for _, want := range []string{
		"f1:3:1: notice: a permission of tcp names no peer and permits nothing: left out",
		"f1:4:87: notice: the peer has Zone, which sgfw does not know",
		"f1:5:12: notice: the permission has DnsNames, which sgfw does not know",
		"f2:2:63: notice: the rule has DnsName, which sgfw does not know",
		"f2:2:1: notice: a rule of -1 names no peer that sgfw knows: left out",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
}

// TestUnion: rules of both answers are one, with the IDs and tags of the second; what only
// one has is there, with a notice if the other should have it.
func TestUnion(t *testing.T) {
	rules := `{"SecurityGroupRules":[
{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-1","IsEgress":false,"IpProtocol":"tcp",` +
		`"FromPort":80,"ToPort":80,"CidrIpv4":"10.0.0.0/8","Description":"in",` +
		`"Tags":[{"Key":"k","Value":"v"}]},
{"SecurityGroupRuleId":"sgr-2","GroupId":"sg-1","IsEgress":true,"IpProtocol":"-1","FromPort":-1,` +
		`"ToPort":-1,"CidrIpv4":"0.0.0.0/0"}]}`
	for _, texts := range [][]string{{web(tcp80), rules}, {rules, web(tcp80)}, {web(tcp80) + rules}} {
		r, said := importing(t, convert.Options{}, texts...)
		if got := rulesOf(t, r, "web"); got != "i tcp 80 10.0.0.0/8 in, e all 0.0.0.0/0" ||
			r.Policy.Groups[0].Ingress[0].Tags["k"] != "v" {
			t.Errorf("%s %+v", got, r.Policy.Groups[0])
		}
		if strings.Count(said, "notice") != 1 ||
			!strings.Contains(said, "sgr-2 is not in the answer of describe-security-groups") {
			t.Error(said)
		}
		text := string(file.Write(r.Policy, r.Comments))
		for _, want := range []string{"# sgr-1\n", "# sgr-2\n", "tags: { k: v }"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
}

// TestTwice: the same group from two answers is one, with all rules of both.
func TestTwice(t *testing.T) {
	other := web(strings.ReplaceAll(tcp80, "80", "81"))
	r, said := importing(t, convert.Options{}, web(tcp80), web(tcp80), other)
	if got := rulesOf(t, r, "web"); got != "i tcp 80 10.0.0.0/8, i tcp 81 10.0.0.0/8" || said != "" {
		t.Errorf("%s\n%s", got, said)
	}
}

// TestPages: pages of one answer are whole once the last is there.
func TestPages(t *testing.T) {
	first := strings.Replace(web(tcp80), `{`, `{"NextToken":"eyJ",`, 1)
	r, said := importing(t, convert.Options{}, first, strings.ReplaceAll(web(tcp80), "80", "81"))
	if got := rulesOf(t, r, "web"); got != "i tcp 80 10.0.0.0/8, i tcp 81 10.0.0.0/8" || said != "" {
		t.Errorf("%s\n%s", got, said)
	}
}

// TestUnprintable: what people cannot read does not keep them from importing all the rest.
func TestUnprintable(t *testing.T) {
	r, said := importing(t, convert.Options{}, strings.Replace(web(tcp80), `"OwnerId"`,
		`"Tags":[{"Key":"a\tb","Value":"x\ny\u0000"}],"OwnerId"`, 1))
	if got := r.Policy.Groups[0].Tags["a b"]; got != "x y " || strings.Count(said, "notice") != 2 ||
		!strings.Contains(said, "f1:1:86: notice: Value has characters that cannot be printed") {
		t.Errorf("%q\n%s", got, said)
	}
}

// TestYAML: what CLI 2 prints with --output yaml is the same, and so is its stream of
// pages.
func TestYAML(t *testing.T) {
	const group = `- Description: 'A: colon'
  GroupId: sg-1
  GroupName: web
  IpPermissions:
  - FromPort: 80
    IpProtocol: tcp
    IpRanges:
    - CidrIp: 10.0.0.0/8
      Description: A description that is so long that the program which prints it has
        broken it into two lines
    Ipv6Ranges:
    - CidrIpv6: ::/0
    PrefixListIds: []
    ToPort: 80
    UserIdGroupPairs: []
  IpPermissionsEgress:
  - IpProtocol: '-1'
    IpRanges: []
  OwnerId: '123456789012'
  Tags:
  - Key: port
    Value: '443'
  VpcId: vpc-1
`
	page := strings.ReplaceAll("SecurityGroups:\n"+group, "\n", "\n  ")
	stream := "- " + strings.TrimSpace(page) + "\n"
	second := strings.NewReplacer("sg-1", "sg-2", "web", "api").Replace(stream)
	for _, text := range []string{"SecurityGroups:\n" + group, group, stream, stream + second} {
		r, said := importing(t, convert.Options{}, text)
		if got := rulesOf(t, r, "web"); got != "i tcp 80 10.0.0.0/8 A description that is so long that "+
			"the program which prints it has broken it into two lines, i tcp 80 ::/0" ||
			r.Policy.Groups[0].Tags["port"] != "443" || r.Policy.Groups[0].Description != "A: colon" {
			t.Errorf("%s\n%+v", got, r.Policy.Groups[0])
		}
		if !strings.Contains(said, "a permission of -1 names no peer") {
			t.Error(said)
		}
	}
	if r, _ := importing(t, convert.Options{}, stream+second); len(r.Policy.Groups) != 2 {
		t.Errorf("%d groups of two pages", len(r.Policy.Groups))
	}
}
