package replay

import (
	"fmt"
	"strconv"
	"strings"

	"sgfw/filter"
)

// Note is what the comment of a captured packet says: where sgfw met it, and what was
// decided.
type Note struct {
	Verdict, Reason string
	// Rule is the name of what permitted the packet or its flow, "" for none.
	Rule string
	// Device and Direction are the crossing that decided, "" for none.
	Device, Direction string
	Hook              filter.Hook
	// In and Out are the devices that it crossed, "" for none.
	In, Out string
	Bridged bool
	// Info is filter/packet.Frame.Info.
	Info uint32
	// Before and After are the states of the flow, NoFlow for none.
	Before, After string
	// Ruleset is the generation of the ruleset that decided.
	Ruleset uint64
}

// NoFlow is the state of a flow that is not there.
const NoFlow = "none"

// mark begins every comment of ours.
const mark = "sgfw"

var hookNames = [...]string{
	filter.HookPrerouting: "prerouting", filter.HookInput: "input", filter.HookForward: "forward",
	filter.HookOutput: "output", filter.HookPostrouting: "postrouting",
}

// String is the comment: words that people can read and look for in Wireshark, with
// frame.comment contains "reason=no-rule".
func (n *Note) String() string {
	var b strings.Builder
	b.WriteString(mark)
	put := func(key, value string) {
		if value == "" {
			return
		}
		if strings.ContainsAny(value, " \"=") || !printable(value) {
			value = strconv.Quote(value)
		}
		b.WriteString(" " + key + "=" + value)
	}
	put("verdict", n.Verdict)
	put("reason", n.Reason)
	put("rule", n.Rule)
	put("device", n.Device)
	put("direction", n.Direction)
	put("before", n.Before)
	put("after", n.After)
	if int(n.Hook) < len(hookNames) {
		put("hook", hookNames[n.Hook])
	}
	put("in", n.In)
	put("out", n.Out)
	if n.Bridged {
		put("bridged", "true")
	}
	put("info", strconv.FormatUint(uint64(n.Info), 10))
	put("ruleset", strconv.FormatUint(n.Ruleset, 10))
	return b.String()
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// ParseNote reads a comment. It is nil for one that is not of ours, and an error for one that
// begins as ours do and is not whole.
func ParseNote(comment string) (*Note, error) {
	rest, ours := strings.CutPrefix(comment, mark+" ")
	if !ours {
		return nil, nil
	}
	n := &Note{}
	hook := -1
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, fmt.Errorf("comment %.60q: %.20q has no value", comment, rest)
		}
		var value string
		var err error
		if strings.HasPrefix(after, `"`) {
			quoted, qerr := strconv.QuotedPrefix(after)
			if qerr != nil {
				return nil, fmt.Errorf("comment %.60q: %s: %w", comment, key, qerr)
			}
			value, err = strconv.Unquote(quoted)
			rest = strings.TrimPrefix(after[len(quoted):], " ")
		} else {
			value, rest, _ = strings.Cut(after, " ")
		}
		if err == nil {
			err = n.set(key, value, &hook)
		}
		if err != nil {
			return nil, fmt.Errorf("comment %.60q: %s: %w", comment, key, err)
		}
	}
	if hook < 0 || n.Verdict == "" {
		return nil, fmt.Errorf("comment %.60q: it has no verdict, or no hook", comment)
	}
	n.Hook = filter.Hook(hook)
	return n, nil
}

// set takes one value of a comment. Keys that a later version may add are no error.
func (n *Note) set(key, value string, hook *int) (err error) {
	switch key {
	case "verdict":
		n.Verdict = value
	case "reason":
		n.Reason = value
	case "rule":
		n.Rule = value
	case "device":
		n.Device = value
	case "direction":
		n.Direction = value
	case "before":
		n.Before = value
	case "after":
		n.After = value
	case "in":
		n.In = value
	case "out":
		n.Out = value
	case "bridged":
		n.Bridged, err = strconv.ParseBool(value)
	case "hook":
		for h, name := range hookNames {
			if name == value {
				*hook = h
			}
		}
		if *hook < 0 {
			return fmt.Errorf("%q is no hook", value)
		}
	case "info":
		var info uint64
		info, err = strconv.ParseUint(value, 10, 32)
		n.Info = uint32(info)
	case "ruleset":
		n.Ruleset, err = strconv.ParseUint(value, 10, 64)
	}
	return err
}
