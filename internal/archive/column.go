package archive

// leaf is a column of values, in the order of the file.
type leaf uint8

// The flat columns, then the leaves of nested ones.
const (
	colTraceID leaf = iota
	colSpanID
	colParentSpanID
	colXRayTraceID
	colTraceState
	colFlags
	colStartTimeUnixNano
	colDurationNano
	colStartTime
	colName
	colKind
	colStatusCode
	colStatusMessage
	colIsRoot
	colIsError
	colIsFault
	colIsThrottle
	colRemoteName
	colRemoteNamespace

	colServiceName
	colServiceNamespace
	colServiceVersion
	colServiceInstanceID
	colDeploymentEnvironment
	colCloudProvider
	colCloudPlatform
	colCloudAccountID
	colCloudRegion
	colCloudAvailabilityZone
	colCloudResourceID
	colHostID
	colHostName
	colContainerID
	colK8sClusterName
	colK8sNamespaceName
	colK8sDeploymentName
	colK8sPodName
	colK8sNodeName
	colECSClusterARN
	colECSTaskARN
	colECSTaskFamily
	colFaaSName
	colTelemetrySDKLanguage
	colTelemetrySDKName
	colTelemetrySDKVersion

	colHTTPRequestMethod
	colHTTPRoute
	colHTTPResponseStatusCode
	colURLFull
	colURLPath
	colURLScheme
	colServerAddress
	colServerPort
	colClientAddress
	colUserAgent
	colErrorType
	colEnduserID
	colPeerService
	colRPCSystem
	colRPCService
	colRPCMethod
	colRPCResponseCode
	colDBSystem
	colDBNamespace
	colDBOperation
	colDBCollection
	colDBQueryText
	colMessagingSystem
	colMessagingDestination
	colMessagingOperation
	colAWSOperation
	colAWSRegion
	colAWSRequestID
	colAWSTableName
	colAWSQueueURL
	colAWSBucket

	colScopeName
	colScopeVersion
	colResourceSchemaURL
	colScopeSchemaURL
	colDroppedAttributesCount
	colDroppedEventsCount
	colDroppedLinksCount
	colResourceDroppedAttributesCount
	colScopeDroppedAttributesCount
	colAttributeTypes
	colResourceAttributeTypes
	colScopeAttributeTypes
	colIngestTime
	colIsLate
	colCollectorID
	colResourceEntityRefs
	colRaw
	numFlat
)

// The leaves of nested columns, behind the flat ones.
const (
	leafAttributesKey leaf = numFlat + iota
	leafAttributesValue
	leafResourceAttributesKey
	leafResourceAttributesValue
	leafScopeAttributesKey
	leafScopeAttributesValue
	leafEventTime
	leafEventName
	leafEventAttributesKey
	leafEventAttributesValue
	leafEventAttributeTypes
	leafEventDropped
	leafLinkTraceID
	leafLinkSpanID
	leafLinkTraceState
	leafLinkFlags
	leafLinkAttributesKey
	leafLinkAttributesValue
	leafLinkAttributeTypes
	leafLinkDropped
	numLeaves
)

// valueKind is the type of a flat column.
type valueKind uint8

const (
	kindText valueKind = iota
	kindInt32
	kindInt64
	kindBool
	kindMicros
	kindBinary
)

// storage says how the values of a column are laid out in pages.
type storage uint8

const (
	// dictionary suits values that come again and again.
	dictionary storage = iota
	// lengths stores text end to end behind its lengths, which zstd then has to
	// itself: for text that hardly comes again, or comes again at once.
	lengths
	// deltas stores the differences of neighbours: for times.
	deltas
	// plain stores values as they are: for booleans.
	plain
)

// flatColumn describes a column with one value a row.
type flatColumn struct {
	name     string
	id       int // field id; never changes and is never used again
	kind     valueKind
	storage  storage
	required bool
}

