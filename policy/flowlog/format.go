package flowlog

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultFormat is the format of AWS's version 2 (F1).
const DefaultFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} " +
	"${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// MaxFormat is the longest format string, in bytes: every field fits several times over.
const MaxFormat = 4096

// Format is which fields records have, in order.
type Format struct {
	fields  []Field
	version int
}

// FormatError says what is wrong with a format string.
type FormatError struct {
	// Column is where, in bytes from 1.
	Column int
	// Message says what, Hint what to do about it, "" for nothing.
	Message, Hint string
}

// Error is the message with its place.
func (e *FormatError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// ParseFormat reads a format string: names of fields as ${name}, with a space between two
// (F3). The error is a *FormatError.
func ParseFormat(s string) (Format, error) {
	const example = "fields are ${name}, with one space between two"
	fail := func(at int, hint, format string, a ...any) (Format, error) {
		return Format{}, &FormatError{at + 1, fmt.Sprintf(format, a...), hint}
	}
	var f Format
	if len(s) > MaxFormat {
		return fail(MaxFormat, "", "the format is longer than %d bytes", MaxFormat)
	}
	if s == "" {
		return fail(0, example, "the format has no field")
	}
	for at := 0; ; {
		token, _, more := strings.Cut(s[at:], " ")
		name, opened := strings.CutPrefix(token, "${")
		name, closed := strings.CutSuffix(name, "}")
		switch field, ok := FieldNamed(name); {
		case !opened || !closed:
			return fail(at, example, "%q is no field", clip(token))
		case !ok:
			return fail(at, nearest(name), "there is no field %q", clip(name))
		case slices.Contains(f.fields, field):
			return fail(at, "write it once", "the field %s is there twice", field)
		default:
			f.fields = append(f.fields, field)
			f.version = max(f.version, field.Since())
		}
		if at += len(token) + 1; !more {
			break
		}
	}
	f.version = max(f.version, 2)
	return f, nil
}

// clip keeps messages short.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// nearest is a hint for a name that no field has.
func nearest(name string) string {
	plain := strings.ToLower(strings.NewReplacer("_", "-", " ", "").Replace(name))
	for _, f := range Fields() {
		own := f.String()
		if own == plain || own == ownPrefix+plain || strings.ReplaceAll(own, "-", "") ==
			strings.ReplaceAll(plain, "-", "") {
			return "did you mean ${" + own + "}?"
		}
	}
	return "flow-logs.md lists the fields"
}

// String is the format string.
func (f Format) String() string {
	var b strings.Builder
	for i, field := range f.fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("${" + field.String() + "}")
	}
	return b.String()
}

// Fields are the fields in order. They are not to be changed.
func (f Format) Fields() []Field { return f.fields }

// Version is what the field version says: the highest one that a field needs (F2).
func (f Format) Version() int { return f.version }

// Header is the first line of a text file, without its end.
func (f Format) Header() string {
	names := make([]string, len(f.fields))
	for i, field := range f.fields {
		names[i] = field.String()
	}
	return strings.Join(names, " ")
}
