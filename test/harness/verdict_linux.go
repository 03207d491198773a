package harness

// Verdict is what must become of a packet. The zero value is none: traffic without
// a verdict fails its test.
type Verdict int

// The two verdicts.
const (
	Drop Verdict = iota + 1
	Pass
)

// PassIf is Pass if the condition holds, else Drop.
func PassIf(condition bool) Verdict {
	if condition {
		return Pass
	}
	return Drop
}

// expectation is traffic of which a test knows what must become of it.
type expectation[E any] interface {
	Shot | Attempt
	expecting(Verdict) E
}

// Passes says that the traffic must arrive.
func Passes[E expectation[E]](e E) E { return e.expecting(Pass) }

// Drops says that the traffic must not arrive.
func Drops[E expectation[E]](e E) E { return e.expecting(Drop) }

// Expect says which of the two must happen.
func Expect[E expectation[E]](v Verdict, e E) E { return e.expecting(v) }

func (s Shot) expecting(v Verdict) Shot {
	s.Want = v
	return s
}

func (a Attempt) expecting(v Verdict) Attempt {
	a.Want = v
	return a
}

// AllPass says that all of the traffic must arrive.
func AllPass[E expectation[E]](list []E) []E { return each(list, Pass) }

// AllDrop says that none of the traffic may arrive.
func AllDrop[E expectation[E]](list []E) []E { return each(list, Drop) }

// ExpectAll says which of the two must happen to all of the traffic.
func ExpectAll[E expectation[E]](v Verdict, list []E) []E { return each(list, v) }

func each[E expectation[E]](list []E, v Verdict) []E {
	out := make([]E, len(list))
	for i, e := range list {
		out[i] = e.expecting(v)
	}
	return out
}
