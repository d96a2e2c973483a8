package awsclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kind says what to do about a request that did not succeed.
type Kind uint8

// The kinds of a Failure.
const (
	// None: the request succeeded.
	None Kind = iota
	// Throttle: the service asks for fewer requests. Send again later, and less.
	Throttle
	// Retryable: the same request may succeed later (408, 5xx, no reply).
	Retryable
	// Denied: credentials or their policy do not allow the request. It succeeds
	// once somebody mends them; until then every request fails the same way.
	Denied
	// Permanent: the same request will never succeed.
	Permanent
)

func (k Kind) String() string {
	return [...]string{"none", "throttle", "retryable", "denied", "permanent"}[k]
}

// Codes of failures without a reply.
const (
	CodeTimeout           = "Timeout"
	CodeConnectionRefused = "ConnectionRefused"
	CodeUnknownHost       = "UnknownHost"
	CodeConnection        = "ConnectionError"
	CodeCredentials       = "NoCredentials"
	CodeCanceled          = "Canceled"
	CodeReplyTooLarge     = "ReplyTooLarge"
)

// Failure says why a request did not succeed. The zero value is success.
type Failure struct {
	Kind    Kind
	Status  int    // of the HTTP reply; 0 without one
	Code    string // the service's error code, or one of the Code constants
	Message string // for people
	// RetryAfter is what the service asked to wait; 0 if it said nothing.
	RetryAfter time.Duration
}

func (f Failure) Error() string {
	if f.Status == 0 {
		return f.Code + ": " + f.Message
	}
	return fmt.Sprintf("HTTP %d %s: %s", f.Status, f.Code, f.Message)
}

// Classify says what the result of Client.Post means. It is the one place
// that decides whether something is sent again.
func Classify(r *Response, err error) Failure {
	if err != nil {
		return transportFailure(err)
	}
	if r.Status >= 200 && r.Status < 300 {
		return Failure{}
	}
	f := Failure{Status: r.Status, RetryAfter: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	f.Code, f.Message = errorOf(r)
	switch {
	case r.Status == http.StatusTooManyRequests, throttleCodes[f.Code]:
		f.Kind = Throttle
	case r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooEarly, r.Status >= 500, retryableCodes[f.Code]:
		f.Kind = Retryable
	case isClockError(f.Code, f.Message):
		f.Kind = Denied
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden,
		r.Status == http.StatusProxyAuthRequired, deniedCodes[f.Code]:
		f.Kind = Denied
		if !strings.Contains(f.Message, r.action) || !strings.Contains(f.Message, "arn:") {
			f.Message = fmt.Sprintf("%s (needs the IAM action %s; asked with %s)", f.Message, r.action, r.identity)
		}
	default:
		f.Kind = Permanent
	}
	return f
}

// Codes that count whatever the status: services send throttling as 400 too.
var throttleCodes = set("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
	"RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded",
	"LimitExceededException", "LimitExceeded", "TooManyRequests", "ProvisionedThroughputExceededException", "PriorRequestNotComplete", "SlowDown")

// Codes of a moment's trouble that services of awsJson1.1 send as 400.
var retryableCodes = set("OperationAbortedException", "RequestTimeout", "RequestTimeoutException",
	"ServiceUnavailable", "ServiceUnavailableException", "InternalServerException")

var deniedCodes = set("AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
	"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException",
	"InvalidSignatureException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "OptInRequired",
	"NotAuthorized")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// isClockError tells whether the time of the signature was refused.
func isClockError(code, message string) bool {
	switch code {
	case "RequestTimeTooSkewed", "RequestExpired", "SignatureExpired", "RequestInTheFuture":
		return true
	case "InvalidSignatureException", "SignatureDoesNotMatch":
		return strings.HasPrefix(message, "Signature expired") || strings.HasPrefix(message, "Signature not yet current")
	}
	return false
}

// errorOf returns the code and message of a reply that is not a success. AWS
// puts the code in a header or in the body, with or without a name space in
// front ("aws.protocols#X") and a link behind ("X:http://…").
func errorOf(r *Response) (code, message string) {
	var body struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"` // matched in any case
	}
	parsed := json.Unmarshal(r.Body, &body) == nil
	for _, candidate := range []string{r.Header.Get("X-Amzn-Errortype"), body.Type, body.Code} {
		if candidate == "" {
			continue
		}
		candidate, _, _ = strings.Cut(candidate, ":")
		code = candidate[strings.LastIndexByte(candidate, '#')+1:]
		break
	}
	if code == "" {
		code = "HTTP" + strconv.Itoa(r.Status)
	}
	message = body.Message
	if !parsed || message == "" {
		message = printable(r.Body)
	}
	if message == "" {
		message = http.StatusText(r.Status)
	}
	return printable([]byte(code)), message
}

// printable returns the start of an answer that nobody promised to be text.
func printable(b []byte) string {
	const most = 300
	cut := len(b) > most
	if cut {
		b = b[:most]
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), " "))
	text = strings.TrimSpace(text)
	if cut {
		text += "…"
	}
	return text
}

func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

func transportFailure(err error) Failure {
	f := Failure{Kind: Retryable, Code: CodeConnection, Message: err.Error()}
	var credentials credentialsError
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &credentials):
		f.Kind, f.Code = Denied, CodeCredentials
	case errors.Is(err, errReplyTooLarge):
		f.Code = CodeReplyTooLarge
	case errors.Is(err, context.Canceled):
		f.Code = CodeCanceled
	case errors.As(err, &dns):
		f.Code = CodeUnknownHost
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Code = CodeConnectionRefused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		f.Code = CodeTimeout
	}
	return f
}