// flatColumns are the columns with one value a row.
var flatColumns = [numFlat]flatColumn{
	colTraceID:           {"trace_id", 1, kindText, dictionary, true},
	colSpanID:            {"span_id", 2, kindText, lengths, true},
	colParentSpanID:      {"parent_span_id", 3, kindText, lengths, false},
	colXRayTraceID:       {"xray_trace_id", 4, kindText, lengths, false},
	colTraceState:        {"trace_state", 5, kindText, dictionary, false},
	colFlags:             {"flags", 6, kindInt32, dictionary, false},
	colStartTimeUnixNano: {"start_time_unix_nano", 7, kindInt64, deltas, true},
	colDurationNano:      {"duration_nano", 8, kindInt64, deltas, false},
	colStartTime:         {"start_time", 9, kindMicros, deltas, true},
	colName:              {"name", 10, kindText, dictionary, true},
	colKind:              {"kind", 11, kindText, dictionary, true},
	colStatusCode:        {"status_code", 12, kindText, dictionary, true},
	colStatusMessage:     {"status_message", 13, kindText, dictionary, false},
	colIsRoot:            {"is_root", 14, kindBool, plain, true},
	colIsError:           {"is_error", 15, kindBool, plain, true},
	colIsFault:           {"is_fault", 16, kindBool, plain, true},
	colIsThrottle:        {"is_throttle", 17, kindBool, plain, true},
	colRemoteName:        {"remote_name", 18, kindText, dictionary, false},
	colRemoteNamespace:   {"remote_namespace", 19, kindText, dictionary, false},

	colServiceName:           {"service_name", 30, kindText, dictionary, false},
	colServiceNamespace:      {"service_namespace", 31, kindText, dictionary, false},
	colServiceVersion:        {"service_version", 32, kindText, dictionary, false},
	colServiceInstanceID:     {"service_instance_id", 33, kindText, dictionary, false},
	colDeploymentEnvironment: {"deployment_environment", 34, kindText, dictionary, false},
	colCloudProvider:         {"cloud_provider", 35, kindText, dictionary, false},
	colCloudPlatform:         {"cloud_platform", 36, kindText, dictionary, false},
	colCloudAccountID:        {"cloud_account_id", 37, kindText, dictionary, false},
	colCloudRegion:           {"cloud_region", 38, kindText, dictionary, false},
	colCloudAvailabilityZone: {"cloud_availability_zone", 39, kindText, dictionary, false},
	colCloudResourceID:       {"cloud_resource_id", 40, kindText, dictionary, false},
	colHostID:                {"host_id", 41, kindText, dictionary, false},
	colHostName:              {"host_name", 42, kindText, dictionary, false},
	colContainerID:           {"container_id", 43, kindText, dictionary, false},
	colK8sClusterName:        {"k8s_cluster_name", 44, kindText, dictionary, false},
	colK8sNamespaceName:      {"k8s_namespace_name", 45, kindText, dictionary, false},
	colK8sDeploymentName:     {"k8s_deployment_name", 46, kindText, dictionary, false},
	colK8sPodName:            {"k8s_pod_name", 47, kindText, dictionary, false},
	colK8sNodeName:           {"k8s_node_name", 48, kindText, dictionary, false},
	colECSClusterARN:         {"ecs_cluster_arn", 49, kindText, dictionary, false},
	colECSTaskARN:            {"ecs_task_arn", 50, kindText, dictionary, false},
	colECSTaskFamily:         {"ecs_task_family", 51, kindText, dictionary, false},
	colFaaSName:              {"faas_name", 52, kindText, dictionary, false},
	colTelemetrySDKLanguage:  {"telemetry_sdk_language", 53, kindText, dictionary, false},
	colTelemetrySDKName:      {"telemetry_sdk_name", 54, kindText, dictionary, false},
	colTelemetrySDKVersion:   {"telemetry_sdk_version", 55, kindText, dictionary, false},

	colHTTPRequestMethod:      {"http_request_method", 70, kindText, dictionary, false},
	colHTTPRoute:              {"http_route", 71, kindText, dictionary, false},
	colHTTPResponseStatusCode: {"http_response_status_code", 72, kindInt32, dictionary, false},
	colURLFull:                {"url_full", 73, kindText, lengths, false},
	colURLPath:                {"url_path", 74, kindText, lengths, false},
	colURLScheme:              {"url_scheme", 75, kindText, dictionary, false},
	colServerAddress:          {"server_address", 76, kindText, dictionary, false},
	colServerPort:             {"server_port", 77, kindInt32, dictionary, false},
	colClientAddress:          {"client_address", 78, kindText, dictionary, false},
	colUserAgent:              {"user_agent", 79, kindText, dictionary, false},
	colErrorType:              {"error_type", 80, kindText, dictionary, false},
	colEnduserID:              {"enduser_id", 81, kindText, dictionary, false},
	colPeerService:            {"peer_service", 82, kindText, dictionary, false},
	colRPCSystem:              {"rpc_system", 83, kindText, dictionary, false},
	colRPCService:             {"rpc_service", 84, kindText, dictionary, false},
	colRPCMethod:              {"rpc_method", 85, kindText, dictionary, false},
	colRPCResponseCode:        {"rpc_response_status_code", 86, kindText, dictionary, false},
	colDBSystem:               {"db_system", 87, kindText, dictionary, false},
	colDBNamespace:            {"db_namespace", 88, kindText, dictionary, false},
	colDBOperation:            {"db_operation", 89, kindText, dictionary, false},
	colDBCollection:           {"db_collection", 90, kindText, dictionary, false},
	colDBQueryText:            {"db_query_text", 91, kindText, dictionary, false},
	colMessagingSystem:        {"messaging_system", 92, kindText, dictionary, false},
	colMessagingDestination:   {"messaging_destination", 93, kindText, dictionary, false},
	colMessagingOperation:     {"messaging_operation", 94, kindText, dictionary, false},
	colAWSOperation:           {"aws_operation", 95, kindText, dictionary, false},
	colAWSRegion:              {"aws_region", 96, kindText, dictionary, false},
	colAWSRequestID:           {"aws_request_id", 97, kindText, lengths, false},
	colAWSTableName:           {"aws_table_name", 98, kindText, dictionary, false},
	colAWSQueueURL:            {"aws_queue_url", 99, kindText, dictionary, false},
	colAWSBucket:              {"aws_bucket", 100, kindText, dictionary, false},

	colScopeName:                      {"scope_name", 120, kindText, dictionary, false},
	colScopeVersion:                   {"scope_version", 121, kindText, dictionary, false},
	colResourceSchemaURL:              {"resource_schema_url", 122, kindText, dictionary, false},
	colScopeSchemaURL:                 {"scope_schema_url", 123, kindText, dictionary, false},
	colDroppedAttributesCount:         {"dropped_attributes_count", 124, kindInt32, dictionary, false},
	colDroppedEventsCount:             {"dropped_events_count", 125, kindInt32, dictionary, false},
	colDroppedLinksCount:              {"dropped_links_count", 126, kindInt32, dictionary, false},
	colResourceDroppedAttributesCount: {"resource_dropped_attributes_count", 127, kindInt32, dictionary, false},
	colScopeDroppedAttributesCount:    {"scope_dropped_attributes_count", 128, kindInt32, dictionary, false},
	colAttributeTypes:                 {"attribute_types", 129, kindText, dictionary, false},
	colResourceAttributeTypes:         {"resource_attribute_types", 130, kindText, dictionary, false},
	colScopeAttributeTypes:            {"scope_attribute_types", 131, kindText, dictionary, false},
	colIngestTime:                     {"ingest_time", 132, kindMicros, deltas, true},
	colIsLate:                         {"is_late", 133, kindBool, plain, true},
	colCollectorID:                    {"collector_id", 134, kindText, dictionary, false},
	colResourceEntityRefs:             {"resource_entity_refs", 136, kindText, dictionary, false},
	colRaw:                            {"raw", 135, kindBinary, lengths, false},
}
