package yamltext

import (
	"fmt"
	"unicode/utf8"

	"sgfw/policy"
)

// Check returns how much structure a text has, which is how many of its characters can begin a
// node, and so what reading takes. It returns a problem where the text must not be read at all:
// other encodings than UTF-8, and line breaks that editors do not count.
func Check(data []byte) (structure int, bad *policy.Problem) {
	line, col := 1, 1
	fresh := true // only spaces and dashes on this line so far
	for i := 0; i < len(data); {
		c, size := rune(data[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(data[i:])
		}
		switch {
		case c == utf8.RuneError && size == 1:
			return 0, problem(line, col, "save the file as UTF-8", "this is not UTF-8")
		case c == '\u0085' || c == '\u2028' || c == '\u2029' || c == '\r' &&
			(i+1 >= len(data) || data[i+1] != '\n'):
			return 0, problem(line, col, "end lines with a line feed", "an unusual line break: %U", c)
		case c == '\n':
			structure++
			line, col, fresh = line+1, 0, true
		case c == ',' || c == '[' || c == '{' || c == '#':
			structure++
		case (c == '-' || c == '?' || c == ':') &&
			(i+1 >= len(data) || data[i+1] == ' ' || data[i+1] == '\t'):
			// The first dash or key of a line is counted by the line.
			if !fresh {
				structure++
			}
			fresh = false
		}
		col++
		i += size
	}
	return structure, nil
}

func problem(line, col int, hint, format string, a ...any) *policy.Problem {
	return &policy.Problem{Pos: policy.Pos{Line: line, Col: col}, Hint: hint,
		Message: fmt.Sprintf(format, a...)}
}
