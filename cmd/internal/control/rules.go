package control

import (
	"context"
	"net/http"

	"sgfw/cmd/internal/api"
)

// Rules asks for the rules and their hits.
func (c *Client) Rules(ctx context.Context, q api.RulesQuery) (api.RulesReply, error) {
	var doc api.RulesReply
	err := c.document(ctx, http.MethodPost, "rules", q, &doc, &doc.Schema, askPatience)
	return doc, err
}
