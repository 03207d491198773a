package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// pipeline is an example of docs/audit.md: its scripts in their order, and the files that it
// leaves for who shows them.
type pipeline struct {
	scripts []string
	files   []string
}

// pipelines reads the examples in YAML.
func pipelines(t *testing.T) map[string]pipeline {
	t.Helper()
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]pipeline{}
	for _, part := range strings.Split(string(page), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		var github struct {
			Jobs map[string]struct {
				Steps []struct {
					Run, Uses string
					With      map[string]string
				}
			}
		}
		var gitlab map[string]struct {
			Script    []string
			Artifacts struct{ Reports map[string]string }
		}
		switch {
		case strings.Contains(text, "runs-on:"):
			if err := yaml.Unmarshal([]byte(text), &github); err != nil {
				t.Fatal(err)
			}
			var p pipeline
			for _, job := range github.Jobs {
				for _, s := range job.Steps {
					if s.Run != "" {
						p.scripts = append(p.scripts, s.Run)
					}
					if f := s.With["sarif_file"]; f != "" {
						p.files = append(p.files, f)
					}
				}
			}
			out["GitHub"] = p
		case strings.Contains(text, "script:"):
			if err := yaml.Unmarshal([]byte(text), &gitlab); err != nil {
				t.Fatal(err)
			}
			var p pipeline
			for _, job := range gitlab {
				// One shell runs all lines, and ends with the first that fails.
				p.scripts = append(p.scripts, strings.Join(job.Script, "\n"))
				for _, f := range job.Artifacts.Reports {
					p.files = append(p.files, f)
				}
			}
			out["GitLab"] = p
		}
	}
	return out
}

// TestPipelines: the examples for CI, line by line in a shell with the built program, let good
// groups pass and fail for bad ones, and leave the files that they name. Only what fetches
// something is played: git, and go for the program that is built here.
func TestPipelines(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("NOT TESTED: there is no sh to run the examples with")
	}
	binary := filepath.Join(t.TempDir(), "sgfw")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bad, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	found := pipelines(t)
	for _, name := range []string{"GitHub", "GitLab"} {
		p := found[name]
		if len(p.scripts) == 0 || len(p.files) != 1 {
			t.Errorf("%s: %+v", name, p)
			continue
		}
		for _, tt := range []struct {
			text string
			want int
		}{
			{string(bad), int(exitFindings)},
			{strings.ReplaceAll(string(bad), "0.0.0.0/0", "10.0.0.0/8"), 0},
			{"resource {", int(exitInvalid)},
		} {
			dir := t.TempDir()
			code, said := p.run(t, dir, binary, tt.text)
			if code != tt.want {
				t.Errorf("%s: exit %d, want %d\n%s", name, code, tt.want, said)
			}
			if tt.want == int(exitInvalid) {
				continue
			}
			sound(t, filepath.Join(dir, p.files[0]))
			if summary, err := os.ReadFile(filepath.Join(dir, "summary.md")); name == "GitHub" &&
				(err != nil || !strings.Contains(string(summary), "| place |")) {
				t.Errorf("the summary is %s (%v)", summary, err)
			}
		}
	}
}

// run runs the scripts of a pipeline in a folder and returns how the first failed that did.
func (p pipeline) run(t *testing.T, dir, binary, text string) (code int, said string) {
	t.Helper()
	tools := filepath.Join(dir, "tools")
	for path, content := range map[string]string{
		"infra/main.tf": text,
		// The other files are as in a checkout of the sources.
		".sgfw/go.mod": "module sgfw\n",
		"tools/git": "#!/bin/sh\n[ \"$1\" = clone ] || exit 1\nfor dir; do :; done\n" +
			"mkdir -p \"$dir\"\n",
		"tools/go": fmt.Sprintf("#!/bin/sh\n[ \"$1 $2 $4\" = \"build -o ./cmd/sgfw\" ] || exit 1\n"+
			"exec cp '%s' \"$3\"\n", binary),
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range p.scripts {
		c := exec.CommandContext(t.Context(), "sh", "-ec", script)
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"),
			"GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"))
		out, err := c.CombinedOutput()
		said += script + "\n" + string(out)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), said
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return 0, said
}

// sound: a file for a code host is whole.
func sound(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	var doc struct {
		XMLName xml.Name
		Runs    []any `xml:"-"`
	}
	if strings.HasSuffix(path, ".xml") {
		err = xml.Unmarshal(data, &doc)
	} else if err = json.Unmarshal(data, &doc); err == nil && len(doc.Runs) != 1 {
		err = errors.New("no run")
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", path, err, data)
	}
}
