package state

import "strings"

// Altnames are the devices that a daemon manages by an altname, so that the next one does,
// too, where they have lost it meanwhile.
type Altnames struct {
	// Boot is that of the machine, and Network the inode of the network namespace, in which
	// the numbers mean something.
	Boot    string `json:"boot"`
	Network uint64 `json:"network_namespace"`
	// Numbers are the interface indexes by altname.
	Numbers map[string]uint32 `json:"numbers"`
}

// altnamesDocument is the file.
type altnamesDocument struct {
	Version  int       `json:"version"`
	Altnames *Altnames `json:"altnames"`
}

// altnamesName is the file beside that of the record.
func (s *Store) altnamesName() string {
	return strings.Replace(s.name, "trial-", "altnames-", 1)
}

// LoadAltnames returns the devices that the last daemon managed by an altname, the zero
// value if none is known of. The errors are those of [Store.Load].
func (s *Store) LoadAltnames() (Altnames, error) {
	var doc altnamesDocument
	if there, err := s.read(s.altnamesName(), &doc); !there {
		return Altnames{}, err
	}
	if doc.Version != version || doc.Altnames == nil {
		return Altnames{}, s.corrupt(s.altnamesName())
	}
	return *doc.Altnames, nil
}

// SaveAltnames replaces them, as [Store.Save] does the record.
func (s *Store) SaveAltnames(a Altnames) error {
	return s.write(s.altnamesName(), altnamesDocument{Version: version, Altnames: &a})
}
