package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What is installed for Prometheus and Grafana.
const (
	alertsFile    = "../../../packaging/prometheus/alerts.yaml"
	dashboardFile = "../../../packaging/prometheus/dashboard.json"
)

// expression is a question to Prometheus, and what of its answer is shown as text.
type expression struct {
	where, text string
	shown       []string
}

// alerts are the rules of the alerts file.
func alerts(t *testing.T) (out []expression) {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			e := expression{where: r.Alert, text: r.Expr}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" ||
				!slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
				t.Errorf("%s says too little: %+v", r.Alert, r)
			}
			for _, a := range r.Annotations {
				for _, m := range regexp.MustCompile(`\$labels\.([a-z_]+)`).FindAllStringSubmatch(a, -1) {
					e.shown = append(e.shown, m[1])
				}
			}
			out = append(out, e)
		}
	}
	return out
}

// panels are the questions of the dashboard.
func panels(t *testing.T) (out []expression) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Title, UID string
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Datasource  struct{ UID string }
			Targets     []struct{ Expr, LegendFormat, RefID string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Annotations struct {
			List []struct{ Name, Expr, TextFormat string }
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	legend := regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	add := func(where, expr, text string) {
		e := expression{where: where, text: expr}
		for _, m := range legend.FindAllStringSubmatch(text, -1) {
			e.shown = append(e.shown, m[1])
		}
		out = append(out, e)
	}
	ids := make(map[int]bool)
	for i, p := range file.Panels {
		if ids[p.ID] || p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: number %d, place %+v", p.Title, p.ID, p.GridPos)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks %d questions of %q", p.Title, len(p.Targets), p.Datasource.UID)
		}
		for _, o := range file.Panels[:i] {
			if a, b := p.GridPos, o.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H &&
				b.Y < a.Y+a.H {
				t.Errorf("%s is on top of %s", p.Title, o.Title)
			}
		}
		for _, q := range p.Targets {
			add(p.Title, q.Expr, q.LegendFormat)
		}
	}
	for _, a := range file.Annotations.List {
		add(a.Name, a.Expr, a.TextFormat)
	}
	for _, v := range file.Templating.List {
		if v.Definition != "" {
			add(v.Name, v.Definition, "")
		}
	}
	return out
}

// documented are the questions of docs/metrics.md.
func documented(t *testing.T) (out []expression) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(text), "| question | expression |\n")
	for _, m := range regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)` \\|$").FindAllStringSubmatch(
		rows, -1) {
		out = append(out, expression{where: m[1], text: m[2]})
	}
	return out
}

var (
	selector = regexp.MustCompile(`\b(sgfw_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`^\s*([a-z_]+)(=~|!~|!=|=)"([^"]*)"\s*$`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// TestQuestionsHaveAnswers: dashboard, alerts and documentation ask for families, labels and
// values that there are, and show labels that the answers have.
func TestQuestionsHaveAnswers(t *testing.T) {
	values := make(map[string][]string) // family and label to what it can be
	for _, f := range gathered(t, everything()) {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				key := f.GetName() + " " + l.GetName()
				values[key] = append(values[key], l.GetValue())
			}
		}
	}
	for what, list := range map[string][]expression{"alerts": alerts(t), "dashboard": panels(t),
		"documentation": documented(t)} {
		if len(list) < 6 {
			t.Errorf("the %s asks %d questions", what, len(list))
		}
		for _, e := range list {
			for _, wrong := range e.wrong(values) {
				t.Errorf("%s, %s: %s: %s", what, e.where, e.text, wrong)
			}
		}
	}
	// What the test would find.
	for _, e := range []expression{
		{text: "sgfw_no_such_family"}, {text: "sgfw_flows_bucket"}, {text: "batch_seconds"},
		{text: `sgfw_flows{reason="x"}`}, {text: `sgfw_flows{state="opne"}`},
		{text: `sgfw_reloads_total{result=~"refused|unred"}`}, {text: `sum by (rule) (sgfw_flows)`},
		{text: "sum(sgfw_flows"}, {text: "sgfw_degraded", shown: []string{"device"}},
		{text: "sum by (state) (sgfw_flows)", shown: []string{"instance"}},
		{text: "sgfw_batch_seconds"}, {text: "rate(sgfw_flows[5m])"}, {text: "sgfw_flows{state}"},
		{text: "sum(sgfw_flows_created_total)"},
	} {
		if e.wrong(values) == nil {
			t.Errorf("nothing is wrong with %q, %q", e.text, e.shown)
		}
	}
}

// wrong says what a question has that there is not.
func (e expression) wrong(values map[string][]string) (out []string) {
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(e.text, pair[:1]) != strings.Count(e.text, pair[1:]) {
			out = append(out, "unbalanced "+pair)
		}
	}
	found := selector.FindAllStringSubmatchIndex(e.text, -1)
	if len(found) == 0 {
		out = append(out, "no family")
	}
	known := []string{"instance", "job", "__name__"} // of every answer
	for _, at := range found {
		name := e.text[at[2]:at[3]]
		f, part := familyOf(name)
		if f == nil || (f.Type == "histogram") != (part != "") {
			out = append(out, "no family "+name)
			continue
		}
		if f.Type == "gauge" && ranged(e.text, at[1]) && !strings.Contains(e.text, "changes(") {
			out = append(out, name+" is no counter")
		}
		if f.Type != "gauge" && !ranged(e.text, at[1]) {
			out = append(out, name+" is a counter, and asked for without a time")
		}
		labels := append([]string{"instance", "job"}, f.Labels...)
		if part == "_bucket" {
			labels = append(labels, "le")
		}
		known = append(known, labels...)
		if at[4] < 0 {
			continue
		}
		for text := range strings.SplitSeq(e.text[at[4]:at[5]], ",") {
			m := matcher.FindStringSubmatch(text)
			if m == nil || !slices.Contains(labels, m[1]) {
				out = append(out, name+" has no label as in "+text)
				continue
			}
			if m[1] == "instance" || m[1] == "job" {
				continue
			}
			for value := range strings.SplitSeq(m[3], "|") {
				if !slices.Contains(values[f.Name+" "+m[1]], value) {
					out = append(out, m[1]+" is never "+value)
				}
			}
		}
	}
	kept := known
	for i, m := range grouping.FindAllStringSubmatch(e.text, -1) {
		if i == 0 {
			kept = nil
		}
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(known, label) {
				out = append(out, "no label "+label)
			}
			kept = append(kept, label)
		}
	}
	if len(grouping.FindAllString(e.text, -1)) == 0 && strings.Contains(e.text, "sum(") {
		kept = nil
	}
	for _, label := range e.shown {
		if !slices.Contains(kept, label) {
			out = append(out, "shows "+label+", which the answer does not have")
		}
	}
	return out
}

// ranged reports whether a selector that ends at i has a time behind it.
func ranged(text string, i int) bool { return strings.HasPrefix(text[i:], "[") }

// familyOf is the family that a series belongs to, and what of a histogram it is; nil if there
// is none.
func familyOf(name string) (*Family, string) {
	for i := range families {
		f := &families[i]
		if f.Name == name {
			return f, ""
		}
		if part, ok := strings.CutPrefix(name, f.Name); ok && f.Type == "histogram" &&
			slices.Contains([]string{"_bucket", "_sum", "_count"}, part) {
			return f, part
		}
	}
	return nil, ""
}

// TestPrometheusTakesTheAlerts has Prometheus's own tool read the alerts, where it is.
func TestPrometheusTakesTheAlerts(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	if out, err := exec.Command(tool, "check", "rules", alertsFile).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}
