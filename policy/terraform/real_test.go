package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"sgfw/policy"
	ours "sgfw/policy/convert"
)

// The real Terraform plans offline: no resource here is looked up.
const provider = `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
`

// real runs the real Terraform in a folder. A test without it says so and is skipped.
type real struct {
	dir string
	env []string
}

func realTerraform(t *testing.T) *real {
	t.Helper()
	if os.Getenv("SGFW_TERRAFORM") == "" {
		t.Skip("NOT COMPARED WITH THE REAL TERRAFORM: set SGFW_TERRAFORM=1 (a minute)")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("NOT COMPARED WITH THE REAL TERRAFORM: there is none on this machine")
	}
	mirror := os.Getenv("SGFW_TERRAFORM_PLUGINS")
	if mirror == "" {
		mirror = "/opt/tf-plugins"
	}
	if found, _ := filepath.Glob(mirror + "/*/hashicorp/aws/*"); len(found) == 0 {
		t.Skipf("NOT COMPARED WITH THE REAL TERRAFORM: no provider aws in %s; "+
			"SGFW_TERRAFORM_PLUGINS names a mirror of plugins", mirror)
	}
	r := &real{dir: t.TempDir()}
	r.write(t, "terraform.rc", fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n"+
		"  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TF_") && !strings.HasPrefix(v, "AWS_") {
			r.env = append(r.env, v)
		}
	}
	r.env = append(r.env, "TF_CLI_CONFIG_FILE="+filepath.Join(r.dir, "terraform.rc"),
		"TF_IN_AUTOMATION=1", "AWS_EC2_METADATA_DISABLED=true", "CHECKPOINT_DISABLE=1")
	return r
}

