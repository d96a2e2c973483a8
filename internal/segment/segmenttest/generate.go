package segmenttest

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Generate returns a valid document: a segment or an independent subsegment
// with embedded subsegments, below 64 KB. Over many calls it uses every known
// member at every place, in usual and odd shapes, unknown members, annotations
// and metadata of any shape, names that mean something elsewhere, text in many
// scripts, every spelling of times, numbers and strings, and any order and
// white space. Ids are lower-case and differ within the document; times have at
// most 9 decimals; no object names a member twice.
func Generate(rng *rand.Rand) []byte {
	for {
		g := generator{rng: rng, left: 1 + rng.IntN(20), pretty: rng.IntN(4) == 0}
		// Mostly lean documents, so that each combination of few members comes
		// up, and some that have nearly everything.
		g.density = []float64{0.1, 0.25, 0.5, 0.9}[rng.IntN(4)]
		doc := g.document()
		if len(doc) < 60_000 {
			return []byte(doc)
		}
	}
}

type generator struct {
	rng     *rand.Rand
	left    int     // entities still to be made
	density float64 // how likely an optional member is
	pretty  bool    // white space between tokens
	ids     []string
	start   int64 // nanoseconds
}

// object collects members and writes them in any order.
type object struct {
	g       *generator
	members []string
	names   map[string]bool
}

func (g *generator) object() *object { return &object{g: g, names: map[string]bool{}} }

func (o *object) add(name, value string) {
	if o.names[name] {
		return
	}
	o.names[name] = true
	o.members = append(o.members, o.g.space()+o.g.spell(name)+o.g.space()+":"+o.g.space()+value+o.g.space())
}

// maybe adds an optional member, sometimes with a value that is not of its type.
func (o *object) maybe(name string, value func() string) {
	g := o.g
	switch {
	case g.rng.Float64() >= g.density:
	case g.one(25):
		o.add(name, g.odd())
	default:
		o.add(name, value())
	}
}

func (o *object) String() string {
	o.g.rng.Shuffle(len(o.members), func(i, j int) {
		o.members[i], o.members[j] = o.members[j], o.members[i]
	})
	return "{" + strings.Join(o.members, ",") + "}"
}

func (g *generator) one(in int) bool { return g.rng.IntN(in) == 0 }

func pick[T any](g *generator, list ...T) T { return list[g.rng.IntN(len(list))] }

func (g *generator) space() string {
	if !g.pretty || g.one(2) {
		return ""
	}
	return pick(g, " ", "\n", "\t", "\r\n  ", "  ")
}

func (g *generator) document() string {
	g.start = 1_760_797_120_000_000_000 + g.rng.Int64N(100_000_000_000)
	o := g.object()
	o.add("trace_id", g.spell(g.traceID()))
	if g.one(4) {
		o.add("type", `"subsegment"`)
		o.add("parent_id", g.newID())
	} else if g.one(2) {
		o.add("parent_id", g.newID())
	} else if g.one(20) {
		o.add("parent_id", pick(g, "null", `""`))
	}
	g.entity(o, 0)
	return g.space() + o.String() + g.space()
}

func (g *generator) embedded(parent string, depth int) string {
	o := g.object()
	if g.one(20) { // some SDKs spell what an embedded one inherits
		o.add("type", `"subsegment"`)
		o.add("parent_id", parent)
	}
	if g.one(40) {
		o.add("trace_id", g.spell(g.traceID()))
	}
	g.entity(o, depth)
	return o.String()
}

