package awsjson

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
)

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
