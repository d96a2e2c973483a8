package archive

import (
	"encoding/json"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// entityRef is how the column resource_entity_refs says which attributes of a
// resource name an entity.
type entityRef struct {
	Type            string   `json:"type,omitempty"`
	SchemaURL       string   `json:"schema_url,omitempty"`
	IDKeys          []string `json:"id_keys,omitempty"`
	DescriptionKeys []string `json:"description_keys,omitempty"`
}

// entityRefs writes the entities of a resource, as JSON.
func (r *row) entityRefs(res pcommon.Resource) {
	refs := entity.ResourceEntityRefs(res)
	if refs.Len() == 0 {
		return
	}
	list := make([]entityRef, 0, refs.Len())
	clean := func(texts ...string) []string {
		for i := range texts {
			texts[i] = r.text(texts[i])
		}
		return texts
	}
	for _, ref := range refs.All() {
		list = append(list, entityRef{
			Type:            r.text(ref.Type()),
			SchemaURL:       r.text(ref.SchemaUrl()),
			IDKeys:          clean(ref.IdKeys().AsRaw()...),
			DescriptionKeys: clean(ref.DescriptionKeys().AsRaw()...),
		})
	}
	text, _ := json.Marshal(list) // strings only: cannot fail
	r.addBytes(colResourceEntityRefs, 0, text)
}

// setEntityRefs is the other direction.
func setEntityRefs(res pcommon.Resource, text string) error {
	var list []entityRef
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return fmt.Errorf("resource_entity_refs: %w", err)
	}
	refs := entity.ResourceEntityRefs(res)
	for _, e := range list {
		ref := refs.AppendEmpty()
		ref.SetType(e.Type)
		ref.SetSchemaUrl(e.SchemaURL)
		ref.IdKeys().FromRaw(e.IDKeys)
		ref.DescriptionKeys().FromRaw(e.DescriptionKeys)
	}
	return nil
}
