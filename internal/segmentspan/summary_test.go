package segmentspan

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// shown is what of a document a Describer tells.
type shown struct {
	ID         string `json:"id"`
	Name       string
	Type       string
	Namespace  string
	Origin     string
	User       string
	ARN        string `json:"resource_arn"`
	InProgress bool   `json:"in_progress"`
	Error      bool
	Throttle   bool
	Fault      bool
	AWS        struct {
		Account string `json:"account_id"`
		EC2     struct {
			Instance string `json:"instance_id"`
		} `json:"ec2"`
	} `json:"aws"`
	HTTP struct {
		Request struct {
			Method, URL string
			UserAgent   string `json:"user_agent"`
			ClientIP    string `json:"client_ip"`
		}
		Response struct{ Status json.Number }
	} `json:"http"`
	Subsegments []shown

	above *shown
}

func (s *shown) collect(by map[string]*shown, above *shown) {
	s.above = above
	by[s.ID] = s
	for i := range s.Subsegments {
		s.Subsegments[i].collect(by, s)
	}
}

// TestDescriberAgreesWithTheDocuments describes the spans of all golden files
// and compares that with the documents that an Encoder makes of them.
func TestDescriberAgreesWithTheDocuments(t *testing.T) {
	for _, folder := range []string{"testdata/otlp", "testdata/segments"} {
		eachCase(t, folder, func(t *testing.T, dir string) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(readFile(t, filepath.Join(dir, "spans.json")))
			if err != nil {
				t.Fatal(err)
			}
			var docs []shown
			if err := json.Unmarshal(documents(NewEncoder(Options{}).FromTraces(td)), &docs); err != nil {
				t.Fatal(err)
			}
			by := map[string]*shown{}
			for i := range docs {
				docs[i].collect(by, nil)
			}
			d := NewDescriber()
			for _, rs := range td.ResourceSpans().All() {
				res := d.Resource(rs.Resource())
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						doc := by[span.SpanID().String()]
						if doc == nil {
							t.Fatalf("span %v is in no document", span.SpanID())
						}
						checkFacts(t, d.Span(span, &res, true), res, doc)
					}
				}
			}
		})
	}
}

func checkFacts(t *testing.T, f Facts, res ResourceFacts, doc *shown) {
	t.Helper()
	same := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, the document says %v", what, got, want)
		}
	}
	status, _ := doc.HTTP.Response.Status.Int64()
	same("status", f.Status, status)
	same("method", f.Method, doc.HTTP.Request.Method)
	same("url", f.URL, doc.HTTP.Request.URL)
	same("user agent", f.UserAgent, doc.HTTP.Request.UserAgent)
	same("client address", f.ClientIP, doc.HTTP.Request.ClientIP)
	same("error", f.Error, doc.Error)
	same("throttle", f.Throttle, doc.Throttle)
	same("fault", f.Fault, doc.Fault)
	same("in progress", f.InProgress, doc.InProgress)
	same("user", f.User, doc.User)
	same("subsegment", f.Subsegment, doc.above != nil || doc.Type == "subsegment")
	if f.Subsegment {
		same("namespace", f.Namespace, doc.Namespace)
		if doc.Namespace != "" {
			same("callee", f.Callee, doc.Name)
		}
		if !f.Segment {
			return
		}
		doc = doc.above // of the service
	}
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	same("segment", f.Segment, doc.Type != "subsegment" && doc.above == nil)
	same("service", f.Service, doc.Name)
	same("origin", first(f.Origin, res.Type), doc.Origin)
	same("arn", first(f.ResourceARN, res.ARN), doc.ARN)
	same("account", res.AccountID, doc.AWS.Account)
	same("instance", res.Instance, doc.AWS.EC2.Instance)
}
