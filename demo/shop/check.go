package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/xray"
)

// Reader reads traces back through the X-Ray API.
type Reader struct{ client *xray.Client }

// NewReader returns a reader of the X-Ray API at url, such as http://127.0.0.1:2080.
func NewReader(url string) *Reader {
	return &Reader{xray.New(xray.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider("demo", "demo", ""),
		// Over loopback a reply can come before the SDK has put its request
		// away; it then closes the connection and asks again, which it must be
		// let to do (RetryMaxAttempts).
	})}
}

// Report is what a check found.
type Report struct {
	Traces   int      // that were looked for
	Services int      // nodes of the graph, clients left out
	Edges    int      // edges of the graph, those from clients left out
	Misses   []string // what is missing, superfluous or different, in words; empty if all is well
}

// pause lies between two looks.
const pause = 250 * time.Millisecond

// Check looks until every trace is whole and the service graph of the time
// since start is exactly what the requests must have drawn, or until ctx is
// done; the report then says what is amiss. It assumes that nobody else sends
// traces. The error says that the API could not be asked.
func (r *Reader) Check(ctx context.Context, sent []Sent, start time.Time) (Report, error) {
	whole := map[string]bool{} // traces that need no second look
	for {
		report, err := r.look(ctx, sent, start, whole)
		if ctx.Err() != nil && len(report.Misses) == 0 {
			err = errors.Join(err, ctx.Err())
		}
		if err != nil || len(report.Misses) == 0 {
			return report, err
		}
		select {
		case <-ctx.Done():
			return report, nil
		case <-time.After(pause):
		}
	}
}

func (r *Reader) look(ctx context.Context, sent []Sent, start time.Time, whole map[string]bool) (Report, error) {
	// A look that has begun is finished, so that the report is never half.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	report := Report{Traces: len(sent)}
	for open := range slices.Chunk(slices.DeleteFunc(slices.Clone(sent), func(s Sent) bool { return whole[s.TraceID] }), 5) {
		misses, err := r.lookAtTraces(ctx, open, whole)
		if err != nil {
			return report, err
		}
		report.Misses = append(report.Misses, misses...)
	}
	if len(report.Misses) > 0 {
		return report, nil // the graph cannot be right yet
	}
	misses, err := r.lookAtGraph(ctx, sent, start, &report)
	report.Misses = misses
	return report, err
}

// lookAtTraces takes at most five, as the API does.
func (r *Reader) lookAtTraces(ctx context.Context, sent []Sent, whole map[string]bool) (misses []string, err error) {
	ids := make([]string, len(sent))
	for i, s := range sent {
		ids[i] = s.TraceID
	}
	reply, err := r.client.BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: ids})
	if err != nil {
		return nil, fmt.Errorf("get traces: %w", err)
	}
	documents := map[string][]entity{}
	for _, trace := range reply.Traces {
		for _, segment := range trace.Segments {
			var e entity
			if err := json.Unmarshal([]byte(aws.ToString(segment.Document)), &e); err != nil {
				return nil, fmt.Errorf("document of trace %s: %w", aws.ToString(trace.Id), err)
			}
			documents[aws.ToString(trace.Id)] = append(documents[aws.ToString(trace.Id)], e)
		}
	}
	for _, s := range sent {
		if found := compareTrace(s.Scenario, documents[s.TraceID]); len(found) > 0 {
			for _, miss := range found {
				misses = append(misses, fmt.Sprintf("%s %s: %s", s.Scenario.Name, s.TraceID, miss))
			}
			continue
		}
		whole[s.TraceID] = true
	}
	return misses, nil
}

// entity is what the check reads of a segment or subsegment.
type entity struct {
	ID         string  `json:"id"`
	ParentID   string  `json:"parent_id"`
	Name       string  `json:"name"`
	Namespace  string  `json:"namespace"`
	Type       string  `json:"type"`
	InProgress bool    `json:"in_progress"`
	Inferred   bool    `json:"inferred"`
	EndTime    float64 `json:"end_time"`
	Fault      bool    `json:"fault"`
	Error      bool    `json:"error"`
	Throttle   bool    `json:"throttle"`
	AWS        struct {
		TableName string `json:"table_name"`
	} `json:"aws"`
	Subsegments []entity `json:"subsegments"`
}

func (e *entity) outcome() Outcome {
	switch {
	case e.Fault:
		return Fault
	case e.Throttle:
		return Throttle
	case e.Error:
		return Error
	default:
		return OK
	}
}

// compareTrace says in what the documents of a trace differ from the scenario.
func compareTrace(s Scenario, documents []entity) (misses []string) {
	if len(documents) == 0 {
		return []string{"not there"}
	}
	visits, calls := map[Visit]int{}, map[Call]int{}
	for _, v := range s.Visits {
		visits[v]--
	}
	for _, c := range s.Calls {
		calls[c]--
	}
	roots := 0
	known := map[string]bool{}
	for i := range documents {
		known[documents[i].ID] = true
		walk(&documents[i], func(e *entity) { known[e.ID] = true })
	}
	for i := range documents {
		segment := &documents[i]
		if segment.Inferred {
			continue
		}
		if segment.Type == "subsegment" {
			misses = append(misses, fmt.Sprintf("subsegment %s hangs in the air", segment.Name))
			continue
		}
		visits[Visit{segment.Name, segment.outcome()}]++
		if segment.ParentID == "" {
			roots++
		} else if !known[segment.ParentID] {
			misses = append(misses, fmt.Sprintf("the caller of %s is missing", segment.Name))
		}
		walk(segment, func(e *entity) {
			if e.InProgress || e.EndTime == 0 {
				misses = append(misses, fmt.Sprintf("%s in %s has not ended", e.Name, segment.Name))
			}
			if e.Namespace == "" || e.Namespace == "local" {
				return
			}
			to := e.Name
			if e.AWS.TableName != "" {
				to = e.AWS.TableName
			}
			calls[Call{segment.Name, to, e.outcome()}]++
		})
	}
	if roots != 1 {
		misses = append(misses, fmt.Sprintf("%d segments without a caller instead of 1", roots))
	}
	for visit, n := range visits {
		if n != 0 {
			misses = append(misses, fmt.Sprintf("segment %s (%s): %s", visit.Service, visit.Outcome, difference(n)))
		}
	}
	for call, n := range calls {
		if n != 0 {
			misses = append(misses, fmt.Sprintf("call %s -> %s (%s): %s", call.From, call.To, call.Outcome, difference(n)))
		}
	}
	slices.Sort(misses)
	return misses
}

// walk calls f for all that lies below e.
func walk(e *entity, f func(*entity)) {
	for i := range e.Subsegments {
		f(&e.Subsegments[i])
		walk(&e.Subsegments[i], f)
	}
}

func difference(n int) string {
	if n < 0 {
		return fmt.Sprintf("%d missing", -n)
	}
	return fmt.Sprintf("%d too many", n)
}
