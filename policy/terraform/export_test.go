package terraform

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/file"
)

// sayable is a policy without what a configuration has no place for.
func sayable(p *policy.Policy) *policy.Policy {
	out := *p
	out.Interfaces = nil
	out.PrefixLists = nil
	for _, l := range p.PrefixLists {
		// AWS wants a family, and room for an entry.
		if f, known := l.FamilyOf(); !isForeign(&l) && !isAmazons(&l) {
			l.Family, l.MaxEntries = f, max(l.MaxEntries, 1)
			if !known {
				l.Family = policy.IPv4
			}
		}
		out.PrefixLists = append(out.PrefixLists, l)
	}
	return &out
}

// roundTrip exports a policy and imports that.
func roundTrip(t *testing.T, name string, p *policy.Policy) string {
	t.Helper()
	data, problems := Export(p)
	if err := problems.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again := Import([]convert.Source{{Name: "export.tf", Data: data}}, convert.Options{})
	if again.Policy == nil {
		t.Fatalf("%s: what was exported is refused: %v\n%s", name, again.Problems, data)
	}
	if a, b := canonical(sayable(p)), canonical(sayable(again.Policy)); a != b {
		t.Errorf("%s: export and import change the policy:\n%s\n%s", name, difference(a, b), data)
	}
	return string(data)
}

// TestRoundTrip: every shape that is imported is the same after export and import.
func TestRoundTrip(t *testing.T) {
	for _, path := range glob(t, "testdata/shapes/*.tf") {
		s := read(t, path)
		s.Name = filepath.Base(path)
		r := Import([]convert.Source{s}, convert.Options{})
		if r.Policy == nil {
			t.Fatalf("%s: %v", path, r.Problems)
		}
		roundTrip(t, path, r.Policy)
	}
}

// oddPolicy has names and texts that Terraform writes otherwise.
const oddPolicy = `version: 1
prefix_lists:
  - name: 9 lives
    entries: [{ cidr: 192.0.2.0/24 }]
  - name: pl-63a5400a
    entries: []
  - name: com.amazonaws.eu-west-1.s3
    entries: []
  - name: 123456789012/sg-0a1b2c3d4e5f60718
    entries: []
security_groups:
  - name: "Web ${x} %{y}"
    description: "say \"hello\" $${z}"
    vpc_id: vpc-12345678
    tags: { "a b": "c\\d", Name: "${n}" }
    ingress:
      - { protocol: tcp, ports: 80, prefix_lists: [9 lives, pl-63a5400a,
          com.amazonaws.eu-west-1.s3, 123456789012/sg-0a1b2c3d4e5f60718] }
      - { protocol: all, security_groups: [default, "Web ${x} %{y}", "web _x_ _y"],
          description: ok }
      - { protocol: tcp, ports: 0-65535, cidr_blocks: [0.0.0.0/0], tags: { k: v } }
  - name: "web _x_ _y"
    vpc_id: other
    ingress:
      - { protocol: icmpv6, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: 50, cidr_blocks: [10.0.0.0/8] }
      - { protocol: icmp, from_port: 3, to_port: 4, cidr_blocks: [10.0.0.0/8] }
    egress: []
  - name: "2"
    vpc_id: third
default_security_group:
  ingress:
    - { protocol: all, self: true }
    - { protocol: tcp, ports: 22, security_groups: ["2"], prefix_lists: [9 lives] }
    - { protocol: udp, ports: 53, cidr_blocks: [10.0.0.0/8], ipv6_cidr_blocks: ["2001:db8::/32"] }
    - { protocol: 47, prefix_lists: [pl-63a5400a, 123456789012/sg-0a1b2c3d4e5f60718] }
`

func odd(t *testing.T) *policy.Policy {
	t.Helper()
	p, problems, err := file.Parse("odd.yaml", []byte(oddPolicy))
	if err != nil {
		t.Fatal(err, problems)
	}
	return p
}

