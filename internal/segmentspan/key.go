package segmentspan

// key names an attribute that has a meaning to the mapping. All others are
// noKey: they are annotations or metadata.
type key uint8

const (
	noKey key = iota

	// The marks of a span that was born as an X-Ray entity. See mark.go.
	keyDocument
	keySpelled
	keyAbsent
	keyQuoted

	// Members without a standard attribute.
	keyAnnotations
	keyAutoInstrumentation
	keyCauseID
	keyCausePaths
	keyCauseWorkingDirectory
	keyFlags
	keyHTTPTraced
	keyInferred
	keyInProgress
	keyNamespace
	keyOrigin
	keyPrecursorIDs
	keyResourceARN
	keyRetries
	keySamplingRuleName
	keyServiceBlockName
	keyServiceCompiler
	keyServiceCompilerVersion
	keySQLDatabaseVersion
	keySQLDriverVersion
	keySQLPreparation
	keySQLURL
	keyTraced
	keyXForwardedFor

	// Names of AWS Distro for OpenTelemetry and of contrib.
	keyAWSAccountID
	keyAWSLocalService
	keyAWSOperation
	keyAWSQueueURL
	keyAWSQueueURLDotted
	keyAWSRegion
	keyAWSRemoteService
	keyAWSRequestID
	keyAWSRequestIDCamel
	keyAWSRequestIDDotted
	keyAWSService
	keyAWSSpanKind
	keyAWSSQSQueueURL
	keyAWSTableName
	keyAWSTableNameDotted
	keyAWSTableNames
	keyAWSTraceSampled

	// What only metrics read. See operation.go.
	keyAWSLocalEnvironment
	keyAWSLocalOperation
	keyAWSRemoteEnvironment
	keyAWSRemoteOperation
	keyAWSRemoteResourceIdentifier
	keyAWSRemoteResourceType
	keyAWSS3Bucket
	keyDBOperation
	keyDBOperationName
	keyHTTPRoute
	keyMessagingDestinationTemplate
	keyMessagingOperation
	keyMessagingOperationName
	keyMessagingOperationType
	keyReplayed
	keyURLTemplate

	// HTTP and network.
	keyClientAddress
	keyHTTPClientIP
	keyHTTPHost
	keyHTTPMethod
	keyHTTPRequestMethod
	keyHTTPResponseBodySize
	keyHTTPResponseContentLength
	keyHTTPResponseStatusCode
	keyHTTPScheme
	keyHTTPServerName
	keyHTTPStatusCode
	keyHTTPTarget
	keyHTTPURL
	keyHTTPUserAgent
	keyNetHostName
	keyNetHostPort
	keyNetPeerIP
	keyNetPeerName
	keyNetPeerPort
	keyNetworkPeerAddress
	keyServerAddress
	keyServerPort
	keyURLFull
	keyURLPath
	keyURLQuery
	keyURLScheme
	keyUserAgentOriginal

	// Other conventions of spans.
	keyDBConnectionString
	keyDBName
	keyDBNamespace
	keyDBQueryText
	keyDBStatement
	keyDBSystem
	keyDBSystemName
	keyDBUser
	keyEnduserID
	keyMessageType
	keyMessagingDestination
	keyMessagingDestinationName
	keyMessagingPayloadSize
	keyMessagingSystem
	keyMessagingURL
	keyPeerService
	keyRPCConnectErrorCode
	keyRPCGRPCStatusCode
	keyRPCMethod
	keyRPCResponseStatusCode
	keyRPCService
	keyRPCSystem
	keyRPCSystemName

	// Resources.
	keyCloudAccountID
	keyCloudAvailabilityZone
	keyCloudPlatform
	keyCloudProvider
	keyCloudRegion
	keyCloudResourceID
	keyContainerID
	keyContainerImageTag
	keyContainerImageTags
	keyContainerName
	keyECSClusterARN
	keyECSContainerARN
	keyECSLaunchType
	keyECSTaskARN
	keyECSTaskFamily
	keyHostID
	keyHostImageID
	keyHostType
	keyK8sClusterName
	keyK8sPodName
	keyLogGroupARNs
	keyLogGroupNames
	keyRuntimeName
	keyRuntimeVersion
	keyServiceInstanceID
	keyServiceName
	keyServiceNamespace
	keyServiceVersion
	keyTelemetryAutoVersion
	keyTelemetryDistroVersion
	keyTelemetrySDKLanguage
	keyTelemetrySDKName
	keyTelemetrySDKVersion

	numKeys
)

