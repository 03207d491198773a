package cloudformation

import (
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// given is a template with parameters that take some values, or all.
const given = `Parameters:
  Env: { Type: String, AllowedValues: [dev, prod] }
  Office: { Type: String }
Mappings:
  Ports: { dev: { Http: 8080 }, prod: { Http: 443 } }
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Pages
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: !FindInMap [Ports, !Ref Env, Http]
          ToPort: !FindInMap [Ports, !Ref Env, Http]
          CidrIp: !Ref Office
        - { IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref AWS::Region }
`

// TestAllowed: the hint names the values that a parameter takes, whatever it is used for.
func TestAllowed(t *testing.T) {
	r := Import([]convert.Source{{Name: "t.yaml", Data: []byte(given)}}, convert.Options{
		Vars: map[string]string{"AWS::Region": "10.0.0.0/8"}})
	err := r.Problems.Err()
	if err == nil || strings.Count(err.Error(), "(hint: --var 'Env=dev|prod')") != 2 ||
		!strings.Contains(err.Error(), "(hint: --var 'Office=CIDR')") {
		t.Errorf("%v", r.Problems)
	}
}

// TestUnasked: a value that nothing asks for is told, with the parameter that was meant.
func TestUnasked(t *testing.T) {
	for name, want := range map[string]string{
		"Env": "", "AWS::Region": "", "Ofice": "did you mean Office?",
		"Vpc.CidrBlock": "parameters are those of the templates themselves",
	} {
		o := convert.Options{Vars: map[string]string{"Env": "prod", "Office": "10.0.0.0/8",
			"AWS::Region": "10.0.0.0/8"}}
		if _, there := o.Vars[name]; !there {
			o.Vars[name] = "x"
		}
		r := Import([]convert.Source{{Name: "t.yaml", Data: []byte(given)}}, o)
		said := ""
		for _, p := range r.Problems {
			if p.Severity == policy.SeverityNotice {
				said += p.Error()
			}
		}
		if r.Policy == nil || (said == "") != (want == "") || !strings.Contains(said, want) ||
			want != "" && !strings.Contains(said, "--var "+name+": nothing has or needs") {
			t.Errorf("%s: %q %v", name, said, r.Problems)
		}
	}
}
