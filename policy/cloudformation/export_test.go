package cloudformation

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
	"sgfw/policy/convert/tree"
	"sgfw/policy/file"
)

// said is what a template can say of a policy, in an order that does not matter.
func said(p *policy.Policy) []string {
	var out []string
	for i := range p.Groups {
		g := &p.Groups[i]
		if !g.Default {
			out = append(out, fmt.Sprintf("group %s %q vpc %q tags %v", g.Name, g.Description, g.VPCID,
				g.Tags))
		}
		for _, dir := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(dir) {
				if g.Default && r.Description == "" && slices.ContainsFunc(slices.Concat(
					policy.DefaultIngress(), policy.DefaultEgress()),
					func(d policy.Rule) bool { return d.ID() == r.ID() }) {
					continue // it may not be mentioned, if nothing else names the group
				}
				out = append(out, fmt.Sprintf("%s %s: %s %q", g.Name, dir, &r, r.Description))
			}
		}
	}
	for _, r := range p.Remotes {
		out = append(out, fmt.Sprintf("peer %s %v %v", r.Name, r.Own(), r.Groups))
	}
	for _, l := range p.PrefixLists {
		// A template wants a family, and room for an entry.
		f, known := l.FamilyOf()
		if !known {
			f = policy.IPv4
		}
		out = append(out, fmt.Sprintf("list %s %v %d", l.Name, f, max(l.MaxEntries, 1)))
		for _, e := range l.Entries {
			out = append(out, fmt.Sprintf("list %s: %s %q", l.Name, e.CIDR, e.Description))
		}
	}
	slices.Sort(out)
	return out
}

// roundTrip exports a policy, and holds what comes back against it.
func roundTrip(t *testing.T, p *policy.Policy) (string, policy.Problems) {
	t.Helper()
	data, problems := Export(p)
	if (data == nil) != (problems.Err() != nil) {
		t.Fatalf("a template: %v, errors: %v", data != nil, problems)
	}
	if data == nil {
		return "", problems
	}
	r := Import([]convert.Source{{Name: "t.yaml", Data: data}}, convert.Options{})
	if r.Policy == nil {
		t.Fatalf("%v\n%s", r.Problems, data)
	}
	if diff := cmp.Diff(said(p), said(r.Policy)); diff != "" {
		t.Errorf("what comes back differs:\n%s\n%s", diff, data)
	}
	shape(t, data)
	return string(data), problems
}

// TestExportShapes: every shape that is imported comes back from its export.
func TestExportShapes(t *testing.T) {
	paths, err := filepath.Glob("testdata/shapes/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	more, _ := filepath.Glob("../../examples/*.yaml")
	tiers, _ := filepath.Glob("../../examples/*/*.yaml")
	for _, path := range slices.Concat(paths, more, tiers) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, _, err := file.Parse(path, data)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := roundTrip(t, p)
			if problems.Err() != nil {
				t.Error(problems)
			}
		})
	}
}

// documented are the properties of the types that are written, as the template reference has
// them: with a star those that are required.
var documented = map[string][]string{
	typeGroup: {"*GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress",
		"Tags", "VpcId"},
	typeIngress: {"CidrIp", "CidrIpv6", "Description", "FromPort", "GroupId", "GroupName",
		"*IpProtocol", "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName",
		"SourceSecurityGroupOwnerId", "ToPort"},
	typeEgress: {"CidrIp", "CidrIpv6", "Description", "DestinationPrefixListId",
		"DestinationSecurityGroupId", "FromPort", "*GroupId", "*IpProtocol", "ToPort"},
	typeList: {"*AddressFamily", "Entries", "MaxEntries", "*PrefixListName", "Tags"},
	"SecurityGroupIngress": {"CidrIp", "CidrIpv6", "Description", "FromPort", "*IpProtocol",
		"SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName",
		"SourceSecurityGroupOwnerId", "ToPort"},
	"SecurityGroupEgress": {"CidrIp", "CidrIpv6", "Description", "DestinationPrefixListId",
		"DestinationSecurityGroupId", "FromPort", "*IpProtocol", "ToPort"},
	"Tags":    {"*Key", "*Value"},
	"Entries": {"*Cidr", "Description"},
}

