package manual

import (
	"io"

	"sgfw/policy/file"
)

// Policy writes sgfw.yaml(5) with an example that loads.
func Policy(w io.Writer, parts []file.Part, version, example string) error {
	p := newPage("sgfw.yaml", "5", "File Formats", version)
	p.macro("SH", "NAME")
	p.lines("sgfw.yaml - policy of sgfw(8)")
	p.macro("SH", "DESCRIPTION")
	p.text(`The policy says which packets may cross the network devices of a machine:
security groups, which only permit, attached to interfaces. Its words are those
of Terraform's aws_security_group, and AWS's quotas hold.

A key that stands without a value is an error, and so is a key that is not
described here. sgfw check reports everything that is wrong at once.`)
	for _, part := range parts {
		title := part.Path
		if title == "" {
			title = "THE FILE"
		}
		p.macro("SH", title)
		p.text(part.Text)
		for _, k := range part.Keys {
			p.macro("TP")
			p.macro("BI", k.Name+": ", k.Takes())
			p.text(k.Says())
		}
	}
	p.macro("SH", "EXAMPLE")
	p.verbatimYAML(example)
	p.macro("SH", "SEE ALSO")
	p.lines("sgfw(8)")
	return p.flush(w)
}

// verbatimYAML keeps the indentation, which means something.
func (p *page) verbatimYAML(s string) {
	p.macro("nf")
	p.lines(s)
	p.macro("fi")
}
