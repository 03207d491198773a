package source

import (
	"crypto/sha256"
	"encoding/hex"
)

// Revision is the text of a policy at some moment.
type Revision struct {
	Text []byte `json:"text"`
	// Sum is the SHA-256 of Text in hexadecimal.
	Sum string `json:"sha256"`
	// Writers is who could change the file that it was read from, see [Writers].
	Writers Writer `json:"-"`
}

// NewRevision returns the text with its sum.
func NewRevision(text []byte) Revision {
	sum := sha256.Sum256(text)
	return Revision{Text: text, Sum: hex.EncodeToString(sum[:])}
}

// Same reports whether both are the same text.
func (r Revision) Same(o Revision) bool { return r.Sum == o.Sum }

// Intact reports whether the text is the one that the sum was made of.
func (r Revision) Intact() bool { return r.Same(NewRevision(r.Text)) }
