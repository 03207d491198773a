package policy

// MaxCollected is how many problems of one severity a [Collector] keeps: more
// than anybody reads, few enough that a hostile policy costs little.
const MaxCollected = 2000

// Collector gathers problems, up to MaxCollected of each severity, so that
// warnings never displace an error. The zero value is empty. It is for one
// goroutine.
type Collector struct {
	problems Problems
	kept     [SeverityNotice + 1]int
	aws      int // those with Problem.AWS, which make or break a policy for AWS
}

// Full reports whether Add would drop a problem of that severity.
func (c *Collector) Full(s Severity) bool { return c.kept[s] >= MaxCollected }

// Add keeps a problem if there is room.
func (c *Collector) Add(p Problem) {
	switch {
	case p.AWS && c.aws < MaxCollected:
		c.aws++
		c.problems = append(c.problems, p)
	case !p.AWS && !c.Full(p.Severity):
		c.kept[p.Severity]++
		c.problems = append(c.problems, p)
	}
}

// Failed reports whether there is an error among the problems.
func (c *Collector) Failed() bool { return c.kept[SeverityError] > 0 }

// Problems returns what was kept, in the order in which it came.
func (c *Collector) Problems() Problems { return c.problems }