func (r *real) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *real) run(t *testing.T, args ...string) []byte {
	t.Helper()
	c := exec.Command("terraform", args...)
	c.Dir, c.Env = r.dir, r.env
	var out, wrong bytes.Buffer
	c.Stdout, c.Stderr = &out, &wrong
	if err := c.Run(); err != nil {
		t.Fatalf("terraform %s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), wrong.Bytes())
	}
	return out.Bytes()
}

// plan is what terraform show -json says of a plan of the folder.
func (r *real) plan(t *testing.T) ours.Source {
	t.Helper()
	r.run(t, "init", "-no-color", "-input=false")
	r.run(t, "plan", "-no-color", "-input=false", "-out=plan")
	return ours.Source{Name: "plan.json", Data: r.run(t, "show", "-json", "plan")}
}

// folder reads the configuration in a folder of the test.
func folderOf(t *testing.T, root string) func(string) ([]ours.Source, error) {
	return func(dir string) (out []ours.Source, err error) {
		paths, err := filepath.Glob(filepath.Join(root, dir, "*.tf*"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			s := read(t, path)
			if s.Name, err = filepath.Rel(root, path); err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		return out, nil
	}
}

// notPlanned are shapes that the real Terraform does not plan without AWS, or not any more.
var notPlanned = map[string]string{
	"registry-module": "it is fetched from the registry",
	"data-sources":    "they are asked of AWS",
	"old-syntax":      "0.11 is not read any more",
}

// notTold are shapes whose plan does not say what refers to what.
var notTold = []string{"eks", "jenkins", "lambda-proxy"}

// without is a plan without some of its modules.
func without(t *testing.T, plan ours.Source, modules []string) ours.Source {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(plan.Data, &all); err != nil {
		t.Fatal(err)
	}
	root := all["planned_values"].(map[string]any)["root_module"].(map[string]any)
	var kept []any
	for _, m := range root["child_modules"].([]any) {
		name := strings.TrimPrefix(m.(map[string]any)["address"].(string), "module.")
		if !slices.Contains(modules, name) {
			kept = append(kept, m)
		}
	}
	root["child_modules"] = kept
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return ours.Source{Name: plan.Name, Data: data}
}

// removed is a policy without the groups of another one.
func removed(p, other *policy.Policy) *policy.Policy {
	out := *p
	out.Groups = slices.DeleteFunc(slices.Clone(p.Groups),
		func(g policy.Group) bool { return other.Group(g.Name) != nil })
	return &out
}

// TestPlan: the real Terraform plans the shapes, as modules of one root. What it leads to
// is imported to the same policy as the folder is, and functions give the same values.
func TestPlan(t *testing.T) {
	r := realTerraform(t)
	root := provider
	for _, path := range glob(t, "testdata/shapes/*.tf") {
		name := strings.TrimSuffix(filepath.Base(path), ".tf")
		if notPlanned[name] != "" {
			continue
		}
		r.write(t, name+"/main.tf", string(read(t, path).Data))
		root += fmt.Sprintf("\nmodule %q {\n  source = \"./%s\"\n}\n", name, name)
	}
	r.write(t, "functions/main.tf", string(read(t, "testdata/functions.tf").Data))
	root += "\nmodule \"functions\" {\n  source = \"./functions\"\n}\n"
	for _, name := range functionOutputs {
		root += fmt.Sprintf("\noutput %q {\n  value = module.functions.%s\n}\n", name, name)
	}
	r.write(t, "main.tf", root)
	plan := r.plan(t)

	open := folderOf(t, r.dir)
	sources, err := open(".")
	if err != nil {
		t.Fatal(err)
	}
	of := Import(sources, ours.Options{Folder: open})
	from := Import([]ours.Source{without(t, plan, notTold)}, ours.Options{})
	if of.Policy == nil || from.Policy == nil {
		t.Fatalf("the folder: %v\nthe plan: %v", of.Problems, from.Problems)
	}
	refused := Import([]ours.Source{plan}, ours.Options{})
	for _, p := range refused.Problems.Of(policy.SeverityError) {
		if !strings.Contains(p.Message, "the plan does not say which") {
			t.Errorf("the plan: %v", p)
		}
	}
	if refused.Policy != nil {
		t.Errorf("references that a plan does not tell are guessed")
	}
	for _, name := range notTold {
		s := read(t, "testdata/shapes/"+name+".tf")
		of.Policy = removed(of.Policy, Import([]ours.Source{s}, ours.Options{}).Policy)
	}
	if a, b := canonical(of.Policy), canonical(from.Policy); a != b {
		t.Errorf("folder and plan differ:\n%s", difference(a, b))
	}
	compareFunctions(t, plan)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return paths
}

// canonical is a policy as text, whatever the order of its parts.
func canonical(p *policy.Policy) string {
	var lines []string
	add := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	for i := range p.Groups {
		g := &p.Groups[i]
		add("group %q %q vpc %q default %t tags %v", g.Name, g.Description, g.VPCID, g.Default, g.Tags)
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			for _, r := range g.Rules(d) {
				add("group %q %s %s %q tags %v", g.Name, d, r.String(), r.Description, r.Tags)
			}
		}
	}
	for _, l := range p.PrefixLists {
		add("list %q %d max %d", l.Name, l.Family, l.MaxEntries)
		for _, e := range l.Entries {
			add("list %q %s %q", l.Name, e.CIDR, e.Description)
		}
	}
	for _, m := range p.Remotes {
		groups := slices.Sorted(slices.Values(m.Groups))
		add("peer %q %v %v %v", m.Name, m.Addresses, m.Prefixes, groups)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// difference are the lines that only one of two texts has.
func difference(a, b string) string {
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for _, l := range left {
		if !slices.Contains(right, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range right {
		if !slices.Contains(left, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

var functionOutputs = []string{"numbers", "texts", "tests", "lists", "single", "maps", "cidrs"}

// compareFunctions holds the outputs of a plan against what is evaluated here.
func compareFunctions(t *testing.T, plan ours.Source) {
	t.Helper()
	v, bad := parseJSON(&text{name: "plan", data: string(plan.Data)}, nil)
	if bad != nil {
		t.Fatal(bad)
	}
	e := newEvaluator(ours.NewDraft(ours.Options{}), ours.Options{})
	m := e.newModule(e.load(".", []ours.Source{read(t, "testdata/functions.tf")}), "")
	for _, name := range functionOutputs {
		want := v.path("planned_values", "outputs", name, "value")
		if want == nil {
			t.Errorf("the plan has no output %s", name)
			continue
		}
		got := m.eval(m.cfg.outputs[name].block().attrs["value"], nil)
		if len(got.gaps) > 0 {
			t.Errorf("%s: %+v", name, got.gaps)
			continue
		}
		for i, w := range want.list() {
			one := got.v.Index(cty.NumberIntVal(int64(i)))
			wanted := w.cty()
			if jsonOf(t, one) == jsonOf(t, wanted) { // JSON has one kind of list
				continue
			}
			t.Errorf("%s[%d] is %#v, want %#v", name, i, one, wanted)
		}
	}
}

func jsonOf(t *testing.T, v cty.Value) string {
	t.Helper()
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
