package conntrack

// assessQuery is Assess of an ICMP query flow. The opener sends queries and the other
// side replies. Anything else has the same tuple by accident and is left to the
// rules.
func (f *Flow) assessQuery(p *PacketMeta) Outcome {
	if p.Reply == (p.Dir != f.Opener()) {
		return OutcomeMember
	}
	return OutcomeRules
}

// stepReply changes the state of an ICMP query flow or a flow of another protocol: any
// packet against the opener's direction is an answer.
func (f *Flow) stepReply(d Direction) {
	if d != f.Opener() {
		f.state = StateReplied
	}
}
