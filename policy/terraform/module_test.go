package terraform

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy/convert"
)

// modules is a root that calls a module in a folder three times, once with count.
var modules = map[string]string{
	"app/main.tf": `
module "web" {
  source = "../modules/sg"
  name   = "web"
  cidrs  = ["10.0.0.0/8"]
}
module "api" {
  source  = "../modules/sg"
  for_each = toset(["v1", "v2"])
  name    = "api-${each.key}"
  sources = [module.web.id]
}
module "off" {
  source = "../modules/sg"
  count  = 0
  name   = "off"
}
resource "aws_vpc_security_group_ingress_rule" "more" {
  security_group_id            = module.api["v1"].id
  referenced_security_group_id = module.api["v2"].id
  ip_protocol                  = "tcp"
  from_port                    = 1
  to_port                      = 1
}
`,
	"modules/sg/main.tf": `
variable "name" {}
variable "cidrs" { default = [] }
variable "sources" {
  type    = list(string)
  default = []
}
resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
}
module "rules" {
  source  = "./rules"
  id      = aws_security_group.this.id
  cidrs   = var.cidrs
  sources = var.sources
}
output "id" { value = aws_security_group.this.id }
`,
	"modules/sg/rules/main.tf": `
variable "id" {}
variable "cidrs" {}
variable "sources" {}
resource "aws_security_group_rule" "cidr" {
  count             = length(var.cidrs) > 0 ? 1 : 0
  type              = "ingress"
  security_group_id = var.id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = var.cidrs
}
resource "aws_security_group_rule" "group" {
  for_each                 = { for i, s in var.sources : i => s }
  type                     = "ingress"
  security_group_id        = var.id
  protocol                 = "tcp"
  from_port                = 8443
  to_port                  = 8443
  source_security_group_id = each.value
}
`,
}

// folders opens folders of files in memory.
func folders(files map[string]string) func(string) ([]convert.Source, error) {
	return func(dir string) (out []convert.Source, err error) {
		for name, text := range files {
			if filepath.Dir(name) == dir {
				out = append(out, convert.Source{Name: name, Data: []byte(text)})
			}
		}
		if len(out) == 0 {
			return nil, errors.New("no such folder")
		}
		return out, nil
	}
}

// TestModules: modules in folders, in each other, with count and for_each, and references
// through their variables and outputs.
func TestModules(t *testing.T) {
	open := folders(modules)
	sources, err := open("app")
	if err != nil {
		t.Fatal(err)
	}
	r := Import(sources, convert.Options{Folder: open})
	if r.Policy == nil {
		t.Fatal(r.Problems)
	}
	want := "web ingress tcp 443 10.0.0.0/8\napi-v1 ingress tcp 1 group api-v2\n" +
		"api-v1 ingress tcp 8443 group web\napi-v2 ingress tcp 8443 group web"
	if got := rules(r.Policy); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r.Names[`module.api["v2"].aws_security_group.this`] != "api-v2" {
		t.Errorf("addresses name groups: %v", r.Names)
	}
	// All folders at once make the same: a folder that another one calls is no root.
	var all []convert.Source
	for _, dir := range []string{"modules/sg", "app", "modules/sg/rules"} {
		more, _ := open(dir)
		all = append(all, more...)
	}
	again := Import(all, convert.Options{})
	if again.Policy == nil || rules(again.Policy) != want {
		t.Errorf("%v", again.Problems)
	}
	delete(modules, "modules/sg/rules/main.tf")
	r = Import(sources, convert.Options{Folder: folders(modules)})
	if r.Policy != nil || !strings.Contains(r.Problems.Error(), "module modules/sg/rules cannot be "+
		"read: no such folder") {
		t.Errorf("%v", r.Problems)
	}
}

// TestRegistryVersions: a module that is not known is noticed, and says nothing.
func TestRegistryVersions(t *testing.T) {
	r := run(t, convert.Options{}, ingress(`security_groups = [module.alb.security_group_id]`)+
		"module \"alb\" {\n  source = \"terraform-aws-modules/alb/aws\"\n}\n")
	if r.Policy == nil || rules(r.Policy) != "g ingress tcp 443 list module.alb.security_group_id" ||
		!strings.Contains(r.Problems.Error(), "module alb is not read") ||
		!strings.Contains(r.Problems.Error(), "--prefix-list module.alb.security_group_id=FILE") {
		t.Errorf("%v", r.Problems)
	}
}
