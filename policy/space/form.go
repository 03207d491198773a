package space

import "sgfw/policy"

// A form is what one rule can say of selectors, or one line of a comparison: a range of
// ports of one protocol, a type of ICMP, a whole protocol, all of them.
type form = spans

// ruleForms returns the widest forms of rules whose selectors are all in l. What only rules
// for all protocols permit is in none of them unless l is everything.
func ruleForms(l spans) []form {
	if len(l) == 1 && l[0] == whole {
		return []form{{whole}}
	}
	var out []form
	for _, s := range l {
		for p := s.Lo.Protocol(); p <= s.Hi.Protocol() && p <= policy.MaxProtocol; p++ {
			all := spanOf(p)
			part := Span{max(s.Lo, all.Lo), min(s.Hi, all.Hi)}
			switch {
			case p.HasPorts() || part == all:
				out = append(out, form{part})
			case p.IsICMP():
				out = append(out, typeForms(part)...)
			}
		}
	}
	return out
}

// typeForms are those of types of ICMP, or of single codes.
func typeForms(s Span) (out []form) {
	for lo := s.Lo; ; {
		hi := lo
		if end := lo | 0xff; lo&0xff == 0 && end <= s.Hi {
			hi = end
		}
		if out = append(out, form{{lo, hi}}); hi == s.Hi {
			return out
		}
		lo = hi + 1
	}
}

// lineForms returns the widest forms of lines: those of rules, and all protocols but some.
func lineForms(l spans) []form {
	if l.has(Portless) {
		return []form{l}
	}
	return ruleForms(l)
}

// contains reports whether all of o is in l.
func (l spans) contains(o form) bool {
	for _, s := range o {
		if !l.covers(s) {
			return false
		}
	}
	return true
}

// within returns the narrowest form of rules in which all of l is, which is not empty.
func within(l spans) Span {
	lo, hi := l[0].Lo, l[len(l)-1].Hi
	p := lo.Protocol()
	switch {
	case p != hi.Protocol():
		return whole
	case p.HasPorts() || lo == hi:
		return Span{lo, hi}
	case p.IsICMP() && lo>>8 == hi>>8:
		return Span{lo &^ 0xff, lo | 0xff}
	}
	return spanOf(p)
}

// fields are a form as a rule has it.
func fields(s Span) (p policy.Protocol, from, to int) {
	if s == whole {
		return policy.AllProtocols, -1, -1
	}
	p = s.Lo.Protocol()
	switch {
	case p.HasPorts():
		return p, s.Lo.Low(), s.Hi.Low()
	case p.IsICMP() && s == spanOf(p):
		return p, -1, -1
	case p.IsICMP() && s.Lo == s.Hi:
		return p, s.Lo.Low() >> 8, s.Lo.Low() & 0xff
	case p.IsICMP():
		return p, s.Lo.Low() >> 8, -1
	}
	return p, -1, -1
}
