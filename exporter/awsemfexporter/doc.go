//go:generate mdatagen metadata.yaml

// Package awsemfexporter sends metrics to CloudWatch as log events in the
// embedded metric format (EMF).
//
// The way of a batch of metrics, file by file: consume.go takes it in,
// translate.go walks over resources and scopes, point.go turns each point into
// the increment, number or distribution that it stands for (delta.go,
// histogram.go, summary.go), and group.go gathers those of one series set into
// an event with its dimension sets (labels.go, sets.go). The points of a minute
// wait for each other in window.go, from which flush.go takes them when the
// minute is over. Finished events (portion.go) go through the sending queue to a
// destination: CloudWatch Logs (deliver.go), the CloudWatch agent (agent.go) or
// standard output (stdout.go). Nothing is converted after the queue, so a retry
// or a restart sends the same bytes.
package awsemfexporter
