//go:build !race

// The race detector has its own time, and finds no race in one goroutine.

package cloudformation

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"sgfw/policy/convert"
	"sgfw/policy/convert/converttest"
)

// hostile are templates that make a careless reader slow or big.
func hostile() map[string]string {
	const size = 10 << 20
	const group = "Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      " +
		"GroupDescription: g\n"
	all := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	chain := func(n int, format string) string { // each names the one before
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.NewReplacer("THIS", fmt.Sprint(i), "LAST", fmt.Sprint(max(i-1, 0))).
				Replace(format))
		}
		return b.String()
	}
	hundred := strings.TrimSuffix(all(100, "v%d,"), ",")
	thousand := strings.TrimSuffix(strings.Repeat("1,", 1000), ",")
	loops := func(body string) string {
		return "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::A:\n    - A\n    - [" +
			hundred + "]\n    - Fn::ForEach::B:\n        - B\n        - [" + hundred + "]\n        - " +
			"Fn::ForEach::C:\n            - C\n            - [" + hundred + "]\n            - " + body + "\n"
	}
	names, _ := json.Marshal(strings.Repeat("x", size))
	return map[string]string{
		"loops": loops("G${A}${B}${C}: {Type: 'AWS::EC2::SecurityGroup', Properties: " +
			"{GroupDescription: " +
			"g}}"),
		"loops of one": loops("G: {Type: 'AWS::EC2::SecurityGroup', Properties: " +
			"{GroupDescription: g}}"),
		"loops of nothing": loops("{}"),
		"loop over a long list": `{"Parameters":{"L":{"Type":"CommaDelimitedList","Default":"` +
			strings.Repeat("a,", size/2) + `"}},"Resources":{"Fn::ForEach::A":["A",{"Ref":"L"},` +
			`{"${A}":{"Type":"x"}}]}}`,
		"loop over a long text": `{"Resources":{"Fn::ForEach::A":["A",["` +
			strings.ReplaceAll(hundred, ",", `","`) + `"],{"Fn::ForEach::B":["B",["` +
			strings.ReplaceAll(hundred, ",", `","`) + `"],{"G${A}${B}":{"Type":` +
			`"AWS::EC2::SecurityGroup","Properties":{"GroupDescription":"${B}` +
			strings.Repeat("${A}", size/4) + `"}}}]}]}}`,
		"doubling attributes": "Resources:\n" + chain(1000, "  VTHIS: {Type: 'AWS::EC2::VPC', "+
			"Properties: "+
			"{CidrBlock: !Sub '${VLAST.CidrBlock}${VLAST.CidrBlock}'}}\n") + "  G:\n    Type: " +
			"AWS::EC2::SecurityGroup\n    Properties: {GroupDescription: !GetAtt V999.CidrBlock}\n",
		"doubling texts": "Parameters: {P: {Type: String, Default: x}}\nResources:\n  V0: {Type: " +
			"'AWS::EC2::VPC', Properties: {CidrBlock: !Ref P}}\n" + chain(60, "  WTHIS: {Type: "+
			"'AWS::EC2::VPC', Properties: {CidrBlock: !Sub '${VLAST.CidrBlock}${VLAST.CidrBlock}'}}\n") +
			strings.Replace(chain(60, "  VTHIS: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: !Sub "+
				"'${VLAST.CidrBlock}${VLAST.CidrBlock}'}}\n"), "  V0: {Type: 'AWS::EC2::VPC', Properties: "+
				"{CidrBlock: !Sub '${V0.CidrBlock}${V0.CidrBlock}'}}\n", "", 1) +
			"  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties: {GroupDescription: !Join ['', [" +
			strings.TrimSuffix(strings.Repeat("!GetAtt V19.CidrBlock,", 10000), ",") + "]]}\n",
		"doubling conditions": "Conditions:\n" + chain(1000, "  CTHIS: !And [!Condition CLAST, "+
			"!Condition "+
			"CLAST]\n") + group + "    Condition: C999\n",
		"doubling exports": "Outputs:\n" + chain(1000, "  OTHIS: {Value: !Join ['', "+
			"[!ImportValue eLAST, "+
			"!ImportValue eLAST]], Export: {Name: eTHIS}}\n") + group +
			"      VpcId: !ImportValue e999\n",
		"deep functions": group + "      VpcId: " + strings.Repeat("{'Fn::Sub': ", 90) + "x" +
			strings.Repeat("}", 90) + "\n",
		"deep functions, too": `{"Resources": ` + strings.Repeat(`{"Fn::Sub": `, size/12),
		"circle of attributes": group + "      VpcId: !GetAtt A.CidrBlock\n  A: {Type: " +
			"'AWS::EC2::VPC', " +
			"Properties: {CidrBlock: !GetAtt B.CidrBlock}}\n  B: {Type: 'AWS::EC2::VPC', Properties: " +
			"{CidrBlock: !GetAtt A.CidrBlock}}\n",
		"circle of groups": group + "      SecurityGroupIngress: [{IpProtocol: '-1', " +
			"SourceSecurityGroupId: " +
			"!Ref H}]\n  H:\n    Type: AWS::EC2::SecurityGroup\n    Properties: {GroupDescription: h, " +
			"SecurityGroupIngress: [{IpProtocol: '-1', SourceSecurityGroupId: !Ref G}]}\n",
		"one name": `{"Resources":{` + strings.TrimSuffix(all(20000, `"G%d":{"Type":`+
			`"AWS::EC2::SecurityGroup","Properties":{"GroupName":"g"}},`), ",") + "}}",
		"misspelt": `{"Resources":{` + strings.TrimSuffix(all(20000, `"G%d":{"Type":`+
			`"AWS::EC2::SecurityGroup","Properties":{"SecurityGroupIngress":[{"IpProtocol":"-1",`+
			`"CidrIp":{"Ref":"X"}}]}},`), ",") + "}}",
		"foreign": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":` +
			`{"SecurityGroupIngress":[` + strings.TrimSuffix(all(80000, `{"IpProtocol":"-1",`+
			`"SourceSecurityGroupId":"sg-%08x"},`), ",") + "]}}}}",
		"many rules": `{"Resources":{` + strings.TrimSuffix(all(2000, `"G%d":{"Type":`+
			`"AWS::EC2::SecurityGroup","Properties":{"SecurityGroupIngress":[`+strings.TrimSuffix(
			strings.Repeat(`{"IpProtocol":"-1","CidrIp":"10.0.0.0/8"},`, 60), ",")+"]}},"), ",") + "}}",
		"foreign, in groups": `{"Resources":{` + strings.TrimSuffix(all(20, `"G%d":{"Type":`+
			`"AWS::EC2::SecurityGroup","Properties":{"SecurityGroupIngress":[`+strings.ReplaceAll(
			strings.TrimSuffix(all(3000, `{"IpProtocol":"-1","SourceSecurityGroupId":"sg-%08x~"},`), ","),
			"~", "%[1]d")+"]}},"), ",") + "}}",
		"by name": `{"Resources":{` + all(19000, `"G%d":{"Type":"AWS::EC2::SecurityGroup","Properties":`+
			`{"SecurityGroupIngress":[{"IpProtocol":"-1","SourceSecurityGroupName":"n"}]}},`) +
			`"N":{"Type":"AWS::EC2::SecurityGroup","Properties":{"GroupName":"n"}}}}`,
		"the same rule": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":` +
			`{"SecurityGroupIngress":[` + strings.TrimSuffix(strings.Repeat(`{"IpProtocol":"-1","CidrIp":`+
			`"10.0.0.0/8"},`, 120000), ",") + "]}}}}",
		"one rule, often": "Metadata: &x {IpProtocol: '-1', CidrIp: 10.0.0.0/8}\n" + group +
			"      SecurityGroupIngress: [" + strings.TrimSuffix(strings.Repeat("*x,", 90000), ",") + "]\n",
		"an alias bomb": "Metadata:\n  a: &a [x,x,x,x,x,x,x,x,x]\n" + chain(20, "  bTHIS: &bTHIS "+
			"[*a,*a,*a,*a,*a,*a,*a,*a,*a]\n") + "  c: &c [*b0,*b0,*b0,*b0,*b0]\n  d: [*c,*c,*c,*c,*c]\n" +
			group,
		"a long description": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":` +
			`{"GroupDescription":` + string(names) + "}}}}",
		"a long name": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":` +
			`{"GroupName":` + string(names) + "}}}}",
		"a long CIDR": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":` +
			`{"SecurityGroupIngress":[{"IpProtocol":"-1","CidrIp":` + string(names) + "}]}}}}",
		"a long key": `{"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":{` +
			string(names) + ":1}}}}",
		"long lists": group + "      VpcId: !Join ['', [" + strings.TrimSuffix(strings.Repeat("!Select "+
			"[0, ["+thousand+"]],", 100), ",") + "]]\n",
		"networks": group + "      VpcId: !Join ['', " +
			"[" + strings.TrimSuffix(strings.Repeat("!Select [0, "+
			"!Cidr ['10.0.0.0/8', 256, 8]],", 10000), ",") + "]]\n",
		"not JSON": `{"Resources": {` + strings.Repeat(" ", size),
	}
}