func (g *generator) entity(o *object, depth int) {
	g.left--
	id := g.newID()
	o.add("name", g.spell(g.name(depth)))
	o.add("id", id)
	start := g.start + g.rng.Int64N(5_000_000_000)
	o.add("start_time", g.time(start))
	switch g.rng.IntN(12) {
	case 0:
		o.add("in_progress", "true")
	case 1:
		o.add("end_time", g.time(start+g.rng.Int64N(1_000_000_000)))
		o.add("in_progress", "false")
	case 2:
		o.add("in_progress", "true")
		o.add("end_time", pick(g, "null", "0"))
	default:
		o.add("end_time", g.time(start+g.rng.Int64N(1_000_000_000)))
	}
	o.maybe("namespace", func() string { return g.spell(pick(g, "aws", "remote", "remote", "local", "foo")) })
	o.maybe("origin", func() string {
		return g.spell(pick(g, "AWS::EC2::Instance", "AWS::ECS::Container", "AWS::ECS::Fargate", "AWS::ECS::EC2",
			"AWS::EKS::Container", "AWS::ElasticBeanstalk::Environment", "AWS::Lambda", "AWS::Lambda::Function",
			"AWS::AppRunner::Service", "AWS::ApiGateway::Stage", "AWS::DynamoDB::Table", g.text()))
	})
	o.maybe("user", g.string)
	o.maybe("resource_arn", func() string {
		return g.spell(pick(g, "arn:aws:ecs:eu-west-1:123456789012:task/shop/1", "arn:aws:lambda:eu-west-1:123456789012:function:f", g.text()))
	})
	for _, flag := range []string{"error", "throttle", "fault", "traced", "inferred"} {
		if g.one(3) {
			o.maybe(flag, g.bool)
		}
	}
	o.maybe("service", g.service)
	o.maybe("http", g.http)
	o.maybe("aws", g.aws)
	o.maybe("sql", g.sql)
	o.maybe("cause", g.cause)
	o.maybe("annotations", g.annotations)
	o.maybe("metadata", g.metadata)
	o.maybe("precursor_ids", func() string { return g.array(g.anyID) })
	o.maybe("links", func() string { return g.array(g.link) })
	g.unknown(o)
	if depth < 5 && g.left > 0 && !g.one(3) {
		var list []string
		for n := 1 + g.rng.IntN(4); n > 0 && g.left > 0; n-- {
			list = append(list, g.space()+g.embedded(id, depth+1)+g.space())
		}
		o.add("subsegments", "["+strings.Join(list, ",")+"]")
	} else if g.one(30) {
		o.add("subsegments", pick(g, "[]", "null"))
	}
}

func (g *generator) service() string {
	o := g.object()
	for _, name := range []string{"name", "version", "runtime", "runtime_version", "compiler", "compiler_version"} {
		o.maybe(name, g.string)
	}
	g.unknown(o)
	return o.String()
}

func (g *generator) http() string {
	o := g.object()
	o.maybe("request", func() string {
		r := g.object()
		r.maybe("method", func() string { return g.spell(pick(g, "GET", "POST", "PUT", "DELETE", "get", "_OTHER", g.text())) })
		r.maybe("url", func() string {
			return g.spell(pick(g, "https://shop.example.com/orders/12?step=pay#top", "http://10.0.0.1:8080/", "/orders/12", "orders", g.text()))
		})
		r.maybe("user_agent", g.string)
		r.maybe("client_ip", func() string {
			return g.spell(pick(g, "203.0.113.24", "2001:db8::1", "203.0.113.24, 10.0.0.1", g.text()))
		})
		r.maybe("x_forwarded_for", g.bool)
		r.maybe("traced", g.bool)
		g.unknown(r)
		return r.String()
	})
	o.maybe("response", func() string {
		r := g.object()
		r.maybe("status", g.integer)
		r.maybe("content_length", g.integer)
		g.unknown(r)
		return r.String()
	})
	g.unknown(o)
	return o.String()
}

func (g *generator) sql() string {
	o := g.object()
	o.maybe("connection_string", g.string)
	o.maybe("url", func() string {
		return g.spell(pick(g, "jdbc:postgresql://db.example.com:5432/orders", "orders@host", "mysql://u@h/db?x=1", g.text()))
	})
	o.maybe("sanitized_query", func() string { return g.spell(pick(g, "SELECT * FROM orders WHERE id = ?", g.text())) })
	o.maybe("database_type", func() string {
		return g.spell(pick(g, "PostgreSQL", "postgresql", "MySQL", "mysql", "Oracle", "mssql", g.text()))
	})
	for _, name := range []string{"database_version", "driver_version", "user"} {
		o.maybe(name, g.string)
	}
	o.maybe("preparation", func() string { return g.spell(pick(g, "call", "statement", g.text())) })
	g.unknown(o)
	return o.String()
}

