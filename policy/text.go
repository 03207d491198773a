package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of text, in Unicode code points (§1.6, R23, R25, R38). Those of descriptions and
// tags are AWS's: beyond them is a notice. MaxText is ours, and MaxName both.
const (
	MaxName        = 255
	MaxText        = 1024
	MaxDescription = 255
	MaxTagKey      = 127
	MaxTagValue    = 256
	// MaxTags is how many tags AWS gives a group or a rule.
	MaxTags = 50
)

// namePunctuation is what names and descriptions take besides ASCII letters,
// digits and spaces. "&" is allowed everywhere: AWS disagrees with itself and
// the superset is the safe reading (R36).
const namePunctuation = `._-:/()#,@[]+=&;{}!$*`

// outside returns the first character that names and descriptions do not take
// (R37).
func outside(s string) (rune, bool) {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ' ':
		case c < utf8.RuneSelf && strings.ContainsRune(namePunctuation, c):
		default:
			return c, true
		}
	}
	return 0, false
}

// Quote is a text from outside in the form for a message: quoted and shortened.
func Quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.Quote(s)
}

// refusedByAWS makes the problem of something that only AWS would refuse, see
// [Problem.AWS]; what names it, as in "the description".
func refusedByAWS(field string, code Code, hint, what, format string, a ...any) *Problem {
	return &Problem{Field: field, Severity: SeverityNotice, AWS: true, Code: code, Hint: hint,
		Message: "AWS would refuse " + what + ": " + fmt.Sprintf(format, a...)}
}

// checkCharacters reports a character that AWS does not take in names of groups and in
// descriptions (R37).
func checkCharacters(field, what, s string) *Problem {
	if c, bad := outside(s); bad {
		return refusedByAWS(field, InvalidParameterValue,
			"letters, digits, spaces and "+namePunctuation, what, "it has the character %s",
			strconv.Quote(string(c)))
	}
	return nil
}

// checkText reports text that cannot be shown: what cannot be printed, such as line ends
// and the escape sequences of terminals, and what is longer than anybody reads.
func checkText(field, what, s string, most int) *Problem {
	if n := utf8.RuneCountInString(s); n > most {
		return &Problem{Field: field, Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s has %d characters", what, n), Hint: fmt.Sprintf("at most %d", most)}
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			hint := ""
			if c == '\n' {
				hint = "write it in one line"
			}
			return &Problem{Field: field, Code: InvalidParameterValue, Hint: hint,
				Message: fmt.Sprintf("%s has a character that cannot be printed: %s", what,
					strconv.Quote(string(c)))}
		}
	}
	return nil
}

// checkDescription checks the description of a group or a rule (§1.6).
func checkDescription(s string) *Problem {
	if bad := checkNote(s); bad != nil {
		return bad
	}
	return checkCharacters("description", "the description", s)
}

// checkNote checks the description of a prefix list entry, for which AWS documents a
// length but no set of characters (R23).
func checkNote(s string) *Problem {
	if bad := checkText("description", "the description", s, MaxText); bad != nil {
		return bad
	}
	if n := utf8.RuneCountInString(s); n > MaxDescription {
		return refusedByAWS("description", InvalidParameterValue,
			fmt.Sprintf("at most %d", MaxDescription), "the description", "it has %d characters", n)
	}
	return nil
}

// checkName checks the name by which other parts refer to something; kind says what it
// is, such as "group".
func checkName(kind, name string) *Problem {
	if strings.TrimSpace(name) == "" {
		return &Problem{Field: "name", Code: MissingParameter, Message: "the " + kind + " has no name"}
	}
	return checkText("name", kind+" name "+Quote(name), name, MaxName)
}

// checkGroupName adds what AWS reserves (R35).
func checkGroupName(name string) *Problem {
	switch {
	case len(name) >= 3 && strings.EqualFold(name[:3], "sg-"):
		return &Problem{Field: "name", Code: InvalidParameterValue,
			Message: fmt.Sprintf("group name %s looks like a group ID", Quote(name)),
			Hint:    "names must not begin with sg-"}
	case strings.EqualFold(name, "default"):
		return &Problem{Field: "name", Code: ReservedGroup,
			Message: fmt.Sprintf("group name %s is reserved", Quote(name)),
			Hint: "every policy has it: its rules go under default_security_group, and an interface " +
				"without security_groups has it"}
	}
	if bad := checkName("group", name); bad != nil {
		return bad
	}
	if strings.HasSuffix(name, " ") { // AWS cuts it off
		return &Problem{Field: "name", Code: InvalidParameterValue,
			Message: fmt.Sprintf("group name %s ends with a space", Quote(name)), Hint: "write it without"}
	}
	return checkCharacters("name", "group name "+Quote(name), name)
}

// checkListName adds what AWS reserves (R25).
func checkListName(name string) *Problem {
	if bad := checkName("prefix list", name); bad != nil {
		return bad
	}
	if strings.HasPrefix(strings.ToLower(name), "com.amazonaws") {
		return refusedByAWS("name", InvalidParameterValue,
			"com.amazonaws is for the lists that AWS manages", "prefix list name "+Quote(name),
			"it is reserved")
	}
	return nil
}

// checkTags reports everything that is wrong with tags.
func checkTags(tags map[string]string, report func(*Problem)) {
	if len(tags) > MaxTags {
		report(refusedByAWS("tags", TagLimitExceeded, fmt.Sprintf("at most %d", MaxTags), "the tags",
			"there are %d", len(tags)))
	}
	for _, key := range sortedKeys(tags) {
		field, value := "tags."+key, tags[key]
		what := "tag " + Quote(key)
		long := func(code Code, of string, n, most int) {
			if n > most {
				report(refusedByAWS(field, code, fmt.Sprintf("at most %d", most), what,
					"its %s has %d characters", of, n))
			}
		}
		if key == "" {
			report(&Problem{Field: field, Code: MalformedTagKey, Message: "a tag key is empty"})
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			report(refusedByAWS(field, MalformedTagKey, "aws: is for AWS", what, "the key is reserved"))
		}
		report(checkText(field, "the key of "+what, key, MaxText))
		report(checkText(field, "the value of "+what, value, MaxText))
		long(MalformedTagKey, "key", utf8.RuneCountInString(key), MaxTagKey)
		long(InvalidParameterValue, "value", utf8.RuneCountInString(value), MaxTagValue)
	}
}
