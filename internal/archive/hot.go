package archive

import "go.opentelemetry.io/collector/pdata/ptrace"

// hotAttribute says which flat column an attribute goes to. If several that go
// to one column are present, the first of the column's list wins; others stay
// in the map unless they say the same.
type hotAttribute struct {
	column leaf
	// code names the attribute in a types column: two characters, the first of
	// them a capital. It never changes and is never used again.
	code string
	rank int
	// kinds are the span kinds for which the attribute means what the column
	// says; 0 means all.
	kinds kindSet
	// cut drops the query from a value, which then cannot be given back from
	// the column.
	cut bool
}

// kindSet is a set of span kinds.
type kindSet uint8

const (
	anyKind kindSet = 0
	callers         = kindSet(1<<ptrace.SpanKindClient | 1<<ptrace.SpanKindProducer)
	callees         = kindSet(1<<ptrace.SpanKindServer | 1<<ptrace.SpanKindConsumer)
)

func (s kindSet) has(kind ptrace.SpanKind) bool {
	return s == anyKind || kind >= 0 && kind < 8 && s&(1<<kind) != 0
}

// source is one attribute that fills a hot column.
type source struct {
	name  string
	code  string
	kinds kindSet
}

// hotSpanSources are the attributes of spans that fill flat columns, in order
// of preference: the present semantic conventions before older ones.
var hotSpanSources = map[leaf][]source{
	colHTTPRequestMethod:      {{"http.request.method", "A0", anyKind}, {"http.method", "A1", anyKind}},
	colHTTPRoute:              {{"http.route", "A2", anyKind}},
	colHTTPResponseStatusCode: {{"http.response.status_code", "A3", anyKind}, {"http.status_code", "A4", anyKind}},
	colURLFull:                {{"url.full", "A5", anyKind}, {"http.url", "A6", anyKind}},
	colURLPath:                {{"url.path", "A7", anyKind}, {"http.target", "A8", anyKind}},
	colURLScheme:              {{"url.scheme", "A9", anyKind}, {"http.scheme", "Aa", anyKind}},
	colServerAddress: {
		{"server.address", "Ab", anyKind}, {"net.peer.name", "Ac", callers}, {"net.host.name", "Ad", callees},
	},
	colServerPort:      {{"server.port", "Ae", anyKind}, {"net.peer.port", "Af", callers}, {"net.host.port", "Ag", callees}},
	colClientAddress:   {{"client.address", "Ah", anyKind}, {"http.client_ip", "Ai", anyKind}},
	colUserAgent:       {{"user_agent.original", "Aj", anyKind}, {"http.user_agent", "Ak", anyKind}},
	colErrorType:       {{"error.type", "Al", anyKind}},
	colEnduserID:       {{"enduser.id", "Am", anyKind}, {"user.id", "An", anyKind}},
	colPeerService:     {{"peer.service", "Ao", anyKind}},
	colRPCSystem:       {{"rpc.system.name", "B0", anyKind}, {"rpc.system", "B1", anyKind}},
	colRPCService:      {{"rpc.service", "B2", anyKind}},
	colRPCMethod:       {{"rpc.method", "B3", anyKind}},
	colRPCResponseCode: {{"rpc.response.status_code", "B4", anyKind}, {"rpc.grpc.status_code", "B5", anyKind}},
	colDBSystem:        {{"db.system.name", "C0", anyKind}, {"db.system", "C1", anyKind}},
	colDBNamespace:     {{"db.namespace", "C2", anyKind}, {"db.name", "C3", anyKind}},
	colDBOperation:     {{"db.operation.name", "C4", anyKind}, {"db.operation", "C5", anyKind}},
	colDBCollection:    {{"db.collection.name", "C6", anyKind}, {"db.sql.table", "C7", anyKind}},
	colDBQueryText:     {{"db.query.text", "C8", anyKind}, {"db.statement", "C9", anyKind}},
	colMessagingSystem: {{"messaging.system", "D0", anyKind}},
	colMessagingDestination: {
		{"messaging.destination.name", "D1", anyKind}, {"messaging.destination", "D2", anyKind},
	},
	colMessagingOperation: {
		{"messaging.operation.type", "D3", anyKind}, {"messaging.operation", "D4", anyKind}, {"messaging.operation.name", "D5", anyKind},
	},
	colAWSOperation: {{"aws.operation", "E0", anyKind}},
	colAWSRegion:    {{"aws.region", "E1", anyKind}},
	colAWSRequestID: {
		{"aws.request_id", "E2", anyKind}, {"aws.requestId", "E3", anyKind}, {"aws.request.id", "E4", anyKind},
	},
	colAWSTableName: {
		{"aws.table_name", "E5", anyKind}, {"aws.table.name", "E6", anyKind}, {"aws.dynamodb.table_names", "E7", anyKind},
	},
	colAWSQueueURL: {
		{"aws.queue_url", "E8", anyKind}, {"aws.queue.url", "E9", anyKind}, {"aws.sqs.queue.url", "Ea", anyKind},
	},
	colAWSBucket: {{"aws.s3.bucket", "Eb", anyKind}},
}

