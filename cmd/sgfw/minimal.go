package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sgfw/policy/convert"
	"sgfw/policy/space"
)

// minimalHelp says in help what --minimal keeps.
const minimalHelp = `rules that
others cover go, and ranges and networks are put together. Lists and groups stay what
they are called, so the meaning is the same whatever they hold, and no rule for
0.0.0.0/0 or ::/0 becomes wider: the same flows stay untracked where tracking is as in
AWS.`

func minimalFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("minimal", false, "the same meaning in as few rules as possible")
}

// shorten makes the policy of a result as short as it gets, and says what became of it.
func (p *program) shorten(r *convert.Result) {
	short, said := space.Shorten(r.Policy)
	r.Policy = short
	for _, s := range said {
		text := fmt.Sprintf("%s %s: %s became %d", s.Group, s.Direction, count(s.Before, "rule"),
			s.After)
		if s.After == s.Before {
			text = fmt.Sprintf("%s %s: %s stay", s.Group, s.Direction, count(s.Before, "rule"))
		}
		if !s.Proved {
			text += "; none can be left out, but whether fewer would do is too much to find out"
		}
		p.note("%s", text)
	}
}
