package harness

// ProgramEnv names a finished program to test in place of one built from this
// tree: `make test MUTANTS=1` puts its mutants there.
const ProgramEnv = "SGFW_BINARY"

// Program is the program under test.
var Program string
