package cloudformation

import (
	"strings"
	"testing"

	"sgfw/policy/convert"
)

// skeleton is a template in which an expression describes a group.
const skeleton = `
Parameters:
  Text: {Type: String, Default: abc}
  Empty: {Type: String, Default: ""}
  None: {Type: String}
  Items: {Type: CommaDelimitedList, Default: "a, b,c"}
  Nets: {Type: "List<String>", Default: "10.0.0.0/8,10.1.0.0/16"}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/b}
Mappings:
  M: {k: {x: found, l: [1, 2]}}
Conditions:
  Yes: !Equals [!Ref Text, abc]
  No: {"Fn::Not": [{Condition: Yes}]}
  And: !And [!Condition Yes, !Not [!Condition No]]
  Or: !Or [!Condition No, !Equals [a, b], {"Fn::Equals": ["${Text}", "${Text}"]}]
  Late: !And [!Condition No, !Equals [!Ref None, x]]
  Maybe: !Equals [!Ref None, x]
  Circle: !Not [!Condition Circle]
Resources:
  V: {Type: "AWS::EC2::VPC", Properties: {CidrBlock: 10.9.0.0/16}}
  DB: {Type: "AWS::RDS::DBInstance", Properties: {Port: 5432}}
  Made: {Type: "Custom::Cidr", Properties: {Cidr: 10.0.0.0/8}}
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupName: g
      GroupDescription: EXPRESSION
`

// TestFunctions: what expressions are, as the description of a group. What is not known
// stands as ${NAME}.
func TestFunctions(t *testing.T) {
	for expression, want := range map[string]string{
		`!Ref Text`:                       "abc",
		`{Ref: Text}`:                     "abc",
		`{"Fn::Sub": "x-${Text}"}`:        "x-abc",
		`!Sub "${!Text} ${Text}${Empty}"`: "${Text} abc",
		`!Sub ["${a}-${Text}", {a: !Select [1, [x, y]]}]`:  "y-abc",
		`!Sub "${V.CidrBlock}"`:                            "10.9.0.0/16",
		`!GetAtt DB.Endpoint.Port`:                         "5432",
		`!GetAtt DB.Groups`:                                "${DB.Groups}",
		`!GetAtt Made.Cidr`:                                "${Made.Cidr}",
		`!GetAtt V.CidrBlock`:                              "10.9.0.0/16",
		`{"Fn::GetAtt": [V, CidrBlock]}`:                   "10.9.0.0/16",
		`!Ref None`:                                        "${None}",
		`!Sub "in ${AWS::Region}, ${None}"`:                "in ${AWS::Region}, ${None}",
		`!Sub "of ${AWS::Partition}.${AWS::URLSuffix}"`:    "of aws.amazonaws.com",
		`!Ref AWS::StackName`:                              "t",
		`!Ref Stored`:                                      "${Stored}",
		`!Ref V`:                                           "${V}",
		`!Sub "${V}/${Nowhere}"`:                           "${V}/${Nowhere}",
		`"{{resolve:ssm:/a}}"`:                             "{{resolve:ssm:/a}}",
		`!Join ["-", [a, !Ref Text, !Ref AWS::NoValue]]`:   "a-abc",
		`!Join [", ", !Ref Items]`:                         "a, b, c",
		`!Join ["", [!Ref None]]`:                          "${None}",
		`!Join ["+", [x, !Ref None]]`:                      "x+${None}",
		`!Select [2, !Ref Items]`:                          "c",
		`!Select ["0", !Split [":", "q:r"]]`:               "q",
		`!Select [1, !Split [".", !Sub "a.${Text}"]]`:      "abc",
		`!FindInMap [M, k, x]`:                             "found",
		`!FindInMap [!Sub M, !Select [0, [k]], x]`:         "found",
		`!FindInMap [M, none, x, {DefaultValue: other}]`:   "other",
		`!Select [1, !FindInMap [M, k, l]]`:                "2",
		`!If [Yes, 1, 2]`:                                  "1",
		`!If [No, 1, !If [And, 3, 4]]`:                     "3",
		`!If [Or, 5, 6]`:                                   "5",
		`!If [Late, 7, 8]`:                                 "8", // what is unknown does not matter
		`!Select [3, !Cidr [10.0.0.0/16, 4, 8]]`:           "10.0.3.0/24",
		`!Select [1, !Cidr ["2001:db8::/56", 2, 64]]`:      "2001:db8:0:1::/64",
		`!Join [" ", !Cidr [!GetAtt V.CidrBlock, 2, "4"]]`: "10.9.0.0/28 10.9.0.16/28",
		`{"Fn::Length": !Ref Items}`:                       "3",
		`{"Fn::Length": [1, 2]}`:                           "2",
		`!Condition Yes`:                                   "true",
		`!ImportValue x`:                                   "${x}",
		`!Sub "${Missing"`:                                 "${Missing",
	} {
		text := strings.Replace(skeleton, "EXPRESSION", expression, 1)
		r := Import([]convert.Source{{Name: "t.yaml", Data: []byte(text)}}, convert.Options{})
		if r.Policy == nil {
			t.Errorf("%s: %v", expression, r.Problems)
		} else if got := r.Policy.Groups[0].Description; got != want {
			t.Errorf("%s is %q, not %q", expression, got, want)
		}
	}
}

