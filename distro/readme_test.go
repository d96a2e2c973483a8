package main

import (
	"encoding"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

var update = flag.Bool("update", false, "write the config tables of the component READMEs")

const (
	tableBegin = "<!-- config:begin -->"
	tableEnd   = "<!-- config:end -->"
	ourModule  = "github.com/tailwater-otel/tailwater/"
)

// The table of each component's README lists every key of its Config with the
// true default and the field's own comment. `make generate` writes it.
func TestReadmeConfigTables(t *testing.T) {
	for dir, factory := range ourFactories(t) {
		t.Run(dir, func(t *testing.T) {
			path := filepath.Join("..", dir, "README.md")
			readme, err := os.ReadFile(path)
			require.NoError(t, err)
			before, rest, ok := strings.Cut(string(readme), tableBegin)
			require.True(t, ok, "%s has no %s", path, tableBegin)
			_, after, ok := strings.Cut(rest, tableEnd)
			require.True(t, ok, "%s has no %s", path, tableEnd)

			want := before + tableBegin + "\n" + configTable(t, factory.CreateDefaultConfig()) + tableEnd + after
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
				return
			}
			require.Equal(t, want, string(readme), "run make generate")
		})
	}
}

// ourFactories returns the factories of this module by the folder they live in.
func ourFactories(t *testing.T) map[string]component.Factory {
	all, err := components()
	require.NoError(t, err)
	ours := map[string]component.Factory{}
	add := func(f component.Factory) {
		pkg := reflect.TypeOf(f.CreateDefaultConfig()).Elem().PkgPath()
		if dir, ok := strings.CutPrefix(pkg, ourModule); ok {
			ours[dir] = f
		}
	}
	for _, f := range all.Receivers {
		add(f)
	}
	for _, f := range all.Processors {
		add(f)
	}
	for _, f := range all.Exporters {
		add(f)
	}
	for _, f := range all.Connectors {
		add(f)
	}
	for _, f := range all.Extensions {
		add(f)
	}
	require.NotEmpty(t, ours)
	return ours
}

func configTable(t *testing.T, cfg component.Config) string {
	w := tableWriter{t: t, comments: map[string]map[string]string{}}
	w.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	w.fields(reflect.ValueOf(cfg).Elem(), "")
	return w.String()
}

type tableWriter struct {
	strings.Builder
	t        *testing.T
	comments map[string]map[string]string // package path → "Type.Field" → comment
}

func (w *tableWriter) fields(v reflect.Value, prefix string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		switch {
		case strings.Contains(options, "squash"):
			w.fields(v.Field(i), prefix)
			continue
		case name == "-" || !field.IsExported():
			continue
		case name == "":
			name = strings.ToLower(field.Name)
		}
		comment := w.comment(v.Type(), field.Name)
		w.value(v.Field(i), prefix+name, comment)
	}
}

// value writes the row of one key, or the rows of the block below it.
func (w *tableWriter) value(v reflect.Value, key, comment string) {
	note := ""
	if inner, set, ok := optional(v); ok {
		v = inner
		if !set {
			note = "off"
		}
	}
	if text, ok := v.Addr().Interface().(encoding.TextMarshaler); ok && v.Kind() == reflect.Struct {
		value, err := text.MarshalText()
		require.NoError(w.t, err)
		w.row(key, "string", "`"+string(value)+"`", comment)
		return
	}
	if v.Kind() != reflect.Struct {
		value := defaultOf(v)
		if note != "" {
			value = note
		}
		w.row(key, typeName(v.Type()), value, comment)
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct && expands(v.Type().Elem()) {
			w.fields(reflect.New(v.Type().Elem()).Elem(), key+"[].")
		}
		return
	}
	if !expands(v.Type()) {
		if note == "" {
			note = "see there"
		}
		w.row(key, "["+v.Type().String()+"](https://pkg.go.dev/"+v.Type().PkgPath()+"#"+v.Type().Name()+")", note, comment)
		return
	}
	if note == "" {
		note = "on"
		if f := v.FieldByName("Enabled"); f.IsValid() && f.Kind() == reflect.Bool && !f.Bool() {
			note = "off"
		}
	}
	w.row(key, "block", note, comment)
	w.fields(v, key+".")
}

func (w *tableWriter) row(key, typ, value, comment string) {
	require.NotEmpty(w.t, comment, "the Config field for %s has no comment", key)
	cell := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", key, cell(typ), cell(value), cell(comment))
}

// expands says whether a table lists the keys of a block one by one. Blocks of
// the Collector's libraries that are long and well documented are linked.
func expands(t reflect.Type) bool {
	for _, p := range []string{ourModule, "go.opentelemetry.io/collector/exporter/exporterhelper", "go.opentelemetry.io/collector/config/configretry"} {
		if strings.HasPrefix(t.PkgPath(), p) {
			return true
		}
	}
	return false
}

// optional unwraps a configoptional.Optional and says whether it is set.
func optional(v reflect.Value) (inner reflect.Value, set, ok bool) {
	if !strings.HasPrefix(v.Type().Name(), "Optional[") {
		return v, true, false
	}
	set = v.MethodByName("HasValue").Call(nil)[0].Bool()
	p := v.Addr().MethodByName("GetOrInsertDefault").Call(nil)[0]
	return p.Elem(), set, true
}

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[component.ID]() || t.Kind() == reflect.Pointer && t.Elem() == reflect.TypeFor[component.ID]():
		return "component ID"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && expands(t.Elem()):
		return "list of blocks"
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "map"
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "int"
	case t.Kind() == reflect.Float64:
		return "float"
	}
	return t.Kind().String()
}

func defaultOf(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.Slice && v.Len() == 0, v.Kind() == reflect.Map && v.Len() == 0:
		return "none"
	case v.Kind() == reflect.Pointer:
		return defaultOf(v.Elem())
	case v.Kind() == reflect.String && v.Len() == 0:
		return `""`
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		var blocks []string
		for i := range v.Len() {
			blocks = append(blocks, flow(v.Index(i)))
		}
		return "`[" + strings.Join(blocks, ", ") + "]`"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// flow writes the fields of a struct that are set as a YAML flow mapping.
func flow(v reflect.Value) string {
	var fields []string
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("mapstructure"), ","); !v.Field(i).IsZero() {
			fields = append(fields, fmt.Sprintf("%s: %v", name, v.Field(i).Interface()))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// comment returns the doc comment of a struct's field, as one line.
func (w *tableWriter) comment(t reflect.Type, field string) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	pkg := t.PkgPath()
	if w.comments[pkg] == nil {
		w.comments[pkg] = fieldComments(w.t, pkg)
	}
	return w.comments[pkg][name+"."+field]
}

func fieldComments(t *testing.T, pkg string) map[string]string {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", pkg).Output()
	require.NoError(t, err, pkg)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	require.NoError(t, err)
	comments := map[string]string{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range s.Fields.List {
				text := f.Doc.Text()
				if text == "" {
					text = f.Comment.Text()
				}
				text, _, _ = strings.Cut(text, "TODO") // notes of the libraries to themselves
				for _, name := range f.Names {
					comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
			return true
		})
	}
	return comments
}
