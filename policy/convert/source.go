package convert

import (
	"sgfw/policy"
	"sgfw/policy/file"
)

// Source is a file as it was read.
type Source struct {
	// Name is what positions call it: a path, or "stdin".
	Name string
	Data []byte
}

// Options is what the user says beside the sources.
type Options struct {
	// Vars are values of variables or parameters, by name.
	Vars map[string]string
	// Environ are values of variables that give way to those of files, by name: TF_VAR_ of
	// Terraform.
	Environ map[string]string
	// Folder reads the files of a folder that sources refer to, such as a module of
	// Terraform. Nil reads none.
	Folder func(path string) ([]Source, error)
	// PrefixLists are the entries of lists that sources refer to and do not have, such as
	// those of AWS's own services, by ID or name.
	PrefixLists map[string][]policy.PrefixEntry
}

// Result is what an importer found. All positions are those of the sources.
type Result struct {
	// Policy is nil when there is an error among Problems.
	Policy *policy.Policy
	// Comments say by position what could not be kept and what a part was called.
	Comments file.Comments
	Problems policy.Problems
	// Format is the name of the format that was read, as package formats calls it.
	Format string
	// Partial says that others than the policy's peers may have its groups, for the format has
	// no words for all that may, such as load balancers and databases.
	Partial bool
	// Names are the groups' names by what else they are called: an ID, or an address in
	// Terraform.
	Names map[string]string
	// Unsaid are the keys of interfaces and settings that decide on packets and that the
	// format has no words for: the policy has their defaults, which nobody chose.
	Unsaid []string
}

// Failed returns the result of a source in which something is wrong.
func Failed(problems ...policy.Problem) Result {
	return Result{Problems: problems}
}