// TestExportOdd: names with spaces and signs of templates, labels that meet, every kind of
// peer, and a default group.
func TestExportOdd(t *testing.T) {
	text := roundTrip(t, "odd", odd(t))
	for _, want := range []string{`resource "aws_security_group" "Web_x_y"`,
		`resource "aws_security_group" "web_x_y_2"`, `resource "aws_security_group" "group_2"`,
		`data "aws_ec2_managed_prefix_list" "com_amazonaws_eu-west-1_s3"`,
		`name        = "Web $${x} %%{y}"`,
		`resource "aws_default_security_group" "default"`, `variable "vpc_id_2"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// TestExportPeers: machines with addresses of both versions and prefixes are the same again.
func TestExportPeers(t *testing.T) {
	p, _, err := file.Parse("p.yaml", []byte("version: 1\nsecurity_groups:\n"+
		"  - { name: app, description: x, ingress: [], egress: [] }\n"+
		"  - { name: a b, description: x, egress: [], ingress: "+
		"[{ protocol: tcp, ports: 1, security_groups: [app] }] }\npeers:\n"+
		"  - { name: '${x} \"y\"', addresses: [10.0.0.1, '2001:db8::1', 10.1.0.0/28, "+
		"'2001:db8:1::/80'], security_groups: [a b, app] }\n"+
		"  - { name: other, addresses: [10.0.0.2], security_groups: [default] }\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := roundTrip(t, "peers", p)
	if strings.Contains(text, "aws_network_interface") {
		t.Errorf("Terraform would make machines:\n%s", text)
	}
	again := Import([]convert.Source{{Name: "x.tf", Data: []byte(text)}}, convert.Options{})
	if n := len(again.Policy.Remotes); n != 2 {
		t.Errorf("%d peers are there again:\n%s", n, text)
	}
	for _, bad := range []string{"value = 7", "value = [{ name = \"x\" }]", "value = [\"x\"]",
		"value = [{ name = \"x\", addresses = [\"10.0.0.1/8\"], security_groups = " +
			"[aws_security_group.app.id] }]", "value = var.absent"} {
		r := Import([]convert.Source{{Name: "x.tf", Data: []byte("resource \"aws_security_group\" " +
			"\"app\" {}\noutput \"sgfw_peers\" {\n  " + bad + "\n}\n")}}, convert.Options{})
		if r.Policy != nil || !strings.Contains(r.Problems.Error(), "x.tf:3:") {
			t.Errorf("%s: %v", bad, r.Problems)
		}
	}
}

// TestExportLeftOut: what has no place is said.
func TestExportLeftOut(t *testing.T) {
	p := odd(t)
	p.Groups[0].Ingress[0].Description = "Grüße"
	p.Remotes = []policy.Remote{{Name: "r", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
	p.Interfaces = []policy.Interface{{Device: "eth0", Groups: []string{"2"}}}
	data, problems := Export(p)
	said := problems.Error()
	for _, want := range []string{"peers stand in the output sgfw_peers", "interfaces are left out, 1",
		`description "Grüße" is "Gr..e"`, "network other has no ID", "third has no ID"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing says %q:\n%s", want, said)
		}
	}
	if problems.Err() != nil || !strings.Contains(string(data), `"Gr..e"`) {
		t.Errorf("%v\n%s", problems, data)
	}
}

// TestExportValidates: the real Terraform takes what is exported.
func TestExportValidates(t *testing.T) {
	r := realTerraform(t)
	r.write(t, "main.tf", provider[strings.Index(provider, "provider \"aws\""):])
	data, _ := Export(odd(t))
	r.write(t, "odd.tf", string(data))
	all := ""
	for _, path := range glob(t, "testdata/shapes/*.tf") {
		name := strings.TrimSuffix(filepath.Base(path), ".tf")
		of := Import([]convert.Source{read(t, path)}, convert.Options{})
		data, _ := Export(of.Policy)
		r.write(t, name+"/main.tf", string(data))
		all += "module \"" + name + "\" {\n  source = \"./" + name + "\"\n}\n"
	}
	r.write(t, "all.tf", all)
	r.run(t, "init", "-no-color", "-input=false")
	r.run(t, "validate", "-no-color")
	if out := r.run(t, "fmt", "-check", "-recursive", "-list=true"); len(out) > 0 {
		t.Errorf("terraform fmt would write them otherwise: %s", out)
	}
}

// TestExportOddTexts: texts that look like something else come back as they are.
func TestExportOddTexts(t *testing.T) {
	back := 0
	for what, p := range converttest.Odd() {
		t.Run(what, func(t *testing.T) {
			if _, problems := Export(p); !strings.Contains(problems.Error(), "takes fewer characters") {
				back++
				roundTrip(t, what, p)
			}
		})
	}
	converttest.MustBeMany(t, back)
}

// TestExportGrows: a block costs the same wherever it stands.
func TestExportGrows(t *testing.T) {
	took := func(groups int) float64 {
		p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
		for i := range groups {
			g := policy.Group{Name: fmt.Sprint("g", i)}
			for k := range 20 {
				g.Ingress = append(g.Ingress, policy.Rule{Index: k, Protocol: policy.TCP, From: k, To: k,
					Peer: policy.Peer{CIDR: policy.AnyIPv4}})
			}
			p.Groups = append(p.Groups, g)
		}
		began := spent(t)
		Export(p)
		return (spent(t) - began).Seconds()
	}
	took(10)
	// Eight times as many: 64 times the time once, when all were in one file.
	few, many := took(25), took(200)
	t.Logf("%.3f s for 500 rules, %.3f s for 4,000", few, many)
	if many > 24*few+0.1 {
		t.Errorf("%.3f s for 500 rules and %.3f s for 4,000", few, many)
	}
}
