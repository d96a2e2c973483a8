package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// aws writes the members of the block that say what was called. The blocks
// that say where a segment ran are in resource.go.
func (w *writer) aws(a *segment.AWS, id *identity) {
	if a == nil {
		return
	}
	if a.AccountID != id.account {
		w.str(keyAWSAccountID, a.AccountID)
	}
	w.str(keyAWSOperation, a.Operation)
	w.str(keyAWSRegion, a.Region)
	w.str(keyAWSRequestID, a.RequestID)
	w.str(keyAWSQueueURL, a.QueueURL)
	w.str(keyAWSTableName, a.TableName)
	switch {
	case len(a.TableNames) == 0:
	case len(a.TableNames) == 1:
		// One name on the list would be table_name on the way back.
		w.json("/aws/table_names", "["+quote(a.TableNames[0])+"]")
	default:
		list := w.attrs.PutEmptySlice(keyNames[keyAWSTableNames])
		list.EnsureCapacity(len(a.TableNames))
		for _, name := range a.TableNames {
			list.AppendEmpty().SetStr(name)
		}
	}
	w.int(keyRetries, pointerRetries, a.Retries)
	w.extra("/aws", a.Extra)
}

const pointerRetries = "/aws/retries"

// awsOf derives what was called.
func (m *mapper) awsOf(e *entity) {
	r := &m.r
	a := segment.AWS{
		AccountID: r.str(keyAWSAccountID),
		Operation: r.str(keyAWSOperation),
		Region:    r.str(keyAWSRegion),
		RequestID: r.first(keyAWSRequestID, keyAWSRequestIDCamel, keyAWSRequestIDDotted),
		QueueURL:  r.first(keyAWSQueueURL, keyAWSQueueURLDotted, keyAWSSQSQueueURL, keyMessagingURL),
		TableName: r.first(keyAWSTableName, keyAWSTableNameDotted),
		Retries:   m.intOf(keyRetries),
	}
	if isAWSCall(r) {
		if a.Operation == "" {
			_, a.Operation = splitMethod(r.str(keyRPCMethod))
		}
		if a.Region == "" {
			a.Region = r.str(keyCloudRegion)
		}
	}
	e.tableNames = r.strings(keyAWSTableNames, e.tableNames[:0])
	switch {
	case len(e.tableNames) > 1:
		a.TableNames = e.tableNames
	case len(e.tableNames) == 1 && a.TableName == "":
		a.TableName = e.tableNames[0]
	}
	if a.AccountID != "" || a.Operation != "" || a.Region != "" || a.RequestID != "" || a.QueueURL != "" ||
		a.TableName != "" || len(a.TableNames) > 0 || a.Retries.Form != segment.NoInt {
		*e.awsBlock() = a
	}
}

// splitMethod splits the rpc.method of newer conventions, SERVICE/METHOD. Older
// ones have the method alone.
func splitMethod(method string) (service, name string) {
	slash := strings.LastIndexByte(method, '/')
	if slash < 0 {
		return "", method
	}
	return method[:slash], method[slash+1:]
}

// messagingService names the service behind an AWS queue or topic.
func messagingService(r *reader, kind ptrace.SpanKind) string {
	if kind != ptrace.SpanKindProducer && kind != ptrace.SpanKindClient {
		return ""
	}
	switch system := r.peek(keyMessagingSystem); {
	case strings.EqualFold(system, "aws_sqs"), strings.EqualFold(system, "AmazonSQS"):
		return "SQS"
	case strings.EqualFold(system, "aws_sns"), strings.EqualFold(system, "aws.sns"):
		return "SNS"
	}
	return ""
}
