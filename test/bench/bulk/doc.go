// Package bulk is one large account, 1,000 groups with 60,000 rules for one, written in each
// format that sgfw reads.
package bulk