func (g *generator) aws() string {
	o := g.object()
	o.maybe("account_id", func() string { return g.spell(pick(g, "123456789012", g.text())) })
	o.maybe("operation", func() string { return g.spell(pick(g, "UpdateItem", "SendMessage", g.text())) })
	o.maybe("region", func() string { return g.spell(pick(g, "eu-west-1", "us-east-1", g.text())) })
	o.maybe("request_id", g.string)
	o.maybe("queue_url", g.string)
	o.maybe("table_name", g.string)
	o.maybe("table_names", func() string { return g.array(g.string) })
	o.maybe("retries", g.integer)
	o.maybe("cloudwatch_logs", func() string {
		return g.array(func() string { return g.block("log_group", "arn") })
	})
	o.maybe("ec2", func() string { return g.block("instance_id", "instance_size", "ami_id", "availability_zone") })
	o.maybe("ecs", func() string {
		return g.block("container", "container_id", "container_arn", "cluster_arn", "task_arn", "task_family",
			"launch_type", "availability_zone")
	})
	o.maybe("eks", func() string { return g.block("cluster_name", "pod", "container_id") })
	o.maybe("elastic_beanstalk", func() string {
		b := g.object()
		b.maybe("environment_name", g.string)
		b.maybe("version_label", g.string)
		b.maybe("deployment_id", g.integer)
		g.unknown(b)
		return b.String()
	})
	o.maybe("xray", func() string {
		b := g.object()
		b.maybe("sdk", func() string {
			return g.spell(pick(g, "X-Ray for Go", "X-Ray for Java", "X-Ray for Node.js", "opentelemetry for go", g.text()))
		})
		b.maybe("sdk_version", g.string)
		b.maybe("sampling_rule_name", g.string)
		b.maybe("auto_instrumentation", g.bool)
		if g.one(10) {
			b.add("RuleName", g.string())
		}
		g.unknown(b)
		return b.String()
	})
	for _, name := range []string{"resource_names", "function_name", "topic_arn", "bucket_name", "key", "id_2", "count", "limit", "tracing"} {
		if g.one(8) {
			o.maybe(name, func() string { return g.value(2) })
		}
	}
	g.unknown(o)
	return o.String()
}

// block is an object whose members are all text.
func (g *generator) block(names ...string) string {
	o := g.object()
	for _, name := range names {
		o.maybe(name, g.string)
	}
	g.unknown(o)
	return o.String()
}

func (g *generator) cause() string {
	if g.one(4) {
		return g.anyID()
	}
	o := g.object()
	o.maybe("working_directory", g.string)
	o.maybe("paths", func() string { return g.array(g.string) })
	o.maybe("exceptions", func() string { return g.array(g.exception) })
	g.unknown(o)
	return o.String()
}

func (g *generator) exception() string {
	o := g.object()
	if !g.one(60) {
		o.add("id", g.newID())
	}
	o.maybe("message", g.string)
	o.maybe("type", func() string {
		return g.spell(pick(g, "TypeError", "java.lang.RuntimeException", "*errors.errorString", g.text()))
	})
	o.maybe("remote", g.bool)
	o.maybe("truncated", g.integer)
	o.maybe("skipped", g.integer)
	o.maybe("cause", g.anyID)
	o.maybe("stack", func() string {
		return g.array(func() string {
			f := g.object()
			f.maybe("path", func() string { return g.spell(pick(g, "pay/client.go", "/app/server.js", "C:\\app\\x.cs", g.text())) })
			f.maybe("line", g.integer)
			f.maybe("label", func() string {
				return g.spell(pick(g, "pay.(*Client).Charge", "Object.<anonymous>", "com.example.A$B.<init>", "", g.text()))
			})
			g.unknown(f)
			return f.String()
		})
	})
	g.unknown(o)
	return o.String()
}

