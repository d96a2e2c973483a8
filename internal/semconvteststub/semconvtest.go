// Package semconvtest stands in for a contrib module that only the tests of
// the k8s_attributes processor import and that no module proxy serves.
package semconvtest
