package terraform

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"sgfw/policy/convert"
)

// many are 1,000 groups with 60 rules each, as people and programs write them.
var many = map[string]func() convert.Source{
	"blocks": func() convert.Source {
		var b strings.Builder
		for g := range 1000 {
			fmt.Fprintf(&b, "resource \"aws_security_group\" \"g%d\" {\n  name = \"g%d\"\n", g, g)
			for r := range 60 {
				fmt.Fprintf(&b, "  ingress {\n    description = \"rule %d\"\n    from_port   = %d\n"+
					"    to_port     = %d\n    protocol    = \"tcp\"\n"+
					"    cidr_blocks = [\"10.%d.%d.0/24\"]\n  }\n", r, r, r, g%256, r)
			}
			b.WriteString("}\n\n")
		}
		return convert.Source{Name: "main.tf", Data: []byte(b.String())}
	},
	"rules": func() convert.Source {
		var b strings.Builder
		for g := range 1000 {
			fmt.Fprintf(&b, "resource \"aws_security_group\" \"g%d\" {\n  name = \"g%d\"\n}\n", g, g)
			for r := range 60 {
				fmt.Fprintf(&b, "resource \"aws_vpc_security_group_ingress_rule\" \"r%d_%d\" {\n"+
					"  security_group_id = aws_security_group.g%d.id\n  cidr_ipv4 = \"10.%d.%d.0/24\"\n"+
					"  ip_protocol = \"tcp\"\n  from_port = %d\n  to_port = %d\n}\n", g, r, g, g%256, r, r, r)
			}
		}
		return convert.Source{Name: "main.tf", Data: []byte(b.String())}
	},
	"state": func() convert.Source {
		var b strings.Builder
		b.WriteString(`{"format_version":"1.0","terraform_version":"1.11.4","values":{"root_module":` +
			`{"resources":[`)
		for g := range 1000 {
			if g > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, `{"address":"aws_security_group.g%d","mode":"managed","type":`+
				`"aws_security_group","name":"g%d","values":{"id":"sg-%017x","name":"g%d","description":`+
				`"Managed by Terraform","egress":[],"ingress":[`, g, g, g+1, g)
			for r := range 60 {
				if r > 0 {
					b.WriteString(",")
				}
				fmt.Fprintf(&b, `{"cidr_blocks":["10.%d.%d.0/24"],"description":"rule","from_port":%d,`+
					`"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"tcp","security_groups":[],`+
					`"self":false,"to_port":%d}`, g%256, r, r, r)
			}
			b.WriteString(`]}}`)
		}
		b.WriteString(`]}}}`)
		return convert.Source{Name: "state.json", Data: []byte(b.String())}
	},
}

// TestMany: 60,000 rules are no problem.
func TestMany(t *testing.T) {
	for name, write := range many {
		t.Run(name, func(t *testing.T) {
			s := write()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := spent(t)
			r := Import([]convert.Source{s}, convert.Options{})
			took := spent(t) - began
			runtime.ReadMemStats(&after)
			if r.Policy == nil || len(r.Policy.Groups) != 1000 || len(r.Policy.Groups[999].Ingress) != 60 {
				t.Fatalf("%.500v", r.Problems)
			}
			t.Logf("%d KiB: %v, %d MiB", len(s.Data)>>10, took,
				int64(after.HeapSys-before.HeapSys)>>20)
			if took > 8*time.Second*detector {
				t.Errorf("%v", took)
			}
		})
	}
}
