package ast

import (
	"fmt"
	"reflect"
	"strings"
)

// Dump shows a node as text for tests and for people: one line a node, fields
// that are not set left out, positions as @N.
func Dump(node any) string {
	var b strings.Builder
	dump(&b, reflect.ValueOf(node), 0)
	return b.String()
}

func dump(b *strings.Builder, v reflect.Value, depth int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		dumpStruct(b, v, depth)
	case reflect.Slice:
		if v.Len() == 0 || isScalar(v.Type().Elem()) {
			fmt.Fprintf(b, "%q", v.Interface())
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			newline(b, depth+1)
			dump(b, v.Index(i), depth+1)
		}
		b.WriteByte(']')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		if s, ok := v.Interface().(fmt.Stringer); ok {
			b.WriteString(s.String())
			return
		}
		fmt.Fprint(b, v.Interface())
	}
}

func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Interface, reflect.Slice:
		return false
	}
	return t != reflect.TypeFor[Pos]()
}

func newline(b *strings.Builder, depth int) {
	b.WriteByte('\n')
	for range depth {
		b.WriteString("  ")
	}
}

// dumpStruct writes the type, its plain fields on the same line, then one line a
// child.
func dumpStruct(b *strings.Builder, v reflect.Value, depth int) {
	b.WriteString(v.Type().Name())
	var children []int
	for i := range v.NumField() {
		f, ft := v.Field(i), v.Type().Field(i)
		if ft.Type == reflect.TypeFor[Pos]() {
			if ft.Anonymous && f.Int() != 0 {
				fmt.Fprintf(b, "@%d", f.Int())
			} else if f.Int() != 0 {
				fmt.Fprintf(b, " %s=@%d", ft.Name, f.Int())
			}
			continue
		}
		if f.IsZero() && ft.Name != "Kind" && ft.Name != "What" {
			continue
		}
		if isScalar(ft.Type) || ft.Type.Kind() == reflect.Slice && isScalar(ft.Type.Elem()) {
			fmt.Fprintf(b, " %s=", ft.Name)
			dump(b, f, depth)
			continue
		}
		children = append(children, i)
	}
	for _, i := range children {
		newline(b, depth+1)
		b.WriteString(v.Type().Field(i).Name + ": ")
		dump(b, v.Field(i), depth+1)
	}
}
