package terraform

import (
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/test/parity"
)

// group is a group with a body.
func group(body string) string {
	return "resource \"aws_security_group\" \"g\" {\n  name = \"g\"\n" + body + "\n}\n"
}

// ingress is a group with a block; ports and protocol are those of HTTPS.
func ingress(peers string) string {
	return group("  ingress {\n    from_port = 443\n    to_port = 443\n    protocol = \"tcp\"\n    " +
		peers + "\n  }")
}

// rules are all rules of a policy as text: group, direction, rule.
func rules(p *policy.Policy) string {
	var out []string
	for i := range p.Groups {
		g := &p.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				out = append(out, g.Name+" "+d.String()+" "+r.String())
			}
		}
	}
	return strings.Join(out, "\n")
}

// TestRefused: what Terraform or AWS would refuse, and what is not in the files. Each
// problem has a position and says what to do; nothing is imported.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty CIDR":   {ingress(`cidr_blocks = [""]`), "a.tf:7:22: the CIDR is empty"},
		"no length":    {ingress(`cidr_blocks = ["10.0.0.1"]`), "without a prefix length"},
		"wrong family": {ingress(`cidr_blocks = ["::/0"]`), "::/0 is IPv6, which does not go under"},
		"no peer":      {ingress(``), "a.tf:3:3: the rule has no peer"},
		"a number":     {ingress(`cidr_blocks = "10.0.0.0/8"`), "cidr_blocks is a list, not"},
		"null item":    {ingress(`cidr_blocks = [null]`), "has null in it"},
		"all with ports": {group("ingress {\nfrom_port = 80\nto_port = 443\nprotocol = -1\n" +
			"self = true\n}"), `must both be 0 to use the ALL "-1" protocol`},
		"protocol": {group("ingress {\nfrom_port = 0\nto_port = 0\nprotocol = \"gre\"\nself = true\n}"),
			`unknown protocol "gre" (hint: write 47)`},
		"no protocol": {group("ingress {\nfrom_port = 0\nto_port = 0\nself = true\n}"),
			"the rule has no protocol"},
		"backwards": {group("ingress {\nfrom_port = 9\nto_port = 8\nprotocol = \"tcp\"\nself = true\n}"),
			"a.tf:4:1: the port range 9-8 is backwards"},
		"no to_port": {group("ingress {\nfrom_port = 9\nprotocol = \"tcp\"\nself = true\n}"),
			"the rule has no to_port"},
		"no ports of all TCP": {group("ingress {\nfrom_port = -1\nto_port = -1\nprotocol = \"tcp\"\n" +
			"self = true\n}"), "-1 is not a port"},
		"data source": {ingress(`cidr_blocks = [data.aws_vpc.main.cidr_block]`),
			"a.tf:7:20: cidr_blocks: data.aws_vpc.main.cidr_block is not in the files (hint: " +
				"--var 'data.aws_vpc.main.cidr_block=…'"},
		"ranges": {ingress(`cidr_blocks = data.aws_ip_ranges.eu.cidr_blocks`),
			"data.aws_ip_ranges.eu.cidr_blocks is not in the files"},
		"variable": {ingress(`cidr_blocks = var.cidrs`) + "variable \"cidrs\" {}\n",
			"var.cidrs is not in the files (hint: --var 'cidrs=…'"},
		"undeclared": {ingress(`cidr_blocks = [local.nothing]`), "local.nothing is not in the files"},
		"through locals": {ingress(`cidr_blocks = local.a`) +
			"locals {\n  a = concat(local.b, [\"10.0.0.0/8\"])\n  b = [aws_eip.x.public_ip]\n}\n",
			"aws_eip.x.public_ip is not in the files"},
		"circle": {ingress(`cidr_blocks = local.a`) + "locals {\n  a = local.b\n  b = local.a\n}\n",
			"local.a refers to itself"},
		"file": {ingress(`cidr_blocks = jsondecode(file("x.json"))`), "is not known"},
		"function": {ingress(`cidr_blocks = nothing()`),
			`There is no function named "nothing"`},
		"index": {ingress(`cidr_blocks = [["10.0.0.0/8"][3]]`), "a.tf:7:34: cidr_blocks: The given"},
		"an ID as CIDR": {ingress(`cidr_blocks = [aws_vpc.x.id]`),
			"cidr_blocks has an ID in it: aws_vpc.x"},
		"count": {"resource \"aws_security_group\" \"g\" {\n  count = data.aws_x.y.n\n}\n",
			"count: data.aws_x.y.n is not in the files"},
		"negative": {"resource \"aws_security_group\" \"g\" {\n  count = -1\n}\n", "count cannot be -1"},
		"list": {"resource \"aws_security_group\" \"g\" {\n  for_each = [\"a\"]\n}\n",
			"for_each takes a map or a set of texts, not a list (hint: make it one: toset([…]))"},
		"type": {"resource \"aws_security_group_rule\" \"r\" {\n  security_group_id = \"sg-1\"\n" +
			"  type = \"in\"\n}\n", "type cannot be \"in\" (hint: ingress or egress)"},
		"two peers": {"resource \"aws_vpc_security_group_ingress_rule\" \"r\" {\n" +
			"  security_group_id = \"sg-1\"\n  ip_protocol = \"-1\"\n  cidr_ipv4 = \"10.0.0.0/8\"\n" +
			"  cidr_ipv6 = \"::/0\"\n}\n", "the rule has 2 peers instead of one"},
		"not show": {`{"SecurityGroups": []}`, "this is not what terraform show -json prints"},
		"no group": {"resource \"aws_vpc_security_group_ingress_rule\" \"r\" {\n" +
			"  ip_protocol = \"-1\"\n  cidr_ipv4 = \"10.0.0.0/8\"\n}\n",
			"the rule has no security_group_id"},
		"twice": {group("") + group(""), "resource aws_security_group.g is there already, at a.tf:1:1"},
		"sg- name": {"resource \"aws_security_group\" \"g\" {\n  name = \"sg-web\"\n}\n",
			"looks like a group ID"},
		"list family": {"resource \"aws_ec2_managed_prefix_list\" \"l\" {\n  name = \"l\"\n" +
			"  address_family = \"IPv4\"\n  max_entries = 1\n  entry {\n    cidr = \"::/0\"\n  }\n}\n",
			"::/0 is not of the family of its list"},
		"preset": {"module \"m\" {\n  source = \"terraform-aws-modules/security-group/aws\"\n" +
			"  ingress_rules = [\"gopher-tcp\"]\n  ingress_cidr_blocks = [\"10.0.0.0/8\"]\n}\n",
			`no rule of the module is called "gopher-tcp"`},
		"module": {"module \"m\" {\n  source = \"./m\"\n}\n",
			"a.tf:2:3: module m is not here"},
		"syntax":      {group("  description = \"${}\""), "a.tf:3:"},
		"labels":      {"resource \"aws_security_group\" {\n}\n", "block resource takes 2 labels"},
		"an argument": {"cidr = \"10.0.0.0/8\"\n", "cidr stands outside of all blocks"},
		"own state": {`{"version": 4, "serial": 1, "lineage": "x", "resources": []}`,
			"terraform show -json prints it"},
		"bad JSON": {`{"format_version": "1.0", "values": `, "the JSON document ends in the middle"},
		"version":  {`{"format_version": "7.0"}`, `format "7.0" of Terraform's output is not known`},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "all with ports" {
				parity.Proves(t, "D5")
			}
			file := convert.Source{Name: "a.tf", Data: []byte(c.text)}
			if strings.HasPrefix(c.text, "{") {
				file.Name = "a.json"
			}
			r := Import([]convert.Source{file}, convert.Options{})
			converttest.Check(t, []convert.Source{file}, r)
			if r.Policy != nil || !strings.Contains(r.Problems.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, r.Problems)
			}
			for _, p := range r.Problems {
				if p.Pos.File != file.Name || p.Pos.Line == 0 {
					t.Errorf("%v stands nowhere", p)
				}
			}
		})
	}
}