// TestHostile: whatever stands in a template, the answer comes soon and takes little memory.
func TestHostile(t *testing.T) {
	// What the collector leaves lying grows with the templates of all cases, which are there too.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	for name, text := range hostile() {
		sources := []convert.Source{{Name: "a.yaml", Data: []byte(text)},
			{Name: "b.yaml", Data: []byte(text)}}
		if name != "doubling exports" { // which takes two
			sources = sources[:1]
		}
		var r convert.Result
		took, most := converttest.Cost(t, func() { r = Import(sources, convert.Options{}) })
		used := most >> 20
		said := ""
		if len(r.Problems) > 0 {
			said = r.Problems[0].Error()
			said = said[:min(len(said), 120)]
		}
		if strings.HasPrefix(name, "loops") && r.Policy != nil {
			t.Errorf("%s: a part of a template is a policy", name)
		}
		t.Logf("%s: %v, %d MB, %d problems: %s", name, took, used, len(r.Problems), said)
		if took > 3*time.Second || used > 200 {
			t.Errorf("%s takes %v and %d MB", name, took, used)
		}
		if len(r.Problems) < 10 {
			converttest.Check(t, sources, r)
		}
	}
}

// TestScale: a thousand groups with sixty rules each are read at once.
func TestScale(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"Resources":{`)
	for g := range 1000 {
		if g > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `"G%d":{"Type":"AWS::EC2::SecurityGroup","Properties":{"GroupDescription":"g",`+
			`"SecurityGroupIngress":[`, g)
		for r := range 60 {
			if r > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, `{"IpProtocol":"tcp","FromPort":%d,"ToPort":%d,"CidrIp":"10.%d.%d.0/24",`+
				`"Description":"rule %d"}`, r, r, g%256, r, r)
		}
		b.WriteString("]}}")
	}
	b.WriteString("}}")
	var r convert.Result
	took, _ := converttest.Cost(t, func() {
		r = Import([]convert.Source{{Name: "t.json", Data: []byte(b.String())}}, convert.Options{})
	})
	if took > 2*time.Second {
		t.Errorf("it takes %v", took)
	}
	if r.Policy == nil || len(r.Policy.Groups) != 1000 || len(r.Policy.Groups[999].Ingress) != 60 {
		t.Errorf("%v", r.Problems)
	}
}