// TestUnknown: where a value matters, it is said why it is not known and how to give it.
func TestUnknown(t *testing.T) {
	const at = `      SecurityGroupIngress: [{IpProtocol: "-1", CidrIp: `
	for expression, want := range map[string]string{
		`!Ref None`: "parameter None has no default (hint: --var 'None=CIDR')",
		`!Ref Stored`: "the value of parameter Stored is in the Parameter Store of AWS (hint: " +
			"--var 'Stored=CIDR')",
		`!Sub "${None}/32"`: "parameter None has no default (hint: --var 'None=VALUE')",
		`!Ref Nowhere`:      "there is no parameter or resource Nowhere",
		`!Ref Txet`:         "there is no parameter or resource Txet; did you mean Text?",
		`!Ref AWS::Region`:  "AWS::Region is set by AWS (hint: --var 'AWS::Region=CIDR')",
		`!Ref AWS::Nothing`: "there is no parameter AWS::Nothing",
		`!GetAtt V.Ipv6CidrBlocks`: "V.Ipv6CidrBlocks is made when the stack is " +
			"(hint: --var 'V.Ipv6CidrBlocks=CIDR')",
		`!GetAtt Text.X`:          "Text is no resource",
		`!GetAtt V`:               "Fn::GetAtt takes a resource and an attribute",
		`!Select [3, !Ref Items]`: "Fn::Select asks for item 3 of a list of 3, counted from 0",
		`!Select [x, !Ref Items]`: `the index of Fn::Select is "x"`,
		`!Select [0, !GetAZs x]`:  "Fn::GetAZs asks AWS",
		`!FindInMap [M, k, y]`:    `mapping "M" has no "k" with "y"`,
		`!FindInMap [M, !Ref AWS::Region, y]`: "AWS::Region is set by AWS (hint: --var " +
			"'AWS::Region=CIDR')",
		`!If [Maybe, 1, 2]`: "parameter None has no default " +
			"(hint: --var 'None=CIDR')",
		`!If [Circle, 1, 2]`: `condition "Circle" depends on itself`,
		`!If [Mabye, 1, 2]`:  `there is no condition "Mabye"; did you mean Maybe?`,
		`!If [Yes, 1]`:       "Fn::If takes a condition and two values",
		`!ImportValue a-b`: `it is the export "a-b" of another stack ` +
			"(hint: --var 'a-b=CIDR')",
		`"{{resolve:ssm:/a}}"`: "{{resolve:ssm:/a}} is resolved by AWS " +
			"(hint: --var '{{resolve:ssm:/a}}=CIDR')",
		`!Transform {Name: x}`:                    "Fn::Transform is not run",
		`!Bogus x`:                                `there is no function "Bogus" here`,
		`!Base64 x`:                               "Fn::Base64 gives no part of a rule",
		`!Sub [x]`:                                "Fn::Sub takes a text, and a map if need be",
		`!Join [",", x]`:                          `Fn::Join takes a list, not "x"`,
		`!Split ["", x]`:                          "Fn::Split takes a delimiter and a text",
		`!Select [0, !Cidr [x, 1, 8]]`:            `Fn::Cidr: "x" is not a CIDR`,
		`!Select [0, !Cidr [10.0.0.0/24, 3, 7]]`:  "Fn::Cidr: 10.0.0.0/24 has no 3 networks of that size",
		`!Select [0, !Cidr [10.0.0.0/24, 1, 9]]`:  "Fn::Cidr: 10.0.0.0/24 has no 1 networks of that size",
		`!Select [0, !Cidr [10.0.0.0/8, 999, 8]]`: `Fn::Cidr makes 1 to 256 networks, not "999"`,
		`!Sub "x${G}"`:                            "the ID of a group stands in a text",
	} {
		text := strings.Replace(skeleton, "EXPRESSION", "g", 1) + at + expression + "}]\n"
		r := Import([]convert.Source{{Name: "t", Data: []byte(text)}}, convert.Options{})
		if r.Policy != nil || len(r.Problems) != 1 {
			t.Errorf("%s: %v", expression, r.Problems)
			continue
		}
		lead := "t:28:57: CidrIp cannot be known here: "
		if got := r.Problems[0].Error(); got != lead+want {
			t.Errorf("%s:\n got %s\nwant %s", expression, got, lead+want)
		}
	}
}

// TestVars: what the user gives wins over a default, and takes the place of what only AWS
// knows.
func TestVars(t *testing.T) {
	vars := map[string]string{"Text": "10.0.0.0/8", "None": "10.1.0.0/16",
		"AWS::Region": "10.2.0.0/16", "V.CidrBlock": "10.3.0.0/16",
		"V.Ipv6": "10.4.0.0/16", "a-b": "10.5.0.0/16",
		"Stored": "10.6.0.0/16", "Nets": "10.7.0.0/16,10.8.0.0/16"}
	for expression, want := range map[string]string{
		`!Ref Text`: "10.0.0.0/8", `!Ref None`: "10.1.0.0/16", `!Ref AWS::Region`: "10.2.0.0/16",
		`!GetAtt V.CidrBlock`: "10.3.0.0/16", `!GetAtt V.Ipv6`: "10.4.0.0/16",
		`!ImportValue a-b`: "10.5.0.0/16", `!Ref Stored`: "10.6.0.0/16",
		`!Select [1, !Ref Nets]`: "10.8.0.0/16",
	} {
		text := strings.Replace(skeleton, "EXPRESSION", "g", 1) +
			`      SecurityGroupIngress: [{IpProtocol: "-1", CidrIp: ` + expression + "}]\n"
		r := Import([]convert.Source{{Name: "t", Data: []byte(text)}}, convert.Options{Vars: vars})
		if r.Policy == nil {
			t.Errorf("%s: %v", expression, r.Problems)
		} else if got := r.Policy.Groups[0].Ingress[0].Peer.CIDR.String(); got != want {
			t.Errorf("%s is %s, not %s", expression, got, want)
		}
	}
}
