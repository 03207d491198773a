package screen

// Style is how a text looks where colours show.
type Style uint8

// Styles. Their meaning never depends on colour alone: a word says the same.
const (
	Plain Style = iota
	// Head is the heading of a table.
	Head
	// Good is as it should be: running, passed, accepted, added.
	Good
	// Warn is to be looked at.
	Warn
	// Bad is what went wrong: degraded, dropped, refused, removed.
	Bad
	// Faint is of less importance.
	Faint
)

// codes are the parameters of SGR (ECMA-48 8.3.117): the eight colours that every
// terminal has, as its user chose them.
var codes = [...]string{Plain: "", Head: "1", Good: "32", Warn: "33", Bad: "31", Faint: "2"}

// Paint is the text in a style, where colours show.
func (s Screen) Paint(style Style, text string) string {
	if !s.Colour || text == "" || codes[style] == "" {
		return text
	}
	return "\x1b[" + codes[style] + "m" + text + "\x1b[0m"
}
