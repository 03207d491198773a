// Package report writes what an audit found: for a terminal, for code hosts (SARIF), for
// those who collect test results (JUnit) and as Markdown. What comes from the files that were
// audited is escaped in each.
package report
