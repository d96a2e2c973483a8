package rpc

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

type cborProtocol struct{}

func (cborProtocol) contentTypes() []string { return []string{"application/cbor"} }

func (cborProtocol) header(h http.Header) {
	h.Set("Content-Type", "application/cbor")
	h.Set("Smithy-Protocol", "rpc-v2-cbor")
}

func (cborProtocol) encode(v any) ([]byte, error) {
	tree, err := toCBOR(reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	return cbor.Encode(tree), nil
}

func (cborProtocol) decode(body []byte, into any) error {
	tree, err := cbor.Decode(body)
	if err != nil {
		return err
	}
	return fromCBOR(tree, reflect.ValueOf(into).Elem(), "")
}

var timeType = reflect.TypeFor[Time]()

// maxList bounds a list of an input: no operation takes more, and a list of
// empty elements takes far more memory than bytes.
const maxList = 10_000

// epochTag marks a number of seconds since 1970 (RFC 8949, section 3.4.2).
const epochTag = 1

// toCBOR turns a struct of the kinds that inputs and outputs are made of into a
// tree. The names and omitempty of json tags hold.
func toCBOR(v reflect.Value) (cbor.Value, error) {
	if v.Type() == timeType {
		return &cbor.Tag{ID: epochTag, Value: cbor.Float64(v.Interface().(Time).seconds())}, nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return &cbor.Nil{}, nil
		}
		return toCBOR(v.Elem())
	case reflect.String:
		return cbor.String(v.String()), nil
	case reflect.Bool:
		return cbor.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return cbor.NegInt(-n), nil
		}
		return cbor.Uint(v.Int()), nil
	case reflect.Float64:
		return cbor.Float64(v.Float()), nil
	case reflect.Slice:
		list := make(cbor.List, 0, v.Len())
		for i := range v.Len() {
			e, err := toCBOR(v.Index(i))
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	case reflect.Map:
		m := make(cbor.Map, v.Len())
		for it := v.MapRange(); it.Next(); {
			e, err := toCBOR(it.Value())
			if err != nil {
				return nil, err
			}
			m[it.Key().String()] = e
		}
		return m, nil
	case reflect.Struct:
		m := make(cbor.Map, v.NumField())
		for i := range v.NumField() {
			name, omitEmpty := member(v.Type().Field(i))
			if omitEmpty && empty(v.Field(i)) {
				continue
			}
			e, err := toCBOR(v.Field(i))
			if err != nil {
				return nil, err
			}
			m[name] = e
		}
		return m, nil
	}
	return nil, fmt.Errorf("no CBOR for a %s", v.Type())
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// member returns the name of a field on the wire.
func member(f reflect.StructField) (name string, omitEmpty bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = f.Name
	}
	return name, options == "omitempty"
}

// fromCBOR fills v from a tree. Members that v does not know are passed over.
// The error says where it is in the tree.
func fromCBOR(tree cbor.Value, v reflect.Value, path string) error {
	switch tree.(type) {
	case *cbor.Nil, *cbor.Undefined:
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return fromCBOR(tree, v.Elem(), path)
	}
	bad := func() error {
		return fmt.Errorf("%s must be a %s, not a %s", strings.TrimPrefix(path, "."), kindName(v), strings.TrimPrefix(fmt.Sprintf("%T", tree), "cbor."))
	}
	if v.Type() == timeType {
		at, ok := epoch(tree)
		if !ok {
			return bad()
		}
		v.Set(reflect.ValueOf(Time{at}))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := tree.(cbor.String)
		if !ok {
			return bad()
		}
		v.SetString(string(s))
	case reflect.Bool:
		b, ok := tree.(cbor.Bool)
		if !ok {
			return bad()
		}
		v.SetBool(bool(b))
	case reflect.Int32:
		n, err := cbor.AsInt32(tree)
		if err != nil {
			return bad()
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		f, err := cbor.AsFloat64(tree)
		if err != nil {
			return bad()
		}
		v.SetFloat(f)
	case reflect.Slice:
		list, ok := tree.(cbor.List)
		if !ok {
			return bad()
		}
		if len(list) > maxList {
			return fmt.Errorf("%s has %d elements, at most %d are taken", strings.TrimPrefix(path, "."), len(list), maxList)
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, e := range list {
			if err := fromCBOR(e, v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		m, ok := tree.(cbor.Map)
		if !ok {
			return bad()
		}
		for i := range v.NumField() {
			name, _ := member(v.Type().Field(i))
			if e, ok := m[name]; ok {
				if err := fromCBOR(e, v.Field(i), path+"."+name); err != nil {
					return err
				}
			}
		}
	default:
		return fmt.Errorf("no %s is read from CBOR", v.Type())
	}
	return nil
}

func epoch(tree cbor.Value) (time.Time, bool) {
	tag, ok := tree.(*cbor.Tag)
	if !ok || tag.ID != epochTag {
		return time.Time{}, false
	}
	s, err := cbor.AsFloat64(tag.Value)
	return fromSeconds(s), err == nil
}

func kindName(v reflect.Value) string {
	if v.Type() == timeType {
		return "time"
	}
	switch v.Kind() {
	case reflect.Int32:
		return "32-bit integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Struct:
		return "structure"
	}
	return v.Kind().String()
}
