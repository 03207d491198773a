package cloudformation

import (
	"fmt"
	"path"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/convert/tree"
)

// maxSteps bounds how many nodes are evaluated, so that loops and templates that use a value
// again and again cost little.
const maxSteps = 4_000_000

// importer reads templates into one draft. Each is a stack; what one exports another imports.
type importer struct {
	*convert.Draft
	vars   map[string]string
	stacks []*stack
	steps  int
	deep   int  // how deep values lead to others now
	spent  bool // the steps, which was said
	// said are the names of what was guessed, which is told once.
	said           map[string]bool
	rules, missing int // how many rules, and groups and lists that are not here
	// suggested is how many names were looked for that are like a misspelt one.
	suggested int
	// groups are those of the templates and those that rules are for, in order.
	groups []*group
	byKey  map[string]*group
}

// Import reads templates, which make one policy together.
func Import(sources []convert.Source, o convert.Options) convert.Result {
	m := &importer{Draft: convert.NewDraft(o), vars: o.Vars, said: map[string]bool{},
		byKey: map[string]*group{}}
	var broken policy.Problems
	for _, s := range sources {
		root, problems := tree.Parse(s.Name, s.Data)
		broken = append(broken, problems...)
		// The answer of aws cloudformation get-template.
		if body := root.Field("TemplateBody"); body != nil && body.Kind == tree.Map {
			root = body
		}
		if root != nil {
			m.stacks = append(m.stacks, &stack{importer: m, file: s.Name, root: root})
		}
	}
	if len(broken) > 0 {
		return convert.Failed(broken...)
	}
	names := map[string]bool{}
	for _, s := range m.stacks {
		s.name = stackName(s.file)
		for n := 2; names[s.name]; n++ {
			s.name = fmt.Sprintf("%s-%d", stackName(s.file), n)
		}
		names[s.name] = true
		s.read()
	}
	for _, step := range []func(*stack){(*stack).addLists, (*stack).addGroups,
		(*stack).addOwnRules, (*stack).addRules,
		(*stack).addMembers, (*stack).tell} {
		for _, s := range m.stacks {
			step(s)
		}
	}
	m.addLastRules()
	if len(m.groups) == 0 && !m.Failed() {
		m.nothing()
	}
	m.unasked()
	m.stacks = nil // which is much to keep while the draft becomes a policy
	return m.Finish()
}

// nothing says that there is no group.
func (m *importer) nothing() {
	hint := "groups are resources of type " + typeGroup
	for _, s := range m.stacks {
		for _, r := range s.resources {
			switch r.typ {
			case typeGroup, typeIngress, typeEgress:
				hint = "the conditions leave them out: --var NAME=VALUE gives another value to a parameter"
			case typeStack:
				hint = "import the templates of the nested stacks"
			}
		}
	}
	m.Errorf(m.stacks[0].root.Pos(m.stacks[0].file), hint, "no security group is in the template")
}

// stackName is what a stack is called whose template is in a file.
func stackName(file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	for _, suffix := range []string{".yaml", ".yml", ".json", ".template", ".cfn"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// once reports whether something is said for the first time.
func (m *importer) once(what string) bool {
	first := !m.said[what]
	m.said[what] = true
	return first
}

// maxSuggestions bounds the work on misspelt names.
const maxSuggestions = 100

// meant says what a misspelt name may mean, if anything.
func (m *importer) meant(name string, names func() []string) string {
	if m.suggested++; m.suggested > maxSuggestions {
		return ""
	}
	if near := policy.Suggest(name, names()); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// step counts one step of evaluation, and is false when there were too many.
func (m *importer) step(at policy.Pos) bool {
	return m.spend(at, 1)
}

// texted counts the work on a text of some bytes.
func (m *importer) texted(at policy.Pos, bytes int) bool { return m.spend(at, bytes/256) }

func (m *importer) spend(at policy.Pos, n int) bool {
	if m.steps += n; m.steps <= maxSteps {
		return true
	}
	if !m.spent {
		m.spent = true
		m.Errorf(at, "", "the template takes more than %d steps to evaluate", maxSteps)
	}
	return false
}
