// Package convert is what the importers of other formats have in common: what they are
// given, what they give, and a [Draft], in which parts are called by what their format
// calls them until every one has a name.
//
// An importer is a package of its own, policy/awsjson for one. It is a function from
// [Source]s and [Options] to a [Result] and touches nothing else.
package convert
