package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of text, in Unicode code points (§1.6, R23, R25, R38).
const (
	MaxName        = 255
	MaxDescription = 255
	MaxTagKey      = 127
	MaxTagValue    = 256
	// MaxTags is how many tags one group takes.
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

// quote is a string from outside in the form for a message: quoted and shortened.
func quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.Quote(s)
}

// checkText checks what names and descriptions have in common: length and characters.
func checkText(field, what, s string, most int) *Problem {
	if n := utf8.RuneCountInString(s); n > most {
		return &Problem{Field: field, Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s has %d characters", what, n), Hint: fmt.Sprintf("at most %d", most)}
	}
	if c, bad := outside(s); bad {
		return &Problem{Field: field, Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s has a character that AWS does not take: %s", what,
				strconv.Quote(string(c))),
			Hint: "letters, digits, spaces and " + namePunctuation}
	}
	return nil
}

// checkName checks the name by which other parts refer to something; kind says what it
// is, such as "group".
func checkName(kind, name string) *Problem {
	switch {
	case name == "":
		return &Problem{Field: "name", Code: MissingParameter, Message: "the " + kind + " has no name"}
	case strings.TrimSpace(name) != name:
		return &Problem{Field: "name", Code: InvalidParameterValue,
			Message: fmt.Sprintf("%s name %s begins or ends with a space", kind, quote(name)),
			Hint:    "write it without"}
	}
	return checkText("name", kind+" name "+quote(name), name, MaxName)
}

// checkGroupName adds what AWS reserves (R35).
func checkGroupName(name string) *Problem {
	switch {
	case len(name) >= 3 && strings.EqualFold(name[:3], "sg-"):
		return &Problem{Field: "name", Code: InvalidParameterValue,
			Message: fmt.Sprintf("group name %s looks like a group ID", quote(name)),
			Hint:    "names must not begin with sg-"}
	case strings.EqualFold(name, "default"):
		return &Problem{Field: "name", Code: ReservedGroup,
			Message: fmt.Sprintf("group name %s is reserved", quote(name)),
			Hint: "every policy has it: its rules go under default_security_group, and an interface " +
				"without security_groups has it"}
	}
	return checkName("group", name)
}

// checkListName adds what AWS reserves (R25).
func checkListName(name string) *Problem {
	if strings.HasPrefix(strings.ToLower(name), "com.amazonaws") {
		return &Problem{Field: "name", Code: InvalidParameterValue,
			Message: fmt.Sprintf("prefix list name %s is reserved", quote(name)),
			Hint:    "com.amazonaws is for the lists that AWS manages"}
	}
	return checkName("prefix list", name)
}

// checkTags returns the first thing wrong with a group's tags.
func checkTags(tags map[string]string) *Problem {
	if len(tags) > MaxTags {
		return &Problem{Field: "tags", Code: TagLimitExceeded,
			Message: fmt.Sprintf("%d tags", len(tags)), Hint: fmt.Sprintf("at most %d", MaxTags)}
	}
	for _, key := range sortedKeys(tags) {
		value := tags[key]
		bad := func(code Code, hint, format string, a ...any) *Problem {
			return &Problem{Field: "tags." + key, Code: code, Message: fmt.Sprintf(format, a...), Hint: hint}
		}
		switch {
		case key == "":
			return bad(MalformedTagKey, "", "a tag key is empty")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return bad(MalformedTagKey, "aws: is for AWS", "tag key %s is reserved", quote(key))
		case utf8.RuneCountInString(key) > MaxTagKey:
			return bad(MalformedTagKey, fmt.Sprintf("at most %d characters", MaxTagKey),
				"tag key %s is too long", quote(key))
		case utf8.RuneCountInString(value) > MaxTagValue:
			return bad(InvalidParameterValue, fmt.Sprintf("at most %d characters", MaxTagValue),
				"the value of tag %s is too long", quote(key))
		case !printable(key) || !printable(value):
			return bad(InvalidParameterValue, "", "tag %s has a character that cannot be printed",
				quote(key))
		}
	}
	return nil
}

// checkNote checks the description of a prefix list entry, for which AWS documents a
// length but no set of characters (R23).
func checkNote(s string) *Problem {
	if n := utf8.RuneCountInString(s); n > MaxDescription {
		return &Problem{Field: "description", Code: InvalidParameterValue,
			Message: fmt.Sprintf("the description has %d characters", n),
			Hint:    fmt.Sprintf("at most %d", MaxDescription)}
	}
	if !printable(s) {
		return &Problem{Field: "description", Code: InvalidParameterValue,
			Message: "the description has a character that cannot be printed"}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s,
		func(r rune) bool { return !unicode.IsPrint(r) })
}