// TestAllAtOnce: several mistakes are said together, in order.
func TestAllAtOnce(t *testing.T) {
	r := run(t, convert.Options{}, ingress(`cidr_blocks = ["", "10.0.0.0/33", "10.0.0.0/8"]`)+
		strings.ReplaceAll(ingress(`cidr_blocks = ["any"]`), `"g"`, `"h"`))
	var lines []int
	for _, p := range r.Problems {
		lines = append(lines, p.Pos.Line)
	}
	if r.Policy != nil || len(lines) != 3 || lines[0] != 7 || lines[1] != 7 || lines[2] != 16 {
		t.Errorf("%v", r.Problems)
	}
}

// TestMeaning: Terraform's semantics, one by one.
func TestMeaning(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no egress": {ingress(`cidr_blocks = ["0.0.0.0/0"]`), "g ingress tcp 443 0.0.0.0/0"},
		"attributes as blocks": {group("ingress = [{ from_port = 1, to_port = 2, protocol = \"udp\", " +
			"self = true, cidr_blocks = [] }]\negress = []"), "g ingress udp 1-2 group g"},
		"one peer each": {ingress("cidr_blocks = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\n" +
			"ipv6_cidr_blocks = [\"::/0\"]\nself = true"),
			"g ingress tcp 443 10.0.0.0/8\ng ingress tcp 443 ::/0\ng ingress tcp 443 group g"},
		"host bits": {ingress(`cidr_blocks = ["10.1.2.3/8"]`), "g ingress tcp 443 10.0.0.0/8"},
		"union": {ingress(`cidr_blocks = ["10.0.0.0/8"]`) +
			"resource \"aws_security_group_rule\" \"r\" {\n  type = \"ingress\"\n" +
			"  security_group_id = aws_security_group.g.id\n  from_port = 443\n  to_port = 443\n" +
			"  protocol = \"6\"\n  cidr_blocks = [\"10.0.0.0/8\", \"11.0.0.0/8\"]\n}\n",
			"g ingress tcp 443 10.0.0.0/8\ng ingress tcp 443 11.0.0.0/8"},
		"rule of all protocols with ports": {group("") +
			"resource \"aws_security_group_rule\" \"r\" {\n  type = \"egress\"\n" +
			"  security_group_id = aws_security_group.g.id\n  from_port = 0\n  to_port = 65535\n" +
			"  protocol = \"ALL\"\n  cidr_blocks = [\"0.0.0.0/0\"]\n}\n", "g egress all 0.0.0.0/0"},
		"conditional reference": {group("") + "variable \"own\" {\n  default = \"\"\n}\n" +
			"resource \"aws_vpc_security_group_egress_rule\" \"r\" {\n" +
			"  security_group_id = var.own != \"\" ? var.own : aws_security_group.g.id\n" +
			"  ip_protocol = \"-1\"\n  cidr_ipv4 = \"10.0.0.0/8\"\n}\n", "g egress all 10.0.0.0/8"},
		"count of none": {"resource \"aws_security_group\" \"g\" {\n  count = 0\n}\n", ""},
		"old concat": {strings.ReplaceAll(ingress(`security_groups = ["${element(concat(`+
			`aws_security_group.x.*.id, list("")), 0)}"]`), "@", "") +
			"resource \"aws_security_group\" \"x\" {\n  count = 1\n  name = \"x\"\n}\n",
			"g ingress tcp 443 group x"},
		"joined IDs": {ingress(`security_groups = split(",", join(",", [aws_security_group.x.id]))`) +
			"resource \"aws_security_group\" \"x\" {\n  name = \"x\"\n}\n", "g ingress tcp 443 group x"},
		"by name": {"resource \"aws_security_group\" \"x\" {\n  name = \"x\"\n}\n" +
			ingress(`security_groups = ["x"]`), "g ingress tcp 443 group x"},
		"own account": {`{"format_version":"1.0","values":{"root_module":{"resources":[` +
			`{"address":"aws_security_group.a","mode":"managed","type":"aws_security_group",` +
			`"name":"a","values":{"id":"sg-1","name":"a","ingress":[{"protocol":"tcp","from_port":1,` +
			`"to_port":1,"security_groups":["123456789012/sg-1"]}]}}]}}}`, "a ingress tcp 1 group a"},
		"HCL in JSON": {`{"resource": {"aws_security_group": {"g": [{"name": "${local.n}", "ingress": ` +
			`[{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["${local.c}"]}], ` +
			`"dynamic": {"egress": {"for_each": "${[1, 2]}", "content": {"from_port": ` +
			`"${egress.value}", "to_port": "${egress.value}", "protocol": "udp", "cidr_blocks": ` +
			`["0.0.0.0/0"]}}}}]}}, "locals": {"n": "g", "c": "10.0.0.0/8"}}`,
			"g ingress tcp 22 10.0.0.0/8\ng egress udp 1 0.0.0.0/0\ng egress udp 2 0.0.0.0/0"},
	} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "no egress":
				parity.Proves(t, "D4")
			case "one peer each":
				parity.Proves(t, "D5")
			}
			file := convert.Source{Name: "a.tf", Data: []byte(c.text)}
			switch {
			case strings.HasPrefix(c.text, `{"format`):
				file.Name = "stdin"
			case strings.HasPrefix(c.text, "{"):
				file.Name = "a.tf.json"
			}
			r := Import([]convert.Source{file}, convert.Options{})
			converttest.Check(t, []convert.Source{file}, r)
			if r.Policy == nil {
				t.Fatal(r.Problems)
			}
			if got := rules(r.Policy); got != c.want {
				t.Errorf("got\n%s\nwant\n%s\n%v", got, c.want, r.Problems)
			}
		})
	}
}

