package terraform

import (
	"strings"
)

// Modules of the registry are not read: what the widely used ones of terraform-aws-modules
// mean is known here.

// isSecurityGroupModule reports whether a source is the module security-group, or one of
// its submodules.
func isSecurityGroupModule(source string) bool {
	return strings.Contains(source, "terraform-aws-modules/security-group/aws") ||
		strings.Contains(source, "terraform-aws-modules/terraform-aws-security-group")
}

func isVPCModule(source string) bool {
	return strings.Contains(source, "terraform-aws-modules/vpc/aws") ||
		strings.Contains(source, "terraform-aws-modules/terraform-aws-vpc")
}

// vpcOutputs are outputs of the module vpc that are arguments of its call.
var vpcOutputs = map[string]string{"vpc_cidr_block": "cidr", "name": "name", "azs": "azs",
	"vpc_secondary_cidr_blocks":   "secondary_cidr_blocks",
	"private_subnets_cidr_blocks": "private_subnets", "public_subnets_cidr_blocks": "public_subnets",
	"database_subnets_cidr_blocks": "database_subnets", "intra_subnets_cidr_blocks": "intra_subnets",
	"elasticache_subnets_cidr_blocks": "elasticache_subnets",
	"redshift_subnets_cidr_blocks":    "redshift_subnets",
	"outpost_subnets_cidr_blocks":     "outpost_subnets"}

// registryOutput is an output of a module of the registry that is known.
func (m *module) registryOutput(c *call, inst *instance, name string) (result, bool) {
	args := m.argsOf(inst.address)
	if args == nil {
		return result{}, false
	}
	switch {
	case isSecurityGroupModule(c.source):
		switch strings.TrimPrefix(name, "this_") {
		case "security_group_id", "id":
			if a := args.attrs["security_group_id"]; a != nil {
				if r := m.eval(a, inst.vars); r.known() && !r.v.IsNull() && str(r.v) != "" {
					return r, true
				}
			}
			return result{v: sentinel(inst.address)}, true
		case "security_group_name", "name":
			if a := args.attrs["name"]; a != nil {
				return m.eval(a, inst.vars), true
			}
		case "security_group_vpc_id", "vpc_id":
			if a := args.attrs["vpc_id"]; a != nil {
				return m.eval(a, inst.vars), true
			}
		}
	case isVPCModule(c.source):
		if a := args.attrs[vpcOutputs[name]]; a != nil {
			return m.eval(a, inst.vars), true
		}
	}
	return result{}, false
}

// argsOf is the body of the call that an instance is of.
func (m *module) argsOf(address string) *body {
	name, _, _ := strings.Cut(strings.TrimPrefix(address, m.path+"module."), "[")
	if d := m.cfg.callNames[name]; d != nil {
		return d.block().body
	}
	return nil
}

// registry reads a call of the module security-group: its group, or its rules.
func (m *module) registry(c *call, d *decl, first bool, each func(*record)) {
	if !isSecurityGroupModule(c.source) {
		if first && c.cfg == nil && !strings.HasPrefix(c.source, ".") {
			m.foreignModule(c, d)
		}
		return
	}
	for _, inst := range c.instances {
		m.current = d.pos
		m.spend(10)
		g := &groupModule{module: m, block: d.block(), decl: d, inst: inst}
		_, sub, _ := strings.Cut(c.source, "//modules/")
		g.sub, _, _ = strings.Cut(sub, "?")
		g.read()
		if !g.create {
			continue
		}
		if first {
			if g.own {
				each(g.group())
			}
			continue
		}
		for _, r := range g.rules() {
			each(r)
		}
	}
}

// foreignModule says once that a module is not read, if it may have groups.
func (m *module) foreignModule(c *call, d *decl) {
	if isVPCModule(c.source) || !c.known {
		return
	}
	m.Lost(d.pos, "import what terraform show -json says to have its groups",
		"module %s is not read: %s is not a folder beside this one", m.path+d.name,
		printable(short(c.source)))
}