// hotResourceSources are those of resources.
var hotResourceSources = map[leaf][]source{
	colServiceName:       {{"service.name", "R0", anyKind}},
	colServiceNamespace:  {{"service.namespace", "R1", anyKind}},
	colServiceVersion:    {{"service.version", "R2", anyKind}},
	colServiceInstanceID: {{"service.instance.id", "R3", anyKind}},
	colDeploymentEnvironment: {
		{"deployment.environment.name", "R4", anyKind}, {"deployment.environment", "R5", anyKind},
	},
	colCloudProvider:         {{"cloud.provider", "R6", anyKind}},
	colCloudPlatform:         {{"cloud.platform", "R7", anyKind}},
	colCloudAccountID:        {{"cloud.account.id", "R8", anyKind}},
	colCloudRegion:           {{"cloud.region", "R9", anyKind}},
	colCloudAvailabilityZone: {{"cloud.availability_zone", "Ra", anyKind}},
	colCloudResourceID:       {{"cloud.resource_id", "Rb", anyKind}},
	colHostID:                {{"host.id", "Rc", anyKind}},
	colHostName:              {{"host.name", "Rd", anyKind}},
	colContainerID:           {{"container.id", "Re", anyKind}},
	colK8sClusterName:        {{"k8s.cluster.name", "Rf", anyKind}},
	colK8sNamespaceName:      {{"k8s.namespace.name", "Rg", anyKind}},
	colK8sDeploymentName:     {{"k8s.deployment.name", "Rh", anyKind}},
	colK8sPodName:            {{"k8s.pod.name", "Ri", anyKind}},
	colK8sNodeName:           {{"k8s.node.name", "Rj", anyKind}},
	colECSClusterARN:         {{"aws.ecs.cluster.arn", "Rk", anyKind}},
	colECSTaskARN:            {{"aws.ecs.task.arn", "Rl", anyKind}},
	colECSTaskFamily:         {{"aws.ecs.task.family", "Rm", anyKind}},
	colFaaSName:              {{"faas.name", "Rn", anyKind}},
	colTelemetrySDKLanguage:  {{"telemetry.sdk.language", "Ro", anyKind}},
	colTelemetrySDKName:      {{"telemetry.sdk.name", "Rp", anyKind}},
	colTelemetrySDKVersion:   {{"telemetry.sdk.version", "Rq", anyKind}},
}

// byName and byCode find hot attributes.
type hotAttributes struct {
	byName map[string]*hotAttribute
	byCode map[string]hotSource
}

// hotSource is where a reader finds an attribute again.
type hotSource struct {
	name   string
	column leaf
}

func indexSources(sources map[leaf][]source) hotAttributes {
	h := hotAttributes{byName: map[string]*hotAttribute{}, byCode: map[string]hotSource{}}
	for column, list := range sources {
		for rank, s := range list {
			h.byName[s.name] = &hotAttribute{column: column, code: s.code, rank: rank, kinds: s.kinds, cut: s.name == "http.target"}
			h.byCode[s.code] = hotSource{name: s.name, column: column}
		}
	}
	return h
}

var (
	hotSpan     = indexSources(hotSpanSources)
	hotResource = indexSources(hotResourceSources)
)
