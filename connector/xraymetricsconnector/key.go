package xraymetricsconnector

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// The dimensions, as Application Signals names them.
const (
	environment       = "Environment"
	service           = "Service"
	op                = "Operation"
	remoteService     = "RemoteService"
	remoteOperation   = "RemoteOperation"
	remoteEnvironment = "RemoteEnvironment"
	resourceID        = "RemoteResourceIdentifier"
	resourceType      = "RemoteResourceType"
)

// The places of the dimensions in a key.
const (
	inEnvironment = iota
	inService
	inOperation
	inRemote
	inRemoteOperation
	inRemoteEnvironment
	inResourceID
	inResourceType
	numDimensions
)

// dimensionNames and maxLengths, in bytes, are by their place in a key. The
// lengths are those that Application Signals takes.
var (
	dimensionNames = [numDimensions]string{
		environment, service, op, remoteService, remoteOperation, remoteEnvironment, resourceID, resourceType,
	}
	maxLengths = [numDimensions]int{259, 255, 1024, 255, 1024, 259, 1024, 1024}
)

// source is what a series counts.
type source byte

const (
	serverSpan source = iota
	localRootSpan
	clientSpan
	producerSpan
	consumerSpan
)

// sourceField is the field that says the source; it is no dimension.
const sourceField = "Telemetry.Source"

var sourceNames = [...]string{
	serverSpan: "ServerSpan", localRootSpan: "LocalRootSpan",
	clientSpan: "ClientSpan", producerSpan: "ProducerSpan", consumerSpan: "ConsumerSpan",
}

// isCall says that the source is a call of a service, not a request to it.
func (s source) isCall() bool { return s >= clientSpan }

// A key is the source and then, for each dimension, the length of its value in
// two bytes and the value. An absent one has the length 0.

// appendValue appends the value of a dimension, cut to its longest.
func appendValue(key []byte, at int, value string) []byte {
	value = cut(value, maxLengths[at])
	key = append(key, byte(len(value)), byte(len(value)>>8))
	return append(key, value...)
}

// closeValue makes what was appended since from, behind two bytes, the value
// of a dimension.
func closeValue(key []byte, at, from int) []byte {
	n := len(key) - from - 2
	if n > maxLengths[at] {
		n = maxLengths[at]
		for n > 0 && !utf8.RuneStart(key[from+2+n]) {
			n--
		}
		key = key[:from+2+n]
	}
	key[from], key[from+1] = byte(n), byte(n>>8)
	return key
}

// cut shortens a value to n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// values are the dimensions of a key.
func values(key string) (s source, v [numDimensions]string) {
	s, key = source(key[0]), key[1:]
	for i := range v {
		n := int(key[0]) | int(key[1])<<8
		v[i], key = key[2:2+n], key[2+n:]
	}
	return s, v
}

// endOf is where the value of a dimension ends in a key.
func endOf(key []byte, at int) int {
	end := 1
	for range at + 1 {
		end += 2 + (int(key[end]) | int(key[end+1])<<8)
	}
	return end
}

// makeKey is the opposite of values.
func makeKey(key []byte, s source, v *[numDimensions]string) []byte {
	key = append(key, byte(s))
	for i, value := range v {
		key = appendValue(key, i, value)
	}
	return key
}

// The names of what is rolled up. Other dimensions are "-" then.
const (
	allOtherOperations       = "AllOtherOperations"
	allOtherRemoteOperations = "AllOtherRemoteOperations"
	allOtherRemoteServices   = "AllOtherRemoteServices"
	allOtherServices         = "AllOtherServices"
	anyValue                 = "-"
)

// rollUp gives a series' dimensions the common names. What is absent stays so,
// so that the same sets of dimensions apply.
func rollUp(v *[numDimensions]string) {
	if v[inOperation] != "" {
		v[inOperation] = allOtherOperations
	}
	if v[inRemote] != "" {
		v[inRemoteOperation] = allOtherRemoteOperations
	}
	for _, i := range [...]int{inRemoteEnvironment, inResourceID, inResourceType} {
		if v[i] != "" {
			v[i] = anyValue
		}
	}
}

// put writes the dimensions of a series as attributes.
func put(to pcommon.Map, s source, v *[numDimensions]string) {
	to.EnsureCapacity(numDimensions + 1)
	for i, value := range v {
		if value != "" {
			to.PutStr(dimensionNames[i], strings.ToValidUTF8(value, "�"))
		}
	}
	to.PutStr(sourceField, sourceNames[s])
}