func (g *generator) link() string {
	o := g.object()
	o.maybe("trace_id", func() string { return g.spell(g.traceID()) })
	o.maybe("id", g.anyID)
	o.maybe("attributes", func() string {
		a := g.object()
		for n := g.rng.IntN(4); n > 0; n-- {
			a.add(g.annotationKey(), g.value(2))
		}
		return a.String()
	})
	g.unknown(o)
	return o.String()
}

func (g *generator) annotations() string {
	o := g.object()
	for n := g.rng.IntN(8); n > 0; n-- {
		value := g.scalar()
		if g.one(8) {
			value = g.value(2)
		}
		o.add(g.annotationKey(), value)
	}
	return o.String()
}

func (g *generator) annotationKey() string {
	return pick(g, "tenant", "items", "a.b", "a_b", "a-b", "a b", "ключ", "", "http.method", "http.request.method",
		"http.response.status_code", "db.statement", "db.system", "aws.region", "aws.xray.annotations", "aws.xray.json", "enduser.id",
		"service.name", "otel.x", "exception.type", "name", "id", "fault", g.text())
}

func (g *generator) metadata() string {
	o := g.object()
	for n := g.rng.IntN(4); n > 0; n-- {
		value := g.value(4)
		if !g.one(5) {
			ns := g.object()
			for m := g.rng.IntN(5); m > 0; m-- {
				ns.add(g.annotationKey(), g.value(3))
			}
			value = ns.String()
		}
		o.add(pick(g, "default", "payments", "otel", "tailwater", "AWS.x", "a.b", "", g.text()), value)
	}
	return o.String()
}

// unknown adds members that no document has.
func (g *generator) unknown(o *object) {
	for g.one(12) {
		o.add(pick(g, "zzz", "x/y~z", "Name", "NAME", "http.method", "0", "", "a.b.c", "type2", "ключ", g.text()), g.value(3))
	}
}

// odd is a value that no field, or not every field, can hold.
func (g *generator) odd() string {
	return pick(g, "null", `""`, "{}", "[]", "0", "-1.5", "true", "[null]", `[{"a":1},2]`, `{"a":[1,{"b":null}]}`, `"x"`, g.value(2))
}

// value is any JSON value that nests at most this deep.
func (g *generator) value(depth int) string {
	if depth == 0 || g.one(2) {
		return g.scalar()
	}
	if g.one(2) {
		return g.array(func() string { return g.value(depth - 1) })
	}
	o := g.object()
	for n := g.rng.IntN(4); n > 0; n-- {
		o.add(g.annotationKey(), g.value(depth-1))
	}
	return o.String()
}

func (g *generator) scalar() string {
	switch g.rng.IntN(4) {
	case 0:
		return pick(g, "true", "false", "null")
	case 1:
		return pick(g, "0", "-0", "1", "-17", "0.25", "1.0", "1e2", "-1.5E-7", "1e400", "12345678901234567890", "9007199254740993",
			"0.1000000000000000055511151231257827", "-9223372036854775808", "1E+3", "3.0e0")
	case 2:
		return strconv.FormatFloat(g.rng.NormFloat64()*1000, 'g', -1, 64)
	}
	return g.string()
}