// texts are the properties that take texts: what looks like a number needs quotes.
var texts = []string{"GroupDescription", "GroupName", "VpcId", "CidrIp", "CidrIpv6",
	"Description", "IpProtocol", "SourcePrefixListId", "SourceSecurityGroupId",
	"SourceSecurityGroupOwnerId", "PrefixListName", "Key", "Value", "Cidr"}

// shape holds a template against the documentation: sections, types, properties, references
// that exist and are no circle.
func shape(t *testing.T, data []byte) {
	t.Helper()
	root, problems := tree.Parse("t.yaml", data)
	if root == nil {
		t.Fatal(problems)
	}
	names := map[string]bool{}
	for _, section := range []string{"Parameters", "Resources"} {
		for k := range root.Field(section).Fields() {
			if strings.Map(alphanumeric, k.Text) != k.Text || names[k.Text] {
				t.Errorf("the logical ID %q", k.Text)
			}
			names[k.Text] = true
		}
	}
	needs := map[string][]string{}
	for k, r := range root.Field("Resources").Fields() {
		typ := r.Field("Type").Text
		if documented[typ] == nil {
			t.Fatalf("a resource of type %s", typ)
		}
		properties(t, typ, r.Field("Properties"))
		needs[k.Text] = references(t, r, names)
	}
	for len(needs) > 0 {
		before := len(needs)
		maps.DeleteFunc(needs, func(_ string, of []string) bool {
			return !slices.ContainsFunc(of, func(s string) bool { _, waits := needs[s]; return waits })
		})
		if len(needs) == before {
			t.Fatalf("a circle among %v", needs)
		}
	}
}

func references(t *testing.T, n *tree.Node, names map[string]bool) (found []string) {
	if n.Tag != "" {
		name, ok := strings.CutSuffix(n.Text, ".GroupId")
		if n.Tag != "!Ref" && (n.Tag != "!GetAtt" || !ok) || !names[name] {
			t.Errorf("%s %s leads nowhere", n.Tag, n.Text)
		}
		return []string{name}
	}
	for _, item := range n.Items {
		found = append(found, references(t, item, names)...)
	}
	return found
}

func properties(t *testing.T, of string, n *tree.Node) {
	for _, name := range documented[of] {
		if strings.HasPrefix(name, "*") && n.Field(name[1:]) == nil {
			t.Errorf("%s has no %s", of, name[1:])
		}
	}
	for k, v := range n.Fields() {
		if !slices.Contains(documented[of], k.Text) && !slices.Contains(documented[of], "*"+k.Text) {
			t.Errorf("%s has no property %s", of, k.Text)
		}
		if slices.Contains(texts, k.Text) && v.Kind != tree.Text {
			t.Errorf("%s %s is %v, no text", of, k.Text, v)
		}
		if v.Kind == tree.List {
			for _, item := range v.Items {
				properties(t, k.Text, item)
			}
		}
	}
}

