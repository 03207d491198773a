package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

var update = flag.Bool("update", false, "write docs/schema and testdata/screens anew")

// schemaDir has a JSON Schema for what each command prints with -o json.
const schemaDir = "../../docs/schema"

// flowsDocument is what flowJSON prints piece by piece.
type flowsDocument struct {
	api.FlowsHeader
	Flows []api.Flow `json:"flows"`
}

// documents are what the commands print with -o json; log and replay print one on each
// line, and
// each command "error" in place of its own after a failure.
var documents = map[string]any{
	"audit":          api.Audit{},
	"check":          checkDocument{},
	"cleanup":        cleanupDocument{},
	"confirm":        api.ConfirmReply{},
	"diff":           diffDocument{},
	"doctor":         api.Diagnosis{},
	"doctor --drill": api.Drill{},
	"error":          api.Refusal{},
	"explain":        api.Explanation{},
	"flows":          flowsDocument{},
	"flows revoke":   api.RevokeReply{},
	"log":            api.LogRecord{},
	"reload":         api.ReloadReply{},
	"replay":         api.ReplayPart{},
	"rollback":       api.RollbackReply{},
	"rules":          api.RulesReply{},
	"status":         api.Status{},
	"version":        versionDocument{},
	"why":            api.Why{},
}

// fieldWords are the values of fields that take a few only.
var fieldWords = map[string][]string{
	"Finding.Level":  {api.LevelOK, api.LevelNote, api.LevelWarning, api.LevelProblem},
	"Exemption.Kind": {api.KindFailsafe, api.KindService},
	"Exemption.State": {api.ExemptionOn, api.ExemptionOff, api.ExemptionAlways,
		api.ExemptionMissing},
	"Exercise.Datapath":       {string(policy.DatapathUserspace), string(policy.DatapathOffload)},
	"Status.State":            {api.StateRunning, api.StateDegraded},
	"LogRecord.Type":          {api.LogVerdict, api.LogLost},
	"ReplayPart.Type":         {api.ReplayPacket, api.ReplaySummary},
	"RecordedVerdict.Verdict": {api.VerdictAccept, api.VerdictDrop},
	"LogRecord.Verdict":       {api.VerdictAccept, api.VerdictDrop},
	"LogRecord.Direction":     {"ingress", "egress"},
	"VerdictCount.Verdict":    {api.VerdictAccept, api.VerdictDrop},
	"Explanation.Verdict":     {api.VerdictAccept, api.VerdictDrop},
	"RuleRef.Direction":       {"ingress", "egress"},
	"Flow.Direction":          {"ingress", "egress"},
	"InterfaceStatus.Mode":    {"host", "guest"},
	"InterfaceStatus.Missing": {api.MissingUnknown, api.MissingLater},
	"TableStatus.Reassembly":  {"tproxy", "ct", "none"},
	"Change.Op":               {"+", "-", "~"},
	"diffPart.Op":             {"+", "-", "~"},
	"diffLine.Direction":      {"ingress", "egress"},
	"Failure.Kind": {string(api.KindFailed), string(api.KindUsage), string(api.KindInvalid),
		string(api.KindRefused), string(api.KindDenied), string(api.KindNoDaemon)},
	"Remains.State": {api.RemainsNothing, api.RemainsClosed, api.RemainsOpen, api.RemainsHeld,
		api.RemainsUnknown},
	"Problem.Severity":      {"error", "warning", "notice"},
	"AuditFinding.Severity": {"high", "medium", "low", "notice"},
	"AuditCheck.Severity":   {"high", "medium", "low", "notice"},
}

// generator makes JSON Schemas of Go types and their comments.
type generator struct {
	comments map[string]string // by Type and Type.Field
	defs     map[string]any
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	g := &generator{comments: make(map[string]string)}
	for _, dir := range []string{".", "../internal/api"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, g.collect)
		}
	}
	return g
}