// keyNames are the attributes' names.
var keyNames = [numKeys]string{
	keyDocument: "aws.xray.document",
	keySpelled:  "aws.xray.spelled",
	keyAbsent:   "aws.xray.absent",
	keyQuoted:   "aws.xray.quoted",

	keyAnnotations:            "aws.xray.annotations",
	keyAutoInstrumentation:    "aws.xray.auto_instrumentation",
	keyCauseID:                "aws.xray.cause.id",
	keyCausePaths:             "aws.xray.cause.paths",
	keyCauseWorkingDirectory:  "aws.xray.cause.working_directory",
	keyFlags:                  "aws.xray.flags",
	keyHTTPTraced:             "aws.xray.http.request.traced",
	keyInferred:               "aws.xray.inferred",
	keyInProgress:             "aws.xray.inprogress",
	keyNamespace:              "aws.xray.namespace",
	keyOrigin:                 "aws.xray.origin",
	keyPrecursorIDs:           "aws.xray.precursor_ids",
	keyResourceARN:            "aws.xray.resource_arn",
	keyRetries:                "aws.xray.retries",
	keySamplingRuleName:       "aws.xray.sampling_rule_name",
	keyServiceBlockName:       "aws.xray.service.name",
	keyServiceCompiler:        "aws.xray.service.compiler",
	keyServiceCompilerVersion: "aws.xray.service.compiler_version",
	keySQLDatabaseVersion:     "aws.xray.sql.database_version",
	keySQLDriverVersion:       "aws.xray.sql.driver_version",
	keySQLPreparation:         "aws.xray.sql.preparation",
	keySQLURL:                 "aws.xray.sql.url",
	keyTraced:                 "aws.xray.traced",
	keyXForwardedFor:          "aws.xray.x_forwarded_for",

	keyAWSAccountID:       "aws.account_id",
	keyAWSLocalService:    "aws.local.service",
	keyAWSOperation:       "aws.operation",
	keyAWSQueueURL:        "aws.queue_url",
	keyAWSQueueURLDotted:  "aws.queue.url",
	keyAWSRegion:          "aws.region",
	keyAWSRemoteService:   "aws.remote.service",
	keyAWSRequestID:       "aws.request_id",
	keyAWSRequestIDCamel:  "aws.requestId",
	keyAWSRequestIDDotted: "aws.request.id",
	keyAWSService:         "aws.service",
	keyAWSSpanKind:        "aws.span.kind",
	keyAWSSQSQueueURL:     "aws.sqs.queue.url",
	keyAWSTableName:       "aws.table_name",
	keyAWSTableNameDotted: "aws.table.name",
	keyAWSTableNames:      "aws.dynamodb.table_names",
	keyAWSTraceSampled:    "aws.trace.flag.sampled",

	keyAWSLocalEnvironment:          "aws.local.environment",
	keyAWSLocalOperation:            "aws.local.operation",
	keyAWSRemoteEnvironment:         "aws.remote.environment",
	keyAWSRemoteOperation:           "aws.remote.operation",
	keyAWSRemoteResourceIdentifier:  "aws.remote.resource.identifier",
	keyAWSRemoteResourceType:        "aws.remote.resource.type",
	keyAWSS3Bucket:                  "aws.s3.bucket",
	keyDBOperation:                  "db.operation",
	keyDBOperationName:              "db.operation.name",
	keyHTTPRoute:                    "http.route",
	keyMessagingDestinationTemplate: "messaging.destination.template",
	keyMessagingOperation:           "messaging.operation",
	keyMessagingOperationName:       "messaging.operation.name",
	keyMessagingOperationType:       "messaging.operation.type",
	keyReplayed:                     "archive.replayed",
	keyURLTemplate:                  "url.template",

	keyClientAddress:             "client.address",
	keyHTTPClientIP:              "http.client_ip",
	keyHTTPHost:                  "http.host",
	keyHTTPMethod:                "http.method",
	keyHTTPRequestMethod:         "http.request.method",
	keyHTTPResponseBodySize:      "http.response.body.size",
	keyHTTPResponseContentLength: "http.response_content_length",
	keyHTTPResponseStatusCode:    "http.response.status_code",
	keyHTTPScheme:                "http.scheme",
	keyHTTPServerName:            "http.server_name",
	keyHTTPStatusCode:            "http.status_code",
	keyHTTPTarget:                "http.target",
	keyHTTPURL:                   "http.url",
	keyHTTPUserAgent:             "http.user_agent",
	keyNetHostName:               "net.host.name",
	keyNetHostPort:               "net.host.port",
	keyNetPeerIP:                 "net.peer.ip",
	keyNetPeerName:               "net.peer.name",
	keyNetPeerPort:               "net.peer.port",
	keyNetworkPeerAddress:        "network.peer.address",
	keyServerAddress:             "server.address",
	keyServerPort:                "server.port",
	keyURLFull:                   "url.full",
	keyURLPath:                   "url.path",
	keyURLQuery:                  "url.query",
	keyURLScheme:                 "url.scheme",
	keyUserAgentOriginal:         "user_agent.original",

	keyDBConnectionString:       "db.connection_string",
	keyDBName:                   "db.name",
	keyDBNamespace:              "db.namespace",
	keyDBQueryText:              "db.query.text",
	keyDBStatement:              "db.statement",
	keyDBSystem:                 "db.system",
	keyDBSystemName:             "db.system.name",
	keyDBUser:                   "db.user",
	keyEnduserID:                "enduser.id",
	keyMessageType:              "message.type",
	keyMessagingDestination:     "messaging.destination",
	keyMessagingDestinationName: "messaging.destination.name",
	keyMessagingPayloadSize:     "messaging.message_payload_size_bytes",
	keyMessagingSystem:          "messaging.system",
	keyMessagingURL:             "messaging.url",
	keyPeerService:              "peer.service",
	keyRPCConnectErrorCode:      "rpc.connect_rpc.error_code",
	keyRPCGRPCStatusCode:        "rpc.grpc.status_code",
	keyRPCMethod:                "rpc.method",
	keyRPCResponseStatusCode:    "rpc.response.status_code",
	keyRPCService:               "rpc.service",
	keyRPCSystem:                "rpc.system",
	keyRPCSystemName:            "rpc.system.name",

	keyCloudAccountID:         "cloud.account.id",
	keyCloudAvailabilityZone:  "cloud.availability_zone",
	keyCloudPlatform:          "cloud.platform",
	keyCloudProvider:          "cloud.provider",
	keyCloudRegion:            "cloud.region",
	keyCloudResourceID:        "cloud.resource_id",
	keyContainerID:            "container.id",
	keyContainerImageTag:      "container.image.tag",
	keyContainerImageTags:     "container.image.tags",
	keyContainerName:          "container.name",
	keyECSClusterARN:          "aws.ecs.cluster.arn",
	keyECSContainerARN:        "aws.ecs.container.arn",
	keyECSLaunchType:          "aws.ecs.launchtype",
	keyECSTaskARN:             "aws.ecs.task.arn",
	keyECSTaskFamily:          "aws.ecs.task.family",
	keyHostID:                 "host.id",
	keyHostImageID:            "host.image.id",
	keyHostType:               "host.type",
	keyK8sClusterName:         "k8s.cluster.name",
	keyK8sPodName:             "k8s.pod.name",
	keyLogGroupARNs:           "aws.log.group.arns",
	keyLogGroupNames:          "aws.log.group.names",
	keyRuntimeName:            "process.runtime.name",
	keyRuntimeVersion:         "process.runtime.version",
	keyServiceInstanceID:      "service.instance.id",
	keyServiceName:            "service.name",
	keyServiceNamespace:       "service.namespace",
	keyServiceVersion:         "service.version",
	keyTelemetryAutoVersion:   "telemetry.auto.version",
	keyTelemetryDistroVersion: "telemetry.distro.version",
	keyTelemetrySDKLanguage:   "telemetry.sdk.language",
	keyTelemetrySDKName:       "telemetry.sdk.name",
	keyTelemetrySDKVersion:    "telemetry.sdk.version",
}

// The names of attributes that stand for members of any name.
const (
	prefixXRay     = "aws.xray."
	prefixMetadata = "aws.xray.metadata."
	prefixJSON     = "aws.xray.json."
)

var keys = func() map[string]key {
	m := make(map[string]key, numKeys)
	for k := noKey + 1; k < numKeys; k++ {
		m[keyNames[k]] = k
	}
	return m
}()

// keyOf returns the key of the attribute with this name, or noKey.
func keyOf(name string) key { return keys[name] }

// keySet is a set of keys.
type keySet [(int(numKeys) + 63) / 64]uint64

func (s *keySet) add(k key)      { s[k>>6] |= 1 << (k & 63) }
func (s *keySet) has(k key) bool { return s[k>>6]&(1<<(k&63)) != 0 }

// hasAny says whether the sets have a key in common.
func (s *keySet) hasAny(of *keySet) bool {
	common := uint64(0)
	for i := range s {
		common |= s[i] & of[i]
	}
	return common != 0
}