func (g *generator) array(element func() string) string {
	var list []string
	for n := g.rng.IntN(4); n > 0; n-- {
		list = append(list, g.space()+element()+g.space())
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (g *generator) bool() string { return pick(g, "true", "false") }

func (g *generator) integer() string {
	n := pick(g, 0, 1, 187, 200, 201, 302, 399, 400, 404, 429, 500, 502, 599, -1, 1<<40)
	switch g.rng.IntN(8) {
	case 0:
		return `"` + strconv.Itoa(n) + `"`
	case 1:
		return strconv.Itoa(n) + ".0"
	case 2:
		return strconv.Itoa(n) + "e0"
	case 3:
		return pick(g, "1.5", "1e30", `"007"`, `"x"`, "9223372036854775807", "-9223372036854775808", "2E2")
	}
	return strconv.Itoa(n)
}

// time spells nanoseconds as seconds, after rounding them to fewer digits as clocks do.
func (g *generator) time(ns int64) string {
	decimals := g.rng.IntN(10)
	for range 9 - decimals {
		ns /= 10
	}
	digits := strconv.FormatInt(ns, 10) // seconds, then decimals
	plain := digits[:10]
	if decimals > 0 {
		plain += "." + digits[10:]
	}
	switch g.rng.IntN(6) {
	case 0: // 1.499473414069E9
		return digits[:1] + "." + digits[1:] + pick(g, "E9", "e9", "e+9", "E09")
	case 1:
		return digits + "e-" + strconv.Itoa(decimals)
	case 2:
		if decimals > 0 && decimals < 9 {
			return plain + "0"
		}
	}
	return plain
}

func (g *generator) traceID() string {
	return "1-" + g.hex(8) + "-" + g.hex(24)
}

// newID returns an id, quoted, that was not used yet.
func (g *generator) newID() string {
	id := `"` + g.hex(16) + `"`
	g.ids = append(g.ids, id)
	return id
}

// anyID refers to something.
func (g *generator) anyID() string {
	if g.one(2) {
		return pick(g, g.ids...)
	}
	return `"` + g.hex(16) + `"`
}

func (g *generator) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[g.rng.IntN(len(digits))]
	}
	b[n-1] = digits[1+g.rng.IntN(len(digits)-1)] // no id is all zeros
	return string(b)
}

// name is an entity's name. X-Ray is strict with segments.
func (g *generator) name(depth int) string {
	usual := pick(g, "orders", "checkout.example.com", "orders@db.internal", "DynamoDB", "GET /a/b?c=d&e=#", "Größe 5", "注文", "a:b/c%d+e-f_g")
	if depth > 0 && g.one(6) {
		return pick(g, "a b(c)/d", `say "hi"`, "tab\there", g.nonempty())
	}
	return usual
}

func (g *generator) nonempty() string {
	for {
		if v := g.text(); v != "" {
			return v
		}
	}
}

func (g *generator) string() string { return g.spell(g.text()) }

// text is any text, seldom empty.
func (g *generator) text() string {
	if g.one(40) {
		return ""
	}
	if g.one(2) {
		return pick(g, "blue", "eu-west-1b", "user-4711", "1.4.2", "go1.26", "i-0123456789abcdef0", "true", "12", "{}", `{"a":1}`, "null", "[1]")
	}
	var b strings.Builder
	for n := g.rng.IntN(12); n >= 0; n-- {
		switch g.rng.IntN(6) {
		case 0:
			b.WriteRune(pick(g, 'é', 'ß', 'Ж', '語', '😀', '\u200d', '\u2028', '\ufeff', '\ufffd', '\u0301', '\U0010ffff'))
		case 1:
			b.WriteRune(pick(g, '"', '\\', '/', '\n', '\t', '\r', '\b', '\f', 0, 0x1f, 0x7f, 0x85, '<', '&'))
		default:
			b.WriteByte(byte(' ' + g.rng.IntN(95)))
		}
	}
	if g.one(50) {
		b.WriteString(strings.Repeat("long text ", 60))
	}
	return b.String()
}

// spell quotes text in one of the ways that JSON has.
func (g *generator) spell(v string) string {
	escape := g.one(6) // write some characters as \u although nobody must
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range v {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '/' && escape:
			b.WriteString(`\/`)
		case r < ' ' && strings.ContainsRune("\b\f\n\r\t", r) && !escape:
			b.WriteByte('\\')
			b.WriteByte("btn fr"[r-'\b'])
		case r < ' ' || escape && g.one(3):
			g.hexEscape(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (g *generator) hexEscape(b *strings.Builder, r rune) {
	units := []uint16{uint16(r)}
	if r > 0xffff {
		r -= 0x10000
		units = []uint16{uint16(0xd800 + r>>10), uint16(0xdc00 + r&0x3ff)}
	}
	for _, u := range units {
		digits := strconv.FormatUint(uint64(u), 16)
		if g.one(2) {
			digits = strings.ToUpper(digits)
		}
		b.WriteString(`\u`)
		b.WriteString("0000"[len(digits):])
		b.WriteString(digits)
	}
}
