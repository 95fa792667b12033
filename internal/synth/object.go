package synth

import (
	"encoding/json"
	"strconv"
)

// object is a JSON object with its keys in order: key, value, key, value. A value that is nil or "" is left out.
type object []any

// list is a JSON array; items that are nil are left out, and so is an empty list.
type list []any

// decimal is a number as it is written.
type decimal string

// fixed is x with a number of digits behind the point.
func fixed(x float64, digits int) decimal { return decimal(strconv.FormatFloat(x, 'f', digits, 64)) }

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case decimal:
		return v == ""
	case object:
		for i := 1; i < len(v); i += 2 {
			if !empty(v[i]) {
				return false
			}
		}
		return true
	case list:
		for _, x := range v {
			if !empty(x) {
				return false
			}
		}
		return true
	}
	return false
}

func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		dst = append(dst, '{')
		first := true
		for i := 0; i < len(v); i += 2 {
			if empty(v[i+1]) {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendJSON(dst, v[i]), ':')
			dst = appendJSON(dst, v[i+1])
		}
		return append(dst, '}')
	case list:
		dst = append(dst, '[')
		first := true
		for _, x := range v {
			if empty(x) {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendJSON(dst, x)
		}
		return append(dst, ']')
	case decimal:
		return append(dst, v...)
	case string:
		text, _ := json.Marshal(v) // strings always can
		return append(dst, text...)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case bool:
		return strconv.AppendBool(dst, v)
	}
	panic("synth: a value of a type that no resource has")
}

// bundle collects the entries of a transaction.
type bundle struct {
	out     []byte
	entries int
}

// put adds a resource under its own id; the rest is key, value, key, value.
func (b *bundle) put(typ, id string, rest ...any) {
	if b.entries == 0 {
		b.out = append(b.out, `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	} else {
		b.out = append(b.out, ",\n"...)
	}
	b.entries++
	b.out = append(b.out, `{"resource":`...)
	b.out = appendJSON(b.out, append(object{"resourceType", typ, "id", id}, rest...))
	b.out = append(b.out, `,"request":{"method":"PUT","url":"`...)
	b.out = append(b.out, typ+"/"+id...)
	b.out = append(b.out, `"}}`...)
}

func (b *bundle) end() []byte { return append(b.out, `]}`...) }