// TestDefaultGroup: Terraform takes the rules of a default group away that are not written.
func TestDefaultGroup(t *testing.T) {
	parity.Proves(t, "D4")
	r := run(t, convert.Options{}, "resource \"aws_default_security_group\" \"d\" {\n}\n")
	g := r.Policy.Group(policy.DefaultName)
	if g == nil || !g.Default || len(g.Ingress)+len(g.Egress) != 0 {
		t.Errorf("%+v", g)
	}
}

// TestVariables: values come from the environment, files in Terraform's order, and the
// command line, which holds most.
func TestVariables(t *testing.T) {
	main := convert.Source{Name: "d/main.tf", Data: []byte(ingress(`cidr_blocks = [var.c]`) +
		"variable \"c\" {\n  type = string\n  default = \"10.0.0.0/8\"\n}\n")}
	file := func(name, value string) convert.Source {
		text := "c = \"" + value + "\"\n"
		if strings.HasSuffix(name, ".json") {
			text = `{"c": "` + value + `"}`
		}
		return convert.Source{Name: "d/" + name, Data: []byte(text)}
	}
	one, two, auto, json, named := file("terraform.tfvars", "11.0.0.0/8"),
		file("terraform.tfvars.json", "12.0.0.0/8"), file("a.auto.tfvars", "13.0.0.0/8"),
		file("b.auto.tfvars.json", "14.0.0.0/8"), file("prod.tfvars", "15.0.0.0/8")
	env := map[string]string{"c": "9.0.0.0/8"}
	for _, c := range []struct {
		files     []convert.Source
		env, vars map[string]string
		want      string
	}{
		{nil, nil, nil, "10.0.0.0/8"},
		{nil, env, nil, "9.0.0.0/8"},
		{[]convert.Source{one}, env, nil, "11.0.0.0/8"},
		{[]convert.Source{two, one}, env, nil, "12.0.0.0/8"},
		{[]convert.Source{auto, two, one}, nil, nil, "13.0.0.0/8"},
		{[]convert.Source{json, auto, two, one}, nil, nil, "14.0.0.0/8"},
		{[]convert.Source{named, json, auto, two, one}, nil, nil, "15.0.0.0/8"},
		{[]convert.Source{named}, env, map[string]string{"c": "16.0.0.0/8"}, "16.0.0.0/8"},
	} {
		r := Import(append(c.files, main), convert.Options{Environ: c.env, Vars: c.vars})
		if r.Policy == nil || rules(r.Policy) != "g ingress tcp 443 "+c.want {
			t.Errorf("want %s: %v %v", c.want, r.Policy, r.Problems)
		}
	}
}

