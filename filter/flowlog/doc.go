// Package flowlog makes records of flow logs from what an engine keeps account of: it adds up
// the traffic of a window, and knows what was lost.
package flowlog
