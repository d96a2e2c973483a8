package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const userARN = "arn:aws:sts::111122223333:assumed-role/collector/i-0123"

// alone takes the machine's AWS settings out of a test.
func alone(t *testing.T) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "ECS_") ||
			strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// account is a fake of STS, X-Ray, CloudWatch Logs and S3, each with its own way
// to say no.
type account struct {
	*httptest.Server
	mu     sync.Mutex
	deny   map[string]bool
	groups bool // the log group is there
	empty  bool // the bucket has no objects
	asked  []string
	stored map[string]string
	broken func(w http.ResponseWriter) bool // answers in place of all services
}

func newAWS(t *testing.T) *account {
	a := &account{deny: map[string]bool{}, stored: map[string]string{}}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL_STS", a.URL)
	return a
}

func unauthorized(action string) string {
	return "User: " + userARN + " is not authorized to perform: " + action + " because no identity-based policy allows the " + action + " action"
}

func (a *account) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if a.broken != nil && a.broken(w) {
		return
	}
	switch {
	case r.Header.Get("Authorization") == "":
		http.Error(w, "unsigned", http.StatusForbidden)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328."):
		a.logs(w, strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328."), string(body))
	case strings.Contains(string(body), "Action=GetCallerIdentity"):
		a.sts(w)
	case r.Method == http.MethodPost:
		a.xray(w, r.URL.Path)
	default:
		a.s3(w, r, string(body))
	}
}

// denied notes an action and tells whether it is denied.
func (a *account) denied(action string) bool {
	a.asked = append(a.asked, action)
	return a.deny[action]
}

func (a *account) sts(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml")
	if a.denied("sts:GetCallerIdentity") {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
		return
	}
	fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>%s</Arn><UserId>A</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, userARN)
}

func (a *account) xray(w http.ResponseWriter, path string) {
	action := map[string]string{"/TraceSegments": "xray:PutTraceSegments", "/TelemetryRecords": "xray:PutTelemetryRecords",
		"/GetSamplingRules": "xray:GetSamplingRules", "/SamplingTargets": "xray:GetSamplingTargets"}[path]
	w.Header().Set("Content-Type", "application/json")
	switch {
	case action == "":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"Message":"no such operation"}`)
	case a.denied(action):
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"Message":%q}`, unauthorized(action))
	case action == "xray:PutTraceSegments":
		w.Header().Set("X-Amzn-ErrorType", "InvalidRequestException")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"Message":"TraceSegmentDocuments must not be empty"}`)
	default:
		fmt.Fprint(w, `{}`)
	}
}

func (a *account) logs(w http.ResponseWriter, operation, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fail := func(code, message string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
	}
	switch {
	case a.denied("logs:" + operation):
		fail("AccessDeniedException", unauthorized("logs:"+operation))
	case operation == "DescribeLogGroups" && a.groups:
		fmt.Fprint(w, `{"logGroups":[{"logGroupName":"/metrics/shop"}]}`)
	case operation == "DescribeLogStreams" && a.groups:
		fmt.Fprint(w, `{"logStreams":[{"logStreamName":"one"}]}`)
	case operation == "DescribeLogGroups":
		fmt.Fprint(w, `{"logGroups":[]}`)
	case operation == "CreateLogStream" && a.groups && strings.Contains(body, `"one"`):
		fail("ResourceAlreadyExistsException", "The specified log stream already exists")
	case operation == "CreateLogStream" && a.groups:
		a.stored["a log stream"] = body
	default:
		fail("ResourceNotFoundException", "The specified log group does not exist.")
	}
}

func (a *account) s3(w http.ResponseWriter, r *http.Request, body string) {
	key, ok := strings.CutPrefix(r.URL.Path, "/archive")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	key = strings.TrimPrefix(key, "/")
	action := map[bool]string{true: "s3:PutObject", false: "s3:GetObject"}[r.Method == http.MethodPut]
	if key == "" {
		action = "s3:ListBucket"
	}
	switch {
	case a.denied(action):
		w.WriteHeader(http.StatusForbidden)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>%s</Message></Error>`, unauthorized(action))
		}
	case r.Method == http.MethodPut:
		if a.deny["kms:GenerateDataKey"] {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<Error><Code>AccessDenied</Code><Message>%s</Message></Error>`, unauthorized("kms:GenerateDataKey"))
			return
		}
		a.stored[key] = r.Header.Get("X-Amz-Server-Side-Encryption") + " " + body
	case r.Method == http.MethodGet && a.empty:
		fmt.Fprint(w, `<ListBucketResult><Name>archive</Name></ListBucketResult>`)
	case r.Method == http.MethodGet:
		fmt.Fprint(w, `<ListBucketResult><Name>archive</Name><Contents><Key>base/traces/x.parquet</Key></Contents></ListBucketResult>`)
	}
}

// options name a configuration that is given as a text.
func options(text string) Options {
	return Options{URIs: []string{"yaml:" + text}, Timeout: 20 * time.Second}
}