// TestExport: what a template looks like, and what it cannot say.
func TestExport(t *testing.T) {
	const text = `version: 1
prefix_lists:
  - {name: sg-0123456789abcdef0, entries: []}
  - {name: 123456789012/sg-0123456789abcdef1, entries: []}
  - {name: pl-63a5400a, entries: []}
security_groups:
  - name: a-b
    description: "quotes: \"yes\""
    tags: {Name: "yes", N: "1"}
    ingress:
      - {protocol: tcp, ports: 1, security_groups: [A B, default], prefix_lists: [pl-63a5400a]}
      - {protocol: 50, self: true, tags: {x: y}}
      - {protocol: icmpv6, prefix_lists: [sg-0123456789abcdef0]}
    egress:
      - {protocol: all, prefix_lists: [123456789012/sg-0123456789abcdef1]}
  - name: A B
    vpc_id: vpc-0a1b2c3d
    ingress:
      - {protocol: tcp, ports: 2, security_groups: [a-b],
         prefix_lists: [123456789012/sg-0123456789abcdef1]}
    egress: []
interfaces: [{device: eth0, security_groups: [a-b]}]
peers: [{name: m, addresses: [10.0.0.1, "2001:db8::/80"], security_groups: [A B, default]}]
`
	p, _, err := file.Parse("p", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	data, problems := Export(p)
	want, err := os.ReadFile("testdata/export.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(data) + "---\n" + problems.Error() + "\n"; got != string(want) {
		t.Errorf("it differs from testdata/export.yaml:\n%s", cmp.Diff(string(want), got))
	}
	shape(t, data)
	for extra, message := range map[string]string{
		"default_security_group: {ingress: []}": "a template cannot take the rule ingress \"all " +
			"group default\" " +
			"away from the default group",
		"default_security_group: {egress: [{protocol: all, cidr_blocks: " +
			"[0.0.0.0/0]}]}": "a template cannot " +
			"take the rule egress \"all ::/0\" away from the default group",
		"default_security_group: {egress: [{protocol: all, cidr_blocks: [0.0.0.0/0], " +
			"ipv6_cidr_blocks: [\"::/0\"]}, {protocol: 50, self: true}]}": "an outbound rule that " +
			"is a resource " +
			"takes the others of the default group away",
	} {
		p, _, err := file.Parse("p", []byte(text+extra))
		if err != nil {
			t.Fatal(err)
		}
		data, problems := Export(p)
		if data != nil || !strings.Contains(problems.Error(), message) {
			t.Errorf("%s: %v", extra, problems)
		}
	}
	if data, problems := Export(&policy.Policy{Quotas: policy.DefaultQuotas}); data != nil {
		t.Errorf("nothing is a template: %v", problems)
	}
}

// TestLint: the linter of CloudFormation's makers finds nothing wrong with exports, where the
// machine has it.
func TestLint(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("NOT TESTED: cfn-lint is not here, so nothing but our own table of properties says that " +
			"an export is a template (pip install cfn-lint)")
	}
	dir := t.TempDir()
	// It takes icmpv6 for a protocol without types, which the EC2 API does not.
	args := []string{"--ignore-checks", "E3688", "W3687", "--regions", "eu-central-1", "--"}
	for _, name := range []string{"alb", "circle", "eks", "prefix-lists", "icmp", "vpn",
		"default-group", "opensearch", "rds"} {
		data, err := os.ReadFile("testdata/shapes/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := file.Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		out, problems := Export(p)
		if out == nil {
			t.Fatal(problems)
		}
		path := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(path, out, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command(lint, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// And it does find what is wrong.
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    "+
		"Properties:\n      GroupNam: g\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(lint, bad).CombinedOutput(); err == nil {
		t.Errorf("it takes everything: %s", out)
	}
}

// TestExportOddTexts: texts that look like something else come back as they are.
func TestExportOddTexts(t *testing.T) {
	back := 0
	for what, p := range converttest.Odd() {
		t.Run(what, func(t *testing.T) {
			if text, _ := roundTrip(t, p); text != "" {
				back++
			}
		})
	}
	converttest.MustBeMany(t, back)
}

// TestExportResolves: a text that CloudFormation would put a secret for is refused, wherever
// it stands.
func TestExportResolves(t *testing.T) {
	const text = "{{resolve:ssm:/x:1}}"
	refused := 0
	for what, p := range converttest.Put(text) {
		out, problems := Export(p)
		said := strings.Contains(problems.Error(), "would put a parameter or a secret there")
		if tag := strings.HasPrefix(what, "tag of a rule"); tag != (out != nil) || tag == said {
			t.Errorf("%s: %v\n%s", what, problems, out) // tags of rules are left out
		}
		refused++
	}
	if refused < 4 {
		t.Errorf("only %d policies", refused)
	}
}
