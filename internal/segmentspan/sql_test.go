package segmentspan

import (
	"slices"
	"testing"
)

func TestSQLSystems(t *testing.T) {
	if !slices.IsSorted(sqlSystems) {
		t.Error("the systems are not in order")
	}
	for _, system := range []string{"postgresql", "PostgreSQL", "mssql", "microsoft.sql_server", "other_sql"} {
		if !isSQL(system) {
			t.Errorf("%s speaks SQL", system)
		}
	}
	for _, system := range []string{"", "redis", "mongodb", "dynamodb"} {
		if isSQL(system) {
			t.Errorf("%s does not speak SQL", system)
		}
	}
}
