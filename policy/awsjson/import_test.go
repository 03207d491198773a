package awsjson

import (
	"fmt"
	"net/netip"
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

const lists = `{"PrefixLists":[
{"PrefixListId":"pl-0000000000000000a","PrefixListName":"office","AddressFamily":"IPv4",
"MaxEntries":9,"OwnerId":"1"},
{"PrefixListId":"pl-0000000b","PrefixListName":"com.amazonaws.s3","AddressFamily":"IPv4",
"OwnerId":"AWS"},
{"PrefixListId":"pl-0000000c","PrefixListName":"com.amazonaws.dynamodb","AddressFamily":"IPv4",
"OwnerId":"AWS"}]}`

func usingLists() string {
	return web(`{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"PrefixListIds":[` +
		`{"PrefixListId":"pl-0000000000000000a"},{"PrefixListId":"pl-0000000b"}]}`)
}

// TestEntries: an answer with entries does not say of which list they are. It is never
// guessed where there is a choice.
func TestEntries(t *testing.T) {
	entries := func(cidr string) string { return `{"Entries":[{"Cidr":"` + cidr + `"}]}` }
	const office, s3 = "192.0.2.0/24", "198.51.100.0/24"
	given := map[string][]policy.PrefixEntry{"pl-0000000b": {{CIDR: netip.MustParsePrefix(s3)}}}
	for name, c := range map[string]struct {
		given     map[string][]policy.PrefixEntry
		texts     []string
		want, say string
	}{
		"file names": {nil, []string{"a/pl-0000000000000000a.json: " + entries(office),
			"s3-pl-0000000b.json: " + entries(s3)}, "office=" + office + " com.amazonaws.s3=" + s3, ""},
		"file name is the list's": {nil, []string{"x/office.json: " + entries(office),
			"com.amazonaws.s3.yaml: Entries:\n- Cidr: " + s3 + "\n"},
			"office=" + office + " com.amazonaws.s3=" + s3, ""},
		"with an ID": {nil, []string{`{"PrefixListId":"pl-0000000b",` + entries(s3)[1:] + "\n" +
			strings.TrimSuffix(entries(office), "}") + `,"PrefixListId":"pl-0000000000000000a"}`},
			"office=" + office + " com.amazonaws.s3=" + s3, ""},
		"the only one": {given, []string{entries(office)},
			"office=" + office + " com.amazonaws.s3=" + s3,
			"notice: these entries are taken for those of pl-0000000000000000a (office), the only list"},
		"the only one after file names": {nil, []string{entries(office),
			"pl-0000000b.json: " + entries(s3)}, "office=" + office + " com.amazonaws.s3=" + s3, "notice"},
		"a choice": {nil, []string{entries(office)}, "",
			"f3:1:1: these entries do not say of which prefix list they are (hint: call the file " +
				"pl-….json after the list, or give it with --prefix-list pl-…=FILE; without entries: " +
				"pl-0000000000000000a (office), pl-0000000b (com.amazonaws.s3))"},
		"two for one": {given, []string{entries(office), entries(office)}, "",
			"f4:1:1: these entries do"},
		"none left": {nil, []string{"pl-0000000000000000a.json: " + entries(office),
			"pl-0000000b.json: " + entries(s3), entries("0.0.0.0/0")}, "", "f5:1:1: these entries do not"},
		"nothing": {nil, nil, "office= com.amazonaws.s3=",
			"f2:4:1: notice: com.amazonaws.s3: AWS manages it, and its entries are not here, so rules " +
				"that name it match nothing (hint: aws ec2 get-managed-prefix-list-entries --prefix-list-id " +
				"pl-0000000b > pl-0000000b.json, and import that, too)"},
		"empty": {given, []string{"office.json: {\"Entries\":[]}"}, "office= com.amazonaws.s3=" + s3, ""},
		"the wrong family": {given, []string{"office.json: " + entries("::/0")}, "",
			"::/0 is IPv6, and office a list of IPv4"},
		"by name": {map[string][]policy.PrefixEntry{"com.amazonaws.s3": given["pl-0000000b"],
			"office": given["pl-0000000b"], "else": nil}, nil, "office=" + s3 + " com.amazonaws.s3=" + s3,
			"notice: --prefix-list else: no rule names it"},
		"pages": {given,
			[]string{"pl-0000000000000000a.json: " + entries(office) + entries("10.0.0.0/8")},
			"office=" + office + ",10.0.0.0/8 com.amazonaws.s3=" + s3, ""},
	} {
		r, said := importing(t, convert.Options{PrefixLists: c.given},
			append([]string{usingLists(), lists}, c.texts...)...)
		got := ""
		if r.Policy != nil {
			for _, l := range r.Policy.PrefixLists {
				var cidrs []string
				for _, e := range l.Entries {
					cidrs = append(cidrs, e.CIDR.String())
				}
				got += " " + l.Name + "=" + strings.Join(cidrs, ",")
			}
		}
		if strings.TrimSpace(got) != c.want || !strings.Contains(said, c.say) ||
			c.say == "" && said != "" {
			t.Errorf("%s: %s\n%s", name, got, said)
		}
	}
}

// TestForeign: groups of others are lists, of what the user gave or of the addresses that
// interfaces have, and nothing until then.
func TestForeign(t *testing.T) {
	pair := web(`{"IpProtocol":"-1","UserIdGroupPairs":[{"GroupId":"sg-9","UserId":"999999999999",` +
		`"VpcId":"vpc-9","VpcPeeringConnectionId":"pcx-9","PeeringStatus":"deleted",` +
		`"Description":"them"}]}`)
	r, said := importing(t, convert.Options{}, pair)
	if got := rulesOf(t, r, "web"); got != "i all list 999999999999/sg-9 them" ||
		!strings.Contains(said, "f1:3:40: notice: 999999999999/sg-9: the group is of account "+
			"999999999999, in vpc-9, over pcx-9 (deleted), so rules that name it match nothing (hint: give "+
			"its CIDRs: --prefix-list sg-9=FILE)") {
		t.Errorf("%s\n%s", got, said)
	}
	r, said = importing(t, convert.Options{PrefixLists: map[string][]policy.PrefixEntry{
		"sg-9": {{CIDR: netip.MustParsePrefix("10.9.0.0/16")}}}}, pair)
	if l := r.Policy.PrefixLists; said != "" || len(l) != 1 || len(l[0].Entries) != 1 {
		t.Errorf("%+v\n%s", l, said)
	}
	r, said = importing(t, convert.Options{}, pair, `{"NetworkInterfaces":[{`+
		`"NetworkInterfaceId":"eni-1","Groups":[{"GroupId":"sg-9","GroupName":"theirs"}],`+
		`"PrivateIpAddress":"10.9.9.9"}]}`)
	if l := r.Policy.PrefixLists; said != "" || len(l) != 1 || l[0].Name != "theirs" ||
		l[0].Entries[0].CIDR.String() != "10.9.9.9/32" || len(r.Policy.Remotes) != 0 {
		t.Errorf("%+v\n%s", l, said)
	}
}

// TestMembers: an interface is one peer, whichever answers it is in, with the name of its
// instance and all of its addresses but the public ones.
func TestMembers(t *testing.T) {
	eni := `"NetworkInterfaceId":"eni-1","Groups":[{"GroupId":"sg-1"},{"GroupId":"sg-7"}],` +
		`"PrivateIpAddress":"10.0.0.1","PrivateIpAddresses":[{"PrivateIpAddress":"10.0.0.1",` +
		`"Association":{"PublicIp":"203.0.113.1"}},{"PrivateIpAddress":"10.0.0.2"}],` +
		`"Ipv6Addresses":[{"Ipv6Address":"2001:db8::1"}],"Description":"Primary"`
	instance := `{"Reservations":[{"Instances":[{"InstanceId":"i-1",` +
		`"Tags":[{"Key":"Name","Value":"db"}],"NetworkInterfaces":[{` + eni + `}]},` +
		`{"InstanceId":"i-2","State":{"Name":"terminated"}}]}]}`
	interfaces := `{"NetworkInterfaces":[{` + eni + `}]}`
	for _, texts := range [][]string{{instance}, {instance, interfaces}, {interfaces, instance}} {
		r, said := importing(t, convert.Options{}, append(texts, web(tcp80))...)
		if p := r.Policy; said != "" || len(p.Remotes) != 1 || fmt.Sprint(p.Remotes[0].Name,
			p.Remotes[0].Addresses, p.Remotes[0].Groups) != "db[10.0.0.1 10.0.0.2 2001:db8::1] [web]" {
			t.Errorf("%+v\n%s", p.Remotes, said)
		}
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
