package cwlogs

import "slices"

// entity says what the events of a request are about.
type entity struct {
	KeyAttributes map[string]string `json:"keyAttributes"`
	Attributes    map[string]string `json:"attributes"`
}

type rejectedEntity struct {
	ErrorType string `json:"errorType"`
}

const (
	maxKeyAttributes  = 4
	maxAttributes     = 10
	maxAttributeName  = 256
	maxAttributeValue = 512
)

// check says why CloudWatch would not take the entity; nil if it would. The
// events are kept all the same.
func (e *entity) check(class string) *rejectedEntity {
	if class != classStandard {
		return &rejectedEntity{"UnsupportedLogGroupType"}
	}
	if len(e.KeyAttributes) > maxKeyAttributes || len(e.Attributes) > maxAttributes {
		return &rejectedEntity{"EntitySizeTooLarge"}
	}
	known := []string{"Type", "ResourceType", "Identifier", "Name", "Environment"}
	for k, v := range e.KeyAttributes {
		if !slices.Contains(known, k) || v == "" || len(v) > maxAttributeValue {
			return &rejectedEntity{"InvalidKeyAttributes"}
		}
	}
	for k, v := range e.Attributes {
		if k == "" || len(k) > maxAttributeName || len(v) > maxAttributeValue {
			return &rejectedEntity{"InvalidAttributes"}
		}
	}
	var required []string
	switch e.KeyAttributes["Type"] {
	case "":
		required = []string{"Type"}
	case "Service", "RemoteService", "AWS::Service":
		required = []string{"Name", "Environment"}
	case "Resource", "AWS::Resource":
		required = []string{"ResourceType", "Identifier"}
	default:
		return &rejectedEntity{"InvalidTypeValue"}
	}
	for _, k := range required {
		if e.KeyAttributes[k] == "" {
			return &rejectedEntity{"MissingRequiredFields"}
		}
	}
	return nil
}
