package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sgfw/cmd/internal/api"
)

// The parts of SARIF 2.1.0 that code hosts read (OASIS, sarif-v2.1.0).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		ShortDescription sarifText      `json:"shortDescription"`
		FullDescription  sarifText      `json:"fullDescription"`
		Help             sarifText      `json:"help"`
		Default          sarifLevel     `json:"defaultConfiguration"`
		Properties       map[string]any `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		ID       int           `json:"id,omitempty"`
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
)

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

// sarifLevels and scores are what code hosts sort findings by.
var (
	sarifLevels = map[string]string{"high": "error", "medium": "warning", "low": "note",
		"notice": "note"}
	scores = map[string]string{"high": "8.0", "medium": "5.5", "low": "3.0", "notice": "1.0"}
)

// SARIF writes an audit as SARIF 2.1.0. Paths are those of the files as they were given; what
// is below the working directory is relative to it, which is taken for the top of the
// repository. A finding about no line in particular is at the first one, for code hosts refuse
// a document with a result that has no location.
func SARIF(w io.Writer, version string, doc *api.Audit) error {
	top, err := os.Getwd()
	if err != nil {
		top = "" // absolute paths stay
	}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
		Tool: sarifTool{sarifDriver{Name: "sgfw", Version: version, Rules: []sarifRule{}}}}
	index := map[string]int{}
	for _, c := range doc.Checks {
		index[c.Code] = len(run.Tool.Driver.Rules)
		help, markdown := c.Do, "**Do:** "+c.Do
		if c.Instead != "" {
			help, markdown = help+" Instead: "+c.Instead, markdown+"\n\n**Instead:** "+c.Instead
		}
		if len(c.Also) > 0 {
			also := strings.Join(c.Also, ", ")
			help, markdown = help+"\nAlso: "+also, markdown+"\n\n**Also:** "+also
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: c.Code, ShortDescription: sarifText{Text: c.Title}, FullDescription: sarifText{Text: c.Why},
			Help: sarifText{help, markdown}, Default: sarifLevel{sarifLevels[c.Severity]},
			Properties: map[string]any{"security-severity": scores[c.Severity],
				"tags": []string{"security", "network"}},
		})
	}
	for _, list := range [][]api.AuditFinding{doc.Findings, doc.Ignored} {
		for i := range list {
			r := result(&list[i], index, top)
			if r.Locations == nil && len(doc.Sources) > 0 {
				r.Locations = []sarifLocation{{Physical: physical(&api.Location{File: doc.Sources[0]}, top)}}
			}
			run.Results = append(run.Results, r)
		}
	}
	for i := range doc.Ignored {
		f := &doc.Ignored[i]
		s := sarifSuppression{Kind: "external"}
		if f.Reason != "" {
			s = sarifSuppression{"inSource", fmt.Sprintf("%s (until %s)", f.Reason, f.Until)}
		}
		run.Results[len(doc.Findings)+i].Suppressions = []sarifSuppression{s}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

func result(f *api.AuditFinding, index map[string]int, top string) sarifResult {
	text := f.Message
	if f.Rule != "" {
		text += " (" + f.Rule + ")"
	}
	if f.Group != "" {
		text = "group " + f.Group + ": " + text
	}
	// Without lines: it stays the same while the file changes elsewhere.
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Code, f.Group, f.Device, f.Rule, f.Message},
		"\x00")))
	r := sarifResult{RuleID: f.Code, RuleIndex: index[f.Code], Level: sarifLevels[f.Severity],
		Message: sarifText{Text: text}, Fingerprints: map[string]string{
			"sgfw/v1": hex.EncodeToString(sum[:16])}}
	if f.Location != nil {
		r.Locations = []sarifLocation{{Physical: physical(f.Location, top)}}
	}
	for i := range f.Related {
		r.Related = append(r.Related, sarifLocation{ID: i + 1, Physical: physical(&f.Related[i], top),
			Message: &sarifText{Text: "this rule has part in it"}})
	}
	return r
}

func physical(l *api.Location, top string) sarifPhysical {
	file := l.File
	if filepath.IsAbs(file) && top != "" {
		if below, err := filepath.Rel(top, file); err == nil && filepath.IsLocal(below) {
			file = below
		}
	}
	u := url.URL{Path: filepath.ToSlash(file)}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return sarifPhysical{sarifArtifact{u.String()}, &sarifRegion{max(l.Line, 1), l.Col}}
}
