package archive

import (
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Column is a column as Hive, Athena and Trino see it.
type Column struct {
	Name string
	Type string // such as bigint or map<string,string>
}

// Columns returns the columns of SchemaVersion, in their order.
func Columns() []Column {
	var list []Column
	for _, f := range schema.Fields() {
		list = append(list, Column{f.Name(), hiveType(f)})
	}
	return list
}

func hiveType(n parquet.Node) string {
	if n.Leaf() {
		t := n.Type()
		switch logical := t.LogicalType(); {
		case logical != nil && strings.HasPrefix(logical.String(), "TIMESTAMP"):
			return "timestamp"
		case logical != nil && logical.String() == "STRING":
			return "string"
		}
		return map[parquet.Kind]string{
			parquet.Boolean: "boolean", parquet.Int32: "int", parquet.Int64: "bigint", parquet.ByteArray: "binary",
		}[t.Kind()]
	}
	fields := n.Fields()
	switch {
	case len(fields) == 1 && fields[0].Name() == "key_value":
		entry := fields[0].Fields()
		return "map<" + hiveType(entry[0]) + "," + hiveType(entry[1]) + ">"
	case len(fields) == 1 && fields[0].Name() == "list":
		return "array<" + hiveType(fields[0].Fields()[0]) + ">"
	}
	var members []string
	for _, f := range fields {
		members = append(members, f.Name()+":"+hiveType(f))
	}
	return "struct<" + strings.Join(members, ",") + ">"
}