// TestOverride: a file that would change the others is not passed over.
func TestOverride(t *testing.T) {
	for name, refused := range map[string]bool{"d/override.tf": true, "d/a_override.tf.json": true,
		"d/overrides.tf": false} {
		text := "locals {}\n"
		if strings.HasSuffix(name, ".json") {
			text = "{}"
		}
		r := Import([]convert.Source{{Name: name, Data: []byte(text)}}, convert.Options{})
		if (r.Policy == nil) != refused {
			t.Errorf("%s: %v", name, r.Problems)
		}
	}
}

// TestVarTypes: on the command line a list is written as in a file, a text as it is.
func TestVarTypes(t *testing.T) {
	text := ingress(`cidr_blocks = var.list`) + "variable \"list\" {\n  type = list(string)\n}\n"
	r := run(t, convert.Options{Vars: map[string]string{"list": `["10.0.0.0/8", "11.0.0.0/8"]`}}, text)
	if r.Policy == nil || !strings.Contains(rules(r.Policy), "11.0.0.0/8") {
		t.Errorf("%v", r.Problems)
	}
	r = run(t, convert.Options{Vars: map[string]string{"list": `10.0.0.0/8,11.0.0.0/8`}}, text)
	if r.Policy != nil || !strings.Contains(r.Problems.Error(), "is not a value") {
		t.Errorf("%v", r.Problems)
	}
	text = ingress(`cidr_blocks = [data.aws_vpc.main.cidr_block]`)
	r = run(t, convert.Options{Vars: map[string]string{
		"data.aws_vpc.main.cidr_block": "10.0.0.0/8"}}, text)
	if r.Policy == nil || rules(r.Policy) != "g ingress tcp 443 10.0.0.0/8" {
		t.Errorf("what is not in the files can be given: %v", r.Problems)
	}
}
