// Package xraymetricsconnector counts every request and every call in traces,
// as X-Ray counts them, before any is dropped.
package xraymetricsconnector
