package process

import "fmt"

// Namespace is a network namespace. The zero value is none that is known.
type Namespace struct {
	// Inode tells it from others for as long as it is there.
	Inode uint64
	// Name is what ip-netns(8) calls it: the first of its names, "" for none.
	Name string
	// Initial is true for the one that the machine has from its start on.
	Initial bool
}

// Known reports whether it is known at all.
func (n Namespace) Known() bool { return n.Inode != 0 }

// Same reports whether both are known, and are one.
func (n Namespace) Same(o Namespace) bool { return n.Known() && n.Inode == o.Inode }

// Other reports whether both are known, and are two.
func (n Namespace) Other(o Namespace) bool { return n.Known() && o.Known() && n.Inode != o.Inode }

// Lasting is the name by which it is known after the next boot, too, as far as it has one:
// "" for the initial one and those without a name.
func (n Namespace) Lasting() string {
	if n.Initial {
		return ""
	}
	return n.Name
}

// String names it for people, "" if it is not known.
func (n Namespace) String() string {
	switch {
	case !n.Known():
		return ""
	case n.Initial:
		return fmt.Sprintf("the machine's own (%d)", n.Inode)
	case n.Name != "":
		return fmt.Sprintf("%s (%d)", n.Name, n.Inode)
	}
	return fmt.Sprint(n.Inode)
}