// collect remembers what is said of a type and its fields.
func (g *generator) collect(n ast.Node) bool {
	d, ok := n.(*ast.GenDecl)
	if !ok || d.Tok != token.TYPE {
		return true
	}
	for _, spec := range d.Specs {
		s := spec.(*ast.TypeSpec)
		g.comments[s.Name.Name] = oneLine(d.Doc)
		if st, ok := s.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				for _, name := range f.Names {
					g.comments[s.Name.Name+"."+name.Name] = oneLine(f.Doc)
				}
			}
		}
	}
	return true
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// document is the schema of one command's output.
func (g *generator) document(name string, v any) map[string]any {
	g.defs = make(map[string]any)
	out := g.object(reflect.TypeOf(v))
	out["$schema"], out["title"] = "https://json-schema.org/draft/2020-12/schema",
		"sgfw "+name+" -o json"
	if len(g.defs) > 0 {
		out["$defs"] = g.defs
	}
	return out
}

// object is the schema of a struct. Keys that it does not name are allowed: they
// are how later versions say more.
func (g *generator) object(t reflect.Type) map[string]any {
	out := map[string]any{"type": "object"}
	if c := g.comments[t.Name()]; c != "" {
		out["description"] = c
	}
	properties, required := map[string]any{}, []string{}
	g.fields(t, properties, &required)
	out["properties"] = properties
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (g *generator) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			g.fields(f.Type, properties, required)
			continue
		}
		s := g.value(f.Type)
		if tag == "schema" {
			s = map[string]any{"const": api.Schema}
		}
		if list := fieldWords[t.Name()+"."+f.Name]; list != nil {
			s["enum"] = list
		}
		if c := g.comments[t.Name()+"."+f.Name]; c != "" {
			s["description"] = c
		}
		properties[tag] = s
		if !strings.Contains(options, "omitempty") {
			*required = append(*required, tag)
		}
	}
}

func (g *generator) value(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.value(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.value(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return map[string]any{"type": "string", "format": "date-time"}
		}
		if _, done := g.defs[t.Name()]; !done {
			g.defs[t.Name()] = nil // a type may hold itself
			g.defs[t.Name()] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return map[string]any{"type": "integer"}
	}
	panic("no schema for " + t.String())
}

// schemaFile is the name of the file for a command, with an option where that has a document
// of its own.
func schemaFile(command string) string {
	return strings.ReplaceAll(strings.ReplaceAll(command, "--", ""), " ", "-") + ".json"
}

// TestSchemasAreCurrent compares the checked-in schemas with the Go types;
// `go test ./cmd/sgfw -run Schemas -update` writes them.
func TestSchemasAreCurrent(t *testing.T) {
	g := newGenerator(t)
	for name, doc := range documents {
		path := filepath.Join(schemaDir, schemaFile(name))
		want, err := json.MarshalIndent(g.document(name, doc), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, '\n')
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say (%v): go test ./cmd/sgfw -run Schemas -update", path, err)
		}
	}
	for name := range fieldWords {
		if _, ok := g.comments[strings.Split(name, ".")[0]]; !ok {
			t.Errorf("words of %s: there is no such type", name)
		}
	}
}

// TestSchemasAreComplete: every command that prints documents has a schema, and
// every schema a command.
func TestSchemasAreComplete(t *testing.T) {
	// The policy's is checked beside the reader, and any command may print the error's.
	have := map[string]bool{"policy.json": true, "error.json": true,
		schemaFile("doctor --drill"): true}
	for _, c := range commands((&program{out: io.Discard, err: io.Discard}).rootCommand()) {
		if c.Flags().Lookup("output") == nil {
			continue
		}
		name := strings.TrimPrefix(c.CommandPath(), "sgfw ")
		if documents[name] == nil {
			t.Errorf("sgfw %s -o json has no schema", name)
		}
		have[schemaFile(name)] = true
	}
	files, err := os.ReadDir(schemaDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !have[f.Name()] {
			t.Errorf("docs/schema/%s is of no command", f.Name())
		}
	}
}
