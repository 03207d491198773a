package terraform

import (
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// planOf is a plan as terraform show -json prints it, of two groups that are not made yet,
// with a rule between them that goes through a module.
const planOf = `{"format_version":"1.2","terraform_version":"1.11.4",
"planned_values":{"root_module":{"resources":[
 {"address":"aws_security_group.web","mode":"managed","type":"aws_security_group","name":"web",
  "values":{"name":"web","description":"Web","tags":{"Name":"web"},
   "ingress":[{"protocol":"tcp","from_port":443,"to_port":443,"cidr_blocks":["0.0.0.0/0"],
     "ipv6_cidr_blocks":[],"prefix_list_ids":[],"security_groups":[],"self":false,"description":""},
    {"protocol":"tcp","from_port":80,"to_port":80,"cidr_blocks":[],"ipv6_cidr_blocks":[],
     "prefix_list_ids":[],"self":false,"description":"from the balancer"}]}},
 {"address":"aws_security_group.lb","mode":"managed","type":"aws_security_group","name":"lb",
  "values":{"name_prefix":"lb-","description":"Managed by Terraform","tags":null}}],
"child_modules":[{"address":"module.rules[\"a\"]","resources":[
 {"address":"module.rules[\"a\"].aws_security_group_rule.r[0]","mode":"managed",
  "type":"aws_security_group_rule","name":"r","index":0,"values":{"type":"egress",
   "protocol":"tcp","from_port":80,"to_port":80,"cidr_blocks":null,"self":false}}]}]}},
"configuration":{"root_module":{"resources":[
 {"address":"aws_security_group.web","mode":"managed","type":"aws_security_group","name":"web",
  "expressions":{"ingress":{"references":["aws_security_group.lb.id","aws_security_group.lb",
    "var.x"]},"vpc_id":{"references":["aws_vpc.v.id","aws_vpc.v"]}}},
 {"address":"aws_security_group.lb","mode":"managed","type":"aws_security_group","name":"lb"}],
"module_calls":{"rules":{"source":"./rules","for_each_expression":{},"expressions":{
  "from":{"references":["aws_security_group.lb.id","aws_security_group.lb"]},
  "to":{"references":["aws_security_group.web.id","aws_security_group.web"]}},
 "module":{"resources":[{"address":"aws_security_group_rule.r","mode":"managed",
  "type":"aws_security_group_rule","name":"r","count_expression":{},"expressions":{
   "security_group_id":{"references":["var.from"]},
   "source_security_group_id":{"references":["var.to"]}}}]}}}}}}`

// show imports what terraform show -json prints.
func show(t *testing.T, text string) convert.Result {
	t.Helper()
	file := convert.Source{Name: "stdin", Data: []byte(text)}
	r := Import([]convert.Source{file}, convert.Options{})
	converttest.Check(t, []convert.Source{file}, r)
	return r
}

// TestPlanReferences: what is not known before apply is found by what the configuration
// refers to, also through a module.
func TestPlanReferences(t *testing.T) {
	r := show(t, planOf)
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	want := "web ingress tcp 443 0.0.0.0/0\nweb ingress tcp 80 group lb\nlb egress tcp 80 group web"
	if got := rules(r.Policy); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if g := r.Policy.Group("web"); g.VPCID != "aws_vpc.v" || g.Tags["Name"] != "web" {
		t.Errorf("%+v", g)
	}
}

// TestPlanAmbiguous: where a plan does not say which group a rule refers to, nothing is
// guessed.
func TestPlanAmbiguous(t *testing.T) {
	two := `["aws_security_group.web.id","aws_security_group.web","aws_security_group.lb.id",` +
		`"aws_security_group.lb"]`
	for name, c := range map[string]struct{ old, new, want string }{
		"a condition": {`"to":{"references":["aws_security_group.web.id","aws_security_group.web"]}`,
			`"to":{"references":["var.b","aws_security_group.web.id","aws_security_group.web",` +
				`"aws_security_group.lb.id","aws_security_group.lb"]}`, "may be one of several"},
		"two in blocks": {`"ingress":{"references":["aws_security_group.lb.id","aws_security_group.lb",
    "var.x"]}`, `"ingress":{"references":` + two + `}`, "may be one of several"},
		"a local": {`"to":{"references":["aws_security_group.web.id","aws_security_group.web"]}`,
			`"to":{"references":["local.web"]}`, "local.web is not in a plan"},
		"instances": {`"name":"lb"}],`, `"name":"lb","count_expression":{}}],`, "has several instances"},
	} {
		text := strings.Replace(planOf, c.old, c.new, 1)
		if text == planOf {
			t.Fatal(name)
		}
		r := show(t, text)
		if r.Policy != nil || !strings.Contains(r.Problems.Error(), c.want) ||
			!strings.Contains(r.Problems.Error(), "the plan does not say which") {
			t.Errorf("%s: %v", name, r.Problems)
		}
	}
}

// TestState: IDs are comments and names, data sources fill lists, and members have the
// addresses that they got.
func TestState(t *testing.T) {
	r := show(t, `{"format_version":"1.0","values":{"root_module":{"resources":[
	{"address":"data.aws_ec2_managed_prefix_list.s3","mode":"data",
	 "type":"aws_ec2_managed_prefix_list","name":"s3","values":{"id":"pl-6da54004","name":
	 "com.amazonaws.eu-west-1.s3","entries":[{"cidr":"52.218.0.0/17","description":""}]}},
	{"address":"aws_security_group.web","mode":"managed","type":"aws_security_group","name":"web",
	 "values":{"id":"sg-0aaa","name":"web-2024","description":"Web","vpc_id":"vpc-1","ingress":[
	  {"protocol":"tcp","from_port":443,"to_port":443,"cidr_blocks":["10.0.0.0/8"],
	   "security_groups":["sg-0bbb"],"self":true}],
	  "egress":[{"protocol":"tcp","from_port":443,"to_port":443,"prefix_list_ids":["pl-6da54004"]}]}},
	{"address":"aws_instance.i","mode":"managed","type":"aws_instance","name":"i","values":
	 {"id":"i-1","private_ip":"10.0.0.7","primary_network_interface_id":"eni-1",
	  "vpc_security_group_ids":["sg-0aaa"],"tags":{"Name":"one"}}},
	{"address":"aws_network_interface_sg_attachment.a","mode":"managed",
	 "type":"aws_network_interface_sg_attachment","name":"a","values":
	 {"id":"sg-0ccc_eni-1","security_group_id":"sg-0ccc","network_interface_id":"eni-1"}},
	{"address":"aws_security_group.more","mode":"managed","type":"aws_security_group","name":"more",
	 "values":{"id":"sg-0ccc","name":"more","ingress":[],"egress":[]}},
	{"address":"aws_security_group_rule.same","mode":"managed","type":"aws_security_group_rule",
	 "name":"same","values":{"id":"sgrule-1","type":"ingress","security_group_id":"sg-0aaa",
	  "protocol":"tcp","from_port":443,"to_port":443,"cidr_blocks":["10.0.0.0/8"]}}]}}}`)
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	want := "web-2024 ingress tcp 443 10.0.0.0/8\nweb-2024 ingress tcp 443 list sg-0bbb\n" +
		"web-2024 ingress tcp 443 group web-2024\n" +
		"web-2024 egress tcp 443 list com.amazonaws.eu-west-1.s3"
	if got := rules(r.Policy); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m := r.Policy.Remotes; len(m) != 1 || m[0].Name != "one" || len(m[0].Groups) != 2 ||
		m[0].Addresses[0].String() != "10.0.0.7" {
		t.Errorf("members %+v", m)
	}
	if l := r.Policy.PrefixLists[0]; l.Entries[0].CIDR.String() != "52.218.0.0/17" {
		t.Errorf("lists %+v", r.Policy.PrefixLists)
	}
	if r.Names["sg-0aaa"] != "web-2024" || r.Names["aws_security_group.web"] != "web-2024" {
		t.Errorf("names %v", r.Names)
	}
	g := r.Policy.Group("web-2024")
	if c := r.Comments[g.Pos]; len(c) != 1 || c[0] != "sg-0aaa, aws_security_group.web" {
		t.Errorf("comments %v", r.Comments)
	}
	if g.Pos.Line != 5 || g.Pos.Col != 2 || g.VPCID != "vpc-1" {
		t.Errorf("%+v", g)
	}
	if e := r.Problems.Of(policy.SeverityNotice); len(e) != 1 ||
		!strings.Contains(e[0].Error(), "--prefix-list sg-0bbb=FILE") {
		t.Errorf("%v", r.Problems)
	}
}
