package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
)

// version is set by the linker for a release: -X main.version=v1.2.3.
var version string

// versionDocument is what `version -o json` prints.
type versionDocument struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// buildVersion says what this program was built from.
func buildVersion() versionDocument {
	d := versionDocument{
		Schema: api.Schema, Version: version,
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
	dirty := false
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				d.Commit = s.Value
			case "vcs.modified":
				dirty = s.Value == "true"
			}
		}
	}
	if dirty {
		d.Commit += "+dirty"
	}
	if d.Version == "" {
		d.Version = "devel"
	}
	return d
}

// versionLine is the same for people.
func versionLine(d versionDocument) string {
	line := fmt.Sprintf("sgfw %s %s/%s %s", d.Version, d.OS, d.Arch, d.Go)
	if d.Commit != "" {
		line += " " + d.Commit
	}
	return line
}

func (p *program) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which sgfw this is",
		Example: `  sgfw version -o json`,
		Args:    cobra.NoArgs,
	}
	out := outputFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		d := buildVersion()
		if *out == formatJSON {
			return p.printJSON(d)
		}
		_, err := fmt.Fprintln(p.out, versionLine(d))
		return err
	}
	return c
}
