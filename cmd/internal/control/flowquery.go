package control

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"sgfw/cmd/internal/api"
)

// flowQueryTexts are the parts of a query that are text, by their names in a URL.
func flowQueryTexts(q *api.FlowQuery) map[string]*string {
	return map[string]*string{
		"interface": &q.Interface, "protocol": &q.Protocol, "from": &q.From, "to": &q.To,
		"address": &q.Address, "port": &q.Port, "state": &q.State, "group": &q.Group, "rule": &q.Rule,
		"where": &q.Where,
	}
}

// flowQueryValues is the query in a URL.
func flowQueryValues(q api.FlowQuery) url.Values {
	v := url.Values{}
	for name, text := range flowQueryTexts(&q) {
		if *text != "" {
			v.Set(name, *text)
		}
	}
	if q.Orphans {
		v.Set("orphans", "true")
	}
	if q.Newest {
		v.Set("newest", "true")
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// parseFlowQuery is the reverse of flowQueryValues. A name that it does not know is an
// error: a selector that is overlooked would select too much.
func parseFlowQuery(v url.Values) (q api.FlowQuery, err error) {
	texts := flowQueryTexts(&q)
	for name := range v {
		value := v.Get(name)
		switch text := texts[name]; {
		case text != nil:
			*text = value
		case name == "orphans":
			q.Orphans, err = strconv.ParseBool(value)
		case name == "newest":
			q.Newest, err = strconv.ParseBool(value)
		case name == "limit":
			if q.Limit, err = strconv.Atoi(value); err == nil && q.Limit < 0 {
				err = strconv.ErrRange
			}
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return q, &api.Failure{Kind: api.KindUsage,
				Message: fmt.Sprintf("flows: %s=%q: %v", name, value, err)}
		}
	}
	return q, nil
}
