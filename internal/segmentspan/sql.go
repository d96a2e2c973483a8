package segmentspan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// sqlSystems are the values of db.system and db.system.name whose queries are
// SQL, in lower case and order.
var sqlSystems = []string{
	"aws.redshift", "clickhouse", "cloudscape", "cockroachdb", "db2", "derby", "edb", "firebird", "gcp.spanner",
	"h2", "h2database", "hanadb", "hive", "hsqldb", "ibm.db2", "informix", "ingres", "interbase", "mariadb",
	"microsoft.sql_server", "mssql", "mssqlcompact", "mysql", "netezza", "oracle", "oracle.db", "other_sql",
	"postgresql", "redshift", "sap.hana", "sap.maxdb", "snowflake", "softwareag.adabas", "spanner", "sqlite",
	"sybase", "teradata", "trino", "vertica",
}

func isSQL(system string) bool {
	_, found := slices.BinarySearch(sqlSystems, strings.ToLower(system))
	return found
}

// sql writes the block.
func (w *writer) sql(s *segment.SQL) {
	if s == nil {
		return
	}
	w.str(keyDBConnectionString, s.ConnectionString)
	w.str(keyDBStatement, s.SanitizedQuery)
	w.str(keyDBSystem, s.DatabaseType)
	w.str(keyDBUser, s.User)
	w.str(keySQLURL, s.URL)
	w.str(keySQLDatabaseVersion, s.DatabaseVersion)
	w.str(keySQLDriverVersion, s.DriverVersion)
	w.str(keySQLPreparation, s.Preparation)
	w.extra("/sql", s.Extra)
}

// sqlOf derives the block. Spans of databases that do not speak SQL have none.
func (m *mapper) sqlOf(e *entity) {
	r := &m.r
	if e.born == roleNone && !isSQL(r.peekFirst(keyDBSystem, keyDBSystemName)) && !r.have.has(keySQLURL) {
		return
	}
	s := segment.SQL{
		ConnectionString: r.str(keyDBConnectionString),
		URL:              r.str(keySQLURL),
		SanitizedQuery:   r.first(keyDBStatement, keyDBQueryText),
		DatabaseType:     r.first(keyDBSystem, keyDBSystemName),
		DatabaseVersion:  r.str(keySQLDatabaseVersion),
		DriverVersion:    r.str(keySQLDriverVersion),
		User:             r.str(keyDBUser),
		Preparation:      r.str(keySQLPreparation),
	}
	if e.born == roleNone {
		m.sqlOfSpan(&s)
	}
	if s.ConnectionString != "" || s.URL != "" || s.SanitizedQuery != "" || s.DatabaseType != "" ||
		s.DatabaseVersion != "" || s.DriverVersion != "" || s.User != "" || s.Preparation != "" {
		*e.sqlBlock() = s
	}
}

// sqlOfSpan adds the database's name and address, for which X-Ray has no
// members of their own.
func (m *mapper) sqlOfSpan(s *segment.SQL) {
	r := &m.r
	name := r.peekFirst(keyDBName, keyDBNamespace)
	if s.ConnectionString != "" && name != "" {
		r.first(keyDBName, keyDBNamespace)
		s.ConnectionString += "/" + name
	}
	host := r.peekFirst(keyServerAddress, keyNetPeerName)
	if s.URL != "" || host == "" {
		return
	}
	b := append(m.buf[:0], strings.ToLower(s.DatabaseType)...)
	b = append(append(b, "://"...), host...)
	r.first(keyServerAddress, keyNetPeerName)
	port, ok := r.integer(keyServerPort)
	if !ok {
		port, ok = r.integer(keyNetPeerPort)
	}
	if ok {
		b = strconv.AppendInt(append(b, ':'), port, 10)
	}
	if name != "" {
		r.first(keyDBName, keyDBNamespace)
		b = append(append(b, '/'), name...)
	}
	m.buf = b
	s.URL = m.keep(b)
}
