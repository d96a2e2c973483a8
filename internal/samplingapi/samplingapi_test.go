package samplingapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

var epoch = time.Unix(1760797120, 0)

// TestBounds: X-Ray that hangs costs a bounded wait, and a bounded number of
// requests that wait.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.delay = time.Hour
		answers := make(chan int, 2*maxInFlight)
		ask := func() {
			status, _ := b.post("/GetSamplingRules", "{}")
			answers <- status
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
	b := newBench(t, nil)
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("POST", "/GetSamplingRules", io.MultiReader(strings.NewReader("{"), brokenReader{})))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.JSONEq(t, `{"Message":"read request: broken"}`, w.Body.String())
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
