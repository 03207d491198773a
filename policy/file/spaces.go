package file

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// spaces reports the first character before a key or its value that looks like a space.
func (d *decoder) spaces(data []byte) bool {
	line, column := 1, 1
	head := headIndent // how far this line is
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		i += size
		if (head == headIndent || head == headColon) && oddSpace(c) {
			what := "in the indentation"
			if head == headColon {
				what = "after the colon"
			}
			d.errorAt(d.pos(line, column), "", "write plain spaces; text copied from web pages may "+
				"have others", "%s %s", spaceName(c), what)
			return false
		}
		if c == '\n' {
			line, column = line+1, 0
		}
		head = head.next(c)
		column++
	}
	return true
}

// head is how far the beginning of a line is read, in which YAML needs plain spaces.
type head uint8

const (
	headIndent head = iota // spaces and dashes
	headKey                // the letters of a key
	headColon              // its colon
	headOver               // what is free
)

// next is the head of a line after one more character.
func (h head) next(c rune) head {
	switch {
	case c == '\n':
		return headIndent
	case h == headIndent && (c == ' ' || c == '-' || c == '\t'):
		return headIndent
	case h <= headKey && (c == '_' || c >= 'a' && c <= 'z'):
		return headKey
	case h == headKey && c == ':':
		return headColon
	}
	return headOver
}

// oddSpace reports what looks like a space or like nothing, and is neither to YAML.
func oddSpace(c rune) bool {
	return c > unicode.MaxASCII && unicode.Is(unicode.Zs, c) ||
		c >= '\u200B' && c <= '\u200D' || c == '\u2060' || c == '\uFEFF'
}

func spaceName(c rune) string {
	if c == '\u00A0' {
		return "a no-break space (U+00A0)"
	}
	return fmt.Sprintf("an unusual space (%U)", c)
}
