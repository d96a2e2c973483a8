// Package semconvtest stands in for a contrib module that only the tests of
// the k8s_attributes processor import and that is not published.
package semconvtest
