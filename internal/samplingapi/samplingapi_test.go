package samplingapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// upstream is X-Ray: it records what it is asked.
type upstream struct {
	asked    []string
	response *awsclient.Response
	err      error
	block    bool
}

func (u *upstream) Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error) {
	if u.block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	u.asked = append(u.asked, path+" "+string(body))
	return u.response, u.err
}

func TestForwarder(t *testing.T) {
	rules := &awsclient.Response{Status: 200, Header: http.Header{
		"X-Amzn-Requestid": {"r1"}, "Content-Type": {"application/json"}, "Set-Cookie": {"never passed on"},
	}, Body: []byte(`{"SamplingRuleRecords":[]}`)}
	throttled := &awsclient.Response{Status: 429, Header: http.Header{
		"X-Amzn-Errortype": {"ThrottledException"}, "Retry-After": {"3"},
	}, Body: []byte(`{"Message":"Rate exceeded"}`)}

	for name, tc := range map[string]struct {
		method, path, body string
		upstream           upstream
		notReady           error

		status  int
		want    string
		headers map[string]string
		asked   []string
		told    string // operation that was reported
		failed  bool
	}{
		"rules": {
			"POST", "/GetSamplingRules", "{}", upstream{response: rules}, nil,
			200, `{"SamplingRuleRecords":[]}`, map[string]string{"X-Amzn-Requestid": "r1", "Content-Type": "application/json", "Set-Cookie": ""},
			[]string{"/GetSamplingRules {}"}, "GetSamplingRules", false,
		},
		"empty body": {
			"POST", "/GetSamplingRules", "", upstream{response: rules}, nil,
			200, `{"SamplingRuleRecords":[]}`, nil, []string{"/GetSamplingRules "}, "GetSamplingRules", false,
		},
		"targets": {
			"POST", "/SamplingTargets", `{"SamplingStatisticsDocuments":[]}`, upstream{response: rules}, nil,
			200, `{"SamplingRuleRecords":[]}`, nil, []string{`/SamplingTargets {"SamplingStatisticsDocuments":[]}`}, "SamplingTargets", false,
		},
		"throttled": {
			"POST", "/SamplingTargets", "{}", upstream{response: throttled}, nil,
			429, `{"Message":"Rate exceeded"}`, map[string]string{"X-Amzn-Errortype": "ThrottledException", "Retry-After": "3"},
			[]string{"/SamplingTargets {}"}, "SamplingTargets", true,
		},
		"other API": {
			"POST", "/TraceSummaries", "{}", upstream{response: rules}, nil,
			403, `{"Message":"this port answers POST /GetSamplingRules and POST /SamplingTargets, and nothing else"}`,
			map[string]string{"X-Amzn-Errortype": "AccessDeniedException", "Content-Type": "application/json"}, nil, "other", true,
		},
		"path in disguise": {
			"POST", "/GetSamplingRules/../TraceSummaries", "{}", upstream{response: rules}, nil,
			403, "", nil, nil, "other", true,
		},
		"path with a slash": {"POST", "/GetSamplingRules/", "{}", upstream{}, nil, 403, "", nil, nil, "other", true},
		"root":              {"GET", "/", "", upstream{}, nil, 403, "", nil, nil, "other", true},
		"get": {
			"GET", "/GetSamplingRules", "", upstream{}, nil,
			405, `{"Message":"use POST"}`, map[string]string{"Allow": "POST"}, nil, "GetSamplingRules", true,
		},
		"too large": {
			"POST", "/SamplingTargets", strings.Repeat("x", MaxRequestBytes+1), upstream{}, nil,
			413, `{"Message":"the request is over 1048576 bytes"}`, map[string]string{"X-Amzn-Errortype": "InvalidRequestException"}, nil, "SamplingTargets", true,
		},
		"no answer": {
			"POST", "/SamplingTargets", "{}", upstream{err: errors.New("connection refused")}, nil,
			502, `{"Message":"ask X-Ray: connection refused"}`, map[string]string{"X-Amzn-Errortype": "BadGatewayException"},
			[]string{"/SamplingTargets {}"}, "SamplingTargets", true,
		},
		"no region": {
			"POST", "/GetSamplingRules", "{}", upstream{}, errors.New("no region"),
			503, `{"Message":"no region"}`, map[string]string{"X-Amzn-Errortype": "ServiceUnavailableException"}, nil, "GetSamplingRules", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told string
			var toldErr error
			f := NewForwarder(func() (Upstream, error) {
				if tc.notReady != nil {
					return nil, tc.notReady
				}
				return &tc.upstream, nil
			}, func(operation string, status int, err error) {
				assert.Equal(t, tc.status, status)
				told, toldErr = operation, err
			})
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body)))
			got := w.Result()
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, tc.status, got.StatusCode)
			if tc.want != "" {
				assert.Equal(t, tc.want, string(body))
			}
			for key, want := range tc.headers {
				assert.Equal(t, want, got.Header.Get(key), key)
			}
			assert.Equal(t, tc.asked, tc.upstream.asked)
			assert.Equal(t, tc.told, told)
			assert.Equal(t, tc.failed, toldErr != nil, toldErr)
		})
	}
}

// TestForwarderBounds: X-Ray that hangs costs a bounded wait, and a bounded
// number of requests that wait.
func TestForwarderBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewForwarder(func() (Upstream, error) { return &upstream{block: true}, nil }, nil)
		answers := make(chan int, 2*maxInFlight)
		ask := func() {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequest("POST", "/GetSamplingRules", strings.NewReader("{}")))
			answers <- w.Code
		}
		for range maxInFlight {
			go ask()
		}
		synctest.Wait()
		ask()
		assert.Equal(t, http.StatusServiceUnavailable, <-answers, "one too many")
		for range maxInFlight {
			assert.Equal(t, http.StatusBadGateway, <-answers)
		}
		synctest.Wait()
		go ask()
		assert.Equal(t, http.StatusBadGateway, <-answers, "there is room again")
	})
}

func TestBrokenBody(t *testing.T) {
	f := NewForwarder(func() (Upstream, error) { return &upstream{}, nil }, nil)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("POST", "/GetSamplingRules", io.MultiReader(strings.NewReader("{"), brokenReader{})))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.JSONEq(t, `{"Message":"read request: broken"}`, w.Body.String())
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
