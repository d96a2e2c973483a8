package archive

import (
	"reflect"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// schema is what a Writer writes. parquet.Group sorts its fields by name, and
// people read this in the order of flatColumns.
var schema = parquet.NewSchema("span", group(fields()...))

func fields() []parquet.Field {
	var list []parquet.Field
	for i := range flatColumns {
		c := &flatColumns[i]
		list = append(list, field(c.name, parquet.FieldID(c.node(), c.id)))
	}
	return append(list,
		field("attributes", textMap(150)),
		field("resource_attributes", textMap(153)),
		field("scope_attributes", textMap(156)),
		field("events", list3(160,
			field("time_unix_nano", parquet.FieldID(parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked), 162)),
			field("name", parquet.FieldID(text(dictionary), 163)),
			field("attributes", textMap(164)),
			field("attribute_types", parquet.FieldID(parquet.Optional(text(dictionary)), 167)),
			field("dropped_attributes_count", parquet.FieldID(parquet.Optional(parquet.Encoded(parquet.Int(32), &parquet.RLEDictionary)), 168)),
		)),
		field("links", list3(170,
			field("trace_id", parquet.FieldID(text(lengths), 172)),
			field("span_id", parquet.FieldID(text(lengths), 173)),
			field("trace_state", parquet.FieldID(parquet.Optional(text(dictionary)), 174)),
			field("flags", parquet.FieldID(parquet.Optional(parquet.Encoded(parquet.Int(32), &parquet.RLEDictionary)), 175)),
			field("attributes", textMap(176)),
			field("attribute_types", parquet.FieldID(parquet.Optional(text(dictionary)), 179)),
			field("dropped_attributes_count", parquet.FieldID(parquet.Optional(parquet.Encoded(parquet.Int(32), &parquet.RLEDictionary)), 180)),
		)),
	)
}

func (c *flatColumn) node() parquet.Node {
	var n parquet.Node
	switch c.kind {
	case kindText:
		n = parquet.String()
	case kindInt32:
		n = parquet.Int(32)
	case kindInt64:
		n = parquet.Int(64)
	case kindBool:
		n = parquet.Leaf(parquet.BooleanType)
	case kindMicros:
		n = parquet.Timestamp(parquet.Microsecond)
	case kindBinary:
		n = parquet.Leaf(parquet.ByteArrayType)
	}
	n = parquet.Encoded(n, c.storage.encoding())
	if !c.required {
		n = parquet.Optional(n)
	}
	return n
}

func (s storage) encoding() encoding.Encoding {
	switch s {
	case dictionary:
		return &parquet.RLEDictionary
	case lengths:
		return &parquet.DeltaLengthByteArray
	case deltas:
		return &parquet.DeltaBinaryPacked
	}
	return &parquet.Plain
}

func text(s storage) parquet.Node { return parquet.Encoded(parquet.String(), s.encoding()) }

// textMap is MAP<STRING, STRING> with the field ids id (of the map), id+1 (of
// its keys) and id+2 (of its values).
func textMap(id int) parquet.Node {
	return parquet.FieldID(typed(parquet.Map(parquet.String(), parquet.String()), field("key_value", parquet.Repeated(group(
		field("key", parquet.FieldID(text(dictionary), id+1)),
		field("value", parquet.FieldID(parquet.Optional(text(mapValueStorage)), id+2)),
	)))), id)
}

const mapValueStorage = dictionary

// list3 is LIST<STRUCT<fields…>> with the field ids id (of the list) and id+1
// (of its elements).
func list3(id int, fields ...parquet.Field) parquet.Node {
	element := group(fields...)
	return parquet.FieldID(typed(parquet.List(parquet.String()), field("list", parquet.Repeated(group(
		field("element", parquet.FieldID(element, id+1)),
	)))), id)
}

// orderedGroup is a group whose fields keep their order.
type orderedGroup struct {
	parquet.Node // a group with the same fields
	typ          parquet.Type
	fields       []parquet.Field
}

func (g *orderedGroup) Fields() []parquet.Field { return g.fields }
func (g *orderedGroup) Type() parquet.Type      { return g.typ }

func group(fields ...parquet.Field) parquet.Node {
	unordered := parquet.Group{}
	for _, f := range fields {
		unordered[f.Name()] = f
	}
	return &orderedGroup{Node: unordered, typ: unordered.Type(), fields: fields}
}

// typed is a group of one field with the logical type of another node.
func typed(like parquet.Node, f parquet.Field) parquet.Node {
	g := group(f).(*orderedGroup)
	g.typ = like.Type()
	return g
}

// namedField gives a node a name.
type namedField struct {
	parquet.Node
	name string
}

func (f *namedField) Name() string { return f.name }

// Value implements parquet.Field. Nothing here goes through Go structs.
func (f *namedField) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(f.name))
}

func field(name string, n parquet.Node) parquet.Field { return &namedField{n, name} }

// bounded are the columns of text whose least and greatest value may say that a
// file has nothing of what is asked for. Others have all sorts of values in any
// file.
var bounded = map[leaf]bool{
	colServiceName: true, colServiceNamespace: true, colDeploymentEnvironment: true, colCloudAccountID: true,
	colCloudRegion: true, colK8sClusterName: true, colECSClusterARN: true, colCollectorID: true,
}

// unbounded are the columns whose least and greatest value nobody asks for.
var unbounded = func() (paths [][]string) {
	for l, path := range schema.Columns() {
		if l := leaf(l); l < numFlat && (flatColumns[l].kind != kindText && l != colRaw || bounded[l]) {
			continue
		}
		paths = append(paths, path)
	}
	return paths
}()

// levels are the levels of a value that is there.
type levels struct{ repetition, definition uint8 }

// leafLevels, leafKinds and leafPaths describe the columns of values.
var leafLevels, leafKinds, leafPaths = func() (l [numLeaves]levels, kinds [numLeaves]parquet.Kind, paths [numLeaves]string) {
	for i, path := range schema.Columns() {
		column, _ := schema.Lookup(path...)
		if column.ColumnIndex != i {
			panic("archive: columns are not in the order of the schema")
		}
		l[i] = levels{uint8(column.MaxRepetitionLevel), uint8(column.MaxDefinitionLevel)}
		kinds[i] = column.Node.Type().Kind()
		paths[i] = strings.Join(path, ".")
	}
	return l, kinds, paths
}()
