package cwlogs

import (
	"maps"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// The limits of tags on one log group.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return rpc.Errorf("TooManyTagsException", "there are %d tags, at most %d are allowed", len(tags), maxTags)
	}
	for k, v := range tags {
		if k == "" || len(k) > maxTagKey || len(v) > maxTagValue {
			return invalid("the tag %q must have a key of 1 to %d characters and a value of at most %d", cut(k), maxTagKey, maxTagValue)
		}
	}
	return nil
}

type tagsInput struct {
	ResourceArn string            `json:"resourceArn"`
	Tags        map[string]string `json:"tags"`
	TagKeys     []string          `json:"tagKeys"`
}

type tagsOutput struct {
	Tags map[string]string `json:"tags"`
}

func (a *API) tagResource(in *tagsInput) (*rpc.Empty, error) {
	g, err := a.Logs.Group(groupOf(in.ResourceArn))
	if err != nil {
		return nil, answer(err)
	}
	tags := g.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	return &rpc.Empty{}, answer(a.Logs.SetTags(g.Name, tags))
}

func (a *API) untagResource(in *tagsInput) (*rpc.Empty, error) {
	g, err := a.Logs.Group(groupOf(in.ResourceArn))
	if err != nil {
		return nil, answer(err)
	}
	for _, k := range in.TagKeys {
		delete(g.Tags, k)
	}
	return &rpc.Empty{}, answer(a.Logs.SetTags(g.Name, g.Tags))
}

func (a *API) listTagsForResource(in *tagsInput) (*tagsOutput, error) {
	g, err := a.Logs.Group(groupOf(in.ResourceArn))
	if err != nil {
		return nil, answer(err)
	}
	if g.Tags == nil {
		g.Tags = map[string]string{}
	}
	return &tagsOutput{g.Tags}, nil
}
